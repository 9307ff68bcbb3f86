// Zip files of stored entries: a writer whose output depends on its input alone, and a reader that lists what is wrong.

import { crc32 } from "node:zlib"
import { ENTRIES_MAX, ENTRY_NAME_BYTES_MAX, IMAGE_BYTES_MAX } from "../firmware/constants"
import * as status from "../firmware/status"

/** An entry to write. */
export interface ZipInput {
    readonly name: string
    readonly bytes: Buffer
    /** Extra field of its headers (APPNOTE 4.5), without it none. */
    readonly extra?: Buffer
}

/** An entry as it was read. */
export interface ZipEntry extends ZipInput {
    /** The name without its leading folder, which every reader of images strips. */
    readonly plainName: string
    /** Extra field of its local header; empty where there is none. */
    readonly extra: Buffer
    /** Place of the entry's first byte in the file. */
    readonly offsetBytes: number
}

/** Something that a device would refuse: its status code (firmware/status.ts) and a sentence. */
export interface ImageProblem {
    readonly status: number
    readonly message: string
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
/** Version 1.0 of the format is all that stored entries need (APPNOTE 4.4.3). */
const VERSION_NEEDED = 10
/** 1980-01-01, the first date of the format: packing twice gives the same bytes. */
const DOS_DATE_FIRST = 0x0021
const FLAG_ENCRYPTED = 0x0001
const FLAG_DESCRIPTOR = 0x0008

/** The 26 bytes that local and central headers share, from "version needed" to "extra field length" (APPNOTE 4.3.7, 4.3.12). */
function sharedHeader(entry: ZipInput, nameBytes: number): Buffer {
    const header = Buffer.alloc(26)
    header.writeUInt16LE(VERSION_NEEDED, 0)
    header.writeUInt16LE(DOS_DATE_FIRST, 8)
    header.writeUInt32LE(crc32(entry.bytes), 10)
    header.writeUInt32LE(entry.bytes.length, 14)
    header.writeUInt32LE(entry.bytes.length, 18)
    header.writeUInt16LE(nameBytes, 22)
    header.writeUInt16LE(extraOf(entry).length, 24)
    return header
}

const extraOf = ({ extra = Buffer.alloc(0) }: ZipInput): Buffer => extra

function signature(value: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
}

function centralHeader(entry: ZipInput, name: Buffer, offsetBytes: number): Buffer {
    const head = Buffer.alloc(6)
    head.writeUInt32LE(CENTRAL, 0)
    head.writeUInt16LE(VERSION_NEEDED, 4)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offsetBytes, 10)
    return Buffer.concat([head, sharedHeader(entry, name.length), tail, name, extraOf(entry)])
}

function endRecord(count: number, sizeBytes: number, offsetBytes: number): Buffer {
    const end = Buffer.alloc(END_BYTES)
    end.writeUInt32LE(END, 0)
    end.writeUInt16LE(count, 8)
    end.writeUInt16LE(count, 10)
    end.writeUInt32LE(sizeBytes, 12)
    end.writeUInt32LE(offsetBytes, 16)
    return end
}

/** A zip file of stored entries in the given order. Same entries, same bytes. */
export function zipStore(entries: readonly ZipInput[]): Buffer {
    const local: Buffer[] = []
    const central: Buffer[] = []
    let offsetBytes = 0
    for (const entry of entries) {
        const name = Buffer.from(entry.name)
        central.push(centralHeader(entry, name, offsetBytes))
        local.push(signature(LOCAL), sharedHeader(entry, name.length), name, extraOf(entry), entry.bytes)
        offsetBytes += LOCAL_BYTES + name.length + extraOf(entry).length + entry.bytes.length
    }
    const directory = Buffer.concat(central)
    return Buffer.concat([...local, directory, endRecord(entries.length, directory.length, offsetBytes)])
}

/** A problem ends the reading: what follows a damaged header has no known place. */
class ZipProblem extends Error {
    constructor(
        readonly status: number,
        message: string,
    ) {
        super(message)
    }
}

function need(bytes: Buffer, offset: number, lengthBytes: number, what: string): void {
    if (offset + lengthBytes > bytes.length) throw new ZipProblem(status.STATUS_TRUNCATED, `the file ends inside ${what}`)
}

