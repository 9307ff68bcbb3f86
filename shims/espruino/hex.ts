// Hex texts on Espruino, in the place of firmware/hex.ts: natives look at the bytes, a loop over them would take twenty times as long.

import type { Bytes } from "../../firmware/ports"
import type { EspruinoE } from "./globals"

export { bytesOfHex } from "../../firmware/hex"

declare const E: EspruinoE

/** Bytes as lower-case hex. */
export function hexOf(bytes: Bytes): string {
    const view = new DataView(E.toArrayBuffer(bytes))
    let text = ""
    // A digit ahead keeps the zeros.
    for (let i = 0; i < bytes.length; i = i + 2) text = text + (view.getUint16(i) + 65536).toString(16).substring(1, 5)
    return text
}

/** Whether `text` is lower-case hex of `count` bytes. */
export function isHexOf(text: string, count: number): boolean {
    return text.length === count * 2 && /^[0-9a-f]*$/.test(text)
}
