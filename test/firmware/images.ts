// Images for tests, good ones and bad ones, made by hand so that every byte can be bent.

import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import { deltaEncode, type DeltaCode } from "../../build/delta-code"
import { filesAreaEncode } from "../../build/files-area"
import { slotDigestHex } from "../../build/image-format"

/** An entry of a handmade zip; every header field can be bent. */
export interface Entry {
    name: string
    bytes: Buffer
    method?: number
    flags?: number
    crc?: number
    compressedBytes?: number
    sizeBytes?: number
    extra?: Buffer
}

/** What goes into an image. */
export interface ImageOptions {
    app?: Buffer
    /** Makes a delta: the app that runs. */
    base?: Buffer
    /** A delta's payload and list in place of what the packer makes. */
    code?: DeltaCode
    files?: Record<string, string>
    /** Whether parts have block lists. */
    hasLists?: boolean
    manifest?: Record<string, unknown>
    /** Changes to the manifest's parts, by part. */
    parts?: Record<string, Record<string, unknown>>
    /** Bends the finished entries. */
    bend?: (entries: Entry[]) => Entry[]
    align?: number
    tail?: Buffer
}

/** SHA-256 in hex. */
export function sha256Hex(bytes: Buffer): string {
    return createHash("sha256").update(bytes).digest("hex")
}

/** Bytes that depend on `seed` alone. */
export function seededBytes(length: number, seed: number): Buffer {
    const bytes = Buffer.alloc(length)
    let state = seed >>> 0 || 1
    for (let i = 0; i < length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        bytes[i] = state >>> 24
    }
    return bytes
}

function blockList(part: Buffer): Buffer {
    const digests: Buffer[] = []
    for (let at = 0; at < part.length; at += 4096)
        digests.push(
            createHash("sha256")
                .update(part.subarray(at, at + 4096))
                .digest(),
        )
    return Buffer.concat(digests)
}

function pageHashes(list: Buffer): string[] {
    const hashes: string[] = []
    for (let at = 0; at < list.length; at += 4096) hashes.push(sha256Hex(list.subarray(at, at + 4096)))
    return hashes
}

function u16(value: number): Buffer {
    const bytes = Buffer.alloc(2)
    bytes.writeUInt16LE(value)
    return bytes
}

function u32(value: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value >>> 0)
    return bytes
}

/** The fields that local and central headers share. */
function shared(entry: Entry): Buffer {
    const size = entry.sizeBytes ?? entry.bytes.length
    const crc = entry.crc ?? crc32(entry.bytes)
    return Buffer.concat([
        u16(10),
        u16(entry.flags ?? 0),
        u16(entry.method ?? 0),
        u32(0x00210000),
        u32(crc),
        u32(entry.compressedBytes ?? size),
        u32(size),
        u16(entry.name.length),
        u16(entry.extra?.length ?? 0),
    ])
}

/** A zip file of these entries. */
export function zipOf(entries: readonly Entry[]): Buffer {
    const locals: Buffer[] = []
    const directory: Buffer[] = []
    let offset = 0
    for (const entry of entries) {
        const name = Buffer.from(entry.name)
        const extra = entry.extra ?? Buffer.alloc(0)
        const local = Buffer.concat([Buffer.from("PK\x03\x04"), shared(entry), name, extra, entry.bytes])
        const tail = Buffer.concat([u16(0), u16(0), u16(0), u32(0), u32(offset), name, extra])
        directory.push(Buffer.concat([Buffer.from("PK\x01\x02"), u16(20), shared(entry), tail]))
        locals.push(local)
        offset += local.length
    }
    const central = Buffer.concat(directory)
    const count = u16(entries.length)
    const end = Buffer.concat([Buffer.from("PK\x05\x06"), u16(0), u16(0), count, count, u32(central.length), u32(offset), u16(0)])
    return Buffer.concat([...locals, central, end])
}

function partOf(
    type: string,
    src: string,
    bytes: Buffer,
    hasLists: boolean,
    changes: Record<string, unknown>,
): Record<string, unknown> {
    const part: Record<string, unknown> = { type, src, size: bytes.length, cs_sha256: sha256Hex(bytes) }
    if (hasLists) part.blocks = { src: `${src}.blocks`, sha256: pageHashes(blockList(bytes)) }
    return { ...part, ...changes }
}

/** The entries of an image, the manifest first. */
export function imageEntries(options: ImageOptions = {}): Entry[] {
    const hasLists = options.hasLists ?? true
    const parts: Record<string, unknown> = {}
    const entries: Entry[] = []
    const add = (name: string, type: string, src: string, bytes: Buffer) => {
        parts[name] = partOf(type, src, bytes, hasLists, options.parts?.[name] ?? {})
        if (hasLists) entries.push({ name: `${src}.blocks`, bytes: blockList(bytes) })
        entries.push({ name: src, bytes })
    }
    if (options.base !== undefined) {
        const { payload, list } = options.code ?? deltaEncode(options.base, options.app!)
        const base = { digest: slotDigestHex(options.base), size: options.base.length }
        const blocks = { src: "app.blocks", sha256: pageHashes(list) }
        const { size, cs_sha256 } = partOf("app", "", options.app!, false, {})
        parts["app"] = { type: "app", src: "app.delta", size, cs_sha256, blocks, base, ...options.parts?.["app"] }
        entries.push({ name: "app.blocks", bytes: list }, { name: "app.delta", bytes: payload })
    } else if (options.app !== undefined) add("app", "app", "app.js", options.app)
    if (options.files !== undefined) {
        const files = new Map(Object.entries(options.files).map(([name, data]) => [name, Buffer.from(data, "latin1")]))
        add("fs", "fs", "fs.bin", filesAreaEncode(files, options.align ?? 32))
    }
    const manifest = { name: "demo", platform: "host", version: "1.1.0", build_id: "b2", parts, ...options.manifest }
    return [{ name: "manifest.json", bytes: Buffer.from(JSON.stringify(manifest)) }, ...entries]
}

/** An image. */
export function imageOf(options: ImageOptions = {}): Buffer {
    const entries = imageEntries(options)
    const zip = zipOf(options.bend?.(entries) ?? entries)
    return options.tail === undefined ? zip : Buffer.concat([zip, options.tail])
}
