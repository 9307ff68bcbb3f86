// Hex texts on NodeMCU, in the place of firmware/hex.ts: Lua's own functions look at the bytes.

import type { Bytes } from "../../firmware/ports"
import { string } from "./modules"

export { bytesOfHex } from "../../firmware/hex"

/** Bytes, a digest's 32 at most, as lower-case hex. */
export function hexOf(bytes: Bytes): string {
    return string.format(string.rep("%02x", bytes.length), string.byte(bytes, 1, bytes.length))
}

/** Whether `text` is lower-case hex of `count` bytes. */
export function isHexOf(text: string, count: number): boolean {
    return text.length === count * 2 && string.find(text, "[^0-9a-f]") === undefined
}
