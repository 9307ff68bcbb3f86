// The manifest of an image: parsed once, every field checked before a byte of flash is touched (FORMAT.md, "manifest.json").

import { blocksOf } from "./bytes"
import { rfc3339S } from "./calendar"
import {
    BLOCK_BYTES,
    DELTA_ENTRY_BYTES,
    DIGEST_BYTES,
    FIELD_BYTES_MAX,
    IMAGE_BYTES_MAX,
    PARTS_MAX,
    SECURITY_MAX,
} from "./constants"
import { isHexOf } from "./hex"
import { ports, type Bytes, type Region } from "./ports"
import { runningImage, runningProduct } from "./running"
import * as status from "./status"
import { versionSatisfies } from "./version"

/** Code for the app slot. */
export const PART_APP = 0
/** A files area. */
export const PART_FILES = 1
/** Native firmware. */
export const PART_NATIVE = 2

/** A part of the image that this board takes. */
export interface Part {
    /** PART_APP, PART_FILES or PART_NATIVE. */
    kind: number
    /** Name of its entry in the image. */
    src: string
    sizeBytes: number
    /** Lower-case hex, "" when the manifest has none. */
    sha256: string
    sha1: string
    /** Entry of its block list, "" when there is none. */
    listSrc: string
    /** SHA-256 of each page of the list in hex. */
    pageHashes: string[]
    /** The app that a delta was made from: its slot digest in lower-case hex, "" when the part is no delta, and its size. */
    baseDigest: string
    baseBytes: number
}

interface PartText {
    type?: unknown
    src?: unknown
    size?: unknown
    cs_sha256?: unknown
    cs_sha1?: unknown
    blocks?: unknown
    base?: unknown
}

interface BlocksText {
    src?: unknown
    sha256?: unknown
}

interface BaseText {
    digest?: unknown
    size?: unknown
}

interface ManifestText {
    name?: unknown
    platform?: unknown
    version?: unknown
    build_id?: unknown
    product?: unknown
    requires?: unknown
    security?: unknown
    expires?: unknown
    parts?: Record<string, PartText>
}

let version = ""
let buildId = ""
let counter = 0
let parts: Part[] = []

/** Version of the image whose manifest was read last. */
export function manifestVersion(): string {
    return version
}

/** Security counter of that image, 0 when its manifest names none. */
export function manifestSecurity(): number {
    return counter
}

/** The parts that this board takes, in the manifest's order of part names. */
export function manifestParts(): Part[] {
    return parts
}

/** Whether the image brings a files area. */
export function manifestHasFiles(): boolean {
    for (let i = 0; i < parts.length; i++) {
        if (parts[i].kind === PART_FILES) return true
    }
    return false
}

/** Whether the image is the running one: the same version and build_id. */
export function manifestIsRunning(): boolean {
    const running = runningImage()
    return running.version !== "" && running.version === version && running.build_id === buildId
}

/**
 * Reads and checks a manifest. `appRoomBytes` and `filesRoomBytes` are the sizes of the slots, `security` is the board's counter.
 * Returns STATUS_OK or the status of the first rule that does not hold.
 */
export function manifestRead(text: Bytes, appRoomBytes: number, filesRoomBytes: number, security: number): number {
    version = ""
    buildId = ""
    counter = 0
    parts = []
    // Its type is known behind these checks only: bundlers believe what types say.
    const parsed = ports.json.parse(text)
    if (parsed === undefined) return status.STATUS_MANIFEST_JSON
    if (!isTable(parsed)) return status.STATUS_MANIFEST_FIELD
    const value = parsed as ManifestText
    if (!isName(value.name) || !isName(value.platform) || !isName(value.version) || !isName(value.build_id))
        return status.STATUS_MANIFEST_FIELD
    version = value.version as string
    buildId = value.build_id as string
    const allowed = manifestAllows(value, security)
    if (allowed !== status.STATUS_OK) return allowed
    return partsRead(value.parts, appRoomBytes, filesRoomBytes)
}

function manifestAllows(value: ManifestText, security: number): number {
    if (value.platform !== ports.platform) return status.STATUS_PLATFORM
    if (value.product !== undefined) {
        if (!isName(value.product)) return status.STATUS_MANIFEST_FIELD
        if (runningProduct() !== "" && value.product !== runningProduct()) return status.STATUS_PRODUCT
    }
    if (value.requires !== undefined) {
        if (typeof value.requires !== "string") return status.STATUS_MANIFEST_FIELD
        // At the factory no version runs, so there is none that the image could be wrong for.
        const running = runningImage().version
        if (value.requires !== "" && running !== "" && !versionSatisfies(running, value.requires)) return status.STATUS_REQUIRES
    }
    if (value.security !== undefined) {
        // Above, the boot record's field would wrap, and the counter fall.
        if (!isSize(value.security) || (value.security as number) > SECURITY_MAX) return status.STATUS_MANIFEST_FIELD
        counter = value.security as number
        if (counter < security) return status.STATUS_SECURITY
    } else if (security > 0) return status.STATUS_SECURITY
    if (value.expires !== undefined) {
        if (typeof value.expires !== "string") return status.STATUS_MANIFEST_FIELD
        const expiresS = rfc3339S(value.expires)
        if (expiresS < 0) return status.STATUS_MANIFEST_FIELD
        const nowS = ports.clock.nowS()
        if (nowS > 0 && nowS > expiresS) return status.STATUS_EXPIRED
    }
    return status.STATUS_OK
}

