// How much flash and RAM the built bundles take in Lua 5.1 on a 32-bit machine, and whether NodeMCU's compiler can take them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundleNodemcuApp, bundleNodemcuLoader } from "../../../build/bundle-nodemcu"
import type { LuaFile } from "../../../host/board/engines/lua/calls"
import { createLuaMachine, type LuaMachine } from "../../../host/board/engines/lua/machine"
import { stripBytecode } from "./bytecode"

const IMAGE = { name: "empty", version: "0.0.0", build_id: "0", security: 0 }
/**
 * Ceilings a little above what the bundles came to: growth is noticed here. What was hoped for, 30 KB of bytecode and 48 KB of RAM,
 * stands in docs/boards.md beside what it is.
 */
const CEILINGS = {
    app: { sourceBytes: 82_000, bytecodeBytes: 122_000, heapBytes: 180_000 },
    loader: { sourceBytes: 16_380, bytecodeBytes: 26_000, heapBytes: 48_000 },
}

/** Files in memory, and what the machine printed. */
function createBench(): { machine: LuaMachine; files: Map<string, Buffer>; printed(): string } {
    const files = new Map<string, Buffer>()
    let text = ""
    const open = (name: string, isNew: boolean): LuaFile | undefined => {
        if (isNew) files.set(name, Buffer.alloc(0))
        if (!files.has(name)) return undefined
        return {
            size: () => files.get(name)!.length,
            read: (offset, target) => files.get(name)!.copy(target, 0, offset),
            write(offset, source) {
                files.set(name, Buffer.concat([files.get(name)!.subarray(0, offset), source]))
                return source.length
            },
        }
    }
    const nothing = { size: () => 0, read: () => 0, write: (_: number, source: Uint8Array) => source.length }
    const machine = createLuaMachine("5.1", {
        open,
        remove: () => false,
        rename: () => false,
        console: piece => void (text += piece),
        device: nothing,
    })
    return { machine, files, printed: () => text }
}

/** RAM that a chunk of bytecode takes once it is loaded, in bytes. */
function heapOf(bytecode: Buffer): number {
    const { machine, files, printed } = createBench()
    files.set("bundle.luac", bytecode)
    const message = machine.run(`
        collectgarbage() collectgarbage()
        local before = collectgarbage("count")
        bundle = loadfile("bundle.luac")
        collectgarbage() collectgarbage()
        print(string.format("%.0f", (collectgarbage("count") - before) * 1024))`)
    expect(message).toBe("")
    return Number(printed())
}

function measure(
    source: Buffer,
): { sourceBytes: number; bytecodeBytes: number; heapBytes: number } & ReturnType<typeof stripBytecode> {
    const { machine, files } = createBench()
    files.set("bundle.lua", source)
    const dump =
        'local f, e = loadfile("bundle.lua") if not f then error(e) end local o = io.open("out", "w") o:write(string.dump(f)) o:close()'
    expect(machine.run(dump)).toBe("")
    const figures = stripBytecode(files.get("out")!)
    return { ...figures, sourceBytes: source.length, bytecodeBytes: figures.stripped.length, heapBytes: heapOf(figures.stripped) }
}

async function emptyApp(): Promise<Buffer> {
    const folder = mkdtempSync(join(tmpdir(), "otary-budget-"))
    try {
        writeFileSync(join(folder, "app.js"), "")
        return await bundleNodemcuApp(join(folder, "app.js"), { image: IMAGE, device: {}, config: {} })
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}

test.each([
    ["app" as const, emptyApp],
    ["loader" as const, async () => bundleNodemcuLoader()],
])(
    "%s: within NodeMCU's limits, and not larger than it was",
    async (name, make) => {
        const source = await make()
        const { sourceBytes, bytecodeBytes, heapBytes, functions, instructions, upvaluesMax, localsMax } = measure(source)
        console.info(
            `Lua ${name}: ${JSON.stringify({ sourceBytes, bytecodeBytes, heapBytes, functions, instructions, upvaluesMax, localsMax })}`,
        )
        expect(source.toString()).not.toContain("__TS__")
        expect(upvaluesMax).toBeLessThanOrEqual(60)
        expect(localsMax).toBeLessThanOrEqual(50)
        expect(sourceBytes).toBeLessThan(CEILINGS[name].sourceBytes)
        expect(bytecodeBytes).toBeLessThan(CEILINGS[name].bytecodeBytes)
        expect(heapBytes).toBeLessThan(CEILINGS[name].heapBytes)
    },
    60_000,
)
