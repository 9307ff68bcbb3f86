// A streaming reader of stored zip files: headers are gathered here, payload is left to the caller, any split will do.

import { byteOf, i32, u16, u31, u8 } from "./bytes"
import { ENTRIES_MAX, ENTRY_NAME_BYTES_MAX, EXTRA_BYTES_MAX, IMAGE_BYTES_MAX } from "./constants"
import type { Bytes } from "./ports"
import {
    STATUS_OK,
    STATUS_TRAILING_DATA,
    STATUS_ZIP_COMPRESSED,
    STATUS_ZIP_FLAGS,
    STATUS_ZIP_FORMAT,
    STATUS_ZIP_LIMIT,
    STATUS_ZIP_NAME,
} from "./status"

/** A header is being gathered, or something is being skipped. */
export const ZIP_HEADER = 0
/** An entry began: its name, size and CRC can be asked for; its payload comes next. */
export const ZIP_ENTRY = 1
/** The end record was read whole. */
export const ZIP_END = 2

// APPNOTE 6.3.10: sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (end record).
const SIGNATURE_BYTES = 4
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
const KIND_LOCAL = 3
const KIND_CENTRAL = 1
const KIND_END = 5
/** Bits of the flags' low byte: encrypted, and sizes in a descriptor behind the payload. */
const FLAGS_REFUSED = 9

let held = ""
let needBytes = SIGNATURE_BYTES
let skipBytes = 0
let kind = 0
let offset = 0
/** Local headers, then entries of the directory, that came so far. */
let entries = 0
let hasEnded = false
let inDirectory = false
let entryName = ""
let entryExtra = ""
let entryBytes = 0
let entryLeftBytes = 0
let entryCrc = 0
/** Of a header: where its name ends, and how many bytes of extra field follow. */
let nameEnd = 0
let extraBytes = 0

/** Starts reading at `imageOffset`, where a header begins (0: at the start of the image). */
export function zipStart(imageOffset: number): void {
    held = ""
    needBytes = SIGNATURE_BYTES
    skipBytes = 0
    kind = 0
    offset = imageOffset
    entries = 0
    hasEnded = false
    inDirectory = false
    entryName = ""
    entryExtra = ""
    entryBytes = 0
    entryLeftBytes = 0
    entryCrc = 0
}

/** Starts inside an entry's payload at `imageOffset`, `leftBytes` before its end. */
export function zipStartInside(imageOffset: number, leftBytes: number): void {
    zipStart(imageOffset)
    entryLeftBytes = leftBytes
}

/** Offset in the image of the next byte to be read. */
export function zipOffset(): number {
    return offset
}

/** Payload bytes of the current entry that are still to come. */
export function zipLeftBytes(): number {
    return entryLeftBytes
}

/** Name of the current entry, leading folder included. */
export function zipName(): string {
    return entryName
}

/** Extra field of the current entry's header; "" when it has none, or one of more than EXTRA_BYTES_MAX. */
export function zipExtra(): Bytes {
    return entryExtra
}

/** Size of the current entry in bytes. */
export function zipEntryBytes(): number {
    return entryBytes
}

/** CRC-32 of the current entry as a signed integer, 0 = not to be checked. */
export function zipCrc(): number {
    return entryCrc
}

/** Whether the end record was read whole. */
export function zipHasEnded(): boolean {
    return hasEnded
}

/**
 * Tells the reader that the caller took `count` bytes of payload.
 * @hot
 */
export function zipTaken(count: number): void {
    entryLeftBytes = entryLeftBytes - count
    offset = offset + count
}

/**
 * Reads headers from bytes[from, to), outside payload. It stops behind the first header that begins an entry.
 * Returns how many bytes were read, or a negative status. Ask zipPhase afterwards.
 */
export function zipRead(bytes: Bytes, from: number, to: number): number {
    let at = from
    phase = ZIP_HEADER
    while (at < to && phase === ZIP_HEADER) {
        if (hasEnded && skipBytes === 0) return STATUS_TRAILING_DATA
        let count = to - at
        if (skipBytes > 0) {
            if (count > skipBytes) count = skipBytes
            skipBytes = skipBytes - count
        } else {
            const wanted = needBytes - held.length
            if (count > wanted) count = wanted
            held = held + bytes.substring(at, at + count)
        }
        at = at + count
        offset = offset + count
        const status = headerStep()
        if (status !== STATUS_OK) return status
    }
    return at - from
}

