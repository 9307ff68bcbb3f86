// The payload of an image on its way into flash: staged by blocks, hashed, erased, programmed, read back, marked.

import { least, u16 } from "./bytes"
import { BLOCK_BYTES, FILE_ALIGN_BYTES_MAX } from "./constants"
import { journalDigest, journalPartErase, journalListPage, journalMark } from "./journal"
import { manifestParts, PART_FILES } from "./manifest"
import { ports, type Bytes, type Region } from "./ports"
import { regionErase, regionIsErased } from "./region"
import { scratchRescue } from "./scratch"
import { STATUS_BLOCK_HASH, STATUS_FILES_FORMAT, STATUS_FLASH, STATUS_OK, STATUS_PART_HASH, STATUS_ZIP_CRC } from "./status"

const SINK_LIST = 1
const SINK_PART = 2
const SINK_SKIP = 3

let sink = SINK_SKIP
let index = 0
let region: Region
/** Payload of the entry from the start of the stage on; -1 while no payload is taken. */
let leftBytes = -1
let stagedBytes = 0
/** What the stage holds when its block is whole; below 1 while no payload is taken. */
let wholeBytes = 0
let block = 0
let hasList = false
/** The next block is the first one of a download that goes on. */
let isResumed = false
let crc = 0
let crcWanted = 0

function begin(newSink: number, part: number, sizeBytes: number, firstBlock: number, entryCrc: number): void {
    sink = newSink
    index = part
    block = firstBlock
    leftBytes = sizeBytes - firstBlock * BLOCK_BYTES
    stagedBytes = 0
    wholeBytes = least(leftBytes, BLOCK_BYTES)
    crc = 0
    crcWanted = 0
    if (ports.stage.hasCrc32) crcWanted = entryCrc
}

/** What follows is the block list of part `part`. Returns STATUS_OK or STATUS_FLASH. */
export function listBegin(part: number, sizeBytes: number, entryCrc: number): number {
    begin(SINK_LIST, part, sizeBytes, 0, entryCrc)
    return journalPartErase(part)
}

/** What follows is part `part`, from block `firstBlock` on, for `target`. `entryCrc` is 0 when it cannot be checked. */
export function partBegin(part: number, target: Region, firstBlock: number, entryCrc: number): void {
    begin(SINK_PART, part, manifestParts()[part].sizeBytes, firstBlock, entryCrc)
    region = target
    hasList = manifestParts()[part].listSrc !== ""
    isResumed = firstBlock > 0
}

/**
 * The blocks of the part that began are put together here on the board: what comes off the network is not theirs as it is, and
 * blocksRoom and blocksLeft stay below 1 from here on.
 */
export function blocksCompose(): void {
    leftBytes = -1
    wholeBytes = 0
}

/** Adds bytes[from, to) to the block that is put together. Contract: a block has at most BLOCK_BYTES. */
export function blocksAdd(bytes: Bytes, from: number, to: number): void {
    ports.stage.put(stagedBytes, bytes, from, to)
    stagedBytes = stagedBytes + to - from
}

/** What follows is no payload, or of no use. */
export function blocksSkip(): void {
    sink = SINK_SKIP
    leftBytes = -1
    stagedBytes = 0
    wholeBytes = 0
}

/**
 * More bytes of payload than blocksPlace may be given: what the block under way lacks; below 1 while no payload is taken.
 * @hot
 */
export function blocksRoom(): number {
    return wholeBytes - stagedBytes
}

/**
 * Payload bytes of the entry that are still to come; -1 while no payload is taken.
 * @hot
 */
export function blocksLeft(): number {
    return leftBytes - stagedBytes
}

/**
 * Takes `count` bytes, all of `bytes` and fewer than blocksRoom: nothing is to be done but to keep them. Returns STATUS_OK.
 * @hot
 */
export function blocksPlace(bytes: Bytes, count: number): number {
    ports.stage.place(bytes, stagedBytes)
    stagedBytes = stagedBytes + count
    return STATUS_OK
}

/**
 * Takes payload bytes[from, to). Returns STATUS_OK or a negative status.
 * @hot
 */
