// Where the regions of an Espruino board lie: inside one Storage file, which is made before any other and so never moves.

/** The layout, as the boot loader carries it and hands it to the image: two bundles, so its names are never shortened. */
export interface EspruinoLayout {
    /** Name of the Storage file. */
    readonly file: string
    /** Address in flash of the first region: a page boundary. */
    readonly address: number
    /** Where in the file's content that is. */
    readonly offsetBytes: number
    /** Page of the flash in bytes. */
    readonly pageBytes: number
    /** Bytes of boot, journal, app0, app1, files0, files1, in the order of their addresses; whole pages. */
    readonly sizes: readonly number[]
}

/** What the boot loader leaves behind: the layout, which slot runs and why (firmware/boot-record.ts, bootRecordStart). */
export interface EspruinoStart extends EspruinoLayout {
    /** Where the slot begins in the file's content, and the bytes of its code: 0 = none can be booted. */
    at: number
    bytes: number
    slot: number
    reason: number
    /** The boot record that was decided by; the image takes it away. */
    record?: string
}

/** Index in `sizes`: boot record, journal, the first of two app slots, the first of two files areas. */
export const LAYOUT_BOOT = 0
export const LAYOUT_JOURNAL = 1
export const LAYOUT_APP = 2
export const LAYOUT_FILES = 4
/** Behind the last. */
export const LAYOUT_END = 6

/** Bytes between the first region and region `index`. */
export function layoutOffset(layout: EspruinoLayout, index: number): number {
    let offset = 0
    for (let i = 0; i < index; i++) offset = offset + layout.sizes[i]
    return offset
}
