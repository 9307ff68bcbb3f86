// Packs a folder into an image (firmware/FORMAT.md, "Image"). The same input gives the same bytes.

import { MANIFEST_BYTES_MAX } from "../firmware/constants"
import { PackError } from "./errors"
import { filesAreaEncode } from "./files-area"
import { blockList, type Manifest, type ManifestPart, pageHashes, sha256Hex } from "./image-format"
import { keySettings } from "./key-settings"
import { type OtarySettings, type Project, readProject } from "./project"
import { TARGETS } from "./targets"
import { zipStore } from "./zip"

/** A packed image. */
export interface Packed {
    /** The zip file. */
    readonly bytes: Buffer
    readonly manifest: Manifest
    /** Name of the file: `name-version.zip`. */
    readonly fileName: string
    /** SHA-256 of the file in lower-case hex: the checksum of a check-in's answer. */
    readonly sha256: string
}

/** What may differ from one call to the next for the same folder. */
export interface PackOptions {
    /** Keys that take the place of those in otary.json5, such as `version`. */
    readonly overrides?: Partial<OtarySettings>
    /** SOURCE_DATE_EPOCH (reproducible-builds.org): seconds since 1970 as text; goes before otary.json5's `timestamp`. */
    readonly sourceDateEpoch?: string | undefined
}

type PartType = "app" | "fs" | "fw"

/** A part with its block list, before it is in a zip. */
interface Part {
    readonly type: PartType
    readonly src: string
    readonly bytes: Buffer
    readonly list: Buffer
}

/** Characters of the build id: 64 bits, enough to tell the builds of one version apart. */
const BUILD_ID_CHARS = 16
/** Latest SOURCE_DATE_EPOCH: the last second of the year 9999, where RFC 3339 ends. */
const EPOCH_S_MAX = 253402300799
const TIMESTAMP_DEFAULT = "1980-01-01T00:00:00Z"

function makePart(type: PartType, src: string, bytes: Buffer): Part {
    return { type, src, bytes, list: blockList(bytes) }
}

const listName = (part: Part): string => `${part.type}.blocks`

function manifestPart(part: Part): ManifestPart {
    return {
        type: part.type,
        src: part.src,
        size: part.bytes.length,
        cs_sha256: sha256Hex(part.bytes),
        blocks: { src: listName(part), sha256: pageHashes(part.list) },
    }
}

