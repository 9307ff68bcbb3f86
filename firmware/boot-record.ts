// The boot record as the running image keeps it: every record written twice, and settled when the image starts (FORMAT.md, "Boot record").

import {
    ACTIVE_APP_AT,
    APP_BYTES_AT,
    APP_DIGESTS_AT,
    APP_SECURITY_AT,
    checkOf,
    FLAG_CAME_BACK,
    FLAG_COMMITTED,
    FLAGS_AT,
    NATIVE_AT,
    RECORD_BODY_BYTES,
    RECORD_MAGIC,
    recordAt,
    recordIsValid,
    REVERT_APP_AT,
    SECURITY_AT,
    sequenceOf,
    TRIAL_ID_AT,
    TRIALS_AT,
} from "./boot-log"
import { byteOf, bytesOfU31, bytesRepeated, least, u31, u8 } from "./bytes"
import {
    BOOT_RECORD_BYTES,
    BOOT_SEQUENCE_FIRST,
    BOOT_SLOTS,
    DIGEST_BYTES,
    SLOT_COUNT,
    SLOT_NONE,
    TRIALS_DEFAULT,
    UPDATE_ID_BYTES_MAX,
    WRITES_MAX,
} from "./constants"
import { ports, type Bytes } from "./ports"
import { bytesAreErased, regionClear, regionRead, regionWrite } from "./region"
import { STATUS_FLASH, STATUS_OK } from "./status"

/** What decides which image runs. Lengths in bytes, digests of 32 bytes ("" = none). */
export interface BootRecord {
    sequence: number
    activeApp: number
    /** App slot to go back to, SLOT_NONE when committed. */
    revertApp: number
    activeFiles: number
    revertFiles: number
    isCommitted: boolean
    /** The last change was a rollback. */
    cameBack: boolean
    /** Boots that a new image gets to commit itself, 1–TRIALS_MAX. */
    trials: number
    /** Tells this trial from all others: the sequence that the record had which it took the place of. The loader's marks name it. */
    trialId: number
    commitTimeoutS: number
    security: number
    appBytes: number[]
    appDigests: Bytes[]
    /** Security counters of the images in the app slots. */
    appSecurity: number[]
    /** Result of the last update: STATUS_OK or a negative status. */
    result: number
    updateId: string
    /** Native firmware that the image in the active slots brought, as Native.running says it; 0 = none. */
    native: number
}

/** A record for a board's first installation: app slot 0 and files area 0, committed. */
export function bootRecordFirst(): BootRecord {
    return {
        sequence: BOOT_SEQUENCE_FIRST + 1,
        activeApp: 0,
        revertApp: SLOT_NONE,
        activeFiles: 0,
        revertFiles: SLOT_NONE,
        isCommitted: true,
        cameBack: false,
        trials: TRIALS_DEFAULT,
        trialId: 0,
        commitTimeoutS: 0,
        security: 0,
        appBytes: [0, 0],
        appDigests: ["", ""],
        appSecurity: [0, 0],
        result: STATUS_OK,
        updateId: "",
        native: 0,
    }
}

// What boots depends on which of these slots are read as valid: slot k of unit u is entry u * BOOT_SLOTS + k.
let slots: Bytes[] = []
/** The slot that counts; -1 when none is valid. */
let newest = -1

/** The slot that the loader has started, while flash does not say so for good; -1 otherwise. */
let startSlot = -1
/** STATUS_OK, or why the loader went back. */
let startReason: number = STATUS_OK

/**
 * Called once, before anything else reads or writes flash: the loader has started app slot `slot` by the record `counted`, its bytes, for
 * `reason`: STATUS_OK, or why it went back. From now on that is what counts: it is written anew where a cut could take it away
 * again, or has taken it meanwhile, and the way back is written down. What cannot be written is tried again at the next boot, and ahead
 * of the next write.
 */
export function bootRecordStart(slot: number, reason: number, counted: Bytes): void {
    startSlot = slot
    startReason = reason
    slotsRead()
    if (newest < 0) return
    let result = STATUS_OK as number
    if (slots[newest] === counted) result = settle()
    else result = pairWrite(counted)
    if (result !== STATUS_OK) return
    if (reason === STATUS_OK) startSlot = -1
    else recordWrite(recordRead()!)
}

