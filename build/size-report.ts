// How large the bundles for boards are, readable, minified and gzipped: the first table of `npm run size` (test/bench/size.ts).

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { bundleEspruinoApp, bundleEspruinoLoader } from "./bundle-espruino"
import { bundleApp, type BundleOptions, bundleLoader } from "./bundle-host"
import { bundleNodemcuApp, bundleNodemcuLoader } from "./bundle-nodemcu"
import { LUA_BUDGETS, measureLua, type LuaBudget } from "./lua/measure"

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
    return [name.padEnd(28), ...sizes.map(size => String(size).padStart(10))].join("")
}

/** Bytecode and heap of a Lua bundle against its budget; above it the report fails. */
function luaBudgetRow(name: string, bundle: Buffer, { bytecodeBytes, heapBytes }: LuaBudget): string {
    const found = measureLua(bundle)
    const isWithin = found.bytecodeBytes <= bytecodeBytes && found.heapBytes <= heapBytes
    if (!isWithin) process.exitCode = 1
    const figures = [`${found.bytecodeBytes} of ${bytecodeBytes}`, `${found.heapBytes} of ${heapBytes}`]
    return `${name.padEnd(28)}${figures.map(text => text.padStart(18)).join("")}${isWithin ? "" : "  TOO LARGE"}`
}

/**
 * Most bytes of code for Espruino as it lies in flash: what has been reached, so that nothing grows. The goals are 3 KB and 18 KB
 * (firmware/DESIGN.md, "Espruino in figures").
 */
const ESPRUINO_BYTES_MAX = { loader: 2250, agent: 37_800 }

/** A row of a bundle for Espruino; above its budget the report fails. */
async function espruinoRow(name: string, make: Make, bytesMax: number): Promise<string> {
    const { length } = await make({})
    if (length > bytesMax) process.exitCode = 1
    return `${await row(name, make)}${length > bytesMax ? `  ABOVE its budget of ${bytesMax} B` : ""}`
}

/** The table: one row a bundle, in bytes. */
export async function sizeReport(): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "otary-size-"))
    try {
        const app = join(folder, "app.js")
        writeFileSync(app, "")
        const [loader, agent] = [bundleNodemcuLoader(), await bundleNodemcuApp(app, constants)]
        const small = await bundleNodemcuApp(app, constants, "esp8266")
        return [
            ["bundle (bytes)".padEnd(28), ...["readable", "minified", "gzipped"].map(title => title.padStart(10))].join(""),
            await row("host: boot loader", bundleLoader),
            await row("host: agent, empty app", options => bundleApp(app, constants, options)),
            luaRow("nodemcu: init.lua", loader),
            luaRow("nodemcu: agent, empty app", agent),
            luaRow("esp8266: agent, empty app", small),
            await espruinoRow(
                "espruino: boot loader",
                options => bundleEspruinoLoader(layout, options),
                ESPRUINO_BYTES_MAX.loader,
            ),
            await espruinoRow(
                "espruino: agent, empty app",
                options => bundleEspruinoApp(app, constants, options),
                ESPRUINO_BYTES_MAX.agent,
            ),
            `\n${"Lua 5.1, 32 bits (bytes)".padEnd(28)}${" stripped bytecode"}${"heap once loaded".padStart(18)}`,
            luaBudgetRow("nodemcu: init.lua", loader, LUA_BUDGETS.loader),
            luaBudgetRow("nodemcu: agent, empty app", agent, LUA_BUDGETS.app),
            luaBudgetRow("esp8266: agent, empty app", small, LUA_BUDGETS.smallApp),
        ]
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}
