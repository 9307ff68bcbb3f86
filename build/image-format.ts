// The image format's own words: the shape of manifest.json and the hashes in it (firmware/FORMAT.md, "Image").

import { createHash } from "node:crypto"
import { BLOCK_BYTES, DIGEST_BYTES } from "../firmware/constants"

/** A part of a manifest, under the keys of the format. */
export interface ManifestPart {
    readonly type: string
    readonly src: string
    readonly size: number
    readonly cs_sha256?: string
    readonly cs_sha1?: string
    readonly blocks?: { readonly src: string; readonly sha256: readonly string[] }
    /** The app that a delta is made from: its slot digest and its size. */
    readonly base?: { readonly digest: string; readonly size: number }
}

/** manifest.json (firmware/FORMAT.md). */
export interface Manifest {
    readonly name: string
    readonly platform: string
    readonly version: string
    readonly build_id: string
    readonly build_timestamp: string
    readonly description?: string
    readonly requires?: string
    readonly security?: number
    readonly expires?: string
    readonly product?: string
    readonly parts: Readonly<Record<string, ManifestPart>>
}

/** The SHA-256 of all `parts`, one behind the other, in lower-case hex. */
export function sha256Hex(...parts: readonly (Buffer | string)[]): string {
    const hash = createHash("sha256")
    for (const part of parts) hash.update(part)
    return hash.digest("hex")
}

function blocksOf(bytes: Buffer): Buffer[] {
    const blocks: Buffer[] = []
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) blocks.push(bytes.subarray(at, at + BLOCK_BYTES))
    return blocks
}

/** The SHA-256 of every block of a part, one behind the other, 32 bytes each. */
export function blockList(bytes: Buffer): Buffer {
    return Buffer.concat(blocksOf(bytes).map(block => createHash("sha256").update(block).digest()))
}

/** The slot digest of an app (firmware/FORMAT.md), in lower-case hex. */
export function slotDigestHex(app: Buffer): string {
    const list = blockList(app)
    let digest = Buffer.alloc(0)
    for (let at = 0; at < list.length; at += DIGEST_BYTES) {
        digest = createHash("sha256")
            .update(digest)
            .update(list.subarray(at, at + DIGEST_BYTES))
            .digest()
    }
    return digest.toString("hex")
}

/** The hex SHA-256 of every 4096-byte page of a block list. */
export function pageHashes(list: Buffer): string[] {
    return blocksOf(list).map(page => sha256Hex(page))
}