/**
 * The record that counts; undefined when none is valid, or when what the loader has decided by cannot be read any more. Where the
 * loader went back, that is in it, whether or not it could be written yet.
 */
export function bootRecordRead(): BootRecord | undefined {
    slotsRead()
    const record = recordRead()
    // Two kilobytes that every other function reads anew.
    slots = []
    return record
}

function recordRead(): BootRecord | undefined {
    if (newest < 0) return undefined
    const record = decode(slots[newest])
    if (startSlot < 0) return record
    if (startReason !== STATUS_OK) {
        record.revertApp = startSlot
        recordBack(record, startReason)
    }
    if (record.activeApp !== startSlot) return undefined
    return record
}

/**
 * Makes the record one that goes back: the slots to go back to become active and committed, `result` says why. The same for the
 * loader's decision, `revert` and the commit timeout, so that every way back leaves the same record.
 */
export function recordBack(record: BootRecord, result: number): void {
    record.activeApp = record.revertApp
    if (record.revertFiles !== SLOT_NONE) record.activeFiles = record.revertFiles
    record.revertApp = SLOT_NONE
    record.revertFiles = SLOT_NONE
    record.isCommitted = true
    record.cameBack = true
    record.result = result
}

/**
 * Writes `record` with the next sequence numbers. On success record.sequence is the new one.
 * Returns STATUS_OK or STATUS_FLASH; after an error the record before still counts.
 */
export function bootRecordWrite(record: BootRecord): number {
    slotsRead()
    return recordWrite(record)
}

function recordWrite(record: BootRecord): number {
    if (settle() !== STATUS_OK) return STATUS_FLASH
    // None can be read, but there was one: whatever is there must not be overwritten.
    if (newest < 0 && record.sequence <= BOOT_SEQUENCE_FIRST) return STATUS_FLASH
    if (newest >= 0 && slotWrite(slots[newest], sequenceOf(slots[newest]) - 1, ROLE_INTENT) !== STATUS_OK) return STATUS_FLASH
    const result = pairWrite(encode(record))
    if (result !== STATUS_OK) return result
    if (newest >= 0) record.sequence = sequenceOf(slots[newest])
    startSlot = -1
    return result
}

/**
 * Makes sure that the record which counts now counts at the next boot, too: a write that was cut may be read today and not
 * tomorrow. Unless it is a double, whose first was finished, with nothing behind it, it is written anew.
 * Returns STATUS_OK (also when no record is valid: nothing is written then) or STATUS_FLASH.
 */
function settle(): number {
    if (newest < 0 || isSettled()) return STATUS_OK
    return pairWrite(slots[newest])
}

function slotsRead(): void {
    newest = -1
    for (let i = 0; i < BOOT_SLOTS * 2; i++) {
        slots[i] = slotRead(i)
        if (slots[i].length === BOOT_RECORD_BYTES && (newest < 0 || sequenceOf(slots[i]) < sequenceOf(slots[newest]))) newest = i
    }
}

const DAMAGED = "?"
/** A damaged slot whose sequence can be made out. */
const DAMAGED_BYTES = 8

/** The bytes of a valid slot; "" of an erased one. Of any other DAMAGED, and behind it what lies where a record has its sequence. */
function slotRead(i: number): Bytes {
    // With its padding: where that is not blank, the slot takes no write.
    const bytes = regionRead(ports.boot, slotAt(i), recordAt(0, 1))
    const record = bytes.substring(0, BOOT_RECORD_BYTES)
    if (recordIsValid(record)) return record
    if (bytes !== "" && bytesAreErased(bytes)) return ""
    return DAMAGED + bytes.substring(1, DAMAGED_BYTES)
}

function slotAt(i: number): number {
    if (i < BOOT_SLOTS) return recordAt(0, i)
    return recordAt(1, i - BOOT_SLOTS)
}

/** Offset of the byte that says what a record is there for. */
const ROLE_AT = 15
/** What counts from now on. */
const ROLE_NEW = 0
/** The same again: its write began when the new one's was finished. */
const ROLE_DOUBLE = 1
/** What counted so far, once more: whatever lies behind it may have been cut, even where it reads as erased. */
const ROLE_INTENT = 2

