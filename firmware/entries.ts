// Which entry of an image is what: the manifest, a block list, a part, or of no use; and where a stopped download goes on.

import { blocksEnd, blocksSkip, blocksTake, listBegin, partBegin } from "./blocks"
import { blocksOf } from "./bytes"
import { MANIFEST_BYTES_MAX, PARTS_MAX, SIGNATURES_BYTES_MAX, SKIPPED_ENTRY_BYTES_MAX, SLOT_NONE } from "./constants"
import {
    journalBlocksAll,
    journalBlocksDone,
    journalBlocksFinished,
    journalForget,
    journalLayout,
    journalListIsWhole,
    journalMayErase,
    journalOpen,
    journalPayloadAt,
    journalPayloadBytes,
    journalPlace,
    journalPlaceOf,
    journalStart,
} from "./journal"
import { listBytesOf, manifestHasFiles, manifestIsRunning, manifestParts, manifestRead, partRegion } from "./manifest"
import { ports, type Bytes } from "./ports"
import { deltaBegin, deltaEnd, deltaSuits, deltaTake } from "./delta"
import { scratchResume } from "./scratch"
import { SIGNATURE_GOOD, SIGNATURE_MORE, signatureIsWanted, signatureStart, signatureStep, signatureTake } from "./signature"
import * as status from "./status"
import { zipBaseName, zipCrc, zipEntryBytes, zipExtra, zipName, zipOffset, zipStart, zipStartInside } from "./zip"

/** Slots that an update is written to, and what makes it itself. */
export interface EntriesTarget {
    appSlot: number
    filesArea: number
    /** 32 bytes, or "" for an update that cannot be continued. */
    identity: Bytes
    /** The board's security counter. */
    security: number
    /** Whether an image of the running version and build_id is written all the same. */
    ignoreSameVersion: boolean
    /** The app that runs: its slot digest, and its size. */
    baseDigest: Bytes
    baseBytes: number
}

const ENTRY_MANIFEST = 1
const ENTRY_LIST = 2
const ENTRY_PART = 3
const ENTRY_OTHER = 4
const ENTRY_SIGNATURE = 5
const ENTRY_DELTA = 6

const PART_NONE = 0
/** In flash from this run on. */
const PART_WHOLE = 1
/** In flash from before a reset; its entry may pass again. */
const PART_KEPT = 2

let target: EntriesTarget
let entry = ENTRY_OTHER
// From here on: set by entriesStart. Words for a first value that nobody reads cost small boards memory.
let index: number
let manifest: Bytes
let signatures: Bytes
let isKnown: boolean
/** The manifest may be installed: its signatures hold, or none are wanted. Nothing is erased before. */
let isAllowed: boolean
let isVerifying = false
let isSame: boolean
/** Whether the image is read from some place behind its manifest on. */
let isResumed = false
// Of each part; filled by entriesStart.
const partState: number[] = []
const doneBlocks: number[] = []
const finishedBlocks: number[] = []
const placeOf: number[] = []
const listIsWhole: boolean[] = []

/** Starts an image, or goes on with the journal's where it is the same one and its manifest is still allowed. */
export function entriesStart(newTarget: EntriesTarget): void {
    target = newTarget
    entry = ENTRY_OTHER
    manifest = ""
    signatures = ""
    isAllowed = false
    isVerifying = false
    isSame = false
    partsForget()
    zipStart(0)
    blocksSkip()
    if (target.identity !== "") resume()
}

/** Whether the manifest says that this is the running image. */
export function entriesSame(): boolean {
    return isSame
}

/** The first part that is not whole, as STATUS_PART_MISSING; STATUS_OK when all are; STATUS_MANIFEST_ORDER without a manifest. */
export function entriesMissing(): number {
    if (!isKnown) return status.STATUS_MANIFEST_ORDER
    // Behind such a manifest came nothing, not even its signatures.
    if (!isAllowed) return status.STATUS_SIGNATURE_MISSING
    for (let k = 0; k < manifestParts().length; k++) {
        if (partState[k] === PART_NONE) {
            // A download that went on behind the part must not do so again.
            journalForget()
            return status.STATUS_PART_MISSING
        }
    }
    return status.STATUS_OK
}

