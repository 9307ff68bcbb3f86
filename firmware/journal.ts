// The journal of the update under way: who it is, its block lists, which blocks are in flash (FORMAT.md, "Journal").

import { alignUp, blocksOf, byteOf, bytesOfU31, bytesRepeated, least, u31, u8 } from "./bytes"
import {
    BLOCK_BYTES,
    CHECK_BYTES,
    DELTA_ENTRY_BYTES,
    DIGEST_BYTES,
    JOURNAL_HEADER_BYTES,
    JOURNAL_NOTES_MAX,
    MANIFEST_BYTES_MAX,
    PARTS_MAX,
    SLOT_NONE,
} from "./constants"
import { hexOf } from "./hex"
import { blockBytesOf, listBytesOf, manifestParts, type Part } from "./manifest"
import { ports, type Bytes, type Region } from "./ports"
import { bytesDigest, regionClear, regionIsErased, regionRead, regionWrite } from "./region"
import { STATUS_FLASH, STATUS_NO_ROOM, STATUS_OK, STATUS_PAGE_HASH } from "./status"

const MAGIC = "OTJ1"
/** A place, or a note: four bytes and their check. */
const PLACE_BYTES = 12
/** Offset in the header of the files area that is being written. */
const FILES_AREA_AT = 45
const HEADER_CHECKED_BYTES = JOURNAL_HEADER_BYTES - CHECK_BYTES

let identity = ""
/** One program unit that says: done. */
let mark = ""
let scratchAt = -1
/** Whether the place and the marks of each part are erased, and were seen to be, since the journal was opened. */
const isBlank: boolean[] = []
/** Where the erase units of each part begin and end: its block list, place, notes, marks. Filled by journalLayout. */
const groupAt: number[] = []
const groupEnd: number[] = []
const placeAt: number[] = []
const notesAt: number[] = []
const marksAt: number[] = []
/** Index of the delta, whose list has longer entries; -1 for none. */
let deltaPart = -1

/** The notes of the part that was looked at last, in the order of their writes: block * 2 + what the note says; -1 for none. */
const notes: number[] = []
/** The mark of the next block that is finished is void: a note takes its place. */
let isVoid = false

/** What a journal header says of an update that can go on. */
export interface JournalHeader {
    /** The manifest's exact bytes. */
    manifest: Bytes
    /** Offset in the image of the first byte behind the manifest. */
    manifestEnd: number
}

/** Makes whatever the journal holds unusable, so that no later update goes on from it. Returns STATUS_OK or STATUS_FLASH. */
export function journalForget(): number {
    return regionClear(ports.journal, 0, JOURNAL_HEADER_BYTES)
}

/**
 * Forgets an update that is being written to files area `area`, where something else is about to be. Whatever is there is erased unless
 * it says that it leaves the area alone: what reads as blank today may be a journal tomorrow. Returns STATUS_OK or STATUS_FLASH.
 */
export function journalLeaveFiles(area: number): number {
    const head = headRead()
    if (head !== "" && u8(head, FILES_AREA_AT) !== area) return STATUS_OK
    return journalForget()
}

/** The header; "" when it is not whole. */
function headRead(): Bytes {
    const head = regionRead(ports.journal, 0, JOURNAL_HEADER_BYTES)
    const checked = head.substring(0, HEADER_CHECKED_BYTES)
    const check = head.substring(HEADER_CHECKED_BYTES, JOURNAL_HEADER_BYTES)
    if (head.substring(0, 4) !== MAGIC || ports.digest.sha256(checked).substring(0, CHECK_BYTES) !== check) return ""
    return head
}

/**
 * Opens the journal of the update `updateIdentity` (32 bytes) into these slots.
 * Returns undefined when there is none that can go on.
 */
export function journalOpen(updateIdentity: Bytes, appSlot: number, filesArea: number): JournalHeader | undefined {
    identity = updateIdentity
    blankAll(false)
    const head = headRead()
    if (head.substring(4, 36) !== updateIdentity || head === "") return undefined
    const area = u8(head, FILES_AREA_AT)
    if (u8(head, 44) !== appSlot || (area !== SLOT_NONE && area !== filesArea)) return undefined
    const manifestBytes = u31(head, 36)
    if (manifestBytes <= 0 || manifestBytes > MANIFEST_BYTES_MAX) return undefined
    const manifest = regionRead(ports.journal, alignUp(JOURNAL_HEADER_BYTES, ports.journal.programBytes), manifestBytes)
    if (bytesDigest(manifest) !== head.substring(56, 88)) return undefined
    return { manifest, manifestEnd: u31(head, 40) }
}