/** Reads the local entry at `offset`, header first; throws ZipProblem. */
function readEntry(bytes: Buffer, offset: number): { entry: ZipEntry; nextOffset: number } {
    need(bytes, offset, LOCAL_BYTES, "an entry's header")
    const nameBytes = bytes.readUInt16LE(offset + 26)
    const dataOffset = offset + LOCAL_BYTES + nameBytes + bytes.readUInt16LE(offset + 28)
    if (nameBytes === 0 || nameBytes > ENTRY_NAME_BYTES_MAX) {
        throw new ZipProblem(status.STATUS_ZIP_NAME, `an entry's name has ${nameBytes} bytes (1 to ${ENTRY_NAME_BYTES_MAX})`)
    }
    need(bytes, offset, dataOffset - offset, "an entry's name")
    const name = bytes.toString("utf8", offset + LOCAL_BYTES, offset + LOCAL_BYTES + nameBytes)
    const flags = bytes.readUInt16LE(offset + 6)
    if ((flags & (FLAG_ENCRYPTED | FLAG_DESCRIPTOR)) !== 0) {
        throw new ZipProblem(status.STATUS_ZIP_FLAGS, `${name} is encrypted or has its sizes behind it`)
    }
    const sizeBytes = bytes.readUInt32LE(offset + 22)
    if (bytes.readUInt16LE(offset + 8) !== 0 || bytes.readUInt32LE(offset + 18) !== sizeBytes) {
        throw new ZipProblem(status.STATUS_ZIP_COMPRESSED, `${name} is compressed; store it (zip -0)`)
    }
    need(bytes, dataOffset, sizeBytes, name)
    const data = bytes.subarray(dataOffset, dataOffset + sizeBytes)
    const crc = bytes.readUInt32LE(offset + 14)
    if (crc !== 0 && crc !== crc32(data)) throw new ZipProblem(status.STATUS_ZIP_CRC, `${name} does not have its CRC-32`)
    const plainName = name.slice(name.indexOf("/") + 1)
    const extra = bytes.subarray(offset + LOCAL_BYTES + nameBytes, dataOffset)
    return { entry: { name, plainName, bytes: data, extra, offsetBytes: offset }, nextOffset: dataOffset + sizeBytes }
}

/** Walks the central directory and the end record from `offset`; throws ZipProblem. */
function readDirectory(bytes: Buffer, offset: number, entryCount: number): void {
    let count = 0
    while (offset + 4 <= bytes.length && bytes.readUInt32LE(offset) === CENTRAL) {
        need(bytes, offset, CENTRAL_BYTES, "the directory")
        offset +=
            CENTRAL_BYTES + bytes.readUInt16LE(offset + 28) + bytes.readUInt16LE(offset + 30) + bytes.readUInt16LE(offset + 32)
        count++
    }
    need(bytes, offset, END_BYTES, "the end record")
    if (bytes.readUInt32LE(offset) !== END || count !== entryCount) {
        throw new ZipProblem(status.STATUS_ZIP_FORMAT, `the directory lists ${count} of ${entryCount} entries, or is damaged`)
    }
    const endOffset = offset + END_BYTES + bytes.readUInt16LE(offset + 20)
    need(bytes, offset, endOffset - offset, "the end record's comment")
    if (endOffset !== bytes.length) {
        throw new ZipProblem(status.STATUS_TRAILING_DATA, `${bytes.length - endOffset} bytes follow the end of the image`)
    }
}

/**
 * Reads a zip file front to back, as a device does. Returns the entries up to the first problem, if there is one;
 * the problem's status is the one that a device would answer with.
 */
export function zipRead(bytes: Buffer): { entries: ZipEntry[]; problem?: ImageProblem } {
    const entries: ZipEntry[] = []
    try {
        if (bytes.length > IMAGE_BYTES_MAX) throw new ZipProblem(status.STATUS_ZIP_LIMIT, `more than ${IMAGE_BYTES_MAX} bytes`)
        let offset = 0
        need(bytes, offset, 4, "its first header")
        while (offset + 4 <= bytes.length && bytes.readUInt32LE(offset) === LOCAL) {
            if (entries.length === ENTRIES_MAX) throw new ZipProblem(status.STATUS_ZIP_LIMIT, `more than ${ENTRIES_MAX} entries`)
            const { entry, nextOffset } = readEntry(bytes, offset)
            entries.push(entry)
            offset = nextOffset
        }
        if (entries.length === 0) throw new ZipProblem(status.STATUS_ZIP_FORMAT, "the file does not start as a zip file does")
        readDirectory(bytes, offset, entries.length)
        return { entries }
    } catch (error) {
        if (!(error instanceof ZipProblem)) throw error
        return { entries, problem: { status: error.status, message: error.message } }
    }
}
