// The payload of a delta: instructions and literals, one record a block (firmware/FORMAT.md, "Delta"); written, and carried out.

import { BLOCK_BYTES, DELTA_ENTRY_BYTES, DELTA_STEPS_MAX, DIGEST_BYTES } from "../firmware/constants"
import * as status from "../firmware/status"
import { distanceNumber, indexBase, matchBlocks, type Copy } from "./delta-match"
import { blockList } from "./image-format"
import type { ImageProblem } from "./zip"

/** A payload and the block list that belongs to it. */
export interface DeltaCode {
    readonly payload: Buffer
    /** For each block: its SHA-256, and where its record ends in the payload. */
    readonly list: Buffer
}

/** Seven bits a byte, the lowest first; every byte but the last has its highest bit set. */
function numberOf(value: number): number[] {
    return value < 128 ? [value] : [(value & 127) | 128, ...numberOf(value >>> 7)]
}

/** The record of the block `target[begin, end)`. */
function encodeBlock(target: Buffer, begin: number, end: number, copies: readonly Copy[]): Buffer {
    const pieces: Buffer[] = []
    let [at, expected] = [begin, begin]
    for (const copy of copies) {
        const literals = target.subarray(at, copy.at)
        const distance = distanceNumber(copy.from - expected - literals.length)
        pieces.push(Buffer.from([literals.length, copy.lengthBytes, distance].flatMap(numberOf)), literals)
        at = copy.at + copy.lengthBytes
        expected = copy.from + copy.lengthBytes
    }
    if (at < end) pieces.push(Buffer.from([end - at, 0, 0].flatMap(numberOf)), target.subarray(at, end))
    return Buffer.concat(pieces)
}

/** What makes `target` out of `base`. Time and memory grow with their lengths. */
export function deltaEncode(base: Buffer, target: Buffer): DeltaCode {
    const digests = blockList(target)
    const records: Buffer[] = []
    const entries: Buffer[] = []
    let end = 0
    matchBlocks(indexBase(base), target).forEach((copies, block) => {
        const begin = block * BLOCK_BYTES
        const record = encodeBlock(target, begin, Math.min(begin + BLOCK_BYTES, target.length), copies)
        records.push(record)
        end += record.length
        const entry = Buffer.alloc(DELTA_ENTRY_BYTES)
        digests.copy(entry, 0, block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES)
        entry.writeUInt32LE(end, DIGEST_BYTES)
        entries.push(entry)
    })
    return { payload: Buffer.concat(records), list: Buffer.concat(entries) }
}

/** The digests of a delta's block list, as lists without a base have them. */
export function listDigests(list: Buffer): Buffer {
    const digests: Buffer[] = []
    for (let at = 0; at < list.length; at += DELTA_ENTRY_BYTES) digests.push(list.subarray(at, at + DIGEST_BYTES))
    return Buffer.concat(digests)
}

/** A delta that cannot be carried out. */
class DeltaProblem extends Error {
    constructor(
        readonly status: number,
        message: string,
    ) {
        super(message)
    }
}

function refuse(code: number, block: number, what: string): never {
    throw new DeltaProblem(code, `block ${block} of the delta ${what}`)
}

/** Reads one record after the other. */
class Reader {
    at = 0
    block = 0

    constructor(
        private readonly payload: Buffer,
        private readonly baseBytes: number,
    ) {}

    private number(): number {
        let value = 0
        for (let weight = 1; ; weight *= 128) {
            const byte = this.payload[this.at++]
            if (byte === undefined) return refuse(status.STATUS_DELTA_END, this.block, "is cut off")
            value += (byte & 127) * weight
            if (byte > 127 ? weight === 128 ** 3 : byte === 0 && weight > 1)
                refuse(status.STATUS_DELTA_NUMBER, this.block, "has a number of the wrong form")
            if (byte < 128) return value
        }
    }

    /** The pieces of a block of `lengthBytes`; copies as places in the base. */
    *pieces(lengthBytes: number): Generator<{ literals: Buffer; from: number; copyBytes: number }> {
        let expected = this.block * BLOCK_BYTES
        let left = lengthBytes
        for (let steps = 0; left > 0; steps++) {
            const [literalBytes, copyBytes, number] = [this.number(), this.number(), this.number()]
            if (literalBytes + copyBytes === 0 || literalBytes + copyBytes > left)
                refuse(status.STATUS_DELTA_LENGTH, this.block, "has an instruction that makes nothing, or too much")
            if (steps === DELTA_STEPS_MAX) refuse(status.STATUS_DELTA_STEPS, this.block, "has too many instructions")
            const from = expected + literalBytes + (number % 2 === 1 ? -(number + 1) / 2 : number / 2)
            if (copyBytes > 0 && (from < 0 || from + copyBytes > this.baseBytes))
                refuse(status.STATUS_DELTA_COPY, this.block, "copies from outside its base")
            const literals = this.payload.subarray(this.at, this.at + literalBytes)
            if (literals.length < literalBytes) refuse(status.STATUS_DELTA_END, this.block, "is cut off")
            this.at += literalBytes
            left -= literalBytes + copyBytes
            expected = from + copyBytes
            yield { literals, from, copyBytes }
        }
    }
}

/**
 * Carries a delta out as a board does. `base` may be its length alone: then the payload is only looked through. Returns the app (without
 * a base, zeros stand for what is copied) or why a board refuses it; hashes are left to the caller.
 */
export function deltaDecode(code: DeltaCode, base: Buffer | number, sizeBytes: number): Buffer | ImageProblem {
    const lastEnd = code.list.readUInt32LE(code.list.length - 4)
    if (lastEnd !== code.payload.length)
        return {
            status: status.STATUS_PART_SIZE,
            message: `the delta has ${code.payload.length} bytes, its list says ${lastEnd}`,
        }
    const reader = new Reader(code.payload, typeof base === "number" ? base : base.length)
    const app: Buffer[] = []
    try {
        for (; reader.block * BLOCK_BYTES < sizeBytes; reader.block++) {
            const lengthBytes = Math.min(BLOCK_BYTES, sizeBytes - reader.block * BLOCK_BYTES)
            for (const { literals, from, copyBytes } of reader.pieces(lengthBytes)) {
                app.push(literals, typeof base === "number" ? Buffer.alloc(copyBytes) : base.subarray(from, from + copyBytes))
            }
            const end = code.list.readUInt32LE(reader.block * DELTA_ENTRY_BYTES + DIGEST_BYTES)
            if (reader.at !== end) refuse(status.STATUS_DELTA_END, reader.block, `ends at ${reader.at}, its list says ${end}`)
        }
        return Buffer.concat(app)
    } catch (error) {
        if (!(error instanceof DeltaProblem)) throw error
        return { status: error.status, message: error.message }
    }
}