function isSettled(): boolean {
    if (u8(slots[newest], ROLE_AT) !== ROLE_DOUBLE) return false
    const end = newest < BOOT_SLOTS ? BOOT_SLOTS : BOOT_SLOTS * 2
    for (let i = newest + 1; i < end; i++) if (slots[i] !== "") return false
    // A write goes to the other unit only when this one is full, and erases it: where its first slot holds no record, even where it
    // reads as erased, a write was cut there.
    return newest + 1 < end || slots[BOOT_SLOTS * 2 - end].length === BOOT_RECORD_BYTES
}

/** The first erased slot behind everything in the unit of the newest record; -1 when there is none. */
function slotFree(): number {
    if (newest < 0) return -1
    const begin = newest < BOOT_SLOTS ? 0 : BOOT_SLOTS
    let free = begin + BOOT_SLOTS
    while (free > begin && slots[free - 1] === "") free--
    if (free < begin + BOOT_SLOTS) return free
    return -1
}

/**
 * The unit that may be erased: not the one of the last record whose write was finished for certain. That is so of every record that
 * others follow; a double proves it of the one that it repeats, and counts itself only where that is gone.
 */
function unitToErase(): number {
    let standing = -1
    for (let i = 0; i < BOOT_SLOTS * 2; i++) {
        if (slots[i].length === BOOT_RECORD_BYTES && (i !== newest || isLoneDouble())) {
            if (standing < 0 || sequenceOf(slots[i]) < sequenceOf(slots[standing])) standing = i
        }
    }
    if (standing < 0) standing = newest
    if (standing >= 0 && standing < BOOT_SLOTS) return 1
    return 0
}

function isLoneDouble(): boolean {
    if (u8(slots[newest], ROLE_AT) !== ROLE_DOUBLE) return false
    for (let i = 0; i < BOOT_SLOTS * 2; i++) if (i !== newest && contentOf(slots[i]) === contentOf(slots[newest])) return false
    return true
}

/** What a record says, but for its sequence and role. */
function contentOf(bytes: Bytes): Bytes {
    return bytes.substring(ACTIVE_APP_AT, ROLE_AT) + bytes.substring(ROLE_AT + 1, RECORD_BODY_BYTES)
}

/** Most that the sequence of a record which cannot be read lies below the newest one: a few writes that were cut one after the other. */
const SEQUENCE_GAP_MAX = 64

/**
 * The lowest sequence that the newest record has, or one behind it that a cut has left unreadable: tomorrow it may be readable, and must
 * not count more than what is written now.
 */
function sequenceLowest(): number {
    const counted = sequenceOf(slots[newest])
    let lowest = counted
    for (let i = 0; i < BOOT_SLOTS * 2; i++) {
        if (slots[i].length === DAMAGED_BYTES) {
            const sequence = sequenceOf(slots[i])
            if (sequence < lowest && sequence > counted - SEQUENCE_GAP_MAX) lowest = sequence
        }
    }
    return lowest
}

/**
 * Writes a record, then its double. Sequences leave room for what a cut has left behind the newest one, and lie below the one that `bytes`
 * brings.
 */
function pairWrite(bytes: Bytes): number {
    let sequence = BOOT_SEQUENCE_FIRST
    if (newest >= 0) sequence = least(sequenceLowest(), sequenceOf(bytes)) - 2
    if (slotWrite(bytes, sequence, ROLE_NEW) !== STATUS_OK) return STATUS_FLASH
    // A double that fails is made good by the next boot.
    slotWrite(bytes, sequenceOf(slots[newest]) - 1, ROLE_DOUBLE)
    return STATUS_OK
}

