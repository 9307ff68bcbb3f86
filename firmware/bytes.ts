// Integers and text in byte strings: beside hex.ts the only file of the core that looks into single bytes.

import type { Bytes } from "./ports"

/** More than any length, date or schedule that is read from text: ten times as much still fits 31 bits. */
export const NUMBER_MAX = 200_000_000

/** The byte at `at`, 0–255. */
export function u8(bytes: Bytes, at: number): number {
    return bytes.charCodeAt(at)
}

/** The unsigned 16-bit little-endian integer at `at`. */
export function u16(bytes: Bytes, at: number): number {
    return bytes.charCodeAt(at) + bytes.charCodeAt(at + 1) * 256
}

/** The unsigned 32-bit little-endian integer at `at`; -1 when it is 2^31 or more, which no size or offset may be. */
export function u31(bytes: Bytes, at: number): number {
    const high = bytes.charCodeAt(at + 3)
    if (high > 127) return -1
    return bytes.charCodeAt(at) + bytes.charCodeAt(at + 1) * 256 + bytes.charCodeAt(at + 2) * 65536 + high * 16777216
}

/** The 32 bits at `at` as a signed integer, for values that are only compared, such as a CRC-32. */
export function i32(bytes: Bytes, at: number): number {
    return u16(bytes, at) | (u16(bytes, at + 2) << 16)
}

/** The unsigned 32-bit big-endian integer at `at`; -1 when it is 2^31 or more. */
export function u31Be(bytes: Bytes, at: number): number {
    const high = bytes.charCodeAt(at)
    if (high > 127) return -1
    return high * 16777216 + bytes.charCodeAt(at + 1) * 65536 + bytes.charCodeAt(at + 2) * 256 + bytes.charCodeAt(at + 3)
}

/** One byte as a string. */
export function byteOf(value: number): Bytes {
    return String.fromCharCode(value & 255)
}

/** Four bytes, little-endian, of 0 – 2^31-1. */
export function bytesOfU31(value: number): Bytes {
    return String.fromCharCode(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255)
}

/** Four bytes, big-endian, of 0 – 2^31-1. */
export function bytesOfU31Be(value: number): Bytes {
    return byteOf(value >>> 24) + byteOf(value >>> 16) + byteOf(value >>> 8) + byteOf(value)
}

/** `count` times the byte `value`. */
export function bytesRepeated(value: number, count: number): Bytes {
    let piece = byteOf(value)
    let result = ""
    let left = count
    while (left > 0) {
        if (left % 2 === 1) result = result + piece
        piece = piece + piece
        left = left >>> 1
    }
    return result
}

/** `bytes` padded with `value` to a multiple of `unit`. */
export function bytesPadded(bytes: Bytes, unit: number, value: number): Bytes {
    return bytes + bytesRepeated(value, alignUp(bytes.length, unit) - bytes.length)
}

/** The next multiple of `unit` that is not below `value`. */
export function alignUp(value: number, unit: number): number {
    const over = value % unit
    if (over === 0) return value
    return value + unit - over
}

/** Whole blocks (4096 bytes) that `length` bytes take. */
export function blocksOf(lengthBytes: number): number {
    return (lengthBytes + 4095) >>> 12
}

/**
 * The smaller of two integers.
 * @hot
 */
export function least(a: number, b: number): number {
    return a < b ? a : b
}

/** The larger of two integers. */
export function most(a: number, b: number): number {
    if (a > b) return a
    return b
}

/** `done` of `total` bytes in whole percent, 0–100; 0 when `total` is 0. In KiB, so that single-precision engines are exact. */
export function percentOf(done: number, total: number): number {
    if (total <= 0 || done <= 0) return 0
    if (done >= total) return 100
    if (total < 65536) return Math.floor((done * 100) / total)
    return least(99, Math.floor(((done >>> 10) * 100) / (total >>> 10)))
}

/** Whether `value` is a text of 1 to `bytesMax` visible ASCII characters. */
export function isVisibleText(value: unknown, bytesMax: number): boolean {
    if (typeof value !== "string" || value === "" || value.length > bytesMax) return false
    for (let i = 0; i < value.length; i++) {
        const code = value.charCodeAt(i)
        if (code <= 32 || code >= 127) return false
    }
    return true
}

/** The number that the digits text[from, to) make, NUMBER_MAX for all that is larger; -1 where they are none. */
export function numberIn(text: string, from: number, to: number): number {
    let value = 0
    if (to <= from || to > text.length) return -1
    for (let i = from; i < to; i++) {
        const digit = text.charCodeAt(i) - 48
        if (digit < 0 || digit > 9) return -1
        value = least(value * 10 + digit, NUMBER_MAX)
    }
    return value
}

/** CRC-32 (ISO 3309, as in zip) of a short text, as a signed 32-bit integer. Not for payload: it looks at every byte. */
export function crc32(bytes: Bytes): number {
    if (nibbleCrcs.length === 0) for (let nibble = 0; nibble < 16; nibble++) nibbleCrcs[nibble] = crcOfNibble(nibble)
    let crc = -1
    for (let i = 0; i < bytes.length; i++) {
        crc = crc ^ bytes.charCodeAt(i)
        crc = ((crc >>> 4) & 0x0fffffff) ^ nibbleCrcs[crc & 15]
        crc = ((crc >>> 4) & 0x0fffffff) ^ nibbleCrcs[crc & 15]
    }
    return crc ^ -1
}

const nibbleCrcs: number[] = []

// The table is computed, not listed: a list of literals above 2^31 is a float on some engines.
function crcOfNibble(nibble: number): number {
    let value = nibble
    for (let bit = 0; bit < 4; bit++) {
        if ((value & 1) === 1) value = ((value >>> 1) & 0x7fffffff) ^ -306674912
        else value = (value >>> 1) & 0x7fffffff
    }
    return value
}
