// Storage behind the board's own file: a file's head that a power cut has torn is made one of a deleted file.

import { alignUp } from "../../firmware/bytes"
import type { EspruinoFlash, EspruinoStorage } from "./globals"
import { LAYOUT_END, layoutOffset, type EspruinoLayout } from "./layout"

declare function require(name: "Flash"): EspruinoFlash
declare function require(name: "Storage"): EspruinoStorage

/** Bytes of a file's head: three of size, one of flags, the name (Espruino, src/jsflash.h, JsfFileHeader). */
const HEAD_BYTES = 32

function isErased(byte: number): boolean {
    return byte === 255
}

/**
 * Looks through the files behind the board's own, up to the first head that is none. Espruino would write the next file over a torn one;
 * its size would be wrong then, and at the next start Espruino would take all of Storage for damaged, and wipe it.
 */
export function storageMend(layout: EspruinoLayout): void {
    const flash = require("Flash")
    const end = layout.address - layout.pageBytes + require("Storage").getStats().totalBytes - HEAD_BYTES
    let at = layout.address + layoutOffset(layout, LAYOUT_END)
    while (at < end) {
        const head = flash.read(HEAD_BYTES, at)!
        const size = head[0] + head[1] * 256 + head[2] * 65536
        if (head.every(isErased)) return
        if (size === 0 || at + size > end || size + head[3] === 0xffffff + 255) {
            // The lowest bit stays of the size, and zeros where a name begins: a deleted file.
            const left = size & -size
            if (at + left <= end) flash.write(new Uint8Array([left, left >> 8, left >> 16, 0, 0, 0, 0, 0]), at)
            return
        }
        at = at + HEAD_BYTES + alignUp(size, 4)
    }
}
