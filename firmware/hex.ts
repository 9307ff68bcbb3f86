// Hex texts. Espruino and Lua have this file's functions from hex.ts of their shims, where natives do the same in a tenth of the time.

import { byteOf } from "./bytes"
import type { Bytes } from "./ports"

/** Bytes as lower-case hex. */
export function hexOf(bytes: Bytes): string {
    let text = ""
    for (let i = 0; i < bytes.length; i++) {
        const byte = bytes.charCodeAt(i)
        text = text + HEX_DIGITS.charAt(byte >>> 4) + HEX_DIGITS.charAt(byte & 15)
    }
    return text
}

const HEX_DIGITS = "0123456789abcdef"

/** The bytes of a lower-case hex text (see isHexOf). */
export function bytesOfHex(text: string): Bytes {
    let bytes = ""
    for (let i = 0; i < text.length; i = i + 2)
        bytes = bytes + byteOf(nibbleOf(text.charCodeAt(i)) * 16 + nibbleOf(text.charCodeAt(i + 1)))
    return bytes
}

function nibbleOf(code: number): number {
    if (code > 96) return code - 87
    return code - 48
}

/** Whether `text` is lower-case hex of `count` bytes. */
export function isHexOf(text: string, count: number): boolean {
    if (text.length !== count * 2) return false
    for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i)
        if (code < 48 || code > 102 || (code > 57 && code < 97)) return false
    }
    return true
}
