// Reads any image as a device would, checks every hash in it, and lists all that is wrong.

import { createHash } from "node:crypto"
import { z } from "zod"
import {
    BLOCK_BYTES,
    DELTA_ENTRY_BYTES,
    DIGEST_BYTES,
    IMAGE_BYTES_MAX,
    MANIFEST_BYTES_MAX,
    PARTS_MAX,
} from "../firmware/constants"
import * as status from "../firmware/status"
import { deltaDecode, listDigests } from "./delta-code"
import { filesAreaDecode } from "./files-area"
import { blockList, type Manifest, type ManifestPart, pageHashes, sha256Hex, slotDigestHex } from "./image-format"
import { signaturesInspect, type InspectedSignature } from "./signatures"
import { type ImageProblem, type ZipEntry, zipRead } from "./zip"

/** One entry of an image. */
export interface InspectedEntry {
    readonly name: string
    readonly sizeBytes: number
    readonly offsetBytes: number
}

/** One part of an image. */
export interface InspectedPart {
    /** Its key in the manifest. */
    readonly name: string
    readonly type: string
    readonly src: string
    readonly sizeBytes: number
    /** Blocks in its block list; 0 when it has none. */
    readonly blocks: number
    /** Whether size and every hash are right. */
    readonly isVerified: boolean
    /** Of a delta: the app that it is made from, by slot digest, and the bytes that are sent. */
    readonly base?: { readonly digest: string; readonly size: number; readonly payloadBytes: number }
    /** Of an fs part: its files. */
    readonly files?: readonly { readonly name: string; readonly sizeBytes: number }[]
}

/** What an image holds and what is wrong with it; nothing is wrong when `problems` is empty. */
export interface Inspection {
    readonly sizeBytes: number
    /** SHA-256 of the file in lower-case hex. */
    readonly sha256: string
    readonly entries: readonly InspectedEntry[]
    /** Absent when there is none that can be read. */
    readonly manifest?: Manifest
    readonly parts: readonly InspectedPart[]
    /** Every signature of the manifest. */
    readonly signatures: readonly InspectedSignature[]
    readonly problems: readonly ImageProblem[]
}

const hex = (chars: number): z.ZodString =>
    z.string().regex(new RegExp(`^[0-9a-f]{${chars}}$`), { error: `expected ${chars} lower-case hex digits` })

const partSchema = z.looseObject({
    type: z.string().min(1),
    src: z.string().min(1),
    size: z.int().min(1).max(IMAGE_BYTES_MAX),
    cs_sha256: hex(64).optional(),
    cs_sha1: hex(40).optional(),
    blocks: z.looseObject({ src: z.string().min(1), sha256: z.array(hex(64)).min(1) }).optional(),
    base: z.looseObject({ digest: hex(64), size: z.int().min(0).max(IMAGE_BYTES_MAX) }).optional(),
})

/** The rules of firmware/FORMAT.md, "manifest.json"; further attributes are allowed, as in Mongoose's bundles. */
const manifestSchema = z.looseObject({
    name: z.string(),
    description: z.string().optional(),
    platform: z.string().min(1),
    version: z.string().min(1),
    build_id: z.string().min(1),
    build_timestamp: z.string(),
    product: z.string().optional(),
    requires: z.string().optional(),
    security: z.int().min(0).max(2147483647).optional(),
    expires: z.string().optional(),
    parts: z.record(z.string(), partSchema).refine(parts => inRange(Object.keys(parts).length, 1, PARTS_MAX), {
        error: `expected 1 to ${PARTS_MAX} parts`,
    }),
})

function inRange(value: number, min: number, max: number): boolean {
    return value >= min && value <= max
}

/** Whether a hash is asked for and not met. */
function hashDiffers(algorithm: "sha1" | "sha256", bytes: Buffer, expected: string | undefined): boolean {
    return expected !== undefined && createHash(algorithm).update(bytes).digest("hex") !== expected
}

interface ManifestRead {
    readonly manifest?: Manifest
    readonly problem?: ImageProblem
}

