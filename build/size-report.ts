// `npm run size`: how large the bundles for boards are, readable, minified and gzipped.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { bundleEspruinoApp, bundleEspruinoLoader } from "./bundle-espruino"
import { bundleApp, type BundleOptions, bundleLoader } from "./bundle-host"
import { bundleNodemcuApp, bundleNodemcuLoader } from "./bundle-nodemcu"

const constants = { image: { name: "empty", version: "0.0.0", build_id: "0", security: 0 }, device: {}, config: {} }

/** Any layout: only its digits go into the loader. */
const layout = {
    file: "otary",
    address: 0x321000,
    offsetBytes: 4064,
    pageBytes: 4096,
    sizes: [8192, 65536, 196608, 196608, 65536, 65536],
}

type Make = (options: BundleOptions) => Promise<Buffer>

async function row(name: string, make: Make): Promise<string> {
    const readable = await make({ minify: false })
    const minified = await make({})
    const sizes = [readable.length, minified.length, gzipSync(minified, { level: 9 }).length]
    return [name.padEnd(28), ...sizes.map(size => String(size).padStart(10))].join("")
}

/** Lua is made in one form only. */
function luaRow(name: string, bundle: Buffer): string {
    const sizes = ["-", bundle.length, gzipSync(bundle, { level: 9 }).length]
    return [name.padEnd(24), ...sizes.map(size => String(size).padStart(10))].join("")
}

/** Prints one row a bundle, in bytes. */
async function report(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "otary-size-"))
    try {
        const app = join(folder, "app.js")
        writeFileSync(app, "")
        const rows = [
            ["bundle (bytes)".padEnd(28), ...["readable", "minified", "gzipped"].map(title => title.padStart(10))].join(""),
            await row("host: boot loader", bundleLoader),
            await row("host: agent, empty app", options => bundleApp(app, constants, options)),
            luaRow("nodemcu: init.lua", bundleNodemcuLoader()),
            luaRow("nodemcu: agent, no app", await bundleNodemcuApp(app, constants)),
            await row("espruino: boot loader", options => bundleEspruinoLoader(layout, options)),
            await row("espruino: agent, empty app", options => bundleEspruinoApp(app, constants, options)),
        ]
        process.stdout.write(`${rows.join("\n")}\n`)
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}

report().catch((error: unknown) => {
    process.stderr.write(`size report: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
})
