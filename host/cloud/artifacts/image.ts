// Reads an uploaded image: its manifest, and whether all of it is there and unharmed (firmware/FORMAT.md, "Image").

import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import { z } from "zod"
import { versionRangeValid, versionValid } from "../../../firmware/version"
import { ENTRIES_MAX, ENTRY_NAME_BYTES_MAX, MANIFEST_BYTES_MAX, PARTS_MAX } from "../../../firmware/constants"
import { VERSION_CHARS_MAX } from "../limits"
import { storable } from "../attributes"
import { Problem } from "../problems"
import type { ImageManifest } from "../store/store"
import type { ReadPart } from "./store"

const LOCAL_HEADER = 0x04034b50
const CENTRAL_HEADER = 0x02014b50
/** Bytes of a local header without its name and extra field (APPNOTE 4.3.7). */
export const LOCAL_HEADER_BYTES = 30
const FLAGS_REFUSED = 0x0009
const READ_BYTES = 1_048_576

/** An entry of a zip file: where its bytes are. */
export interface Entry {
    name: string
    offset: number
    sizeBytes: number
    crc: number
    /** Offset of what follows. */
    end: number
}

const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits")
const partSchema = z.looseObject({
    type: z.string().min(1),
    src: z.string().min(1),
    size: z.int().min(0),
    cs_sha256: hex64.optional(),
    blocks: z.looseObject({ src: z.string().min(1), sha256: z.array(hex64) }).optional(),
    base: z.looseObject({ digest: hex64, size: z.int().min(0) }).optional(),
})
const manifestSchema = z.looseObject({
    name: z.string().max(128).optional(),
    platform: z.string().min(1).max(64),
    version: z.string().max(VERSION_CHARS_MAX).refine(versionValid, "a semantic version, such as 1.2.0"),
    build_id: z.string().min(1),
    description: z.string().optional(),
    product: z.string().optional(),
    requires: z.string().refine(versionRangeValid, "comparisons such as >=1.0.0 joined by blanks").optional(),
    security: z.int().min(0).optional(),
    expires: z.iso.datetime({ offset: true }).optional(),
    parts: z.record(z.string(), partSchema),
})
type Manifest = z.infer<typeof manifestSchema>

function refuse(detail: string): never {
    throw new Problem("image_invalid", `${detail} Make the image with otary pack, and look into it with otary inspect.`)
}

/** The entry whose local header stands at `offset` (APPNOTE 4.3.7); null at the central directory. */
async function readEntry(read: ReadPart, offset: number, sizeBytes: number): Promise<Entry | null> {
    const head = await read(offset, Math.max(0, Math.min(LOCAL_HEADER_BYTES + ENTRY_NAME_BYTES_MAX, sizeBytes - offset)))
    if (head.length >= 4 && head.readUInt32LE(0) === CENTRAL_HEADER) return null
    if (head.length < LOCAL_HEADER_BYTES || head.readUInt32LE(0) !== LOCAL_HEADER) {
        return refuse(
            offset === 0
                ? "The file does not begin with a zip entry."
                : "The file is damaged or was cut off: an entry is missing.",
        )
    }
    const nameBytes = head.readUInt16LE(26)
    const start = offset + LOCAL_HEADER_BYTES + nameBytes + head.readUInt16LE(28)
    const name = head.toString("latin1", LOCAL_HEADER_BYTES, LOCAL_HEADER_BYTES + nameBytes)
    const size = head.readUInt32LE(22)
    if (nameBytes === 0 || nameBytes > ENTRY_NAME_BYTES_MAX)
        refuse(`An entry's name has ${nameBytes} bytes; 1 to ${ENTRY_NAME_BYTES_MAX} may be.`)
    if (head.readUInt16LE(8) !== 0 || head.readUInt32LE(18) !== size)
        refuse(`The entry ${name} is compressed; entries are stored.`)
    if ((head.readUInt16LE(6) & FLAGS_REFUSED) !== 0) refuse(`The entry ${name} is encrypted or has its sizes behind it.`)
    if (start + size > sizeBytes) refuse(`The file is cut off within the entry ${name}.`)
    return { name, offset: start, sizeBytes: size, crc: head.readUInt32LE(14), end: start + size }
}

