// Random choices that a seed repeats: numbers, picks, and mutations of bytes and of JSON.

/** A source of choices; the same seed makes the same ones. */
export interface Random {
    /** An integer 0 – limit - 1. */
    below(limit: number): number
    /** Whether one in `count` times. */
    oneIn(count: number): boolean
    /** One of a list. */
    pick<T>(list: readonly T[]): T
}

/** Creates a source (mulberry32) from a seed of 32 bits. */
export function createRandom(seed: number): Random {
    let state = seed >>> 0
    const next = (): number => {
        state = (state + 0x6d2b79f5) >>> 0
        let mixed = Math.imul(state ^ (state >>> 15), state | 1)
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
        return (mixed ^ (mixed >>> 14)) >>> 0
    }
    const below = (limit: number): number => next() % Math.max(1, limit)
    return { below, oneIn: count => below(count) === 0, pick: list => list[below(list.length)]! }
}

/** Integers at the edges of what fields of 1, 2 and 4 bytes hold. */
const EDGES = [0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, 32767, 32768, 65535, 65536].concat([
    0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
])

/** Words that the formats look for. */
const WORDS = ["PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "OTB1", "OTJ1", "OTS1", "OTF1", "\xf5\x01\x01\x00", "manifest.json"]

type Mutation = (bytes: Buffer, random: Random) => Buffer

const MUTATIONS: readonly Mutation[] = [
    function flip(bytes, random) {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
        return bytes
    },
    function edge(bytes, random) {
        const width = random.pick([1, 2, 4])
        const at = random.below(bytes.length - width + 1)
        if (at + width <= bytes.length) bytes.writeUIntLE(random.pick(EDGES) % 2 ** (8 * width), at, width)
        return bytes
    },
    function remove(bytes, random) {
        const at = random.below(bytes.length)
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(random.pick([4, 64, 4096])))])
    },
    function insert(bytes, random) {
        const at = random.below(bytes.length)
        const piece = Buffer.alloc(1 + random.below(random.pick([4, 64, 1024])), random.pick([0, 255, random.below(256)]))
        return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
    },
    function repeat(bytes, random) {
        const from = random.below(bytes.length)
        const to = from + 1 + random.below(random.pick([16, 256, 4096]))
        const at = random.below(bytes.length)
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at)])
    },
    function cut(bytes, random) {
        return bytes.subarray(0, random.below(bytes.length))
    },
    function word(bytes, random) {
        bytes.write(random.pick(WORDS), random.below(bytes.length), "latin1")
        return bytes
    },
]

/** A copy of `bytes` with `count` mutations. */
export function mutated(bytes: Buffer, count: number, random: Random): Buffer {
    let result: Buffer = Buffer.from(bytes)
    for (let i = 0; i < count && result.length > 0; i++) result = Buffer.from(random.pick(MUTATIONS)(result, random))
    return result
}

/** Values that JSON can hold where another one is expected. */
export const VALUES: readonly unknown[] = [
    null,
    true,
    false,
    0,
    -1,
    1.5,
    4096,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 53,
    1e300,
    "",
].concat(["x", "x".repeat(300), "..", "__proto__", "ÿ€", "00".repeat(32), [], {}, [[]], { length: 3 }, ["a", 5]] as never[])

/** Puts another value, key or nothing into one place of a JSON value, in place. */
export function bendJson(value: unknown, random: Random): void {
    let table = value as Record<string, unknown>
    for (let depth = 0; depth < 6; depth++) {
        const keys = Object.keys(table)
        const key =
            keys.length === 0 || random.oneIn(12) ? random.pick(["parts", "blocks", "x", "security", "url"]) : random.pick(keys)
        const inner = table[key]
        if (typeof inner === "object" && inner !== null && !random.oneIn(4)) {
            table = inner as Record<string, unknown>
            continue
        }
        if (random.oneIn(5)) delete table[key]
        else table[key] = structuredClone(random.oneIn(6) ? [inner, inner] : random.pick(VALUES))
        return
    }
}
