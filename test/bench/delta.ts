// How large a delta is beside the full app: agents whose app gets a line more, for each kind of board; or any two files.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundleEspruinoApp } from "../../build/bundle-espruino"
import { bundleApp } from "../../build/bundle-host"
import { bundleNodemcuApp } from "../../build/bundle-nodemcu"
import { deltaEncode } from "../../build/delta-code"

const OLD = { image: { name: "empty", version: "1.0.0", build_id: "0123456789abcdef", security: 0 }, device: {}, config: {} }
const NEW = { ...OLD, image: { ...OLD.image, version: "1.0.1", build_id: "fedcba9876543210" } }

const BUNDLES = [
    ["host", bundleApp],
    ["nodemcu", bundleNodemcuApp],
    ["espruino", bundleEspruinoApp],
] as const

function row(name: string, base: Buffer, app: Buffer): string {
    const startMs = performance.now()
    const { payload, list } = deltaEncode(base, app)
    const ms = performance.now() - startMs
    const bytes = payload.length + list.length
    const percent = ((bytes / app.length) * 100).toFixed(1)
    return name.padEnd(34) + [app.length, bytes, percent, ms.toFixed(0)].map(value => String(value).padStart(12)).join("")
}

/** The table; `pair` are two files to be compared as well. */
export async function deltaReport(pair: readonly string[] = []): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "otary-delta-"))
    try {
        const [before, after] = [join(folder, "before.js"), join(folder, "after.js")]
        writeFileSync(before, 'import { log } from "otary"\nlog("hello")\n')
        writeFileSync(after, 'import { log } from "otary"\nlog("hello")\nlog("one line more")\n')
        const rows = ["delta".padEnd(34) + ["full", "delta", "%", "made in ms"].map(title => title.padStart(12)).join("")]
        for (const [name, bundle] of BUNDLES)
            rows.push(row(`${name}: agent, an app's line more`, await bundle(before, OLD), await bundle(after, NEW)))
        if (pair.length === 2) rows.push(row("the two files", readFileSync(pair[0]!), readFileSync(pair[1]!)))
        return rows
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}