// ---- one entry ---------------------------------------------------------------------------------

/** The reader stands behind an entry's header. Returns STATUS_OK or a negative status. */
export function entryBegin(): number {
    const name = zipBaseName(zipName())
    if (!isKnown) return manifestBegin(name)
    if (!isAllowed) {
        if (name === "manifest.sig") return signatureBegin()
        // No LMS signature follows: what the manifest's own header brought must do.
        const result = verifyAll()
        if (result !== status.STATUS_OK || isSame) return result
    }
    const parts = manifestParts()
    for (let k = 0; k < parts.length; k++) {
        index = k
        if (name === parts[k].src) return partEntry(k)
        if (name !== "" && name === parts[k].listSrc) return listEntry(k)
    }
    if (zipEntryBytes() > SKIPPED_ENTRY_BYTES_MAX) return status.STATUS_ZIP_LIMIT
    other()
    return status.STATUS_OK
}

function other(): void {
    entry = ENTRY_OTHER
    blocksSkip()
}

function manifestBegin(name: string): number {
    // A folder's own entry, such as `demo-1.0.0/`, may come first.
    if (name === "" && zipEntryBytes() === 0) {
        other()
        return status.STATUS_OK
    }
    if (name !== "manifest.json") return status.STATUS_MANIFEST_ORDER
    if (zipEntryBytes() > MANIFEST_BYTES_MAX || zipEntryBytes() === 0) return status.STATUS_MANIFEST_SIZE
    entry = ENTRY_MANIFEST
    manifest = ""
    isAllowed = false
    return status.STATUS_OK
}

function listEntry(k: number): number {
    if (zipEntryBytes() !== listBytesOf(manifestParts()[k])) return status.STATUS_BLOCK_LIST
    // A continued download may pass a list again that is in the journal already. Of a part that was not begun it is taken anew, once:
    // its own write may have been cut.
    if (listIsWhole[k] && doneBlocks[k] >= 0) {
        other()
        return status.STATUS_OK
    }
    entry = ENTRY_LIST
    return listBegin(k, zipEntryBytes(), zipCrc())
}

function partEntry(k: number): number {
    const part = manifestParts()[k]
    if (partState[k] === PART_WHOLE) return status.STATUS_PART_TWICE
    if (partState[k] === PART_KEPT) {
        partState[k] = PART_WHOLE
        other()
        return status.STATUS_OK
    }
    if (part.listSrc !== "" && !listIsWhole[k]) return listMissing()
    if (zipEntryBytes() !== (part.baseDigest === "" ? part.sizeBytes : journalPayloadBytes(k))) return status.STATUS_PART_SIZE
    if (target.identity !== "") journalPlace(k, zipOffset())
    partOpen(k, 0, zipCrc())
    return status.STATUS_OK
}

/** What follows is the payload of part `k`, from block `block` on. */
function partOpen(k: number, block: number, crc: number): void {
    const part = manifestParts()[k]
    const region = partRegion(part, target.appSlot, target.filesArea)
    entry = ENTRY_PART
    if (part.baseDigest === "") return partBegin(k, region, block, crc)
    entry = ENTRY_DELTA
    deltaBegin(k, region, block, ports.app[1 - target.appSlot])
}

/** A continued download whose list lay before the place where it went on, and is gone, begins anew the next time. */
function listMissing(): number {
    if (!isResumed) return status.STATUS_BLOCK_LIST
    journalForget()
    return status.STATUS_FLASH
}

/**
 * Takes payload bytes[from, to) of the entry. Returns STATUS_OK or a negative status.
 * @hot
 */
export function entryTake(bytes: Bytes, from: number, to: number): number {
    if (entry === ENTRY_PART) return blocksTake(bytes, from, to)
    if (entry === ENTRY_DELTA) return deltaTake(bytes, from, to)
    if (entry === ENTRY_MANIFEST || entry === ENTRY_SIGNATURE) return textTake(bytes, from, to)
    return blocksTake(bytes, from, to)
}

