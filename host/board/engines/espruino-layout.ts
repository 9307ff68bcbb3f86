// Where the regions of Espruino boards lie: sizes for each kind of board, and the same regions as the factory's flash chip sees them.

import type { EspruinoLayout } from "../../../shims/espruino/layout"
import { makeLayout, type BoardLayout } from "../layout"

/** A kind of board: where its Storage begins, and the room that the regions get in it. */
export interface EspruinoModel {
    /** First address of Storage (boards/*.py of Espruino, `saved_code`). */
    readonly storageAddress: number
    /** Page of the flash in bytes. */
    readonly pageBytes: number
    readonly journalBytes: number
    /** Each of two. */
    readonly appBytes: number
    /** Each of two. */
    readonly filesBytes: number
}

/** The kinds of boards. An ESP32 has 896 KiB of Storage, of which 312 are left to the user; Espruino for Linux has 256 KiB in all. */
export const ESPRUINO_MODELS = {
    esp32: { storageAddress: 0x320000, pageBytes: 4096, journalBytes: 65536, appBytes: 196608, filesBytes: 65536 },
    linux: { storageAddress: 0x10000000, pageBytes: 1024, journalBytes: 16384, appBytes: 90112, filesBytes: 16384 },
} as const satisfies Record<string, EspruinoModel>

/** Name of a kind of board. */
export type EspruinoModelName = keyof typeof ESPRUINO_MODELS

/** Name of the Storage file with the regions. */
export const ESPRUINO_FILE = "otary"
/** Bytes of a Storage file's head: size and name (libs/../jsflash.h, JsfFileHeader). The first file's head begins Storage. */
export const STORAGE_HEAD_BYTES = 32
/** The factory's chip begins with a region for a loader; on Espruino the loader is a Storage file, so this one stays empty. */
export const FACTORY_LOADER_BYTES = 4096

/** The layout that the boot loader of a board carries. The regions begin at the first page behind the file's head. */
export function espruinoLayout(model: EspruinoModel): EspruinoLayout {
    const { storageAddress, pageBytes, journalBytes, appBytes, filesBytes } = model
    return {
        file: ESPRUINO_FILE,
        address: storageAddress + pageBytes,
        offsetBytes: pageBytes - STORAGE_HEAD_BYTES,
        pageBytes,
        sizes: [2 * pageBytes, journalBytes, appBytes, appBytes, filesBytes, filesBytes],
    }
}

/** Bytes of the Storage file. */
export function espruinoFileBytes(model: EspruinoModel): number {
    const { offsetBytes, sizes } = espruinoLayout(model)
    return sizes.reduce((sum, bytes) => sum + bytes, offsetBytes)
}

/** The same regions, in the same order, as a chip on the factory's bench. */
export function espruinoBench(model: EspruinoModel): BoardLayout {
    const { pageBytes, journalBytes, appBytes, filesBytes } = model
    return makeLayout({
        eraseBytes: pageBytes,
        programBytes: 16,
        loaderBytes: FACTORY_LOADER_BYTES,
        journalBytes,
        appBytes,
        filesBytes,
    })
}
