// Deltas: puts the blocks of an app together from pieces of the app that runs and from what comes off the network (FORMAT.md, "Delta").

import { blocksAdd, blocksCompose, blocksFlush, partBegin } from "./blocks"
import { blocksOf, least, u8 } from "./bytes"
import { BLOCK_BYTES, DELTA_PIECE_BYTES, DELTA_STEPS_MAX } from "./constants"
import { hexOf } from "./hex"
import { journalPayloadAt } from "./journal"
import { blockBytesOf, manifestParts } from "./manifest"
import type { Bytes, Region } from "./ports"
import { regionRead } from "./region"
import {
    STATUS_DELTA_COPY,
    STATUS_DELTA_END,
    STATUS_DELTA_LENGTH,
    STATUS_DELTA_NUMBER,
    STATUS_DELTA_STEPS,
    STATUS_FLASH,
    STATUS_OK,
} from "./status"

/** Numbers of an instruction: literal bytes, copied bytes, and where these lie. */
const NUMBERS = 3
/** Weight of the fourth and last byte that a number may have: 28 bits hold twice the largest image. */
const WEIGHT_MAX = 2097152

let index = 0
/** The app that runs. Nothing writes it. */
let base: Region
let block = 0
/** Bytes that the block under way still lacks, and instructions that it has taken. */
let leftBytes = 0
let steps = 0
/** Offset in the payload of the next byte. */
let position = 0
/** The numbers of the instruction under way that are whole; the one that is not, and what its next byte counts. */
let numbers: number[] = []
let started = 0
let weight = 1
/** Literal bytes of the instruction that are still to come. */
let literalBytes = 0
/** Where the next copy begins if nothing was inserted or removed. */
let baseAt = 0

/** Whether the delta of the manifest that was read last, if there is one, is made from an app of this slot digest and size. */
export function deltaSuits(runningDigest: Bytes, runningBytes: number): boolean {
    const parts = manifestParts()
    for (let k = 0; k < parts.length; k++) {
        const wanted = parts[k].baseDigest
        if (wanted !== "" && (wanted !== hexOf(runningDigest) || parts[k].baseBytes !== runningBytes)) return false
    }
    return true
}

/** What follows is the payload of the delta part `part`, from the record of block `firstBlock` on, for `target`; `running` is its base. */
export function deltaBegin(part: number, target: Region, firstBlock: number, running: Region): void {
    partBegin(part, target, firstBlock, 0)
    blocksCompose()
    index = part
    base = running
    position = journalPayloadAt(part, firstBlock)
    started = 0
    weight = 1
    numbers = []
    blockBegin(firstBlock)
}

function blockBegin(next: number): void {
    block = next
    leftBytes = blockBytesOf(manifestParts()[index].sizeBytes, block)
    baseAt = block * BLOCK_BYTES
    steps = 0
}

/**
 * Takes payload bytes[from, to): the numbers of instructions byte by byte, literals by native copy. Returns STATUS_OK, a
 * STATUS_DELTA_ status, or what became of a block (see blocksFlush).
 */
export function deltaTake(bytes: Bytes, from: number, to: number): number {
    let at = from
    while (at < to) {
        let result = STATUS_OK
        if (numbers.length < NUMBERS) {
            const byte = u8(bytes, at)
            at = at + 1
            started = started + (byte & 127) * weight
            if (byte > 127) {
                if (weight === WEIGHT_MAX) return STATUS_DELTA_NUMBER
                weight = weight * 128
            } else {
                // Every number has one form.
                if (byte === 0 && weight > 1) return STATUS_DELTA_NUMBER
                numbers.push(started)
                started = 0
                weight = 1
                if (numbers.length === NUMBERS) result = stepCheck()
            }
        } else {
            const count = least(literalBytes, to - at)
            blocksAdd(bytes, at, at + count)
            literalBytes = literalBytes - count
            at = at + count
        }
        if (result === STATUS_OK && numbers.length === NUMBERS && literalBytes === 0) result = stepEnd(position + at - from)
        if (result !== STATUS_OK) return result
    }
    position = position + to - from
    return STATUS_OK
}

/** The numbers of an instruction are there: nothing is staged before they are found possible. */
function stepCheck(): number {
    const bytes = numbers[0] + numbers[1]
    if (bytes === 0 || bytes > leftBytes) return STATUS_DELTA_LENGTH
    if (steps === DELTA_STEPS_MAX) return STATUS_DELTA_STEPS
    steps = steps + 1
    leftBytes = leftBytes - bytes
    literalBytes = numbers[0]
    // Odd numbers are distances backwards, so that short ones are small either way.
    const distance = (numbers[2] + 1) >>> 1
    baseAt = baseAt + numbers[0]
    if (numbers[2] % 2 === 1) baseAt = baseAt - distance
    else baseAt = baseAt + distance
    if (numbers[1] > 0 && (baseAt < 0 || baseAt + numbers[1] > manifestParts()[index].baseBytes)) return STATUS_DELTA_COPY
    return STATUS_OK
}

/** The literals of an instruction are staged: its copy follows, and behind the last one of a block its end, at `payloadAt`. */
function stepEnd(payloadAt: number): number {
    const end = baseAt + numbers[1]
    while (baseAt < end) {
        const piece = regionRead(base, baseAt, least(end - baseAt, DELTA_PIECE_BYTES))
        if (piece === "") return STATUS_FLASH
        blocksAdd(piece, 0, piece.length)
        baseAt = baseAt + piece.length
    }
    numbers = []
    if (leftBytes > 0) return STATUS_OK
    if (journalPayloadAt(index, block + 1) !== payloadAt) return STATUS_DELTA_END
    const result = blocksFlush()
    blockBegin(block + 1)
    return result
}

/** The payload is at its end. Returns STATUS_OK, or STATUS_DELTA_END where blocks are missing. */
export function deltaEnd(): number {
    if (block < blocksOf(manifestParts()[index].sizeBytes)) return STATUS_DELTA_END
    return STATUS_OK
}
