// The boot record: two copies, of which one always stands while the other is written (FORMAT.md, "Boot record").

import { byteOf, bytesOfU31, bytesRepeated, u31, u8 } from "./bytes"
import {
    BOOT_RECORD_BYTES,
    BOOT_SEQUENCE_FIRST,
    CHECK_BYTES,
    DIGEST_BYTES,
    SLOT_COUNT,
    SLOT_NONE,
    TRIALS_DEFAULT,
    WRITES_MAX,
} from "./constants"
import { ports, type Bytes } from "./ports"
import { regionRead, regionWrite } from "./region"
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
    /** Result of the last update: STATUS_OK or a negative status. */
    result: number
    updateId: string
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
        result: STATUS_OK,
        updateId: "",
    }
}

/** Sequence of the record that this run wrote and read back, 0 = none: its cells are not in doubt. */
let provenSequence = 0

/** Reads the newest valid record; undefined when no copy is valid. */
export function bootRecordRead(): BootRecord | undefined {
    const first = copyRead(0)
    const second = copyRead(1)
    const newest = newestOf(first, second)
    if (newest < 0) return undefined
    return decode(newest === 0 ? first : second)
}

/**
 * Makes both copies alike, so that what the boot loader decides now is what it decides next time: a record whose write was cut
 * may be read today and not tomorrow. The newest is written anew while the older one stands, then the older one after it.
 * Nothing is written when they are alike, or when no copy is valid. Returns STATUS_OK or STATUS_FLASH.
 */
export function bootRecordSettle(): number {
    const first = copyRead(0)
    const second = copyRead(1)
    const newest = newestOf(first, second)
    if (newest < 0 || (first !== "" && second !== "" && isAlike(first, second))) return STATUS_OK
    const bytes = newest === 0 ? first : second
    // A copy that is alone was there before the one that is torn: its own write was finished.
    if (first !== "" && second !== "" && copyWrite(newest, bytes) !== STATUS_OK) return STATUS_FLASH
    return copyWrite(1 - newest, withSequence(bytes, sequenceOf(bytes) - 1))
}

/**
 * Writes `record` with the next sequence number, never over the copy that is known to stand. On success record.sequence is the
 * new one. Returns STATUS_OK or STATUS_FLASH; after an error the newest copy still stands.
 */
export function bootRecordWrite(record: BootRecord): number {
    let first = copyRead(0)
    let second = copyRead(1)
    // Both unreadable, but there was a record: whatever is there must not be overwritten.
    if (first === "" && second === "" && record.sequence <= BOOT_SEQUENCE_FIRST) return STATUS_FLASH
    let newest = newestOf(first, second)
    if (first !== "" && second !== "" && !isAlike(first, second) && sequenceOf(newest === 0 ? first : second) !== provenSequence) {
        if (bootRecordSettle() !== STATUS_OK) return STATUS_FLASH
        first = copyRead(0)
        second = copyRead(1)
        newest = newestOf(first, second)
    }
    let sequence = record.sequence - 1
    if (newest >= 0) sequence = sequenceOf(newest === 0 ? first : second) - 1
    const result = copyWrite(copyToWrite(first, second, newest), encode(record, sequence))
    if (result === STATUS_OK) {
        record.sequence = sequence
        provenSequence = sequence
    }
    return result
}

/** An invalid copy; of two that are alike the newer one, which was written while the older stood; else the older one. */
function copyToWrite(first: Bytes, second: Bytes, newest: number): number {
    if (first === "") return 0
    if (second === "") return 1
    if (isAlike(first, second)) return newest
    return 1 - newest
}

function newestOf(first: Bytes, second: Bytes): number {
    if (first === "" && second === "") return -1
    if (second === "") return 0
    if (first === "" || sequenceOf(second) < sequenceOf(first)) return 1
    return 0
}

function sequenceOf(bytes: Bytes): number {
    return u31(bytes, 4)
}

function isAlike(first: Bytes, second: Bytes): boolean {
    return first.substring(8, BODY_BYTES) === second.substring(8, BODY_BYTES)
}

function withSequence(bytes: Bytes, sequence: number): Bytes {
    const body = MAGIC + bytesOfU31(sequence) + bytes.substring(8, BODY_BYTES)
    return body + check(body)
}

function copyWrite(copy: number, bytes: Bytes): number {
    const offset = copy * ports.boot.eraseBytes
    for (let turn = 0; turn < WRITES_MAX; turn++) {
        if (ports.boot.erase(offset) === STATUS_OK && regionWrite(ports.boot, offset, bytes) === STATUS_OK) return STATUS_OK
    }
    return STATUS_FLASH
}

/** The bytes of a copy; "" when it is not valid. */
function copyRead(copy: number): Bytes {
    const bytes = regionRead(ports.boot, copy * ports.boot.eraseBytes, BOOT_RECORD_BYTES)
    if (bytes.length !== BOOT_RECORD_BYTES || bytes.substring(0, 4) !== MAGIC) return ""
    if (check(bytes.substring(0, BODY_BYTES)) !== bytes.substring(BODY_BYTES, BOOT_RECORD_BYTES)) return ""
    return bytes
}

function check(body: Bytes): Bytes {
    return ports.digest.sha256(body).substring(0, CHECK_BYTES)
}

function encode(record: BootRecord, sequence: number): Bytes {
    let flags = 0
    if (record.isCommitted) flags = 1
    if (record.cameBack) flags = flags + 2
    let bytes = MAGIC + bytesOfU31(sequence)
    bytes = bytes + byteOf(record.activeApp) + byteOf(record.revertApp) + byteOf(record.activeFiles) + byteOf(record.revertFiles)
    bytes = bytes + byteOf(flags) + byteOf(record.trialsLeft) + byteOf(record.trials) + byteOf(0)
    bytes = bytes + bytesOfU31(record.commitTimeoutS) + bytesOfU31(record.security)
    bytes = bytes + bytesOfU31(record.appBytes[0]) + bytesOfU31(record.appBytes[1])
    for (let slot = 0; slot < SLOT_COUNT; slot++) bytes = bytes + zeroPadded(record.appDigests[slot], DIGEST_BYTES)
    bytes = bytes + bytesOfU31(-record.result) + byteOf(record.updateId.length) + record.updateId
    const body = zeroPadded(bytes, BODY_BYTES)
    return body + check(body)
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
        result: -u31(bytes, 96),
        updateId: bytes.substring(101, 101 + u8(bytes, 100)),
    }
}
