// The staging buffer of a host board: one block of RAM between socket and flash.

import { createHash, hash } from "node:crypto"
import { crc32 } from "node:zlib"
import { BLOCK_BYTES } from "../../firmware/constants"
import type { Bytes, Stage } from "../../firmware/ports"

/** A stage whose memory the flash chip beside it may copy from. */
export interface HostStage extends Stage {
    /** BLOCK_BYTES of memory. */
    readonly buffer: Buffer
}

/** The SHA-256 of `data` (a string counts as latin1) as a byte string of 32. */
export function sha256(data: Buffer | Bytes): Bytes {
    if (typeof data === "string") return createHash("sha256").update(data, "latin1").digest("binary")
    return hash("sha256", data, "binary")
}

/** Creates a stage. Its functions throw a RangeError when a caller leaves the block: that is a bug of the caller. */
export function createStage(): HostStage {
    const buffer = Buffer.alloc(BLOCK_BYTES, 0xff)
    const head = (lengthBytes: number): Buffer => {
        if (lengthBytes === BLOCK_BYTES) return buffer
        if (lengthBytes < 0 || lengthBytes > BLOCK_BYTES)
            throw new RangeError(`stage: ${lengthBytes} bytes are not within one block`)
        return buffer.subarray(0, lengthBytes)
    }
    return {
        buffer,
        hasCrc32: true,
        put(at, bytes, from, to) {
            if (at < 0 || from < 0 || to < from || to > bytes.length || at + to - from > BLOCK_BYTES) {
                throw new RangeError(`stage: bytes ${from}-${to} of ${bytes.length} at ${at} leave the block`)
            }
            // The write stops by itself, so only a start inside the string costs a (lazy) slice.
            buffer.write(from === 0 ? bytes : bytes.slice(from, to), at, to - from, "latin1")
        },
        place(bytes, at) {
            if (at < 0 || at + bytes.length > BLOCK_BYTES)
                throw new RangeError(`stage: ${bytes.length} bytes at ${at} leave the block`)
            buffer.write(bytes, at, "latin1")
        },
        sha256: lengthBytes => sha256(head(lengthBytes)),
        crc32: (crc, lengthBytes) => crc32(head(lengthBytes), crc >>> 0) | 0,
        take: lengthBytes => head(lengthBytes).toString("latin1"),
    }
}
