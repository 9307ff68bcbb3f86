// What is done with a region of flash by more than one room: write with read-back, erase, digest.

import { alignUp, bytesPadded, bytesRepeated, least } from "./bytes"
import { BLOCK_BYTES, READS_MAX, WRITES_MAX } from "./constants"
import { ports, type Bytes, type Region } from "./ports"
import { STATUS_FLASH, STATUS_OK } from "./status"

/**
 * Reads `lengthBytes`, and again where the flash says that it cannot: one failed read is no reason to give anything up.
 * Returns "" when it stays so.
 * @hot
 */
export function regionRead(region: Region, offset: number, lengthBytes: number): Bytes {
    let bytes = region.read(offset, lengthBytes)
    let reads = 1
    while (reads < READS_MAX && bytes.length !== lengthBytes) {
        bytes = region.read(offset, lengthBytes)
        reads = reads + 1
    }
    return bytes
}

/** Programs `bytes` at `offset`, padded with 0xff to program units, and reads them back. Returns STATUS_OK or STATUS_FLASH. */
export function regionWrite(region: Region, offset: number, bytes: Bytes): number {
    const padded = bytesPadded(bytes, region.programBytes, 255)
    if (region.program(offset, padded) !== STATUS_OK) return STATUS_FLASH
    if (regionRead(region, offset, padded.length) !== padded) return STATUS_FLASH
    return STATUS_OK
}

/**
 * Erases the erase units that begin in [offset, offset + lengthBytes): all of a block where units are small, a whole unit at
 * its first block where they are large. Returns STATUS_OK or STATUS_FLASH.
 * @hot
 */
export function regionErase(region: Region, offset: number, lengthBytes: number): number {
    const end = least(offset + lengthBytes, region.sizeBytes)
    let unit = alignUp(offset, region.eraseBytes)
    while (unit < end) {
        if (region.erase(unit) !== STATUS_OK) return STATUS_FLASH
        unit = unit + region.eraseBytes
    }
    return STATUS_OK
}

/**
 * Erases as regionErase does and looks at every byte; what an erase left without saying so is erased once more.
 * Returns STATUS_OK or STATUS_FLASH.
 */
export function regionClear(region: Region, offset: number, lengthBytes: number): number {
    const from = alignUp(offset, region.eraseBytes)
    const end = least(alignUp(offset + lengthBytes, region.eraseBytes), region.sizeBytes)
    for (let turn = 0; turn < WRITES_MAX; turn++) {
        if (regionErase(region, offset, lengthBytes) === STATUS_OK && regionIsErased(region, from, end - from)) return STATUS_OK
    }
    return STATUS_FLASH
}

const PIECE_BYTES = 512
let blank = ""

/** Whether `bytes`, at most 512, are what erased flash reads as. */
export function bytesAreErased(bytes: Bytes): boolean {
    if (blank === "") blank = bytesRepeated(255, PIECE_BYTES)
    return bytes === blank.substring(0, bytes.length)
}

/** Whether [offset, offset + lengthBytes) reads as erased. */
export function regionIsErased(region: Region, offset: number, lengthBytes: number): boolean {
    let at = 0
    while (at + PIECE_BYTES <= lengthBytes) {
        const piece = regionRead(region, offset + at, PIECE_BYTES)
        if (piece === "" || !bytesAreErased(piece)) return false
        at = at + PIECE_BYTES
    }
    const rest = lengthBytes - at
    if (rest === 0) return true
    const piece = regionRead(region, offset + at, rest)
    return piece !== "" && bytesAreErased(piece)
}

/**
 * The slot digest of the first `lengthBytes` of a region (FORMAT.md, "Slot digest"), 32 bytes; "" for no bytes, or where the
 * flash cannot be read.
 */
export function regionDigest(region: Region, offset: number, lengthBytes: number): Bytes {
    let digest = ""
    let at = 0
    while (at < lengthBytes) {
        const block = regionRead(region, offset + at, least(BLOCK_BYTES, lengthBytes - at))
        if (block === "") return ""
        digest = ports.digest.sha256(digest + ports.digest.sha256(block))
        at = at + BLOCK_BYTES
    }
    return digest
}

/** The slot digest's chain over bytes in RAM. */
export function bytesDigest(bytes: Bytes): Bytes {
    let digest = ""
    let at = 0
    while (at < bytes.length) {
        const block = bytes.substring(at, least(at + BLOCK_BYTES, bytes.length))
        digest = ports.digest.sha256(digest + ports.digest.sha256(block))
        at = at + BLOCK_BYTES
    }
    return digest
}