let phase = ZIP_HEADER

/** What the last zipRead ended on: ZIP_HEADER, ZIP_ENTRY or ZIP_END. */
export function zipPhase(): number {
    return phase
}

/** One step of the header machine, once enough bytes are held. */
function headerStep(): number {
    if (skipBytes > 0) return STATUS_OK
    if (kind === KIND_LOCAL && entryName !== "" && held === "") return entryReady()
    if (hasEnded) {
        phase = ZIP_END
        return STATUS_OK
    }
    if (held.length < needBytes) return STATUS_OK
    if (held.length === SIGNATURE_BYTES) return headerKind()
    if (kind === KIND_LOCAL) return local()
    return directory()
}

function headerKind(): number {
    kind = u8(held, 2)
    if (u16(held, 0) !== 0x4b50 || u8(held, 3) !== kind + 1) return STATUS_ZIP_FORMAT
    if (kind === KIND_LOCAL) {
        if (inDirectory) return STATUS_ZIP_FORMAT
        entries = entries + 1
        if (entries > ENTRIES_MAX) return STATUS_ZIP_LIMIT
        needBytes = LOCAL_BYTES
        return STATUS_OK
    }
    if (!inDirectory) entries = 0
    inDirectory = true
    entries = entries + 1
    // One end record more: a directory without an end must not keep a board busy for ever.
    if (entries > ENTRIES_MAX + 1) return STATUS_ZIP_LIMIT
    if (kind === KIND_CENTRAL) needBytes = CENTRAL_BYTES
    else if (kind === KIND_END) needBytes = END_BYTES
    else return STATUS_ZIP_FORMAT
    return STATUS_OK
}

/** A local header: first its 30 bytes, then its name and its extra field; an extra field that is too long is skipped. */
function local(): number {
    if (held.length === LOCAL_BYTES) return localCheck()
    entryName = held.substring(LOCAL_BYTES, nameEnd)
    entryExtra = held.substring(nameEnd, needBytes)
    held = ""
    if (needBytes === nameEnd + extraBytes) return entryReady()
    skipBytes = extraBytes
    return STATUS_OK
}

/** Checks the 30 bytes, and keeps what they say. */
function localCheck(): number {
    const nameBytes = u16(held, 26)
    entryBytes = u31(held, 22)
    if ((u8(held, 6) & FLAGS_REFUSED) !== 0) return STATUS_ZIP_FLAGS
    if (u16(held, 8) !== 0) return STATUS_ZIP_COMPRESSED
    if (entryBytes < 0 || entryBytes > IMAGE_BYTES_MAX) return STATUS_ZIP_LIMIT
    if (held.substring(18, 22) !== held.substring(22, 26)) return STATUS_ZIP_FORMAT
    if (nameBytes === 0 || nameBytes > ENTRY_NAME_BYTES_MAX) return STATUS_ZIP_NAME
    entryCrc = i32(held, 14)
    nameEnd = LOCAL_BYTES + nameBytes
    extraBytes = u16(held, 28)
    needBytes = nameEnd
    if (extraBytes <= EXTRA_BYTES_MAX) needBytes = nameEnd + extraBytes
    return STATUS_OK
}

function entryReady(): number {
    entryLeftBytes = entryBytes
    headerNext()
    phase = ZIP_ENTRY
    return STATUS_OK
}

/** Central directory and end record: only their lengths matter, since every byte of use was hashed before. */
function directory(): number {
    if (kind === KIND_CENTRAL) {
        skipBytes = u16(held, 28) + u16(held, 30) + u16(held, 32)
        headerNext()
        return STATUS_OK
    }
    skipBytes = u16(held, 20)
    hasEnded = true
    held = ""
    if (skipBytes === 0) phase = ZIP_END
    return STATUS_OK
}

function headerNext(): void {
    held = ""
    kind = 0
    needBytes = SIGNATURE_BYTES
}

/** `name` without one leading folder, as Mongoose's reader takes it: `demo-1.0.0/app.js` is `app.js`. */
export function zipBaseName(name: string): string {
    const slash = name.indexOf(byteOf(47))
    if (slash < 0) return name
    return name.substring(slash + 1, name.length)
}