function partsRead(value: Record<string, PartText> | undefined, appRoomBytes: number, filesRoomBytes: number): number {
    if (value === undefined || !isTable(value)) return status.STATUS_MANIFEST_FIELD
    const names: string[] = []
    for (const name in value) names.push(name)
    if (names.length === 0 || names.length > PARTS_MAX) return status.STATUS_MANIFEST_FIELD
    // In byte order: tables of some engines have no order of their own, and the journal's layout follows this one.
    names.sort()
    for (let i = 0; i < names.length; i++) {
        const result = partRead(value[names[i]], appRoomBytes, filesRoomBytes)
        if (result !== status.STATUS_OK) return result
    }
    if (parts.length === 0) return status.STATUS_NO_PARTS
    return status.STATUS_OK
}

function partRead(value: PartText, appRoomBytes: number, filesRoomBytes: number): number {
    if (!isTable(value) || !isName(value.type)) return status.STATUS_MANIFEST_FIELD
    let kind = PART_APP
    let roomBytes = appRoomBytes
    if (value.type === "fs") {
        kind = PART_FILES
        roomBytes = filesRoomBytes
    } else if (value.type === "fw") {
        // Passed over in silence, the rest of the image would run on a firmware that it was not made for.
        if (ports.native === undefined) return status.STATUS_PART_UNSUPPORTED
        kind = PART_NATIVE
        roomBytes = IMAGE_BYTES_MAX
    } else if (value.type !== "app") return status.STATUS_OK
    if (!isName(value.src) || !isSize(value.size) || value.size === 0) return status.STATUS_MANIFEST_FIELD
    const part: Part = {
        kind,
        src: value.src as string,
        sizeBytes: value.size as number,
        sha256: "",
        sha1: "",
        listSrc: "",
        pageHashes: [],
        baseDigest: "",
        baseBytes: 0,
    }
    if (part.sizeBytes > roomBytes) return status.STATUS_NO_ROOM
    for (let i = 0; i < parts.length; i++) {
        if (parts[i].kind === kind || parts[i].src === part.src) return status.STATUS_PART_TWICE
    }
    let result = baseRead(part, value.base)
    if (result === status.STATUS_OK) result = hashesRead(part, value)
    if (result === status.STATUS_OK) parts.push(part)
    return result
}

/** A delta: only an app is made from what runs, and only block by block. */
function baseRead(part: Part, value: unknown): number {
    if (value === undefined) return status.STATUS_OK
    const base = value as BaseText
    if (!isTable(value) || part.kind !== PART_APP || !isHash(base.digest, DIGEST_BYTES)) return status.STATUS_MANIFEST_FIELD
    if (!isSize(base.size) || (base.size as number) > IMAGE_BYTES_MAX) return status.STATUS_MANIFEST_FIELD
    part.baseDigest = base.digest as string
    part.baseBytes = base.size as number
    return status.STATUS_OK
}

function hashesRead(part: Part, value: PartText): number {
    if (value.cs_sha256 !== undefined) {
        if (!isHash(value.cs_sha256, DIGEST_BYTES)) return status.STATUS_MANIFEST_FIELD
        part.sha256 = value.cs_sha256 as string
    }
    if (value.cs_sha1 !== undefined) {
        if (!isHash(value.cs_sha1, 20)) return status.STATUS_MANIFEST_FIELD
        part.sha1 = value.cs_sha1 as string
    }
    if (value.blocks === undefined) {
        // What cannot be read back, or is made on the board, has to be verified block by block.
        if (part.kind === PART_NATIVE || part.baseDigest !== "" || (part.sha256 === "" && part.sha1 === ""))
            return status.STATUS_MANIFEST_FIELD
        return status.STATUS_OK
    }
    const blocks = value.blocks as BlocksText
    if (!isTable(blocks) || !isName(blocks.src) || !isTable(blocks.sha256) || blocks.src === part.src)
        return status.STATUS_MANIFEST_FIELD
    const hashes = blocks.sha256 as string[]
    if (hashes.length !== blocksOf(listBytesOf(part))) return status.STATUS_BLOCK_LIST
    for (let i = 0; i < hashes.length; i++) if (!isHash(hashes[i], DIGEST_BYTES)) return status.STATUS_MANIFEST_FIELD
    part.listSrc = blocks.src as string
    part.pageHashes = hashes
    return status.STATUS_OK
}

/** Bytes of the block list of a part. */
export function listBytesOf(part: Part): number {
    if (part.baseDigest === "") return blocksOf(part.sizeBytes) * DIGEST_BYTES
    return blocksOf(part.sizeBytes) * DELTA_ENTRY_BYTES
}

/** The region that a part goes to, given the slots being written. */
export function partRegion(part: Part, appSlot: number, filesArea: number): Region {
    if (part.kind === PART_APP) return ports.app[appSlot]
    if (part.kind === PART_NATIVE) return ports.native!.region
    return ports.files[filesArea]
}

function isTable(value: unknown): boolean {
    return typeof value === "object" && value !== null
}

function isName(value: unknown): boolean {
    return typeof value === "string" && value !== "" && value.length <= FIELD_BYTES_MAX
}

function isSize(value: unknown): boolean {
    return typeof value === "number" && value >= 0 && value % 1 === 0
}

function isHash(value: unknown, bytes: number): boolean {
    return typeof value === "string" && isHexOf(value, bytes)
}

/** Bytes of block `block` of a part of `partBytes`. */
export function blockBytesOf(partBytes: number, block: number): number {
    const left = partBytes - block * BLOCK_BYTES
    if (left < BLOCK_BYTES) return left
    return BLOCK_BYTES
}