/**
 * Starts a journal for the manifest that was read last. Whatever was there is erased first. `filesArea` is SLOT_NONE when the
 * image has no fs part.
 * Returns STATUS_OK, STATUS_NO_ROOM or STATUS_FLASH.
 */
export function journalStart(updateIdentity: Bytes, appSlot: number, filesArea: number, header: JournalHeader): number {
    identity = updateIdentity
    const region = ports.journal
    const usedBytes = journalLayout(header.manifest.length)
    if (usedBytes > region.sizeBytes) return STATUS_NO_ROOM
    if (regionClear(region, 0, usedBytes) !== STATUS_OK) return STATUS_FLASH
    blankAll(true)
    const manifestAt = alignUp(JOURNAL_HEADER_BYTES, region.programBytes)
    if (regionWrite(region, manifestAt, header.manifest) !== STATUS_OK) return STATUS_FLASH
    let head = MAGIC + identity + bytesOfU31(header.manifest.length) + bytesOfU31(header.manifestEnd)
    head = head + byteOf(appSlot) + byteOf(filesArea) + bytesRepeated(0, 10) + bytesDigest(header.manifest)
    return regionWrite(region, 0, head + ports.digest.sha256(head).substring(0, CHECK_BYTES))
}

function blankAll(value: boolean): void {
    for (let k = 0; k < PARTS_MAX; k++) isBlank[k] = value
    isVoid = false
}

/** Lays the journal out for the manifest's parts. Returns how many bytes it takes. */
export function journalLayout(manifestBytes: number): number {
    const region = ports.journal
    const parts = manifestParts()
    let at = alignUp(alignUp(JOURNAL_HEADER_BYTES, region.programBytes) + manifestBytes, region.eraseBytes)
    deltaPart = -1
    for (let k = 0; k < parts.length && k < PARTS_MAX; k++) {
        groupAt[k] = at
        placeAt[k] = at
        if (parts[k].baseDigest !== "") deltaPart = k
        if (parts[k].listSrc !== "") placeAt[k] = alignUp(at + listBytesOf(parts[k]), region.programBytes)
        notesAt[k] = placeAt[k] + alignUp(PLACE_BYTES, region.programBytes)
        marksAt[k] = noteAt(k, JOURNAL_NOTES_MAX)
        at = alignUp(marksAt[k] + marksOf(parts[k]) * region.programBytes, region.eraseBytes)
        groupEnd[k] = at
    }
    mark = bytesRepeated(0, region.programBytes)
    scratchAt = -1
    if (region.eraseBytes > BLOCK_BYTES && at + region.eraseBytes <= region.sizeBytes)
        scratchAt = region.sizeBytes - region.eraseBytes
    return at
}

/** Offset of the scratch unit in the journal: its last erase unit, where erase units are larger than blocks and it is free; -1 without. */
export function journalScratchAt(): number {
    return scratchAt
}

/** How many blocks of part `k` journalBlocksFinished counts once all of it is in flash. */
export function journalBlocksAll(k: number): number {
    return marksOf(manifestParts()[k])
}

function marksOf(part: Part): number {
    if (part.listSrc === "") return 1
    return blocksOf(part.sizeBytes)
}

// ---- block lists -------------------------------------------------------------------------------

/** Erases all that the journal holds of part `k`, unless it holds nothing: its list, place and marks. Returns STATUS_OK or STATUS_FLASH. */
export function journalPartErase(k: number): number {
    if (!isBlank[k]) isBlank[k] = regionClear(ports.journal, groupAt[k], groupEnd[k] - groupAt[k]) === STATUS_OK
    if (isBlank[k]) return STATUS_OK
    return STATUS_FLASH
}

/** Takes page `page` of the list of part `k` from the stage, if it has its hash. Returns STATUS_OK, STATUS_PAGE_HASH or STATUS_FLASH. */
export function journalListPage(k: number, page: number, lengthBytes: number): number {
    const offset = groupAt[k] + page * BLOCK_BYTES
    if (hexOf(ports.stage.sha256(lengthBytes)) !== manifestParts()[k].pageHashes[page]) return STATUS_PAGE_HASH
    if (ports.journal.programStaged(offset, lengthBytes) !== STATUS_OK) return STATUS_FLASH
    if (!ports.journal.matchesStaged(offset, lengthBytes)) return STATUS_FLASH
    return STATUS_OK
}

