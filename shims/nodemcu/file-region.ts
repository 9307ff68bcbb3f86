// Regions of flash as preallocated files: written in place, a few of them open at a time.

import { alignUp, bytesRepeated } from "../../firmware/bytes"
import type { Bytes, Region } from "../../firmware/ports"
import { STATUS_FLASH, STATUS_OK } from "../../firmware/status"
import { fileOpen, REGION_FILES_MAX } from "./esp32"
import type { BoardFile } from "./modules"
import { stageMatches, stageWrite } from "./stage"

/** What a region is for: the boot record, which decides; the journal; or slots and areas. */
export const REGION_BOOT = 0
export const REGION_JOURNAL = 1
export const REGION_PAYLOAD = 2

/** Units of the regions: files have none of their own, and these suit every journal and files area. */
export const ERASE_BYTES = 4096
/** See ERASE_BYTES. */
export const PROGRAM_BYTES = 16

/** Erased flash is written in pieces of this size. */
const BLANK_BYTES = 256

/** The file of a region. */
export interface RegionFile {
    readonly name: string
    /** Undefined while it is closed. */
    open: BoardFile | undefined
}

/** Regions whose files are open. */
const opened: (RegionFile | undefined)[] = [undefined, undefined, undefined]
let openNext = 0
let blank = ""

// An erase that waits: the program that follows writes the whole unit, so that erased bytes need not be written before.
let waiting: RegionFile | undefined
let waitingAt = 0
let waitingBytes = 0

function closeAt(k: number): void {
    const region = opened[k]
    if (region === undefined) return
    if (region.open !== undefined) region.open.close()
    region.open = undefined
    opened[k] = undefined
}

/** Closes every region's file: what was written is then out of all caches. */
export function regionsClose(): void {
    for (let k = 0; k < REGION_FILES_MAX; k++) closeAt(k)
}

/** Opens the file of a region, in the place of the one that was opened first. */
function openFile(region: RegionFile): void {
    // First: no more files may be open at a time.
    closeAt(openNext)
    const fresh = fileOpen(region.name)
    if (fresh === undefined) return
    opened[openNext] = region
    region.open = fresh
    openNext = (openNext + 1) % REGION_FILES_MAX
}

/**
 * The file of a region, at `offset`; undefined when it cannot be opened. An erase that waits is carried out first.
 * @resident
 */
function fileAt(region: RegionFile, offset: number): BoardFile | undefined {
    if (waiting !== undefined) settle()
    if (region.open === undefined) openFile(region)
    const open = region.open
    if (open === undefined || open.seek("set", offset) === undefined) return undefined
    return open
}

/** @resident */
function blankWrite(target: BoardFile, lengthBytes: number): boolean {
    if (blank === "") blank = bytesRepeated(255, BLANK_BYTES)
    let left = lengthBytes
    while (left >= BLANK_BYTES) {
        if (target.write(blank) === undefined) return false
        left = left - BLANK_BYTES
    }
    return left === 0 || target.write(blank.substring(0, left)) !== undefined
}

/**
 * Empties the file's buffer.
 * @resident
 */
function flushed(target: BoardFile): number {
    if (target.flush() === undefined) return STATUS_FLASH
    return STATUS_OK
}

function blankAt(region: RegionFile, offset: number, lengthBytes: number): number {
    const target = fileAt(region, offset)
    if (target === undefined || !blankWrite(target, lengthBytes)) return STATUS_FLASH
    return flushed(target)
}

/** Carries out the erase that waits. Where that fails, whoever reads the bytes back finds out. */
function settle(): void {
    const region = waiting
    waiting = undefined
    if (region !== undefined) blankAt(region, waitingAt, waitingBytes)
}

/** @resident */
function read(region: RegionFile, offset: number, lengthBytes: number): Bytes {
    const source = fileAt(region, offset)
    if (source === undefined) return ""
    const bytes = source.read(lengthBytes)
    if (bytes === undefined) return ""
    return bytes
}

/** @resident */
function program(region: RegionFile, offset: number, bytes: Bytes): number {
    const target = fileAt(region, offset)
    if (target === undefined || target.write(bytes) === undefined) return STATUS_FLASH
    return flushed(target)
}

/** The boot record goes last of all: everything before it must be in flash, not in a cache of the file system. */
function programSafely(region: RegionFile, offset: number, bytes: Bytes): number {
    settle()
    regionsClose()
    const status = program(region, offset, bytes)
    regionsClose()
    return status
}

/** @resident */
function programStaged(region: RegionFile, offset: number, lengthBytes: number, programBytes: number): number {
    let endBytes = alignUp(lengthBytes, programBytes)
    if (waiting === region && waitingAt === offset && waitingBytes >= endBytes) {
        endBytes = waitingBytes
        waiting = undefined
    }
    const target = fileAt(region, offset)
    if (target === undefined || !stageWrite(target, lengthBytes) || !blankWrite(target, endBytes - lengthBytes))
        return STATUS_FLASH
    return flushed(target)
}

/** @resident */
function matchesStaged(region: RegionFile, offset: number, lengthBytes: number): boolean {
    const source = fileAt(region, offset)
    return source !== undefined && stageMatches(source, lengthBytes)
}

/** @resident */
function eraseLater(region: RegionFile, offset: number, eraseBytes: number): number {
    if (waiting !== undefined) settle()
    waiting = region
    waitingAt = offset
    waitingBytes = eraseBytes
    return STATUS_OK
}

/** Size of a file in bytes; 0 when there is none. */
export function fileBytes(name: string): number {
    const found = fileOpen(name)
    if (found === undefined) return 0
    const sizeBytes = found.seek("end", 0)
    found.close()
    if (sizeBytes === undefined) return 0
    return sizeBytes
}

/**
 * The region in the file `name`, as long as the file. A write to REGION_BOOT closes every file; only REGION_PAYLOAD may put an
 * erase off until the next call.
 */
export function fileRegion(name: string, eraseBytes: number, programBytes: number, use: number): Region {
    const region: RegionFile = { name, open: undefined }
    const programAt = use === REGION_BOOT ? programSafely : program
    const eraseAt = use === REGION_PAYLOAD ? eraseLater : blankAt
    return {
        sizeBytes: fileBytes(name),
        eraseBytes,
        programBytes,
        read: (offset, lengthBytes) => read(region, offset, lengthBytes),
        erase: offset => eraseAt(region, offset, eraseBytes),
        program: (offset, bytes) => programAt(region, offset, bytes),
        programStaged: (offset, lengthBytes) => programStaged(region, offset, lengthBytes, programBytes),
        matchesStaged: (offset, lengthBytes) => matchesStaged(region, offset, lengthBytes),
    }
}

// For small-region.ts, which puts them together in its own way.
export { blankAt, eraseLater, matchesStaged, program, programSafely, programStaged, read }