/** The manifest of an image, or the problem with it. */
function readManifest(entries: readonly ZipEntry[]): ManifestRead {
    const refuse = (code: number, message: string): ManifestRead => ({ problem: { status: code, message } })
    const entry = entries.find(({ name }) => !name.endsWith("/"))
    if (entry?.plainName !== "manifest.json") {
        return refuse(status.STATUS_MANIFEST_ORDER, "manifest.json is not the first entry")
    }
    if (entry.bytes.length > MANIFEST_BYTES_MAX) {
        return refuse(status.STATUS_MANIFEST_SIZE, `manifest.json has more than ${MANIFEST_BYTES_MAX} bytes`)
    }
    let value: unknown
    try {
        value = JSON.parse(entry.bytes.toString("utf8"))
    } catch (error) {
        return refuse(status.STATUS_MANIFEST_JSON, `manifest.json: ${(error as Error).message}`)
    }
    const parsed = manifestSchema.safeParse(value)
    if (parsed.success) return { manifest: parsed.data }
    const issue = parsed.error.issues[0]!
    return refuse(status.STATUS_MANIFEST_FIELD, `manifest.json: ${issue.path.join(".")}: ${issue.message}`)
}

/** A part and where it is. */
interface FoundPart {
    readonly name: string
    readonly part: ManifestPart
    /** Index of its entry. */
    readonly at: number
    readonly entries: readonly ZipEntry[]
}

/** The block list of a part, or what is wrong with it; undefined where the part has none. */
function checkList({ name, part, at, entries }: FoundPart): Buffer | ImageProblem | undefined {
    if (part.blocks === undefined) return undefined
    const listAt = entries.findIndex(({ plainName }) => plainName === part.blocks!.src)
    const list = entries[listAt]?.bytes
    const blocks = Math.ceil(part.size / BLOCK_BYTES)
    const entryBytes = part.base === undefined ? DIGEST_BYTES : DELTA_ENTRY_BYTES
    if (list === undefined || listAt > at || list.length !== blocks * entryBytes) {
        return {
            status: status.STATUS_BLOCK_LIST,
            message: `${name}: its block list is missing, behind it, or not ${blocks} digests long`,
        }
    }
    if (pageHashes(list).join() !== part.blocks.sha256.join()) {
        return {
            status: status.STATUS_PAGE_HASH,
            message: `${name}: its block list does not have the hashes that the manifest names`,
        }
    }
    return list
}

/**
 * What a part is on a board: its entry's bytes, or what a delta makes of `base`; or what is wrong with it; undefined for a delta without
 * its base at hand that could be carried out.
 */
function partContent({ name, part, at, entries }: FoundPart, list: Buffer | undefined, base: Buffer | undefined) {
    const { bytes } = entries[at]!
    if (part.base === undefined) {
        if (bytes.length === part.size) return bytes
        return { status: status.STATUS_PART_SIZE, message: `${name}: ${part.src} has ${bytes.length} bytes, not ${part.size}` }
    }
    const { digest, size } = part.base
    if (base !== undefined && (base.length !== size || slotDigestHex(base) !== digest))
        return { status: status.STATUS_DELTA_BASE, message: `${name}: it was made from another app` }
    const made = deltaDecode({ payload: bytes, list: list! }, base ?? size, part.size)
    return Buffer.isBuffer(made) && base === undefined ? undefined : made
}

