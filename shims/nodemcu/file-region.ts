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

/** Erased flash is written in pieces of this size. */
const BLANK_BYTES = 256

const openNames: string[] = ["", "", ""]
const openFiles: (BoardFile | undefined)[] = [undefined, undefined, undefined]
let openNext = 0
let blank = ""

// An erase that waits: the program that follows writes the whole unit, so that erased bytes need not be written before.
let waitingName = ""
let waitingAt = 0
let waitingBytes = 0

function closeAt(k: number): void {
    const open = openFiles[k]
    if (open !== undefined) open.close()
    openNames[k] = ""
    openFiles[k] = undefined
}

/** Closes every region's file: what was written is then out of all caches. */
export function regionsClose(): void {
    for (let k = 0; k < REGION_FILES_MAX; k++) closeAt(k)
}

/**
 * The file of a region, at `offset`; undefined when it cannot be opened.
 * @resident
 */
function openAt(name: string, offset: number): BoardFile | undefined {
    for (let k = 0; k < REGION_FILES_MAX; k++) {
        const open = openFiles[k]
        if (openNames[k] === name && open !== undefined) {
            if (open.seek("set", offset) === undefined) return undefined
            return open
        }
    }
    closeAt(openNext)
    const fresh = fileOpen(name)
    if (fresh === undefined) return undefined
    openNames[openNext] = name
    openFiles[openNext] = fresh
    openNext = (openNext + 1) % REGION_FILES_MAX
    if (fresh.seek("set", offset) === undefined) return undefined
    return fresh
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

function blankAt(name: string, offset: number, lengthBytes: number): number {
    const target = openAt(name, offset)
    if (target === undefined || !blankWrite(target, lengthBytes)) return STATUS_FLASH
    return flushed(target)
}

/**
 * Carries out the erase that waits. Where that fails, whoever reads the bytes back finds out.
 * @resident
 */
function settle(): void {
    if (waitingName === "") return
    const name = waitingName
    waitingName = ""
    blankAt(name, waitingAt, waitingBytes)
}

/** @resident */
function read(name: string, offset: number, lengthBytes: number): Bytes {
    settle()
    const source = openAt(name, offset)
    if (source === undefined) return ""
    const bytes = source.read(lengthBytes)
    if (bytes === undefined) return ""
    return bytes
}

/** @resident */
function program(name: string, offset: number, bytes: Bytes): number {
    settle()
    const target = openAt(name, offset)
    if (target === undefined || target.write(bytes) === undefined) return STATUS_FLASH
    return flushed(target)
}

/** The boot record goes last of all: everything before it must be in flash, not in a cache of the file system. */
function programSafely(name: string, offset: number, bytes: Bytes): number {
    settle()
    regionsClose()
    const status = program(name, offset, bytes)
    regionsClose()
    return status
}

/** @resident */
function programStaged(name: string, offset: number, lengthBytes: number, programBytes: number): number {
    let endBytes = alignUp(lengthBytes, programBytes)
    if (waitingName === name && waitingAt === offset && waitingBytes >= endBytes) {
        endBytes = waitingBytes
        waitingName = ""
    } else settle()
    const target = openAt(name, offset)
    if (target === undefined || !stageWrite(target, lengthBytes) || !blankWrite(target, endBytes - lengthBytes))
        return STATUS_FLASH
    return flushed(target)
}

/** @resident */
function matchesStaged(name: string, offset: number, lengthBytes: number): boolean {
    settle()
    const source = openAt(name, offset)
    return source !== undefined && stageMatches(source, lengthBytes)
}

/** @resident */
function erase(name: string, offset: number, eraseBytes: number, mayWait: boolean): number {
    settle()
    if (!mayWait) return blankAt(name, offset, eraseBytes)
    waitingName = name
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
    const isBoot = use === REGION_BOOT
    return {
        sizeBytes: fileBytes(name),
        eraseBytes,
        programBytes,
        read: (offset, lengthBytes) => read(name, offset, lengthBytes),
        erase: offset => erase(name, offset, eraseBytes, use === REGION_PAYLOAD),
        program: (offset, bytes) => (isBoot ? programSafely(name, offset, bytes) : program(name, offset, bytes)),
        programStaged: (offset, lengthBytes) => programStaged(name, offset, lengthBytes, programBytes),
        matchesStaged: (offset, lengthBytes) => matchesStaged(name, offset, lengthBytes),
    }
}

// For small-region.ts, which puts them together in its own way.
export { erase, matchesStaged, program, programSafely, programStaged, read }
