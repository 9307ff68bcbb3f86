// A files area as a log: its header and its records, read and appended (FORMAT.md, "Files area").

import { alignUp, byteOf, bytesOfU31, bytesPadded, bytesRepeated, least, u16, u31, u8 } from "./bytes"
import {
    BLOCK_BYTES,
    CHECK_BYTES,
    FILE_ALIGN_BYTES_DEFAULT,
    FILE_ALIGN_BYTES_MAX,
    FILE_BYTES_MAX,
    FILE_NAME_BYTES_MAX,
} from "./constants"
import { ports, type Bytes, type Region } from "./ports"
import { bytesDigest, regionClear, regionDigest, regionIsErased, regionRead, regionWrite } from "./region"
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
    /** Offset of its head. */
    at: number
    /** Where the data begins, and its length in bytes. */
    dataAt: number
    dataBytes: number
    /** Whether its commit word is right. */
    isCommitted: boolean
    /** Offset behind the record. */
    end: number
}

/**
 * The alignment of records in an area; 0 when the area has no header, or cannot be read. Where the header is damaged, the first
 * record tells: it is committed under one alignment only, or under several that read it alike.
 */
export function logAlign(region: Region): number {
    const head = regionRead(region, 0, AREA_HEAD_BYTES)
    if (head.length !== AREA_HEAD_BYTES) return 0
    const align = u16(head, 4)
    const isGood = head.substring(0, 4) === AREA_MAGIC && check(head.substring(0, 8)) === head.substring(8, AREA_HEAD_BYTES)
    if (isGood && align > 0 && align <= FILE_ALIGN_BYTES_MAX && align % region.programBytes === 0) return align
    for (let guess = FILE_ALIGN_BYTES_MAX; guess >= region.programBytes; guess = guess >>> 1) {
        const record = recordAt(region, guess, logFirst(guess))
        if (record !== undefined && record.isCommitted) return guess
    }
    return 0
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
    if (regionClear(region, 0, region.sizeBytes) !== STATUS_OK) return STATUS_FLASH
    const head = AREA_MAGIC + byteOf(align) + byteOf(align >>> 8) + byteOf(0) + byteOf(0)
    return regionWrite(region, 0, bytesPadded(head + check(head), align, 255))
}

/** Offset behind the last thing that logNext stepped over and that was not erased. */
let passedEnd = 0

/**
 * The first record at `from` or behind it, committed or not; undefined at the end of the area. Steps over the rest of torn writes
 * by `align`, over erased flash by blocks, and always to the end of the area: behind a torn head the log may go on anywhere.
 */
export function logNext(region: Region, align: number, from: number): FileRecord | undefined {
    let at = from
    passedEnd = from
    while (at + align <= region.sizeBytes) {
        const room = least(BLOCK_BYTES - (at % BLOCK_BYTES), region.sizeBytes - at)
        const step = room - (room % align)
        if (step > 0 && regionIsErased(region, at, step)) at = at + step
        else if (regionIsErased(region, at, align)) at = at + align
        else {
            const record = recordAt(region, align, at)
            if (record !== undefined) return record
            at = at + align
            passedEnd = at
        }
    }
    return undefined
}

/** Offset behind the last thing that is not erased, as far as the last logNext looked: where the next record can go. */
export function logPassedEnd(): number {
    return passedEnd
}

function recordAt(region: Region, align: number, at: number): FileRecord | undefined {
    const head = regionRead(region, at, least(HEAD_BYTES + FILE_NAME_BYTES_MAX, region.sizeBytes - at))
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
    const isCommitted = regionRead(region, commitAt, CHECK_BYTES) === word
    return { name, kind: u8(head, 2), at, dataAt, dataBytes, isCommitted, end }
}

/** The content of a record; undefined when flash does not hold it any more as it was committed. */
export function logData(region: Region, align: number, record: FileRecord): Bytes | undefined {
    let data = ""
    for (let at = 0; at < record.dataBytes; at = at + BLOCK_BYTES) {
        data = data + regionRead(region, record.dataAt + at, least(BLOCK_BYTES, record.dataBytes - at))
    }
    const stem = stemOf(record.name, record.kind, record.dataBytes, record.at)
    const commitAt = record.dataAt + alignUp(record.dataBytes, align)
    if (check(stem + record.name + bytesDigest(data)) !== regionRead(region, commitAt, CHECK_BYTES)) return undefined
    return data
}

function stemOf(name: string, kind: number, dataBytes: number, at: number): Bytes {
    return byteOf(RECORD_MAGIC) + byteOf(name.length) + byteOf(kind) + byteOf(0) + bytesOfU31(dataBytes) + bytesOfU31(at)
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
    // With room for the seal: only what a packer filled to the last byte needs none.
    if (at + logRecordBytes(align, name.length, data.length) + align > region.sizeBytes) return STATUS_FILES_FULL
    const stem = stemOf(name, kind, data.length, at)
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

/** Whether there is a seal at `at`, the end of a record, or no room for one. */
export function logIsSealed(region: Region, align: number, at: number): boolean {
    if (at + align > region.sizeBytes) return true
    return regionRead(region, at, region.programBytes) === bytesRepeated(0, region.programBytes)
}

/**
 * Programs a seal at `at`, the end of a record, where there is room: a unit of zeros, which proves that the record's own write was
 * finished. A seal that fails costs a copy of the record at the next boot.
 */
export function logSeal(region: Region, align: number, at: number): void {
    if (at + align <= region.sizeBytes) regionWrite(region, at, bytesPadded(bytesRepeated(0, region.programBytes), align, 255))
}

function check(bytes: Bytes): Bytes {
    return ports.digest.sha256(bytes).substring(0, CHECK_BYTES)
}