/** What is wrong with a part; undefined when nothing is. */
function checkPart(
    name: string,
    part: ManifestPart,
    entries: readonly ZipEntry[],
    base: Buffer | undefined,
): ImageProblem | undefined {
    const places = entries.flatMap(({ plainName }, at) => (plainName === part.src ? [at] : []))
    if (places.length === 0) return { status: status.STATUS_PART_MISSING, message: `${name}: the image has no entry ${part.src}` }
    if (places.length > 1)
        return { status: status.STATUS_PART_TWICE, message: `${name}: ${part.src} comes ${places.length} times` }
    if (part.blocks === undefined && part.type === "fw") {
        return { status: status.STATUS_MANIFEST_FIELD, message: `${name}: native firmware needs a block list` }
    }
    if (part.base !== undefined && (part.type !== "app" || part.blocks === undefined))
        return { status: status.STATUS_MANIFEST_FIELD, message: `${name}: a delta is an app with a block list` }
    const found = { name, part, at: places[0]!, entries }
    const list = checkList(found)
    if (list !== undefined && !Buffer.isBuffer(list)) return list
    const bytes = partContent(found, list, base)
    if (bytes === undefined) return undefined
    if (!Buffer.isBuffer(bytes)) return bytes
    if (part.blocks === undefined && part.cs_sha256 === undefined && part.cs_sha1 === undefined) {
        return { status: status.STATUS_MANIFEST_FIELD, message: `${name}: neither a block list nor a hash says what it must be` }
    }
    if (hashDiffers("sha256", bytes, part.cs_sha256) || hashDiffers("sha1", bytes, part.cs_sha1)) {
        return { status: status.STATUS_PART_HASH, message: `${name}: ${part.src} does not have its hash` }
    }
    const digests = list === undefined || part.base === undefined ? list : listDigests(list)
    if (digests === undefined || blockList(bytes).equals(digests)) return undefined
    return { status: status.STATUS_BLOCK_HASH, message: `${name}: a block does not have its hash` }
}

/** Checks one part; its problem, if any, is added to `problems`. */
function inspectPart(
    name: string,
    part: ManifestPart,
    entries: readonly ZipEntry[],
    problems: ImageProblem[],
    base: Buffer | undefined,
): InspectedPart {
    const problem = checkPart(name, part, entries, base)
    if (problem !== undefined) problems.push(problem)
    const { type, src, size } = part
    const blocks = part.blocks === undefined ? 0 : Math.ceil(size / BLOCK_BYTES)
    const payloadBytes = entries.find(({ plainName }) => plainName === src)?.bytes.length ?? 0
    const origin = part.base !== undefined && { base: { digest: part.base.digest, size: part.base.size, payloadBytes } }
    const inspected = { name, type, src, sizeBytes: size, blocks, isVerified: problem === undefined, ...origin }
    if (type !== "fs" || problem !== undefined) return inspected
    const area = filesAreaDecode(entries.find(({ plainName }) => plainName === src)!.bytes)
    if (area !== undefined) {
        return { ...inspected, files: [...area].map(([fileName, bytes]) => ({ name: fileName, sizeBytes: bytes.length })) }
    }
    problems.push({ status: status.STATUS_FILES_FORMAT, message: `${name}: ${src} is not a files area` })
    return inspected
}

/** The signatures; what does not hold under one of the given keys is a problem. */
function inspectSignatures(
    entries: readonly ZipEntry[],
    keys: readonly string[],
    problems: ImageProblem[],
): InspectedSignature[] {
    const signatures = signaturesInspect(entries, keys)
    const refuse = (message: string): void => void problems.push({ status: status.STATUS_SIGNATURE_INVALID, message })
    if (signatures === undefined) refuse("manifest.sig is malformed")
    for (const { algorithm, key, isValid } of signatures ?? []) {
        if (isValid === false) refuse(`the ${algorithm} signature of ${key} does not hold`)
    }
    return signatures ?? []
}

/**
 * Reads an image and checks everything in it, its signatures with `keys` (public keys as config.json5 takes them). A delta is carried out
 * on the app `base`; without one, all but its hashes is checked. Never throws: whatever is wrong stands in `problems`.
 */
export function inspectImage(bytes: Buffer, keys: readonly string[] = [], base?: Buffer): Inspection {
    const { entries, problem } = zipRead(bytes)
    const problems = problem === undefined ? [] : [problem]
    const { manifest, problem: manifestProblem } = entries.length === 0 ? {} : readManifest(entries)
    if (manifestProblem !== undefined) problems.push(manifestProblem)
    const parts = Object.entries(manifest?.parts ?? {}).map(([name, part]) => inspectPart(name, part, entries, problems, base))
    return {
        sizeBytes: bytes.length,
        sha256: sha256Hex(bytes),
        entries: entries.map(entry => ({ name: entry.name, sizeBytes: entry.bytes.length, offsetBytes: entry.offsetBytes })),
        ...(manifest !== undefined && { manifest }),
        parts,
        signatures: inspectSignatures(entries, keys, problems),
        problems,
    }
}