/** Whether the whole list of part `k` is in the journal, every page with its hash. */
export function journalListIsWhole(k: number): boolean {
    const part = manifestParts()[k]
    const listBytes = listBytesOf(part)
    for (let page = 0; page * BLOCK_BYTES < listBytes; page++) {
        const bytes = regionRead(
            ports.journal,
            groupAt[k] + page * BLOCK_BYTES,
            least(BLOCK_BYTES, listBytes - page * BLOCK_BYTES),
        )
        if (hexOf(ports.digest.sha256(bytes)) !== part.pageHashes[page]) return false
    }
    return true
}

/**
 * Where the list of part `k` tells of a block.
 * @hot
 */
function entryAt(k: number, block: number): number {
    return groupAt[k] + block * (k === deltaPart ? DELTA_ENTRY_BYTES : DIGEST_BYTES)
}

/**
 * The digest of a block of part `k`, 32 bytes.
 * @hot
 */
export function journalDigest(k: number, block: number): Bytes {
    return regionRead(ports.journal, entryAt(k, block), DIGEST_BYTES)
}

/**
 * Where block `block` of part `k` begins in the part's payload; one block behind the last, the payload's size. In a delta that is
 * where the record of the block before it ends, as the list says: -1 where it says nothing possible.
 */
export function journalPayloadAt(k: number, block: number): number {
    const part = manifestParts()[k]
    if (part.baseDigest === "") return least(block * BLOCK_BYTES, part.sizeBytes)
    if (block === 0) return 0
    return u31(regionRead(ports.journal, entryAt(k, block) - 4, 4), 0)
}

/** Bytes of the payload of part `k`: those of its entry in the image. */
export function journalPayloadBytes(k: number): number {
    return journalPayloadAt(k, blocksOf(manifestParts()[k].sizeBytes))
}

// ---- progress ----------------------------------------------------------------------------------

/**
 * Notes where the payload of part `k`, which begins now, lies in the image. A note that fails costs only the continued download:
 * what lies behind a part without a place cannot be put in order.
 */
export function journalPlace(k: number, imageOffset: number): void {
    // A part without a list was not erased with it, and may begin a second time.
    if (manifestParts()[k].listSrc === "") journalPartErase(k)
    if (!isBlank[k] && !regionIsErased(ports.journal, placeAt[k], alignUp(PLACE_BYTES, ports.journal.programBytes))) return
    const place = bytesOfU31(imageOffset)
    if (regionWrite(ports.journal, placeAt[k], place + placeCheck(k, place)) !== STATUS_OK) journalForget()
}

/** Where the payload of part `k` begins in the image; -1 when that was not noted. */
export function journalPlaceOf(k: number): number {
    const bytes = regionRead(ports.journal, placeAt[k], PLACE_BYTES)
    const offset = bytes.substring(0, 4)
    if (bytes.length !== PLACE_BYTES || placeCheck(k, offset) !== bytes.substring(4, PLACE_BYTES)) return -1
    return u31(offset, 0)
}

function placeCheck(k: number, offset: Bytes): Bytes {
    return journalCheck(byteOf(k) + offset)
}

/** The check of a note that belongs to this update alone: SHA-256/8 of its identity ‖ `bytes`. */
export function journalCheck(bytes: Bytes): Bytes {
    return ports.digest.sha256(identity + bytes).substring(0, CHECK_BYTES)
}

/**
 * Marks a block of part `k` (or the whole part, as block 0 where it has no list) as in flash and read back. Not checked: a
 * mark that fails costs only the continued download.
 * @hot
 */
export function journalMark(k: number, block: number): void {
    if (isVoid) {
        isVoid = false
        noteWrite(k, block, NOTE_DONE)
        return
    }
    const at = marksAt[k] + block * ports.journal.programBytes
    // A block that is written once more may be marked already, or its mark torn.
    if (!isBlank[k] && !regionIsErased(ports.journal, at, ports.journal.programBytes)) return
    ports.journal.program(at, mark)
}