/** The name without its one leading folder. */
function plainName(name: string): string {
    return name.slice(name.indexOf("/") + 1)
}

/** All entries but empty folders, in their order. */
export async function readEntries(read: ReadPart, sizeBytes: number): Promise<Entry[]> {
    const entries: Entry[] = []
    let offset = 0
    for (;;) {
        const entry = await readEntry(read, offset, sizeBytes)
        if (entry === null) return entries
        if (!entry.name.endsWith("/")) entries.push({ ...entry, name: plainName(entry.name) })
        if (entries.length > ENTRIES_MAX) refuse(`The image has more than ${ENTRIES_MAX} entries.`)
        offset = entry.end
    }
}

async function readManifest(read: ReadPart, entry: Entry | undefined): Promise<Manifest> {
    if (entry?.name !== "manifest.json") return refuse("The first entry is not manifest.json.")
    if (entry.sizeBytes > MANIFEST_BYTES_MAX) return refuse(`manifest.json has more than ${MANIFEST_BYTES_MAX} bytes.`)
    const bytes = await read(entry.offset, entry.sizeBytes)
    if (entry.crc !== 0 && crc32(bytes) !== entry.crc) return refuse("manifest.json does not have its CRC-32.")
    let value: unknown
    try {
        value = JSON.parse(bytes.toString("utf8"))
    } catch {
        return refuse("manifest.json is not JSON.")
    }
    if (!storable(value)) return refuse("manifest.json holds a zero character or half a surrogate pair.")
    const parsed = manifestSchema.safeParse(value)
    if (parsed.success) return parsed.data
    const issues = parsed.error.issues.map(({ path, message }) => ({ path: `manifest.json/${path.join("/")}`, message }))
    throw new Problem("image_invalid", "manifest.json has fields that are missing or wrong; see issues.", issues)
}

async function hashOf(read: ReadPart, entry: Entry): Promise<string> {
    const hash = createHash("sha256")
    for (let at = entry.offset; at < entry.end; at += READ_BYTES)
        hash.update(await read(at, Math.min(READ_BYTES, entry.end - at)))
    return hash.digest("hex")
}

/** Every part is in the image, has its size, and has its hash where the manifest names one. */
async function checkParts(read: ReadPart, entries: Entry[], manifest: Manifest): Promise<void> {
    const parts = Object.entries(manifest.parts)
    if (parts.length === 0 || parts.length > PARTS_MAX)
        refuse(`The manifest names ${parts.length} parts; 1 to ${PARTS_MAX} may be.`)
    for (const [name, part] of parts) {
        const entry = entries.find(one => one.name === part.src)
        if (entry === undefined) return refuse(`The part ${name} (${part.src}) is not in the image.`)
        // What a delta makes is known to the boards that have its base.
        if (part.base !== undefined && part.type === "app" && part.blocks !== undefined) continue
        if (entry.sizeBytes !== part.size)
            refuse(`The part ${name} has ${entry.sizeBytes} bytes, the manifest says ${part.size}.`)
        if (part.cs_sha256 !== undefined && (await hashOf(read, entry)) !== part.cs_sha256) {
            refuse(`The part ${name} does not have the SHA-256 that the manifest names.`)
        }
    }
}

/**
 * Reads and checks an image. Throws Problem `image_invalid`, which says what is wrong.
 * Block lists are left to the devices, which check them block by block.
 */
export async function readImage(read: ReadPart, sizeBytes: number): Promise<ImageManifest> {
    const entries = await readEntries(read, sizeBytes)
    const manifest = await readManifest(read, entries[0])
    await checkParts(read, entries, manifest)
    return manifest
}
