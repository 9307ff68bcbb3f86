// Ids in the order of their making, secret tokens, and their hashes.

import { hash, randomBytes, timingSafeEqual } from "node:crypto"

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const TIME_CHARS = 10
const RANDOM_CHARS = 16
const IDS_PER_DRAW = 256
const TOKEN_BYTES = 24

/** Random bytes for ids, drawn some at a time: each draw costs more than an id. */
const pool = { bytes: Buffer.alloc(0), used: 0 }

function randomSome(): Buffer {
    if (pool.used === pool.bytes.length) Object.assign(pool, { bytes: randomBytes(RANDOM_CHARS * IDS_PER_DRAW), used: 0 })
    pool.used += RANDOM_CHARS
    return pool.bytes.subarray(pool.used - RANDOM_CHARS, pool.used)
}

/**
 * A new id of 26 characters: 48 bits of time in ms and 80 random bits in Crockford's base 32 (the ULID layout), so that ids sort by time.
 * `nowMs` is Unix time in milliseconds.
 */
export function newId(nowMs: number): string {
    let time = ""
    for (let rest = nowMs, index = 0; index < TIME_CHARS; index += 1, rest = Math.floor(rest / 32))
        time = ALPHABET[rest % 32] + time
    let random = ""
    for (const byte of randomSome()) random += ALPHABET[byte % 32]
    return time + random
}

/** A new secret of 192 random bits, 32 characters of base64url. */
export function newToken(): string {
    return randomBytes(TOKEN_BYTES).toString("base64url")
}

/** What is stored of a token: its SHA-256. A token has so many random bits that salt and stretching add nothing. */
export function tokenHash(token: string): Buffer {
    return hash("sha256", token, "buffer")
}

/** Whether two hashes are equal, in constant time. A missing hash equals nothing. */
export function hashEquals(a: Buffer | null, b: Buffer | null): boolean {
    return a !== null && b !== null && a.length === b.length && timingSafeEqual(a, b)
}
