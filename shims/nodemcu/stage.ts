// The stage of a NodeMCU board: it holds on to the pieces as they came, since every copy of a string costs memory.

import type { Bytes, Stage } from "../../firmware/ports"
import { STAGE_PIECES_MAX } from "./esp32"
import { crypto, type BoardFile } from "./modules"

const pieces: Bytes[] = []
const starts: number[] = []
const ends: number[] = []
let count = 0
let heldBytes = 0
let isCut = false

/** @hot */
function put(at: number, bytes: Bytes, from: number, to: number): void {
    if (at === 0) {
        count = 0
        heldBytes = 0
    }
    if (count === STAGE_PIECES_MAX) join()
    isCut = false
    pieces[count] = bytes
    starts[count] = from
    ends[count] = to
    count = count + 1
    heldBytes = heldBytes + to - from
}

/** @hot */
function place(bytes: Bytes, at: number): void {
    put(at, bytes, 0, bytes.length)
}

/**
 * Makes every piece a string of its own: the ends of a block share theirs with its neighbours.
 * @resident
 */
function cut(): void {
    if (isCut) return
    isCut = true
    for (let k = 0; k < count; k++) {
        if (starts[k] > 0 || ends[k] < pieces[k].length) {
            pieces[k] = pieces[k].substring(starts[k], ends[k])
            ends[k] = ends[k] - starts[k]
            starts[k] = 0
        }
    }
}

/** Makes one piece of all. */
function join(): void {
    const whole = take(heldBytes)
    pieces[0] = whole
    starts[0] = 0
    ends[0] = whole.length
    count = 1
    heldBytes = whole.length
}

function take(lengthBytes: number): Bytes {
    cut()
    let bytes = ""
    for (let k = 0; k < count && bytes.length < lengthBytes; k++) bytes = bytes + pieces[k]
    return bytes.substring(0, lengthBytes)
}

/** @resident */
function sha256(lengthBytes: number): Bytes {
    cut()
    if (lengthBytes !== heldBytes) return sha256Of(take(lengthBytes))
    const hasher = crypto.new_hash("SHA256")
    for (let k = 0; k < count; k++) hasher.update(pieces[k])
    return hasher.finalize()
}

/** The SHA-256 of `bytes` in one go, 32 bytes. */
export function sha256Of(bytes: Bytes): Bytes {
    const hasher = crypto.new_hash("SHA256")
    hasher.update(bytes)
    return hasher.finalize()
}

function noCrc32(): number {
    return 0
}

/**
 * Leaves the first `lengthBytes` alone in the stage.
 * @resident
 */
function trim(lengthBytes: number): void {
    cut()
    if (lengthBytes >= heldBytes) return
    heldBytes = lengthBytes
    join()
}

/**
 * Writes the first `lengthBytes`, all that counts from here on, piece by piece. Returns whether all of it was taken.
 * @resident
 */
export function stageWrite(target: Pick<BoardFile, "write">, lengthBytes: number): boolean {
    trim(lengthBytes)
    for (let k = 0; k < count; k++) {
        if (target.write(pieces[k]) === undefined) return false
    }
    return true
}

/**
 * Whether the file reads, from its position on, as the first `lengthBytes`, all that counts from here on.
 * @resident
 */
export function stageMatches(source: BoardFile, lengthBytes: number): boolean {
    trim(lengthBytes)
    for (let k = 0; k < count; k++) {
        if (source.read(pieces[k].length) !== pieces[k]) return false
    }
    return true
}

/** Creates the port. SHA-256 alone decides over payload: NodeMCU has no CRC-32 of its own. */
export function createStage(): Stage {
    for (let k = 0; k < STAGE_PIECES_MAX; k++) {
        pieces[k] = ""
        starts[k] = 0
        ends[k] = 0
    }
    return { put, place, sha256, crc32: noCrc32, hasCrc32: false, take }
}
