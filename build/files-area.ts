// The files area (firmware/FORMAT.md, "Files area") written and read with Node, apart from the firmware's own code.

import { createHash } from "node:crypto"
import { BLOCK_BYTES, CHECK_BYTES, FILE_ALIGN_BYTES_DEFAULT, FILE_ALIGN_BYTES_MAX } from "../firmware/constants"

/** Files by name; the order is the order of the log. */
export type Files = ReadonlyMap<string, Buffer>

const AREA_MAGIC = "OTF1"
const AREA_HEADER_BYTES = 16
const HEAD_BYTES = 20
/** The bytes of a head that its check covers. */
const HEAD_CHECKED_BYTES = 12
const HEAD_MARK = 0xf5
const KIND_FILE = 1
const KIND_REMOVAL = 2
const ERASED = 0xff

function sha256(...parts: readonly Buffer[]): Buffer {
    const hash = createHash("sha256")
    for (const part of parts) hash.update(part)
    return hash.digest()
}

function check(...parts: readonly Buffer[]): Buffer {
    return sha256(...parts).subarray(0, CHECK_BYTES)
}

/** The chain of a part's blocks that boot records and commit words hold: 32 bytes, or none of no data (FORMAT.md, "Slot digest"). */
export function chainDigest(bytes: Buffer): Buffer {
    let digest: Buffer = Buffer.alloc(0)
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) digest = sha256(digest, sha256(bytes.subarray(at, at + BLOCK_BYTES)))
    return digest
}

function roundUp(lengthBytes: number, align: number): number {
    return Math.ceil(lengthBytes / align) * align
}

function padded(bytes: Buffer, align: number): Buffer {
    return Buffer.concat([bytes, Buffer.alloc(roundUp(bytes.length, align) - bytes.length, ERASED)])
}

function areaHeader(align: number): Buffer {
    const header = Buffer.alloc(8)
    header.write(AREA_MAGIC, "latin1")
    header.writeUInt16LE(align, 4)
    return padded(Buffer.concat([header, check(header)]), align)
}

function record(name: Buffer, data: Buffer, offset: number, align: number): Buffer {
    const head = Buffer.alloc(HEAD_CHECKED_BYTES)
    head.writeUInt8(HEAD_MARK, 0)
    head.writeUInt8(name.length, 1)
    head.writeUInt8(KIND_FILE, 2)
    head.writeUInt32LE(data.length, 4)
    head.writeUInt32LE(offset, 8)
    const commitWord = check(head, name, chainDigest(data))
    return Buffer.concat([
        padded(Buffer.concat([head, check(head, name), name]), align),
        padded(data, align),
        padded(commitWord, align),
    ])
}

/**
 * A files area that holds `files`, as it lies in flash from its first byte on; its tail stays erased.
 * `align` is a power of two, 1–256, and a multiple of the board's program unit.
 */
export function filesAreaEncode(files: Files, align = FILE_ALIGN_BYTES_DEFAULT): Buffer {
    const pieces = [areaHeader(align)]
    let offset = pieces[0]!.length
    for (const [name, data] of files) {
        const piece = record(Buffer.from(name, "latin1"), data, offset, align)
        pieces.push(piece)
        offset += piece.length
    }
    return Buffer.concat(pieces)
}

interface RecordRead {
    readonly name: string
    readonly isRemoval: boolean
    readonly isCommitted: boolean
    readonly data: Buffer
    readonly nextOffset: number
}

/** The record whose head lies at `offset`; undefined when there is no valid head. */
function readRecord(area: Buffer, offset: number, align: number): RecordRead | undefined {
    const head = area.subarray(offset, offset + HEAD_CHECKED_BYTES)
    if (offset + HEAD_BYTES > area.length || head[0] !== HEAD_MARK || head.readUInt32LE(8) !== offset) return undefined
    const name = area.subarray(offset + HEAD_BYTES, offset + HEAD_BYTES + head[1]!)
    if (!check(head, name).equals(area.subarray(offset + HEAD_CHECKED_BYTES, offset + HEAD_BYTES))) return undefined
    const dataOffset = offset + roundUp(HEAD_BYTES + name.length, align)
    const dataBytes = head.readUInt32LE(4)
    const data = area.subarray(dataOffset, dataOffset + dataBytes)
    const commitOffset = dataOffset + roundUp(dataBytes, align)
    const isCommitted = check(head, name, chainDigest(data)).equals(area.subarray(commitOffset, commitOffset + CHECK_BYTES))
    const nextOffset = commitOffset + roundUp(CHECK_BYTES, align)
    return { name: name.toString("latin1"), isRemoval: head[2] === KIND_REMOVAL, isCommitted, data, nextOffset }
}

/** The alignment that a valid area header names; 0 when the bytes are not a files area. */
function areaAlign(area: Buffer): number {
    if (area.length < AREA_HEADER_BYTES || area.toString("latin1", 0, 4) !== AREA_MAGIC) return 0
    if (!check(area.subarray(0, 8)).equals(area.subarray(8, AREA_HEADER_BYTES))) return 0
    const align = area.readUInt16LE(4)
    return align > FILE_ALIGN_BYTES_MAX ? 0 : align
}

/**
 * The live files of an area, by name: the last committed record of each. Behind anything else the log may go on anywhere.
 * Returns undefined when the bytes are not a files area.
 */
export function filesAreaDecode(area: Buffer): Map<string, Buffer> | undefined {
    const align = areaAlign(area)
    if (align === 0) return undefined
    const files = new Map<string, Buffer>()
    let offset = roundUp(AREA_HEADER_BYTES, align)
    while (offset < area.length) {
        const found = readRecord(area, offset, align)
        if (found?.isCommitted === true) {
            files.delete(found.name)
            if (!found.isRemoval) files.set(found.name, found.data)
            offset = found.nextOffset
        } else offset += align
    }
    return files
}
