// How much flash and RAM the built bundles take in Lua 5.1 on a 32-bit machine, and whether NodeMCU's compiler can take them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundleNodemcuApp, bundleNodemcuLoader } from "../../../build/bundle-nodemcu"
import { LUA_BUDGETS, measureLua } from "../../../build/lua/measure"

const IMAGE = { name: "empty", version: "0.0.0", build_id: "0", security: 0 }
/** Bytes of source: an app slot holds it, and init.lua's own place in an emulated board. */
const SOURCE_BYTES_MAX = { app: 98_304, smallApp: 114_688, loader: 20_470 }

async function emptyApp(chip: "esp32" | "esp8266"): Promise<Buffer> {
    const folder = mkdtempSync(join(tmpdir(), "otary-budget-"))
    try {
        writeFileSync(join(folder, "app.js"), "")
        return await bundleNodemcuApp(join(folder, "app.js"), { image: IMAGE, device: {}, config: {} }, chip)
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}

test.each([
    ["app" as const, () => emptyApp("esp32")],
    ["smallApp" as const, () => emptyApp("esp8266")],
    ["loader" as const, async () => bundleNodemcuLoader()],
])(
    "%s: within its budget and NodeMCU's limits",
    async (name, make) => {
        const source = await make()
        const { sourceBytes, bytecodeBytes, heapBytes, functions, instructions, upvaluesMax, localsMax } = measureLua(source)
        const figures = { sourceBytes, bytecodeBytes, heapBytes, functions, instructions, upvaluesMax, localsMax }
        console.info(`Lua ${name}: ${JSON.stringify(figures)}`)
        expect(source.toString()).not.toContain("__TS__")
        expect(upvaluesMax).toBeLessThanOrEqual(60)
        expect(localsMax).toBeLessThanOrEqual(50)
        expect(sourceBytes).toBeLessThan(SOURCE_BYTES_MAX[name])
        expect(bytecodeBytes).toBeLessThanOrEqual(LUA_BUDGETS[name].bytecodeBytes)
        expect(heapBytes).toBeLessThanOrEqual(LUA_BUDGETS[name].heapBytes)
    },
    60_000,
)