/** Compact JSON in ASCII, since a board reads it byte by byte. Keys without a value are left out. */
function asciiJson(value: unknown): string {
    return JSON.stringify(value).replace(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

function timestamp(settings: OtarySettings, sourceDateEpoch: string | undefined): string {
    if (sourceDateEpoch === undefined || sourceDateEpoch === "") return settings.timestamp ?? TIMESTAMP_DEFAULT
    if (!/^\d{1,12}$/.test(sourceDateEpoch) || Number(sourceDateEpoch) > EPOCH_S_MAX) {
        const message = `SOURCE_DATE_EPOCH is ${JSON.stringify(sourceDateEpoch)}`
        throw new PackError("PACK_TIMESTAMP", message, "set it to whole seconds since 1970, or not at all")
    }
    return new Date(Number(sourceDateEpoch) * 1000).toISOString().replace(".000Z", "Z")
}

function checkRoom(code: "PACK_APP_SIZE" | "PACK_FILES_SIZE", what: string, part: Part, roomBytes: number, key: string): void {
    if (part.bytes.length <= roomBytes) return
    const message = `${what} takes ${part.bytes.length} bytes, but has room for ${roomBytes}`
    throw new PackError(code, message, `make it smaller, or set ${key} in otary.json5 if the boards have more room`)
}

/** The fs part of a project; none without files. Throws PACK_FILES_SIZE. */
function filesPart(project: Project): Part[] {
    if (project.files.size === 0) return []
    const part = makePart("fs", "files.bin", filesAreaEncode(project.files))
    const roomBytes = project.settings.filesAreaBytes ?? TARGETS[project.settings.target].filesAreaBytes
    checkRoom("PACK_FILES_SIZE", "files/ as a files area", part, roomBytes, "filesAreaBytes")
    return [part]
}

function nativePart({ native }: Project): Part[] {
    return native === undefined ? [] : [makePart("fw", "fw.bin", native)]
}

/** The app part of a project under a build id. Throws PACK_BUNDLE or PACK_APP_SIZE. */
async function appPart(project: Project, buildId: string): Promise<Part> {
    const { settings, device, config } = project
    const { name, version, security = 0 } = settings
    const image = { name, version, build_id: buildId, security, ...keySettings(config) }
    const target = TARGETS[settings.target]
    const part = makePart("app", target.appSrc, await target.bundle(project.appPath, { image, device, config }))
    const roomBytes = settings.appSlotBytes ?? target.appSlotBytes
    checkRoom("PACK_APP_SIZE", "the app with its agent", part, roomBytes, "appSlotBytes")
    return part
}

function platformOf(settings: OtarySettings): string {
    return settings.platform ?? TARGETS[settings.target].platform
}

function makeManifest(settings: OtarySettings, buildId: string, builtAt: string, parts: readonly Part[]): Manifest {
    const { name, version, description, requires, security, expires, product } = settings
    return {
        name,
        platform: platformOf(settings),
        version,
        build_id: buildId,
        build_timestamp: builtAt,
        description,
        ...(requires !== undefined && { requires }),
        ...(security !== undefined && { security }),
        ...(expires !== undefined && { expires }),
        ...(product !== undefined && { product }),
        parts: Object.fromEntries(parts.map(part => [part.type, manifestPart(part)])),
    }
}

/** A manifest as it goes into an image. Throws PACK_MANIFEST_SIZE. */
export function manifestBytes(manifest: Manifest): Buffer {
    const bytes = Buffer.from(asciiJson(manifest), "latin1")
    if (bytes.length <= MANIFEST_BYTES_MAX) return bytes
    const message = `manifest.json has ${bytes.length} bytes (${MANIFEST_BYTES_MAX} at most)`
    throw new PackError("PACK_MANIFEST_SIZE", message, "shorten the description or the app")
}

/**
 * An image out of a project. The build id is a hash over everything that the image is made of, the id itself left blank:
 * so it cannot depend on itself, and two builds have the same id exactly when they are the same.
 */
async function packProject(project: Project, sourceDateEpoch: string | undefined): Promise<Packed> {
    const { settings } = project
    const builtAt = timestamp(settings, sourceDateEpoch)
    // The firmware comes last: it begins anew after a power cut, and what lies ahead of it is kept.
    const others = [...filesPart(project), ...nativePart(project)]
    const blank = makeManifest(settings, "", builtAt, [await appPart(project, ""), ...others])
    const buildId = sha256Hex(asciiJson(blank)).slice(0, BUILD_ID_CHARS)

    const parts = [await appPart(project, buildId), ...others]
    const manifest = makeManifest(settings, buildId, builtAt, parts)
    const bytes = zipStore([
        { name: "manifest.json", bytes: manifestBytes(manifest) },
        ...parts.flatMap(part => [
            { name: listName(part), bytes: part.list },
            { name: part.src, bytes: part.bytes },
        ]),
    ])
    return { bytes, manifest, fileName: `${settings.name}-${settings.version}.zip`, sha256: sha256Hex(bytes) }
}

/**
 * Packs a folder: app.ts or app.js, otary.json5 (what the image is), device.json5 (default device properties),
 * config.json5 (the agent's configuration) and files/ (files for the board).
 * Throws PackError for whatever cannot become an image; nothing is written.
 */
export async function packFolder(folder: string, options: PackOptions = {}): Promise<Packed> {
    return packProject(readProject(folder, options.overrides), options.sourceDateEpoch)
}
