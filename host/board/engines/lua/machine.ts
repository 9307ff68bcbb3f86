// A Lua virtual machine of 32 bits in WebAssembly, its system calls answered by the board: files, a console, and one device.

import { readFileSync } from "node:fs"
import { createCalls, type LuaSystem, type OpenFiles } from "./calls"
import { countHeap, type FunctionTable, type LuaHeap } from "./heap"

/** Versions of Lua that NodeMCU is built with. */
export type LuaVersion = "5.1" | "5.3"

/** A machine. A reset of the board is a new one: nothing in RAM lives on. */
export interface LuaMachine {
    /** Runs Lua text, called `name` in messages. Returns "" or the error's message. */
    run(this: void, text: string, name?: string): string
    /** Calls a global function without arguments. Returns "" or the error's message. */
    call(this: void, name: string): string
    /** From here on the heap is counted, and has room for `bytesMax` more. Contract: no snapshot is taken or renewed afterwards. */
    countHeap(this: void, bytesMax: number): LuaHeap
    /** What is in RAM now; a machine can start from there instead of from nothing. */
    snapshot(this: void): LuaSnapshot
    /** Loses what is in RAM and goes on from a snapshot of its version, over another system. Contract: the last call did not throw. */
    renew(this: void, system: LuaSystem, from: LuaSnapshot): void
}

/** The RAM of a machine, between two calls. */
export interface LuaSnapshot {
    readonly version: LuaVersion
    /** Bytes of RAM, and its content from address 0 to where nothing was ever used. */
    readonly ramBytes: number
    readonly ram: Uint8Array
    /** The Lua state's place in it. */
    readonly state: number
    /** Names of open files by descriptor. */
    readonly files: readonly (string | undefined)[]
}

/** What the package's glue code makes of a WebAssembly module: C functions by name. */
interface Glue {
    _luaL_newstate(): number
    _luaL_openlibs(state: number): void
    _luaL_loadbuffer?(state: number, text: number, lengthBytes: number, name: number): number
    _luaL_loadstring(state: number, text: number): number
    _lua_getfield(state: number, index: number, name: number): number
    _lua_getglobal?(state: number, name: number): number
    _lua_pcall?(state: number, args: number, results: number, handler: number): number
    _lua_pcallk?(state: number, args: number, results: number, handler: number, context: number, next: number): number
    _lua_tolstring(state: number, index: number, length: number): number
    _lua_settop(state: number, index: number): void
    _malloc(bytes: number): number
}

/** The parts of WebAssembly's own API that are used; Node's types do not list them. */
interface WasmApi {
    Module: new (bytes: Uint8Array) => object
    Instance: new (module: object, imports: object) => WasmInstance
    Memory: new (limits: { initial: number }) => WasmMemory
    Table: new (limits: { initial: number; element: "anyfunc" }) => FunctionTable
}

interface WasmInstance {
    readonly exports: Readonly<Record<string, unknown>>
}

interface WasmMemory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
}

const { Module, Instance, Memory, Table } = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly

interface Imports {
    a: Record<string, (this: void, ...values: number[]) => number>
}

type Receive = (instance: WasmInstance) => void
type Factory = (options: {
    instantiateWasm(imports: Imports, receive: Receive): WasmInstance["exports"]
    print(line: string): void
    printErr(line: string): void
}) => Glue

/** Modules of the package lua-wasm-bindings: Lua 5.1.5 and 5.3.6. */
const GLUE: Record<LuaVersion, string> = {
    "5.1": "lua-wasm-bindings/dist/glue/glue-lua-5.1.5",
    "5.3": "lua-wasm-bindings/dist/glue/glue-lua-5.3.6",
}

/** WebAssembly's unit of memory. */
const PAGE_BYTES = 65536
/** LUA_GLOBALSINDEX of Lua 5.1's lua.h. */
const GLOBALS_INDEX = -10002
const modules = new Map<LuaVersion, object>()

/** Compiled once a process: a fleet of boards shares the code. */
function moduleOf(version: LuaVersion): object {
    const known = modules.get(version)
    if (known !== undefined) return known
    const compiled = new Module(readFileSync(require.resolve(`${GLUE[version]}.wasm`)))
    modules.set(version, compiled)
    return compiled
}

interface Instantiated {
    readonly glue: Glue
    readonly memory: WasmMemory
    readonly table: FunctionTable
    readonly openFiles: OpenFiles
}

