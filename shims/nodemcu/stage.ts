// The stage of a NodeMCU board: it holds on to the pieces as they came, since every copy of a string costs memory.

import type { Bytes, Stage } from "../../firmware/ports"
import { STAGE_PIECES_MAX } from "./esp32"
import { crypto, type BoardFile } from "./modules"

const pieces: Bytes[] = []
let count = 0
let heldBytes = 0

/** @hot */
function place(bytes: Bytes, at: number): void {
    if (at === 0) count = 0
    if (count === STAGE_PIECES_MAX) join()
    pieces[count] = bytes
    count = count + 1
    heldBytes = at + bytes.length
}

/**
 * The ends of a block share their chunks with its neighbours: each has a string of its own.
 * @resident
 */
function put(at: number, bytes: Bytes, from: number, to: number): void {
    if (from === 0 && to === bytes.length) place(bytes, at)
    else place(bytes.substring(from, to), at)
}

/** Makes one piece of all. */
function join(): void {
    pieces[0] = take(heldBytes)
    count = 1
}

function take(lengthBytes: number): Bytes {
    let bytes = ""
    for (let k = 0; k < count && bytes.length < lengthBytes; k++) bytes = bytes + pieces[k]
    return bytes.substring(0, lengthBytes)
}

/** @resident */
function sha256(lengthBytes: number): Bytes {
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

/** Leaves the first `lengthBytes` alone in the stage. */
function trim(lengthBytes: number): void {
    heldBytes = lengthBytes
    join()
}

/**
 * Writes the first `lengthBytes`, all that counts from here on, piece by piece. Returns whether all of it was taken.
 * @resident
 */
export function stageWrite(target: Pick<BoardFile, "write">, lengthBytes: number): boolean {
    if (lengthBytes < heldBytes) trim(lengthBytes)
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
    if (lengthBytes < heldBytes) trim(lengthBytes)
    for (let k = 0; k < count; k++) {
        const piece = pieces[k]
        if (source.read(piece.length) !== piece) return false
    }
    return true
}

/** Creates the port. SHA-256 alone decides over payload: NodeMCU has no CRC-32 of its own. */
export function createStage(): Stage {
    for (let k = 0; k < STAGE_PIECES_MAX; k++) pieces[k] = ""
    return { put, place, sha256, crc32: noCrc32, hasCrc32: false, take }
}
