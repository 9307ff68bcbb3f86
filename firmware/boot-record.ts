// The boot record: two copies, the older one is always the one written (FORMAT.md, "Boot record").

import { byteOf, bytesOfU31, bytesRepeated, u31, u8 } from "./bytes"
import {
    BOOT_RECORD_BYTES,
    BOOT_SEQUENCE_FIRST,
    CHECK_BYTES,
    DIGEST_BYTES,
    SLOT_COUNT,
    SLOT_NONE,
    TRIALS_DEFAULT,
} from "./constants"
import { ports, type Bytes } from "./ports"
import { regionWrite } from "./region"
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

/** Reads the newest valid record; undefined when no copy is valid. */
export function bootRecordRead(): BootRecord | undefined {
    const first = copyRead(0)
    const second = copyRead(1)
    if (first === undefined) return second
    if (second === undefined || first.sequence < second.sequence) return first
    return second
}

/**
 * Writes `record` over the older copy with the next sequence number. On success record.sequence is the new one.
 * Returns STATUS_OK or STATUS_FLASH; after an error the newest copy still stands.
 */
export function bootRecordWrite(record: BootRecord): number {
    const copy = olderCopy()
    const offset = copy * ports.boot.eraseBytes
    record.sequence = record.sequence - 1
    if (ports.boot.erase(offset) !== STATUS_OK || regionWrite(ports.boot, offset, encode(record)) !== STATUS_OK) {
        record.sequence = record.sequence + 1
        return STATUS_FLASH
    }
    return STATUS_OK
}

function olderCopy(): number {
    const first = copyRead(0)
    if (first === undefined) return 0
    const second = copyRead(1)
    if (second === undefined || second.sequence > first.sequence) return 1
    return 0
}

function copyRead(copy: number): BootRecord | undefined {
    const bytes = ports.boot.read(copy * ports.boot.eraseBytes, BOOT_RECORD_BYTES)
    if (bytes.length !== BOOT_RECORD_BYTES || bytes.substring(0, 4) !== MAGIC) return undefined
    const body = bytes.substring(0, BOOT_RECORD_BYTES - CHECK_BYTES)
    if (check(body) !== bytes.substring(BOOT_RECORD_BYTES - CHECK_BYTES, BOOT_RECORD_BYTES)) return undefined
    return decode(bytes)
}

function check(body: Bytes): Bytes {
    return ports.digest.sha256(body).substring(0, CHECK_BYTES)
}

function encode(record: BootRecord): Bytes {
    let flags = 0
    if (record.isCommitted) flags = 1
    if (record.cameBack) flags = flags + 2
    let bytes = MAGIC + bytesOfU31(record.sequence)
    bytes = bytes + byteOf(record.activeApp) + byteOf(record.revertApp) + byteOf(record.activeFiles) + byteOf(record.revertFiles)
    bytes = bytes + byteOf(flags) + byteOf(record.trialsLeft) + byteOf(record.trials) + byteOf(0)
    bytes = bytes + bytesOfU31(record.commitTimeoutS) + bytesOfU31(record.security)
    bytes = bytes + bytesOfU31(record.appBytes[0]) + bytesOfU31(record.appBytes[1])
    for (let slot = 0; slot < SLOT_COUNT; slot++) bytes = bytes + zeroPadded(record.appDigests[slot], DIGEST_BYTES)
    bytes = bytes + bytesOfU31(-record.result) + byteOf(record.updateId.length) + record.updateId
    const body = zeroPadded(bytes, BOOT_RECORD_BYTES - CHECK_BYTES)
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
