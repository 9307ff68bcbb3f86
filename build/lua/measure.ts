// What a Lua bundle takes on a board: stripped bytecode, and RAM once it is loaded, on a Lua 5.1 of 32 bits (WebAssembly).

import { lauxlib, lua, lualib } from "lua-wasm-bindings/dist/lua.51"
import { stripBytecode, type BytecodeFigures } from "./bytecode"

/** What a bundle takes. */
export interface LuaFootprint extends BytecodeFigures {
    readonly sourceBytes: number
    /** The stripped bytecode of what is loaded; cold functions are not. */
    readonly bytecodeBytes: number
    /** What the heap grows by when the bundle is loaded. */
    readonly heapBytes: number
}

/** Ceilings in bytes. */
export interface LuaBudget {
    readonly bytecodeBytes: number
    readonly heapBytes: number
}

/**
 * Ceilings for an agent with an empty app, for the ESP32 and for the ESP8266, and for the boot loader, whose RAM is free again when the
 * app runs.
 */
export const LUA_BUDGETS: Readonly<Record<"app" | "smallApp" | "loader", LuaBudget>> = {
    app: { bytecodeBytes: 30_720, heapBytes: 49_152 },
    smallApp: { bytecodeBytes: 6_144, heapBytes: 8_192 },
    loader: { bytecodeBytes: 16_384, heapBytes: 25_600 },
}

/**
 * Ceilings for an agent on an ESP8266, beyond what a machine takes without it: once it has checked in, and at any moment of an update.
 * They are held by test/engines/lua/esp8266.test.ts on an emulated board, whose modules count, too.
 */
export const LUA_SMALL_BUDGET = { loadedBytes: 32_768, peakBytes: 53_248 }

/** Bytes as a Lua string of escapes. */
function quoted(bytes: Buffer): string {
    return `"${[...bytes].map(byte => `\\${String(byte).padStart(3, "0")}`).join("")}"`
}

/** Runs Lua text in a new state. Returns the text that it returns. */
function run(text: string): string {
    const state = lauxlib.luaL_newstate()
    lualib.luaL_openlibs(state)
    try {
        const status = lauxlib.luaL_dostring(state, text)
        const result = lua.lua_tostring(state, -1) ?? ""
        if (status !== 0) throw new Error(`Lua: ${result}`)
        return result
    } finally {
        lua.lua_close(state)
    }
}

/** Measures a bundle. Throws for what is not Lua. */
export function measureLua(source: Buffer): LuaFootprint {
    const hex = 'function(c) return string.format("%02x", string.byte(c)) end'
    const dump = `return (string.gsub(string.dump(assert(loadstring(${quoted(source)}))), "[%z%Z]", ${hex}))`
    const figures = stripBytecode(Buffer.from(run(dump), "hex"))
    const heap = `local code = ${quoted(figures.stripped)}
        collectgarbage() collectgarbage()
        local before = collectgarbage("count")
        bundle = loadstring(code, "=app")
        collectgarbage() collectgarbage()
        return string.format("%.0f", (collectgarbage("count") - before) * 1024)`
    return {
        ...figures,
        sourceBytes: source.length,
        bytecodeBytes: figures.stripped.length,
        heapBytes: Number(run(heap)),
    }
}
