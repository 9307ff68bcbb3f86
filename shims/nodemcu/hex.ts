// Hex texts on NodeMCU, in the place of firmware/hex.ts: Lua's own functions look at the bytes.

import type { Bytes } from "../../firmware/ports"

export { bytesOfHex } from "../../firmware/hex"

/** Lua passes all values of a call on where it is the last one of another: `byte` gives every byte, `format` takes them. */
declare const string: {
    rep(this: void, text: string, count: number): string
    byte(this: void, bytes: Bytes, first: number, last: number): number
    format(this: void, form: string, values: number): string
    /** Where the pattern is first found; undefined where it is not. */
    find(this: void, text: string, pattern: string): number | undefined
}

/** Bytes, a digest's 32 at most, as lower-case hex. */
export function hexOf(bytes: Bytes): string {
    return string.format(string.rep("%02x", bytes.length), string.byte(bytes, 1, bytes.length))
}

/** Whether `text` is lower-case hex of `count` bytes. */
export function isHexOf(text: string, count: number): boolean {
    return text.length === count * 2 && string.find(text, "[^0-9a-f]") === undefined
}
