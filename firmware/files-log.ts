// A files area as a log: its header and its records, read and appended (FORMAT.md, "Files area").

import { alignUp, byteOf, bytesOfU31, bytesPadded, least, u16, u31, u8 } from "./bytes"
import {
    BLOCK_BYTES,
    CHECK_BYTES,
    FILE_ALIGN_BYTES_DEFAULT,
    FILE_ALIGN_BYTES_MAX,
    FILE_BYTES_MAX,
    FILE_NAME_BYTES_MAX,
} from "./constants"
import { ports, type Bytes, type Region } from "./ports"
import { bytesDigest, regionDigest, regionErase, regionIsErased, regionWrite } from "./region"
import { STATUS_FILES_FULL, STATUS_FLASH, STATUS_OK } from "./status"

/** A file. */
export const RECORD_FILE = 1
/** A removal. */
export const RECORD_REMOVAL = 2

const AREA_MAGIC = "OTF1"
const AREA_HEAD_BYTES = 16
const RECORD_MAGIC = 0xf5
const HEAD_BYTES = 20
const HEAD_CHECKED_BYTES = 12

/** A record found in a log. */
export interface FileRecord {
    name: string
    /** RECORD_FILE or RECORD_REMOVAL. */
    kind: number
    /** Where the data begins, and its length in bytes. */
    dataAt: number
    dataBytes: number
    /** Whether its commit word is right. */
    isCommitted: boolean
    /** Offset behind the record. */
    end: number
}

/** The alignment of records in an area; 0 when the area has no header. */
export function logAlign(region: Region): number {
    const head = region.read(0, AREA_HEAD_BYTES)
    if (head.length !== AREA_HEAD_BYTES || head.substring(0, 4) !== AREA_MAGIC) return 0
    if (check(head.substring(0, 8)) !== head.substring(8, AREA_HEAD_BYTES)) return 0
    const align = u16(head, 4)
    if (align === 0 || align > FILE_ALIGN_BYTES_MAX || align % region.programBytes !== 0) return 0
    return align
}

/** The alignment for a new area in `region`: the default, or its program unit where that is larger. */
export function logAlignFor(region: Region): number {
    if (FILE_ALIGN_BYTES_DEFAULT % region.programBytes === 0) return FILE_ALIGN_BYTES_DEFAULT
    return region.programBytes
}

/** Offset of the first record. */
export function logFirst(align: number): number {
    return alignUp(AREA_HEAD_BYTES, align)
}

/** Erases a whole area and writes its header. Returns STATUS_OK or STATUS_FLASH. */
export function logFormat(region: Region, align: number): number {
    if (regionErase(region, 0, region.sizeBytes) !== STATUS_OK) return STATUS_FLASH
    const head = AREA_MAGIC + byteOf(align) + byteOf(align >>> 8) + byteOf(0) + byteOf(0)
    return regionWrite(region, 0, bytesPadded(head + check(head), align, 255))
}

/**
 * The first record at `from` or behind it; undefined at the end of the log.
 * Steps over the rest of torn heads by `align`, and over an erased rest of an erase unit.
 */
export function logNext(region: Region, align: number, from: number): FileRecord | undefined {
    let at = from
    while (at + align <= region.sizeBytes) {
        const record = recordAt(region, align, at)
        if (record !== undefined) return record
        if (unitIsErased(region, align, at)) {
            if (at % region.eraseBytes === 0) return undefined
            at = alignUp(at, region.eraseBytes)
        } else at = at + align
    }
    return undefined
}

/** Offset behind everything ever programmed from `from`, the end of the last record, on: where the next record can go. */
export function logEnd(region: Region, align: number, from: number): number {
    let end = from
    let at = from
    while (at + align <= region.sizeBytes) {
        if (!unitIsErased(region, align, at)) end = at + align
        else if (at % region.eraseBytes === 0) return end
        at = at + align
    }
    return end
}

function unitIsErased(region: Region, align: number, at: number): boolean {
    return regionIsErased(region, at, align)
}

function recordAt(region: Region, align: number, at: number): FileRecord | undefined {
    const head = region.read(at, least(HEAD_BYTES + FILE_NAME_BYTES_MAX, region.sizeBytes - at))
    if (head.length < HEAD_BYTES || u8(head, 0) !== RECORD_MAGIC || u31(head, 8) !== at) return undefined
    const nameBytes = u8(head, 1)
    const dataBytes = u31(head, 4)
    if (nameBytes < 1 || nameBytes > FILE_NAME_BYTES_MAX || dataBytes < 0 || dataBytes > FILE_BYTES_MAX) return undefined
    const name = head.substring(HEAD_BYTES, HEAD_BYTES + nameBytes)
    const stem = head.substring(0, HEAD_CHECKED_BYTES)
    if (check(stem + name) !== head.substring(HEAD_CHECKED_BYTES, HEAD_BYTES)) return undefined
    const dataAt = at + alignUp(HEAD_BYTES + nameBytes, align)
    const commitAt = dataAt + alignUp(dataBytes, align)
    const end = commitAt + alignUp(CHECK_BYTES, align)
    if (end > region.sizeBytes) return undefined
    const word = check(stem + name + regionDigest(region, dataAt, dataBytes))
    const isCommitted = region.read(commitAt, CHECK_BYTES) === word
    return { name, kind: u8(head, 2), dataAt, dataBytes, isCommitted, end }
}

/** Bytes that a record takes in a log. */
export function logRecordBytes(align: number, nameBytes: number, dataBytes: number): number {
    return alignUp(HEAD_BYTES + nameBytes, align) + alignUp(dataBytes, align) + alignUp(CHECK_BYTES, align)
}

/**
 * Appends a record at `at`: head, data, commit word, each read back.
 * Returns STATUS_OK, STATUS_FILES_FULL or STATUS_FLASH.
 */
export function logAppend(region: Region, align: number, at: number, kind: number, name: string, data: Bytes): number {
    if (at + logRecordBytes(align, name.length, data.length) > region.sizeBytes) return STATUS_FILES_FULL
    const stem = byteOf(RECORD_MAGIC) + byteOf(name.length) + byteOf(kind) + byteOf(0) + bytesOfU31(data.length) + bytesOfU31(at)
    const head = bytesPadded(stem + check(stem + name) + name, align, 255)
    if (regionWrite(region, at, head) !== STATUS_OK) return STATUS_FLASH
    const dataAt = at + head.length
    for (let from = 0; from < data.length; from = from + BLOCK_BYTES) {
        const piece = data.substring(from, least(from + BLOCK_BYTES, data.length))
        if (regionWrite(region, dataAt + from, piece) !== STATUS_OK) return STATUS_FLASH
    }
    const word = bytesPadded(check(stem + name + bytesDigest(data)), align, 255)
    return regionWrite(region, dataAt + alignUp(data.length, align), word)
}

function check(bytes: Bytes): Bytes {
    return ports.digest.sha256(bytes).substring(0, CHECK_BYTES)
}