function slotWrite(bytes: Bytes, sequence: number, role: number): number {
    for (let turn = 0; turn < BOOT_SLOTS + WRITES_MAX; turn++) {
        // A slot that reads as erased and takes no write may hold a record that a cut has left there, of which the same is true.
        const head = RECORD_MAGIC + bytesOfU31(sequence - turn * 2) + bytes.substring(ACTIVE_APP_AT, ROLE_AT)
        const body = head + byteOf(role) + bytes.substring(ROLE_AT + 1, RECORD_BODY_BYTES)
        const slot = slotClear()
        if (slot >= 0 && regionWrite(ports.boot, slotAt(slot), body + checkOf(body)) === STATUS_OK) {
            // It was read back: it counts from now on. The others are as they were; what went blind meanwhile is not taken for blank.
            slots[slot] = body + checkOf(body)
            newest = slot
            return STATUS_OK
        }
        // What the write may have touched is not tried again.
        if (slot >= 0) slots[slot] = DAMAGED
    }
    slotsRead()
    return STATUS_FLASH
}

/** A slot that is erased: the next one, or the first of the other unit, which is erased for it. Returns -1 when that fails. */
function slotClear(): number {
    const free = slotFree()
    if (free >= 0) return free
    const unit = unitToErase()
    const first = unit * BOOT_SLOTS
    if (regionClear(ports.boot, recordAt(unit, 0), recordAt(0, BOOT_SLOTS)) !== STATUS_OK) return -1
    for (let i = first; i < first + BOOT_SLOTS; i++) slots[i] = ""
    if (newest >= first && newest < first + BOOT_SLOTS) newest = -1
    return first
}

/** A record with the sequence of the one before; the write gives it its own, its role and its check. */
function encode(record: BootRecord): Bytes {
    let flags = 0
    if (record.isCommitted) flags = FLAG_COMMITTED
    if (record.cameBack) flags = flags + FLAG_CAME_BACK
    let bytes = RECORD_MAGIC + bytesOfU31(record.sequence)
    bytes = bytes + byteOf(record.activeApp) + byteOf(record.revertApp) + byteOf(record.activeFiles) + byteOf(record.revertFiles)
    bytes = bytes + byteOf(flags) + byteOf(0) + byteOf(record.trials) + byteOf(0)
    bytes = bytes + bytesOfU31(record.commitTimeoutS) + bytesOfU31(record.security)
    bytes = bytes + bytesOfU31(record.appBytes[0]) + bytesOfU31(record.appBytes[1])
    for (let slot = 0; slot < SLOT_COUNT; slot++) bytes = bytes + zeroPadded(record.appDigests[slot], DIGEST_BYTES)
    bytes = bytes + bytesOfU31(-record.result) + byteOf(record.updateId.length)
    bytes = bytes + zeroPadded(record.updateId, UPDATE_ID_BYTES_MAX)
    for (let slot = 0; slot < SLOT_COUNT; slot++) bytes = bytes + bytesOfU31(record.appSecurity[slot])
    bytes = bytes + byteOf(record.native) + bytesOfU31(record.trialId)
    return zeroPadded(bytes, RECORD_BODY_BYTES)
}

function zeroPadded(bytes: Bytes, length: number): Bytes {
    return bytes + bytesRepeated(0, length - bytes.length)
}

function decode(bytes: Bytes): BootRecord {
    const flags = u8(bytes, FLAGS_AT)
    return {
        sequence: sequenceOf(bytes),
        activeApp: u8(bytes, ACTIVE_APP_AT),
        revertApp: u8(bytes, REVERT_APP_AT),
        activeFiles: u8(bytes, 10),
        revertFiles: u8(bytes, 11),
        isCommitted: (flags & FLAG_COMMITTED) !== 0,
        cameBack: (flags & FLAG_CAME_BACK) !== 0,
        trials: u8(bytes, TRIALS_AT),
        trialId: u31(bytes, TRIAL_ID_AT),
        commitTimeoutS: u31(bytes, 16),
        security: u31(bytes, SECURITY_AT),
        appBytes: [u31(bytes, APP_BYTES_AT), u31(bytes, APP_BYTES_AT + 4)],
        appDigests: [bytes.substring(APP_DIGESTS_AT, 64), bytes.substring(64, 96)],
        appSecurity: [u31(bytes, APP_SECURITY_AT), u31(bytes, APP_SECURITY_AT + 4)],
        result: 0 - u31(bytes, 96),
        updateId: bytes.substring(101, 101 + u8(bytes, 100)),
        native: u8(bytes, NATIVE_AT),
    }
}
