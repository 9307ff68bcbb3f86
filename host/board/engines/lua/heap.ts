// The heap of a Lua machine, counted to the byte: an allocator of this process takes the place of the machine's own.

/** What a machine's heap holds beyond what it held when the count began. */
export interface LuaHeap {
    /** Bytes now, garbage that was not collected yet included. */
    usedBytes(this: void): number
    /** Most bytes since the last look, or since the count began. */
    takePeakBytes(this: void): number
    /**
     * Takes the names and line numbers out of a function and those in it, as NodeMCU's compiler does at `node.stripdebug(3)`. `address` is
     * what `tostring` says. Lua 5.1 alone.
     */
    strip(this: void, address: number): void
}

/** lua_Alloc: user data, block, its size, the wanted size; returns a block, or 0 where there is no memory. */
type Allocator = (this: void, data: number, block: number, sizeBytes: number, wantedBytes: number) => number

/** Functions that C code calls by number. */
export interface FunctionTable {
    readonly length: number
    get(index: number): Allocator
    set(index: number, run: unknown): void
    grow(count: number): number
}

/** The parts of WebAssembly's own API that are used; Node's types do not list them. */
const { Module, Instance } = (globalThis as unknown as { WebAssembly: WrapperApi }).WebAssembly

interface WrapperApi {
    Module: new (bytes: Uint8Array) => object
    Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/** A module that exports what it imports, as a function of four integers that returns one: the table takes nothing else. */
const WRAPPER = Uint8Array.from([
    // Magic number and version.
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    // One type: (i32, i32, i32, i32) → i32.
    ...[0x01, 0x09, 0x01, 0x60, 0x04, 0x7f, 0x7f, 0x7f, 0x7f, 0x01, 0x7f],
    // Import e.f; export f.
    ...[0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00],
    ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
])

/** Where the state holds its global state, and that the allocator (lstate.h of Lua 5.1 and 5.3, 32 bits). */
const GLOBAL_STATE_AT = 16
const ALLOCATOR_AT = { "5.1": 12, "5.3": 0 }

/** A prototype's lists (lobject.h of Lua 5.1, 32 bits): where its pointer and its length stand, and the bytes of one entry. */
const DEBUG_LISTS = [
    { at: 20, countAt: 48, entryBytes: 4 },
    { at: 24, countAt: 56, entryBytes: 12 },
    { at: 28, countAt: 36, entryBytes: 4 },
]
const INNER = { at: 16, countAt: 52 }
/** Where a closure of Lua code holds its prototype, and the global state the bytes that the collector counts. */
const PROTOTYPE_AT = 16
const TOTAL_AT = 68

/** What the count needs of a machine. */
export interface CountedMachine {
    readonly version: "5.1" | "5.3"
    readonly state: number
    readonly table: FunctionTable
    memory(this: void): ArrayBuffer
}

/** From here on the machine's heap is counted, and has room for `bytesMax` more. */
export function countHeap({ version, state, table, memory }: CountedMachine, bytesMax: number): LuaHeap {
    const pointer = (address: number): number => new Uint32Array(memory(), address, 1)[0]!
    const place = pointer(state + GLOBAL_STATE_AT) + ALLOCATOR_AT[version]
    const plain = table.get(pointer(place))
    let used = 0
    let peak = 0
    const allocate: Allocator = (data, block, sizeBytes, wantedBytes) => {
        // Ahead of a new block, 5.3 has a type in the place of a size.
        const grown = wantedBytes - (block === 0 ? 0 : sizeBytes)
        if (grown > 0 && used + grown > bytesMax) return 0
        used += grown
        peak = Math.max(peak, used)
        return plain(data, block, sizeBytes, wantedBytes)
    }
    const strip = (prototype: number): void => {
        const words = new Uint32Array(memory())
        const word = (address: number): number => address >> 2
        for (const { at, countAt, entryBytes } of DEBUG_LISTS) {
            const sizeBytes = words[word(prototype + countAt)]! * entryBytes
            if (sizeBytes === 0) continue
            allocate(0, words[word(prototype + at)]!, sizeBytes, 0)
            words[word(pointer(state + GLOBAL_STATE_AT) + TOTAL_AT)]! -= sizeBytes
            words[word(prototype + at)] = words[word(prototype + countAt)] = 0
        }
        const inner = words[word(prototype + INNER.at)]!
        for (let k = 0; k < words[word(prototype + INNER.countAt)]!; k++) strip(words[word(inner + 4 * k)]!)
    }
    const index = table.grow(1)
    table.set(index, new Instance(new Module(WRAPPER), { e: { f: allocate } }).exports["f"])
    new Uint32Array(memory(), place, 1)[0] = index
    return {
        usedBytes: () => used,
        takePeakBytes() {
            const most = peak
            peak = used
            return most
        },
        strip(address) {
            if (version === "5.1") strip(pointer(address + PROTOTYPE_AT))
        },
    }
}