/**
 * Whether block `block` of part `k`, the first that a continued download writes, may be erased. Its mark may have been cut, and read one
 * way now and another way next, so a mark that can have been begun, which the block's digest in `region` tells, is made void by a note.
 * False: no note can be written.
 */
export function journalMayErase(k: number, block: number, region: Region): boolean {
    notesRead(k)
    const voids = voidsOf(block)
    isVoid = voids > 0
    if (voids > 1 || (!isMarked(k, block) && !blockHasDigest(k, block, region))) return true
    isVoid = noteWrite(k, block, NOTE_VOID)
    return isVoid
}

const NOTE_VOID = 0
const NOTE_DONE = 1

function noteAt(k: number, slot: number): number {
    return notesAt[k] + slot * alignUp(PLACE_BYTES, ports.journal.programBytes)
}

function notesRead(k: number): void {
    for (let slot = 0; slot < JOURNAL_NOTES_MAX; slot++) {
        const bytes = regionRead(ports.journal, noteAt(k, slot), PLACE_BYTES)
        const value = bytes.substring(0, 4)
        notes[slot] = -1
        if (bytes !== "" && noteCheck(k, value) === bytes.substring(4, PLACE_BYTES)) notes[slot] = u31(value, 0)
    }
}

/** What the last note of a block says: NOTE_VOID or NOTE_DONE; -1 where none does. */
function noteOf(block: number): number {
    for (let slot = JOURNAL_NOTES_MAX - 1; slot >= 0; slot--) {
        if (notes[slot] >= block * 2 && notes[slot] <= block * 2 + NOTE_DONE) return notes[slot] - block * 2
    }
    return -1
}

/** How many of a block's notes say void, behind the last one that says done. The second is for a first whose own write was cut. */
function voidsOf(block: number): number {
    let count = 0
    for (let slot = 0; slot < JOURNAL_NOTES_MAX; slot++) {
        if (notes[slot] === block * 2) count++
        else if (notes[slot] === block * 2 + NOTE_DONE) count = 0
    }
    return count
}

/** Writes a note behind all others. What lies behind a write that was cut may read as erased: then it takes the next place. */
function noteWrite(k: number, block: number, note: number): boolean {
    const slotBytes = alignUp(PLACE_BYTES, ports.journal.programBytes)
    let slot = JOURNAL_NOTES_MAX
    while (slot > 0 && regionIsErased(ports.journal, noteAt(k, slot - 1), slotBytes)) slot--
    const bytes = bytesOfU31(block * 2 + note)
    for (; slot < JOURNAL_NOTES_MAX; slot++) {
        if (regionWrite(ports.journal, noteAt(k, slot), bytes + noteCheck(k, bytes)) === STATUS_OK) return true
    }
    return false
}

function noteCheck(k: number, value: Bytes): Bytes {
    return journalCheck("note" + byteOf(k) + value)
}

/** Whether a block of part `k`, whose notes were read, is marked. */
function isMarked(k: number, block: number): boolean {
    const note = noteOf(block)
    if (note >= 0) return note === NOTE_DONE
    return regionRead(ports.journal, marksAt[k] + block * ports.journal.programBytes, 1) === byteOf(0)
}

/** How many blocks of part `k` were begun and finished for certain: up to the last one that is marked. */
export function journalBlocksFinished(k: number): number {
    notesRead(k)
    let finished = journalBlocksAll(k)
    while (finished > 0 && !isMarked(k, finished - 1)) finished--
    return finished
}

/**
 * How many blocks of part `k`, from its first one on, are in `region`: each with its hash, and of the `finished` ones, since a
 * block is begun only when those ahead of it are finished. A part without a list counts as all or nothing.
 */
export function journalBlocksDone(k: number, region: Region, finished: number): number {
    if (manifestParts()[k].listSrc === "") return blocksOf(manifestParts()[k].sizeBytes)
    let done = 0
    while (done < finished && blockHasDigest(k, done, region)) done++
    return done
}

/** Whether block `block` of part `k` reads from `region` with the digest of its list. */
export function blockHasDigest(k: number, block: number, region: Region): boolean {
    const bytes = regionRead(region, block * BLOCK_BYTES, blockBytesOf(manifestParts()[k].sizeBytes, block))
    return ports.digest.sha256(bytes) === journalDigest(k, block)
}