function textTake(bytes: Bytes, from: number, to: number): number {
    if (entry === ENTRY_MANIFEST) manifest = manifest + bytes.substring(from, to)
    else signatures = signatures + bytes.substring(from, to)
    return status.STATUS_OK
}

/** The entry's payload is at its end. Returns STATUS_OK or a negative status. */
export function entryEnd(): number {
    if (entry === ENTRY_MANIFEST) return manifestEnd()
    if (entry === ENTRY_SIGNATURE) return signatureEnd()
    let result = status.STATUS_OK
    if (entry === ENTRY_DELTA) result = deltaEnd()
    if (result === status.STATUS_OK) result = blocksEnd()
    if (result !== status.STATUS_OK) return result
    if (entry === ENTRY_LIST) {
        listIsWhole[index] = true
        doneBlocks[index] = 0
    }
    if (entry === ENTRY_PART || entry === ENTRY_DELTA) partState[index] = PART_WHOLE
    entry = ENTRY_OTHER
    return status.STATUS_OK
}

function manifestEnd(): number {
    entry = ENTRY_OTHER
    if (zipCrc() !== 0 && ports.digest.crc32(manifest) !== zipCrc()) return status.STATUS_ZIP_CRC
    const result = read()
    if (result !== status.STATUS_OK) return result
    isKnown = true
    if (signatureIsWanted()) return signatureStart(manifest, zipExtra())
    return manifestAllowed()
}

/** Every signature that is wanted holds. Only now is anything erased. */
function manifestAllowed(): number {
    isAllowed = true
    if (manifestIsRunning() && !target.ignoreSameVersion) {
        isSame = true
        return status.STATUS_OK
    }
    if (!deltaSuits(target.baseDigest, target.baseBytes)) return status.STATUS_DELTA_BASE
    let filesArea = SLOT_NONE
    if (manifestHasFiles()) filesArea = target.filesArea
    return journalStart(target.identity, target.appSlot, filesArea, { manifest, manifestEnd: zipOffset() })
}

function signatureBegin(): number {
    if (zipEntryBytes() > SIGNATURES_BYTES_MAX) return status.STATUS_SIGNATURE_INVALID
    entry = ENTRY_SIGNATURE
    signatures = ""
    return status.STATUS_OK
}

function signatureEnd(): number {
    entry = ENTRY_OTHER
    const bytes = signatures
    signatures = ""
    if (zipCrc() !== 0 && ports.digest.crc32(bytes) !== zipCrc()) return status.STATUS_ZIP_CRC
    const result = signatureTake(bytes)
    isVerifying = result === status.STATUS_OK
    return result
}

/** Whether signatures are being checked: until entriesVerify says otherwise, no byte behind them may come. */
export function entriesVerifying(): boolean {
    return isVerifying
}

/** One step of the check. Returns STATUS_OK (ask entriesVerifying whether it was the last) or a negative status. */
export function entriesVerify(): number {
    const result = signatureStep()
    if (result === SIGNATURE_MORE) return status.STATUS_OK
    isVerifying = false
    if (result === SIGNATURE_GOOD) return manifestAllowed()
    return result
}

function verifyAll(): number {
    let result = status.STATUS_OK
    isVerifying = true
    while (isVerifying && result === status.STATUS_OK) result = entriesVerify()
    return result
}

function read(): number {
    return manifestRead(manifest, ports.app[target.appSlot].sizeBytes, ports.files[target.filesArea].sizeBytes, target.security)
}

// ---- going on ----------------------------------------------------------------------------------