export function blocksTake(bytes: Bytes, from: number, to: number): number {
    if (sink === SINK_SKIP) return STATUS_OK
    let at = from
    while (at < to) {
        const staged = stagedBytes
        let count = wholeBytes - staged
        if (count > to - at) count = to - at
        ports.stage.put(staged, bytes, at, at + count)
        stagedBytes = staged + count
        at = at + count
        if (stagedBytes === wholeBytes) {
            const status = blocksFlush()
            if (status !== STATUS_OK) return status
        }
    }
    return STATUS_OK
}

/**
 * One whole block is staged: takes it. Returns STATUS_OK or a negative status.
 * @hot
 */
export function blocksFlush(): number {
    if (crcWanted !== 0) crc = ports.stage.crc32(crc, stagedBytes)
    let status = STATUS_OK
    if (sink === SINK_PART) status = partBlock()
    else status = journalListPage(index, block, stagedBytes)
    leftBytes = leftBytes - stagedBytes
    stagedBytes = 0
    wholeBytes = least(leftBytes, BLOCK_BYTES)
    block = block + 1
    return status
}

/**
 * Verify before write; then erase, program, read back, mark. A write that did not take is tried once more: a unit may be weak once.
 * @hot
 */
function partBlock(): number {
    if (hasList && ports.stage.sha256(stagedBytes) !== journalDigest(index, block)) return STATUS_BLOCK_HASH
    if (block === 0 && manifestParts()[index].kind === PART_FILES && !stageIsFilesArea(region)) return STATUS_FILES_FORMAT
    if (write() !== STATUS_OK && writeAgain() !== STATUS_OK) return STATUS_FLASH
    isResumed = false
    if (hasList) journalMark(index, block)
    return STATUS_OK
}

/** @hot */
function write(): number {
    const offset = block * BLOCK_BYTES
    // Where the unit is larger than a block, a write that was cut may have left something behind the last good block.
    if (isResumed && offset % region.eraseBytes !== 0 && !regionIsErased(region, offset, BLOCK_BYTES)) return STATUS_FLASH
    // Where the unit is a block, that is all there is to work out.
    if (region.eraseBytes === BLOCK_BYTES) {
        if (region.erase(offset) !== STATUS_OK) return STATUS_FLASH
    } else if (regionErase(region, offset, BLOCK_BYTES) !== STATUS_OK) return STATUS_FLASH
    return program()
}

/** @hot */
function program(): number {
    if (region.programStaged(block * BLOCK_BYTES, stagedBytes) !== STATUS_OK) return STATUS_FLASH
    if (!region.matchesStaged(block * BLOCK_BYTES, stagedBytes)) return STATUS_FLASH
    return STATUS_OK
}

/** A block inside an erase unit cannot be erased alone. */
function writeAgain(): number {
    if ((block * BLOCK_BYTES) % region.eraseBytes === 0 || region.eraseBytes < BLOCK_BYTES) return write()
    if (!hasList || scratchRescue(index, region, block) !== STATUS_OK) return STATUS_FLASH
    return program()
}

/** Whether the stage begins with the header of a files area that suits the program unit of `target`. */
function stageIsFilesArea(target: Region): boolean {
    if (stagedBytes < 16) return false
    const head = ports.stage.take(16)
    const align = u16(head, 4)
    if (head.substring(0, 4) !== "OTF1" || align === 0 || align > FILE_ALIGN_BYTES_MAX || align % target.programBytes !== 0)
        return false
    return ports.digest.sha256(head.substring(0, 8)).substring(0, 8) === head.substring(8, 16)
}

/**
 * The entry is at its end. Returns STATUS_OK, STATUS_ZIP_CRC, or STATUS_PART_HASH for a part without a block list that does not
 * have its hash.
 */
export function blocksEnd(): number {
    if (sink === SINK_SKIP) return STATUS_OK
    const ended = sink
    blocksSkip()
    if (crcWanted !== 0 && crc !== crcWanted) return STATUS_ZIP_CRC
    if (ended === SINK_LIST || hasList) return STATUS_OK
    if (!partHasHash(index, region)) return STATUS_PART_HASH
    journalMark(index, 0)
    return STATUS_OK
}

/** Whether a part without a block list has the hash of the manifest; SHA-256 where it names both. */
export function partHasHash(part: number, target: Region): boolean {
    const wanted = manifestParts()[part]
    if (wanted.sha256 !== "") return ports.digest.ofRegion(256, target, wanted.sizeBytes) === wanted.sha256
    return ports.digest.ofRegion(1, target, wanted.sizeBytes) === wanted.sha1
}
