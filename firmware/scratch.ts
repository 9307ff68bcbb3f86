// Erase units larger than a block: a block inside one cannot be erased alone, so its good neighbours are carried through a scratch unit.

import { blocksOf, byteOf, bytesOfU31, u31, u8 } from "./bytes"
import { BLOCK_BYTES, CHECK_BYTES } from "./constants"
import { journalCheck, journalDigest, journalScratchAt } from "./journal"
import { ports, type Bytes, type Region } from "./ports"
import { regionClear, regionRead, regionWrite } from "./region"
import { STATUS_FLASH, STATUS_OK } from "./status"

const MAGIC = "OTS1"
const HEAD_CHECKED_BYTES = 10

/** The head lies in the last block of the scratch unit: at most the other blocks of a unit are ever carried. */
function headAt(): number {
    return journalScratchAt() + ports.journal.eraseBytes - BLOCK_BYTES
}

/**
 * Makes the erase unit of block `block` of part `k` erased from that block on. The blocks ahead of it stay where the journal has a
 * scratch unit (FORMAT.md, "Scratch unit"). Returns STATUS_OK, or STATUS_FLASH when they are gone and must be fetched again.
 */
export function scratchRescue(k: number, target: Region, block: number): number {
    const first = block - (block % blocksOf(target.eraseBytes))
    if (journalScratchAt() < 0) {
        regionClear(target, first * BLOCK_BYTES, BLOCK_BYTES)
        return STATUS_FLASH
    }
    if (regionClear(ports.journal, journalScratchAt(), BLOCK_BYTES) !== STATUS_OK) return STATUS_FLASH
    for (let i = first; i < block; i++) {
        if (copy(k, i, target, i * BLOCK_BYTES, ports.journal, placeOf(i - first)) !== STATUS_OK) return STATUS_FLASH
    }
    const head = MAGIC + bytesOfU31(first) + byteOf(block - first) + byteOf(k)
    if (regionWrite(ports.journal, headAt(), head + journalCheck(head)) !== STATUS_OK) return STATUS_FLASH
    return bringBack(k, target, first, block - first)
}

/**
 * Finishes a rescue that was cut. `done` blocks of part `k` are in `target`, `finished` ones are marked.
 * Returns how many are there now. The mark of the block for whose sake they were carried proves that the rescue was finished: where it
 * was in doubt, a note made it void ahead of the rescue.
 */
export function scratchResume(k: number, target: Region, done: number, finished: number): number {
    if (journalScratchAt() < 0) return done
    const head = regionRead(ports.journal, headAt(), HEAD_CHECKED_BYTES + CHECK_BYTES)
    const checked = head.substring(0, HEAD_CHECKED_BYTES)
    if (head.substring(0, 4) !== MAGIC || journalCheck(checked) !== head.substring(HEAD_CHECKED_BYTES, head.length)) return done
    const first = u31(head, 4)
    const count = u8(head, 8)
    if (u8(head, 9) !== k || done < first || finished > first + count) return done
    // Until the whole of it was in the scratch unit, the unit itself was not touched.
    for (let i = 0; i < count; i++) {
        if (digestAt(placeOf(i)) !== journalDigest(k, first + i)) return done
    }
    if (bringBack(k, target, first, count) === STATUS_OK) return first + count
    return first
}

function placeOf(i: number): number {
    return journalScratchAt() + i * BLOCK_BYTES
}

function digestAt(offset: number): Bytes {
    return ports.digest.sha256(regionRead(ports.journal, offset, BLOCK_BYTES))
}

function copy(k: number, block: number, source: Region, from: number, target: Region, to: number): number {
    const bytes = regionRead(source, from, BLOCK_BYTES)
    if (ports.digest.sha256(bytes) !== journalDigest(k, block)) return STATUS_FLASH
    return regionWrite(target, to, bytes)
}

function bringBack(k: number, target: Region, first: number, count: number): number {
    if (regionClear(target, first * BLOCK_BYTES, BLOCK_BYTES) !== STATUS_OK) return STATUS_FLASH
    for (let i = 0; i < count; i++) {
        if (copy(k, first + i, ports.journal, placeOf(i), target, (first + i) * BLOCK_BYTES) !== STATUS_OK) return STATUS_FLASH
    }
    return STATUS_OK
}
