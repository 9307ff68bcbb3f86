// Flash of an Espruino board: raw pages inside a Storage file, read back after every write, and the stage beside them.

import { alignUp, hexOf } from "../../firmware/bytes"
import { BLOCK_BYTES } from "../../firmware/constants"
import type { Bytes, Digest, Region, Stage } from "../../firmware/ports"
import { STATUS_FLASH, STATUS_OK } from "../../firmware/status"
import type { EspruinoCrypto, EspruinoE, EspruinoFlash } from "./globals"
import { layoutOffset, type EspruinoLayout } from "./layout"

declare const E: EspruinoE
declare function require(name: "Flash"): EspruinoFlash
declare function require(name: "crypto"): EspruinoCrypto

/** Program unit in bytes: an ESP32 with flash encryption programs 16 bytes at a time; others do with less. */
const PROGRAM_BYTES = 16

const flash = require("Flash")
const crypto = require("crypto")

/** The text and the array are the same memory: bytes come in by the array, and natives that want a string take the text. */
let stageText: Bytes
let stageBytes: Uint8Array

/** The stage. Errors: throws when the board has no 4 KiB in one piece; that early it must be reset. */
export function stageCreate(): Stage {
    const text = E.toFlatString(new Uint8Array(BLOCK_BYTES))
    if (text === undefined) throw new Error("no memory for a block")
    stageText = text
    stageBytes = new Uint8Array(E.toArrayBuffer(text))
    return { put: stagePut, sha256: stageHash, crc32: noCrc32, hasCrc32: false, take: stageTake }
}

function stagePut(at: number, bytes: Bytes, from: number, to: number): void {
    // Espruino's set takes a string as bytes, in native code.
    if (to - from === bytes.length) stageBytes.set(bytes as unknown as ArrayLike<number>, at)
    else stageBytes.set(bytes.substring(from, to) as unknown as ArrayLike<number>, at)
}

function stageHead(lengthBytes: number): Uint8Array {
    if (lengthBytes === BLOCK_BYTES) return stageBytes
    return stageBytes.subarray(0, lengthBytes)
}

function stageHash(lengthBytes: number): Bytes {
    return sha256(stageHead(lengthBytes))
}

function stageTake(lengthBytes: number): Bytes {
    return stageText.substring(0, lengthBytes)
}

/** Espruino's CRC-32 does not go on from an earlier one. */
function noCrc32(): number {
    return 0
}

/** The SHA-256 of `data`. Errors: throws when memory is short. */
export function sha256(data: Bytes | Uint8Array): Bytes {
    const digest = crypto.SHA256(data)
    // Short of memory. What comes of an exception is a reset, and a download that goes on.
    if (digest === undefined) throw new Error("no memory for a hash")
    return E.toString(digest)
}

/** What Espruino hashes natively: SHA-256 and SHA-1 in one shot, so a whole region only while memory holds it. */
export function digestCreate(): Digest {
    return { sha256, ofRegion }
}

function ofRegion(algorithm: number, region: Region, lengthBytes: number): string {
    const bytes = region.read(0, lengthBytes)
    if (bytes.length !== lengthBytes) return ""
    const digest = algorithm === 1 ? crypto.SHA1(bytes) : crypto.SHA256(bytes)
    if (digest === undefined) return ""
    return hexOf(E.toString(digest))
}

/** A region with its place. Its functions are shared by all regions and find the place by `this`: closures would cost 300 JsVars. */
interface PlacedRegion {
    readonly sizeBytes: number
    readonly eraseBytes: number
    readonly programBytes: number
    /** Address of its first byte. */
    readonly base: number
}

function regionRead(this: PlacedRegion, offset: number, lengthBytes: number): Bytes {
    const bytes = flash.read(lengthBytes, this.base + offset)
    if (bytes === undefined) return ""
    return E.toString(bytes)
}

function regionErase(this: PlacedRegion, offset: number): number {
    flash.erasePage(this.base + offset)
    return STATUS_OK
}

function regionProgram(this: PlacedRegion, offset: number, data: Bytes | Uint8Array): number {
    // Short of memory, Espruino raises an error; an address outside the flash does nothing. The caller reads back.
    try {
        flash.write(data, this.base + offset)
    } catch (error) {
        return STATUS_FLASH
    }
    return STATUS_OK
}

function regionProgramStaged(
    this: PlacedRegion & { program: typeof regionProgram },
    offset: number,
    lengthBytes: number,
): number {
    const paddedBytes = alignUp(lengthBytes, PROGRAM_BYTES)
    if (paddedBytes > lengthBytes) stageBytes.fill(255, lengthBytes, paddedBytes)
    return this.program(offset, stageHead(paddedBytes))
}

function regionMatchesStaged(this: PlacedRegion & { read: typeof regionRead }, offset: number, lengthBytes: number): boolean {
    if (lengthBytes === BLOCK_BYTES) return this.read(offset, lengthBytes) === stageText
    return this.read(offset, lengthBytes) === stageTake(lengthBytes)
}

/** Region `index` of the layout as the boot loader needs it: nothing is staged there. */
export function regionForLoader(layout: EspruinoLayout, index: number): Region {
    const region = {
        sizeBytes: layout.sizes[index],
        eraseBytes: layout.pageBytes,
        programBytes: PROGRAM_BYTES,
        base: layout.address + layoutOffset(layout, index),
        read: regionRead,
        erase: regionErase,
        program: regionProgram,
    }
    return region as unknown as Region
}

/** Region `index` of the layout. */
export function regionCreate(layout: EspruinoLayout, index: number): Region {
    const region = regionForLoader(layout, index)
    region.programStaged = regionProgramStaged as Region["programStaged"]
    region.matchesStaged = regionMatchesStaged as Region["matchesStaged"]
    return region
}
