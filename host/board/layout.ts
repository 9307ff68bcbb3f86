// Where the regions of a board lie in its flash chip.

import { alignUp } from "../../firmware/bytes"
import { BLOCK_BYTES, BOOT_RECORD_BYTES, BOOT_SLOTS, TRIAL_MARK_BYTES, TRIAL_MARKS } from "../../firmware/constants"
import type { FlashLayout, FlashRange } from "../../shims/host/hardware"
import { BoardError } from "./board-error"

/** The shape of a flash chip and the room that each region gets on it. */
export interface Geometry {
    /** Erase unit in bytes: a power of two, 1024–65536. */
    readonly eraseBytes: number
    /** Program unit in bytes: a power of two, 1–256. */
    readonly programBytes: number
    /** Each of the two app slots. */
    readonly appBytes: number
    /** Each of the two files areas. */
    readonly filesBytes: number
    readonly journalBytes: number
    readonly loaderBytes: number
}

/** A chip's shape with the regions on it. */
export interface BoardLayout {
    readonly sizeBytes: number
    readonly eraseBytes: number
    readonly programBytes: number
    readonly regions: FlashLayout
}

/** The board that `otary board` makes: about 800 KiB of flash, as an ESP32's with room for two images. */
export const GEOMETRY_DEFAULT: Geometry = {
    eraseBytes: 4096,
    programBytes: 16,
    loaderBytes: 20480,
    journalBytes: 65536,
    appBytes: 262144,
    filesBytes: 65536,
}

/** Largest chip; far above any image that fits the firmware's limits. */
const FLASH_BYTES_MAX = 268435456
/** The regions in the order of their addresses. */
export const REGION_NAMES = ["loader", "boot", "journal", "app0", "app1", "files0", "files1"] as const

function isPowerOfTwo(value: number): boolean {
    return Number.isInteger(value) && value > 0 && (value & (value - 1)) === 0
}

function refuse(what: string): never {
    throw new BoardError(
        "BOARD_LAYOUT",
        `the flash cannot be laid out: ${what}`,
        "choose other sizes, or leave them out for the default board",
    )
}

function checkUnits(eraseBytes: number, programBytes: number): void {
    if (!isPowerOfTwo(eraseBytes) || eraseBytes < 1024 || eraseBytes > 65536) {
        refuse(`the erase unit of ${eraseBytes} bytes is not a power of two of 1024 to 65536`)
    }
    if (!isPowerOfTwo(programBytes) || programBytes > 256) {
        refuse(`the program unit of ${programBytes} bytes is not a power of two of 1 to 256`)
    }
    const bootBytes =
        BOOT_SLOTS * alignUp(BOOT_RECORD_BYTES, programBytes) + TRIAL_MARKS * alignUp(TRIAL_MARK_BYTES, programBytes)
    if (bootBytes > eraseBytes) {
        refuse(`boot records take ${bootBytes} bytes in program units of ${programBytes}, an erase unit has ${eraseBytes}`)
    }
}

/** A region's size in whole erase units; slots and areas hold whole blocks besides. */
function checkSize(name: string, bytes: number, unitBytes: number): number {
    if (Number.isInteger(bytes) && bytes > 0 && bytes % unitBytes === 0) return bytes
    return refuse(`${name} of ${bytes} bytes is not a whole number of ${unitBytes} bytes`)
}

/**
 * Lays regions out one behind the other: loader, boot (two erase units), journal, the app slots, the files areas.
 * Missing sizes are those of GEOMETRY_DEFAULT. Errors: BoardError BOARD_LAYOUT.
 */
export function makeLayout(geometry: Partial<Geometry> = {}): BoardLayout {
    const { eraseBytes, programBytes, loaderBytes, journalBytes, appBytes, filesBytes } = { ...GEOMETRY_DEFAULT, ...geometry }
    checkUnits(eraseBytes, programBytes)
    const unitBytes = Math.max(eraseBytes, BLOCK_BYTES)
    const sizes = {
        loader: checkSize("loaderBytes", loaderBytes, eraseBytes),
        boot: 2 * eraseBytes,
        journal: checkSize("journalBytes", journalBytes, eraseBytes),
        app0: checkSize("appBytes", appBytes, unitBytes),
        app1: appBytes,
        files0: checkSize("filesBytes", filesBytes, unitBytes),
        files1: filesBytes,
    }
    let sizeBytes = 0
    const regions: Partial<Record<(typeof REGION_NAMES)[number], FlashRange>> = {}
    for (const name of REGION_NAMES) {
        regions[name] = { offsetBytes: sizeBytes, sizeBytes: sizes[name] }
        sizeBytes += sizes[name]
    }
    const layout: BoardLayout = { sizeBytes, eraseBytes, programBytes, regions: regions as FlashLayout }
    checkLayout(layout)
    return layout
}

/**
 * Refuses a layout, one that was read from a file say, whose regions leave the chip, overlap, or do not lie on erase units.
 * Errors: BoardError BOARD_LAYOUT.
 */
export function checkLayout({ sizeBytes, eraseBytes, programBytes, regions }: BoardLayout): void {
    checkUnits(eraseBytes, programBytes)
    if (sizeBytes > FLASH_BYTES_MAX) refuse(`${sizeBytes} bytes are more than the largest chip of ${FLASH_BYTES_MAX}`)
    let endBytes = 0
    for (const name of REGION_NAMES) {
        const { offsetBytes, sizeBytes: bytes } = regions[name]
        if (offsetBytes % eraseBytes !== 0 || offsetBytes < endBytes) {
            refuse(`${name} at ${offsetBytes} overlaps its neighbour or does not start at an erase unit of ${eraseBytes}`)
        }
        endBytes = offsetBytes + checkSize(name, bytes, eraseBytes)
    }
    if (endBytes > sizeBytes) refuse(`the regions end at ${endBytes}, the chip at ${sizeBytes}`)
    if (regions.boot.sizeBytes !== 2 * eraseBytes)
        refuse(`boot of ${regions.boot.sizeBytes} bytes is not two erase units of ${eraseBytes}`)
    if (regions.app0.sizeBytes !== regions.app1.sizeBytes) refuse("app0 and app1 differ in size")
    if (regions.files0.sizeBytes !== regions.files1.sizeBytes) refuse("files0 and files1 differ in size")
}
