// Flash of an Espruino board: raw pages inside a Storage file, read back after every write, and the stage beside them.

import { alignUp, most } from "../../firmware/bytes"
import { BLOCK_BYTES } from "../../firmware/constants"
import type { Bytes, Region } from "../../firmware/ports"
import { STATUS_FLASH, STATUS_OK } from "../../firmware/status"
import type { EspruinoCrypto, EspruinoE, EspruinoFlash } from "./globals"
import { hexOf } from "./hex"
import { LAYOUT_APP, layoutOffset, type EspruinoLayout } from "./layout"

declare const E: EspruinoE
declare function require(name: "Flash"): EspruinoFlash
declare function require(name: "crypto"): EspruinoCrypto

/** Program unit in bytes: an ESP32 with flash encryption programs 16 bytes at a time; others do with less. */
const PROGRAM_BYTES = 16

/** What a hash throws that finds no memory. */
export const NO_MEMORY = "no memory for a hash"

const flash = require("Flash")
const crypto = require("crypto")
/** Found early by hot functions: a global is looked for in every scope first. */
const textOf = E.toString

let pageBytes = 0

/** An array of bytes as Espruino has it. */
interface StageArray extends Uint8Array {
    set(bytes: Bytes | ArrayLike<number>, at?: number): void
}

/** The stage: the text and the array are the same memory. Bytes come in by the array, and natives that want a string take the text. */
let stageText: Bytes
/** Espruino's `set` takes a string as bytes, in native code: the port `place` is this very method (build/espruino-ports.ts). */
export let stageBytes: StageArray

/**
 * Copies bytes[from, to) to `at` (ports.ts, Stage). What begins a chunk is copied as it is: `set` ends with the stage, and what
 * lies behind the last piece counts for nothing.
 * @resident
 */
export function stagePut(at: number, bytes: Bytes, from: number, to: number): void {
    // Returned, so that it stands in its callers (build/espruino-inline.ts).
    return stageBytes.set(from > 0 ? bytes.substring(from, to) : bytes, at)
}

/**
 * The SHA-256 of the first `lengthBytes` (ports.ts, Stage). Errors: throws when memory is short.
 * @resident
 */
export function stageHash(lengthBytes: number): Bytes {
    // One expression, so that it stands in its caller (build/espruino-inline.ts).
    return textOf(crypto.SHA256(lengthBytes < BLOCK_BYTES ? stageBytes.subarray(0, lengthBytes) : stageBytes) || noMemory())
}

/** The first `lengthBytes` (ports.ts, Stage). */
export function stageTake(lengthBytes: number): Bytes {
    return stageText.substring(0, lengthBytes)
}

/** Espruino's CRC-32 does not go on from an earlier one. */
export function noCrc32(): number {
    return 0
}

/** Short of memory. In a download that ends it (net.ts); elsewhere what comes of an exception is a reset. */
function noMemory(): never {
    throw new Error(NO_MEMORY)
}

/**
 * The SHA-256 of `data`. Errors: throws when memory is short.
 * @resident
 */
export function sha256(data: Bytes | Uint8Array): Bytes {
    return textOf(crypto.SHA256(data) || noMemory())
}

/** The CRC-32 of `bytes` as a signed integer (ports.ts, Digest). */
export function crc32(bytes: Bytes): number {
    return E.CRC32(bytes) | 0
}

/** Where position and link stand behind the head of a chain (ports.ts, Digest). */
const POSITION_AT = 22
const LINK_AT = 23

/**
 * Walks a hash chain within the stage (ports.ts, Digest): two natives a link, and no string is made. Errors: throws when memory is short.
 */
export function chain(head: Bytes, first: number, end: number, link: Bytes): Bytes {
    const linkEnd = LINK_AT + link.length
    const input = stageBytes.subarray(0, linkEnd)
    stageBytes.set(head as unknown as ArrayLike<number>, 0)
    stageBytes.set(link as unknown as ArrayLike<number>, LINK_AT)
    for (let position = first; position < end; position++) {
        stageBytes[POSITION_AT] = position
        const digest = crypto.SHA256(input) || noMemory()
        // A digest that is longer than a link reaches behind what is hashed.
        stageBytes.set(digest as unknown as ArrayLike<number>, LINK_AT)
    }
    return stageText.substring(LINK_AT, linkEnd)
}

/**
 * The hash of a region's first bytes in hex (ports.ts, Digest). Espruino hashes natively in one shot, so a whole region only while memory
 * holds it; "" otherwise.
 */