/** Runs the package's glue, and takes the listeners back that it puts on the process. */
function instantiate(version: LuaVersion, system: LuaSystem): Instantiated {
    let memory: WasmMemory | undefined
    let table: FunctionTable | undefined
    const { calls, openFiles } = createCalls(system, () => memory!.buffer)
    const events = ["uncaughtException", "unhandledRejection"] as const
    const before = events.map(event => process.listeners(event as "uncaughtException"))
    // Loaded when it is needed: the process of a host board has no use for it.
    const factory = require(GLUE[version]) as Factory
    const glue = factory({
        instantiateWasm(imports, receive) {
            // The imports have one-letter names; the functions behind them still know their own.
            for (const [key, value] of Object.entries(imports.a)) imports.a[key] = calls[value.name] ?? value
            const instance = new Instance(moduleOf(version), imports)
            const exported = Object.values(instance.exports)
            memory = exported.find(value => value instanceof Memory) as WasmMemory
            table = exported.find(value => value instanceof Table) as FunctionTable
            receive(instance)
            return instance.exports
        },
        print: text => system.console(text),
        printErr: text => system.console(text),
    })
    events.forEach((event, at) => {
        for (const listener of process.listeners(event as "uncaughtException")) {
            if (!before[at]!.includes(listener)) process.off(event, listener)
        }
    })
    return { glue, memory: memory!, table: table!, openFiles }
}

/** A Lua state: a new one with the standard libraries, or the one of a snapshot. */
function startState({ glue, memory, openFiles }: Instantiated, from: LuaSnapshot | undefined): number {
    if (from === undefined) {
        const state = glue._luaL_newstate()
        glue._luaL_openlibs(state)
        return state
    }
    const missingPages = (from.ramBytes - memory.buffer.byteLength) / PAGE_BYTES
    if (missingPages > 0) memory.grow(missingPages)
    new Uint8Array(memory.buffer).set(from.ram)
    openFiles.reopen(from.files)
    return from.state
}

/**
 * The RAM up to where nothing was ever used: a piece begins there that is larger than all that was, so that no hole could hold it.
 * A page more, for the allocator's own end mark.
 */
function usedRam({ glue, memory }: Instantiated): Uint8Array {
    const ram = new Uint8Array(memory.buffer).slice()
    let end = ram.length
    while (end > 0 && ram[end - 1] === 0) end--
    return ram.slice(0, glue._malloc(end) + PAGE_BYTES)
}

/** Creates a machine with Lua's standard libraries, over `system`; or one that goes on from a snapshot of the same version. */
export function createLuaMachine(version: LuaVersion, system: LuaSystem, from?: LuaSnapshot): LuaMachine {
    const current = { ...system }
    const parts = instantiate(version, current)
    const { glue, memory } = parts
    let state = startState(parts, from)
    const heap = (): Uint8Array => new Uint8Array(memory.buffer)
    const names = new Map<string, number>()
    const cString = (text: string): number => {
        const bytes = Buffer.from(`${text}\0`, "latin1")
        const pointer = glue._malloc(bytes.length)
        heap().set(bytes, pointer)
        return pointer
    }
    const message = (): string => {
        const pointer = glue._lua_tolstring(state, -1, 0)
        const text =
            pointer === 0 ? "an error that is no text" : Buffer.from(heap().subarray(pointer, heap().indexOf(0, pointer)))
        glue._lua_settop(state, 0)
        return text.toString("latin1")
    }
    const protectedCall = (): string => {
        const status = glue._lua_pcall?.(state, 0, 0, 0) ?? glue._lua_pcallk!(state, 0, 0, 0, 0, 0)
        return status === 0 ? "" : message()
    }
    return {
        run(text, name = "lua") {
            const code = cString(text)
            // What 5.3's glue has calls a text by itself, and keeps it for that.
            const status =
                glue._luaL_loadbuffer?.(state, code, Buffer.byteLength(text, "latin1"), cString(`=${name}`)) ??
                glue._luaL_loadstring(state, code)
            return status === 0 ? protectedCall() : message()
        },
        call(name) {
            const pointer = names.get(name) ?? cString(name)
            names.set(name, pointer)
            if (glue._lua_getglobal !== undefined) glue._lua_getglobal(state, pointer)
            else glue._lua_getfield(state, GLOBALS_INDEX, pointer)
            return protectedCall()
        },
        countHeap: bytesMax => countHeap({ version, state, table: parts.table, memory: () => memory.buffer }, bytesMax),
        snapshot: () => ({
            version,
            ramBytes: memory.buffer.byteLength,
            ram: usedRam(parts),
            state,
            files: parts.openFiles.names(),
        }),
        renew(next, snapshot) {
            Object.assign(current, next)
            names.clear()
            state = startState(parts, snapshot)
        },
    }
}
