// Finds what of a new app lies in the app that runs: which pieces a board copies, block by block, and which it must be sent.

import { BLOCK_BYTES, DELTA_STEPS_MAX } from "../firmware/constants"

/** A piece of a block that lies in the base. */
export interface Copy {
    /** Where it goes, as an offset in the new app. */
    readonly at: number
    /** Where it lies in the base. */
    readonly from: number
    readonly lengthBytes: number
}

/** Shortest piece that is looked for anywhere in the base: an instruction that leads there takes 5 bytes or so. */
const SEED_BYTES = 8
/** Places with the same hash that are looked at, the latest first: bounds the time. */
const CHAIN_MAX = 64
/** A copy must save at least this many bytes, since each also costs the board time. */
const GAIN_MIN = 3
const HASH_BITS = 18

/** The base with a table of where its pieces of SEED_BYTES are. Memory: 4 bytes for each byte of the base, and 1 MiB. */
export interface BaseIndex {
    readonly bytes: Buffer
    /** Latest place by hash, and for each place the one before with the same hash; -1 = none. */
    readonly heads: Int32Array
    readonly previous: Int32Array
}

function hashAt(bytes: Buffer, at: number): number {
    const mixed = Math.imul(bytes.readInt32LE(at), 0x9e3779b1) ^ Math.imul(bytes.readInt32LE(at + 4), 0x85ebca6b)
    return (mixed ^ (mixed >>> 15)) >>> (32 - HASH_BITS)
}

/** Makes the index of a base. */
export function indexBase(bytes: Buffer): BaseIndex {
    const heads = new Int32Array(1 << HASH_BITS).fill(-1)
    const previous = new Int32Array(bytes.length).fill(-1)
    for (let at = 0; at + SEED_BYTES <= bytes.length; at++) {
        const hash = hashAt(bytes, at)
        previous[at] = heads[hash]!
        heads[hash] = at
    }
    return { bytes, heads, previous }
}

/** Bytes of a number as a delta writes it: seven bits a byte. */
export function numberBytes(value: number): number {
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4
}

/** A distance as a number: odd ones lead backwards. */
export function distanceNumber(distance: number): number {
    return distance < 0 ? -2 * distance - 1 : 2 * distance
}

function matchBytes(base: Buffer, from: number, target: Buffer, at: number, end: number): number {
    let length = 0
    while (at + length < end && from + length < base.length && base[from + length] === target[at + length]) length++
    return length
}

/** One block while its copies are found. */
class BlockSearch {
    readonly copies: Copy[] = []
    /** End of the last copy in the new app, and in the base. */
    private doneAt: number
    private baseAt: number

    constructor(
        private readonly base: BaseIndex,
        private readonly target: Buffer,
        private readonly begin: number,
        private readonly end: number,
        /** How far the pieces of the block before were moved. */
        private readonly moved: number,
    ) {
        this.doneAt = begin
        this.baseAt = begin
    }

    /** The copy that saves most at `at`, and what it saves. */
    private best(at: number): { copy: Copy | undefined; gain: number } {
        let [copy, gain]: [Copy | undefined, number] = [undefined, GAIN_MIN - 1]
        const look = (from: number): void => {
            if (from < 0 || from >= this.base.bytes.length) return
            const lengthBytes = matchBytes(this.base.bytes, from, this.target, at, this.end)
            const expected = this.baseAt + at - this.doneAt
            const saved = lengthBytes - numberBytes(lengthBytes) - numberBytes(distanceNumber(from - expected)) - 1
            if (saved > gain) [copy, gain] = [{ at, from, lengthBytes }, saved]
        }
        look(this.baseAt)
        look(this.baseAt + at - this.doneAt)
        look(at + this.moved)
        if (at + SEED_BYTES > this.end) return { copy, gain }
        let from = this.base.heads[hashAt(this.target, at)]!
        for (let tries = 0; tries < CHAIN_MAX && from >= 0 && at + gain < this.end; tries++) {
            look(from)
            from = this.base.previous[from]!
        }
        return { copy, gain }
    }

    /** Takes a copy, and what lies before it and is the same in the base, too. */
    private take({ at, from, lengthBytes }: Copy): void {
        let more = 0
        while (at - more > this.doneAt && from - more > 0 && this.base.bytes[from - more - 1] === this.target[at - more - 1])
            more++
        this.copies.push({ at: at - more, from: from - more, lengthBytes: lengthBytes + more })
        this.doneAt = at + lengthBytes
        this.baseAt = from + lengthBytes
    }

    run(): void {
        let at = this.begin
        while (at < this.end) {
            const { copy, gain } = this.best(at)
            // A longer one may begin at the next byte.
            if (copy === undefined || (at + 1 < this.end && this.best(at + 1).gain > gain + 1)) at++
            else {
                this.take(copy)
                at = this.doneAt
            }
        }
    }
}

/** The copies that save most, where a board takes no more instructions. One is left for literals at the end. */
function fewer(copies: Copy[]): Copy[] {
    if (copies.length < DELTA_STEPS_MAX) return copies
    const kept = [...copies].sort((a, b) => b.lengthBytes - a.lengthBytes).slice(0, DELTA_STEPS_MAX - 1)
    return kept.sort((a, b) => a.at - b.at)
}

/** The copies that each block of `target` is made of, in their order; what lies between them must be sent. */
export function matchBlocks(base: BaseIndex, target: Buffer): Copy[][] {
    const blocks: Copy[][] = []
    let moved = 0
    for (let begin = 0; begin < target.length; begin += BLOCK_BYTES) {
        const search = new BlockSearch(base, target, begin, Math.min(begin + BLOCK_BYTES, target.length), moved)
        search.run()
        const copies = fewer(search.copies)
        const last = copies.at(-1)
        if (last !== undefined) moved = last.from - last.at
        blocks.push(copies)
    }
    return blocks
}