export function ofRegion(algorithm: number, region: Region, lengthBytes: number): string {
    const bytes = region.read(0, lengthBytes)
    if (bytes.length !== lengthBytes) return ""
    const digest = algorithm === 1 ? crypto.SHA1(bytes) : crypto.SHA256(bytes)
    if (digest === undefined) return ""
    return hexOf(textOf(digest))
}

/** A region with its place: what differs. Everything else is shared by all regions, which costs their memory once. */
interface PlacedRegion {
    readonly sizeBytes: number
    /** A page; in slots and areas a block, where pages are smaller. */
    readonly eraseBytes: number
    /** Address of its first byte. */
    readonly startAt: number
}

/** @resident */
function regionRead(this: PlacedRegion, offset: number, lengthBytes: number): Bytes {
    const bytes = flash.read(lengthBytes, this.startAt + offset)
    if (bytes === undefined) return ""
    return textOf(bytes)
}

/** @resident */
function regionErase(this: PlacedRegion, offset: number): number {
    let at = this.startAt + offset
    const end = at + this.eraseBytes
    for (; at < end; at += pageBytes) flash.erasePage(at)
    return STATUS_OK
}

/** @resident */
function regionProgram(this: PlacedRegion, offset: number, data: Bytes | Uint8Array): number {
    // Short of memory, Espruino raises an error; an address outside the flash does nothing. The caller reads back.
    try {
        flash.write(data, this.startAt + offset)
    } catch (error) {
        return STATUS_FLASH
    }
    return STATUS_OK
}

/** @resident */
function regionProgramStaged(this: PlacedRegion & { programBytes: number }, offset: number, lengthBytes: number): number {
    let data: Uint8Array = stageBytes
    if (lengthBytes < BLOCK_BYTES) {
        const paddedBytes = alignUp(lengthBytes, this.programBytes)
        // Espruino's `fill` takes its time for every byte of the array.
        for (let at = lengthBytes; at < paddedBytes; at++) stageBytes[at] = 255
        data = stageBytes.subarray(0, paddedBytes)
    }
    // As regionProgram does: one call less for every block.
    try {
        flash.write(data, this.startAt + offset)
    } catch (error) {
        return STATUS_FLASH
    }
    return STATUS_OK
}

/** @resident */
function regionMatchesStaged(this: PlacedRegion & { read: typeof regionRead }, offset: number, lengthBytes: number): boolean {
    if (lengthBytes < BLOCK_BYTES) return this.read(offset, lengthBytes) === stageTake(lengthBytes)
    const bytes = flash.read(BLOCK_BYTES, this.startAt + offset)
    return bytes !== undefined && textOf(bytes) === stageText
}

/** What regions have in common. */
interface RegionKind {
    programBytes: number
    read: typeof regionRead
    program: typeof regionProgram
    erase?: typeof regionErase
    programStaged?: typeof regionProgramStaged
    matchesStaged?: typeof regionMatchesStaged
}

const kind: RegionKind = { programBytes: PROGRAM_BYTES, read: regionRead, program: regionProgram }

/** A region at an address. Until flashInstall, as in the boot loader, it can be read and programmed only. */
export function regionPlace(sizeBytes: number, eraseBytes: number, startAt: number): Region {
    const region = Object.create(kind) as { -readonly [name in keyof PlacedRegion]: PlacedRegion[name] }
    region.sizeBytes = sizeBytes
    region.eraseBytes = eraseBytes
    region.startAt = startAt
    return region as unknown as Region
}

/** Region `index` of the layout. */
export function regionCreate(layout: EspruinoLayout, index: number): Region {
    const eraseBytes = index < LAYOUT_APP ? layout.pageBytes : most(layout.pageBytes, BLOCK_BYTES)
    return regionPlace(layout.sizes[index], eraseBytes, layout.address + layoutOffset(layout, index))
}

/**
 * Makes the stage, and regions that are written. Errors: throws when the board has no 4 KiB in one piece; that early it must be reset.
 */
export function flashInstall(layout: EspruinoLayout): void {
    const text = E.toFlatString(new Uint8Array(BLOCK_BYTES))
    if (text === undefined) throw new Error("no memory for a block")
    stageText = text
    stageBytes = new Uint8Array(E.toArrayBuffer(text))
    pageBytes = layout.pageBytes
    kind.erase = regionErase
    kind.programStaged = regionProgramStaged
    kind.matchesStaged = regionMatchesStaged
}

/**
 * Gives the stage's memory back; nothing is staged any more in this boot.
 * @resident
 */
export function stageDrop(): void {
    stageText = undefined as unknown as Bytes
    stageBytes = undefined as unknown as StageArray
}