/** Goes on where the journal says, at the last whole block or entry. Without a usable journal everything starts at 0. */
function resume(): void {
    const header = journalOpen(target.identity, target.appSlot, target.filesArea)
    if (header === undefined) return
    manifest = header.manifest
    if (read() !== status.STATUS_OK || manifestIsRunning() || !deltaSuits(target.baseDigest, target.baseBytes)) return
    isKnown = true
    // It was allowed before its journal was begun, under the same keys: the identity is bound to them.
    isAllowed = true
    journalLayout(manifest.length)
    const last = resumeParts()
    if (last < 0) return partsForget()
    isResumed = true
    if (partState[last] === PART_KEPT) zipStart(placeOf[last] + journalPayloadBytes(last))
    else if (!resumeInside(last)) partsForget()
}

/** No part is there: everything starts anew. */
function partsForget(): void {
    isKnown = false
    isResumed = false
    for (let k = 0; k < PARTS_MAX; k++) {
        partState[k] = PART_NONE
        listIsWhole[k] = false
        doneBlocks[k] = -1
    }
}

/**
 * Looks at every part. Returns the one to go on in or behind: the last one in the image that was begun, or one ahead of it that lost
 * a block; -1 when there is none, or when too much is missing. Until a block is marked nothing proves that the header's own write was
 * finished, and nothing is lost by starting anew.
 */
function resumeParts(): number {
    const count = manifestParts().length
    let last = -1
    // Looked at once: a mark whose write was cut may read one way now and another way next.
    for (let k = 0; k < count; k++) {
        placeOf[k] = journalPlaceOf(k)
        finishedBlocks[k] = journalBlocksFinished(k)
        if (finishedBlocks[k] > 0) last = laterOf(last, k)
    }
    // A part was begun only when those ahead of it were finished: its marks vouch for theirs.
    for (let k = 0; k < count; k++) if (isAhead(k, last)) finishedBlocks[k] = journalBlocksAll(k)
    last = -1
    for (let k = 0; k < count; k++) {
        resumePart(k)
        if (doneBlocks[k] > 0) last = laterOf(last, k)
    }
    for (let k = 0; k < count; k++) {
        if (isAhead(k, last) && partState[k] !== PART_KEPT) {
            // A part that is whole is passed over when it comes again.
            if (doneBlocks[k] < 0 || partState[last] !== PART_KEPT) return -1
            last = k
        }
    }
    return last
}

/** The one of two parts that lies behind the other in the image; `last` may be -1. */
function laterOf(last: number, k: number): number {
    if (last < 0 || placeOf[k] > placeOf[last]) return k
    return last
}

function isAhead(k: number, last: number): boolean {
    return last >= 0 && placeOf[k] >= 0 && placeOf[k] < placeOf[last]
}

/**
 * What the journal and the flash say of part `k`: whole, begun (doneBlocks), or not begun (-1). A place is believed once a block
 * behind it is marked: until then its own write may have been cut, and read so today and otherwise tomorrow. So is a list, unless it
 * lay ahead of what is whole: then it does not pass again, and was finished long ago.
 */
function resumePart(k: number): void {
    const part = manifestParts()[k]
    const finished = finishedBlocks[k]
    listIsWhole[k] = part.listSrc !== "" && journalListIsWhole(k)
    if (finished === 0 || placeOf[k] < 0 || (part.listSrc !== "" && !listIsWhole[k])) return
    const region = partRegion(part, target.appSlot, target.filesArea)
    const done = scratchResume(k, region, journalBlocksDone(k, region, finished), finished)
    // A block that is marked and yet not there would be written under its old mark, which then proves nothing. Only the last mark
    // may be one that a cut has left in doubt.
    if (done === 0 || (part.listSrc !== "" && done < finished - 1)) {
        listIsWhole[k] = false
        return
    }
    doneBlocks[k] = done
    if (done === blocksOf(part.sizeBytes)) partState[k] = PART_KEPT
}

/** Goes on within part `k`. Returns false where the journal cannot take it. */
function resumeInside(k: number): boolean {
    const block = doneBlocks[k]
    if (!journalMayErase(k, block, partRegion(manifestParts()[k], target.appSlot, target.filesArea))) return false
    const offset = journalPayloadAt(k, block)
    index = k
    partOpen(k, block, 0)
    zipStartInside(placeOf[k] + offset, journalPayloadBytes(k) - offset)
    return true
}
