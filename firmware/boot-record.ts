// The boot record: a short log over two erase units, every record written twice (FORMAT.md, "Boot record").

import { byteOf, bytesOfU31, bytesRepeated, u31, u8 } from "./bytes"
import {
    BOOT_RECORD_BYTES,
    BOOT_SEQUENCE_FIRST,
    BOOT_SLOTS,
    CHECK_BYTES,
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
    trialsLeft: number
    trials: number
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

const MAGIC = "OTB1"
const BODY_BYTES = BOOT_RECORD_BYTES - CHECK_BYTES

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
        trialsLeft: 0,
        trials: TRIALS_DEFAULT,
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

/** Reads the newest valid record; undefined when none is valid. */
export function bootRecordRead(): BootRecord | undefined {
    slotsRead()
    if (newest < 0) return undefined
    const record = decode(slots[newest])
    // Two kilobytes that every other function reads anew.
    slots = []
    return record
}

/**
 * Makes sure that the record which counts now counts at the next boot, too: a write that was cut may be read today and not
 * tomorrow. Unless it is a double, whose first was finished, with nothing behind it, it is written anew.
 * Returns STATUS_OK (also when no record is valid: nothing is written then) or STATUS_FLASH.
 */
export function bootRecordSettle(): number {
    slotsRead()
    if (newest < 0 || isSettled()) return STATUS_OK
    return pairWrite(slots[newest])
}

/**
 * Writes `record` with the next sequence numbers. On success record.sequence is the new one.
 * Returns STATUS_OK or STATUS_FLASH; after an error the record before still counts.
 */
export function bootRecordWrite(record: BootRecord): number {
    if (bootRecordSettle() !== STATUS_OK) return STATUS_FLASH
    // None can be read, but there was one: whatever is there must not be overwritten.
    if (newest < 0 && record.sequence <= BOOT_SEQUENCE_FIRST) return STATUS_FLASH
    if (newest >= 0 && slotWrite(slots[newest], sequenceOf(slots[newest]) - 1, ROLE_INTENT) !== STATUS_OK) return STATUS_FLASH
    const result = pairWrite(encode(record))
    if (result === STATUS_OK && newest >= 0) record.sequence = sequenceOf(slots[newest])
    return result
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
    const bytes = regionRead(ports.boot, slotAt(i), BOOT_RECORD_BYTES)
    if (bytes.substring(0, 4) === MAGIC && bytes.length === BOOT_RECORD_BYTES) {
        const isChecked = check(bytes.substring(0, BODY_BYTES)) === bytes.substring(BODY_BYTES, BOOT_RECORD_BYTES)
        if (isChecked && isPossible(bytes)) return bytes
    }
    if (bytes !== "" && bytesAreErased(bytes)) return ""
    return DAMAGED + bytes.substring(1, DAMAGED_BYTES)
}

/**
 * Whether fields that lead to a slot or an area, and what is computed with, are what the core writes; nothing is believed for its
 * check alone.
 */
function isPossible(bytes: Bytes): boolean {
    if (u8(bytes, 8) >= SLOT_COUNT || u8(bytes, 10) >= SLOT_COUNT || u31(bytes, 4) <= 0) return false
    if (u8(bytes, 9) >= SLOT_COUNT && u8(bytes, 9) !== SLOT_NONE) return false
    return u8(bytes, 11) < SLOT_COUNT || u8(bytes, 11) === SLOT_NONE
}

function slotAt(i: number): number {
    if (i < BOOT_SLOTS) return i * BOOT_RECORD_BYTES
    return ports.boot.eraseBytes + (i - BOOT_SLOTS) * BOOT_RECORD_BYTES
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
    return bytes.substring(8, ROLE_AT) + bytes.substring(ROLE_AT + 1, BODY_BYTES)
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

/** Writes a record, then its double. Sequences leave room for what a cut has left behind the newest one. */
function pairWrite(bytes: Bytes): number {
    let sequence = BOOT_SEQUENCE_FIRST
    if (newest >= 0) sequence = sequenceLowest() - 2
    if (slotWrite(bytes, sequence, ROLE_NEW) !== STATUS_OK) return STATUS_FLASH
    // A double that fails is made good by the next boot.
    slotWrite(bytes, sequenceOf(slots[newest]) - 1, ROLE_DOUBLE)
    return STATUS_OK
}

function slotWrite(bytes: Bytes, sequence: number, role: number): number {
    for (let turn = 0; turn < BOOT_SLOTS + WRITES_MAX; turn++) {
        // A slot that reads as erased and takes no write may hold a record that a cut has left there, of which the same is true.
        const head = MAGIC + bytesOfU31(sequence - turn * 2) + bytes.substring(8, ROLE_AT)
        const body = head + byteOf(role) + bytes.substring(ROLE_AT + 1, BODY_BYTES)
        const slot = slotClear()
        if (slot >= 0 && regionWrite(ports.boot, slotAt(slot), body + check(body)) === STATUS_OK) {
            // It was read back: it counts from now on. The others are as they were; what went blind meanwhile is not taken for blank.
            slots[slot] = body + check(body)
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
    if (regionClear(ports.boot, unit * ports.boot.eraseBytes, BOOT_SLOTS * BOOT_RECORD_BYTES) !== STATUS_OK) return -1
    for (let i = first; i < first + BOOT_SLOTS; i++) slots[i] = ""
    if (newest >= first && newest < first + BOOT_SLOTS) newest = -1
    return first
}

function sequenceOf(bytes: Bytes): number {
    return u31(bytes, 4)
}

function check(body: Bytes): Bytes {
    return ports.digest.sha256(body).substring(0, CHECK_BYTES)
}

/** A record but for its sequence, double flag and check, which the write adds. */
function encode(record: BootRecord): Bytes {
    let flags = 0
    if (record.isCommitted) flags = 1
    if (record.cameBack) flags = flags + 2
    let bytes = MAGIC + bytesOfU31(0)
    bytes = bytes + byteOf(record.activeApp) + byteOf(record.revertApp) + byteOf(record.activeFiles) + byteOf(record.revertFiles)
    bytes = bytes + byteOf(flags) + byteOf(record.trialsLeft) + byteOf(record.trials) + byteOf(0)
    bytes = bytes + bytesOfU31(record.commitTimeoutS) + bytesOfU31(record.security)
    bytes = bytes + bytesOfU31(record.appBytes[0]) + bytesOfU31(record.appBytes[1])
    for (let slot = 0; slot < SLOT_COUNT; slot++) bytes = bytes + zeroPadded(record.appDigests[slot], DIGEST_BYTES)
    bytes = bytes + bytesOfU31(-record.result) + byteOf(record.updateId.length)
    bytes = bytes + zeroPadded(record.updateId, UPDATE_ID_BYTES_MAX)
    for (let slot = 0; slot < SLOT_COUNT; slot++) bytes = bytes + bytesOfU31(record.appSecurity[slot])
    bytes = bytes + byteOf(record.native)
    return zeroPadded(bytes, BODY_BYTES)
}

function zeroPadded(bytes: Bytes, length: number): Bytes {
    return bytes + bytesRepeated(0, length - bytes.length)
}

function decode(bytes: Bytes): BootRecord {
    const flags = u8(bytes, 12)
    return {
        sequence: u31(bytes, 4),
        activeApp: u8(bytes, 8),
        revertApp: u8(bytes, 9),
        activeFiles: u8(bytes, 10),
        revertFiles: u8(bytes, 11),
        isCommitted: (flags & 1) === 1,
        cameBack: (flags & 2) === 2,
        trialsLeft: u8(bytes, 13),
        trials: u8(bytes, 14),
        commitTimeoutS: u31(bytes, 16),
        security: u31(bytes, 20),
        appBytes: [u31(bytes, 24), u31(bytes, 28)],
        appDigests: [bytes.substring(32, 64), bytes.substring(64, 96)],
        appSecurity: [u31(bytes, 164), u31(bytes, 168)],
        result: 0 - u31(bytes, 96),
        updateId: bytes.substring(101, 101 + u8(bytes, 100)),
        native: u8(bytes, 172),
    }
}
