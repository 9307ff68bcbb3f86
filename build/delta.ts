// Makes a delta out of two packed images: the same stored zip as the new one, its app as what boards that run the old one lack.

import { deltaDecode, deltaEncode } from "./delta-code"
import { PackError } from "./errors"
import { inspectImage } from "./inspect"
import { type Manifest, type ManifestPart, pageHashes, slotDigestHex } from "./image-format"
import { manifestBytes } from "./pack"
import { zipRead, zipStore, type ZipEntry, type ZipInput } from "./zip"

/** A delta. */
export interface PackedDelta {
    /** The zip file. It is not signed, whatever the images are. */
    readonly bytes: Buffer
    readonly manifest: Manifest
    /** Version that it is made from. */
    readonly from: string
    /** Name of the file: `name-version-from-version.zip`. */
    readonly fileName: string
}

/** A good image, taken apart. */
interface Image {
    readonly manifest: Manifest
    readonly entries: readonly ZipEntry[]
    /** Key of its app in the manifest. */
    readonly appName: string
    readonly app: Buffer
}

const APP_SRC = "app.delta"
const LIST_SRC = "app.blocks"

/** An entry that a good image has. */
function bytesOf(entries: readonly ZipEntry[], src: string): Buffer {
    return entries.find(({ plainName }) => plainName === src)!.bytes
}

function refuse(which: string, message: string, hint: string): never {
    throw new PackError("DELTA_IMAGE", `${which} image: ${message}`, hint)
}

/** The app of an image; throws PackError. */
export function appOf(bytes: Buffer, which: "old" | "new"): Buffer {
    return readImage(bytes, which).app
}

function readImage(bytes: Buffer, which: "old" | "new"): Image {
    const { problems, manifest } = inspectImage(bytes)
    if (problems[0] !== undefined) refuse(which, problems[0].message, "pack it again; `otary inspect` lists all that is wrong")
    const { entries } = zipRead(bytes)
    const [appName, part] = Object.entries(manifest!.parts).find(([, { type }]) => type === "app") ?? []
    if (appName === undefined || part === undefined)
        return refuse(which, "it has no app", "an image without code is its own delta")
    if (part.base !== undefined) refuse(which, "it is a delta itself", "name the full images")
    return { manifest: manifest!, entries, appName, app: bytesOf(entries, part.src) }
}

function deltaPart(part: ManifestPart, base: Buffer, list: Buffer): ManifestPart {
    const { type, size, cs_sha256 } = part
    return {
        type,
        src: APP_SRC,
        size,
        ...(cs_sha256 !== undefined && { cs_sha256 }),
        blocks: { src: LIST_SRC, sha256: pageHashes(list) },
        base: { digest: slotDigestHex(base), size: base.length },
    }
}

/** The parts of the new image beside its app, with their block lists, as they are. */
function otherEntries({ manifest, entries, appName }: Image): ZipInput[] {
    const others = Object.entries(manifest.parts).filter(([name]) => name !== appName)
    const names = others.flatMap(([, { src, blocks }]) => (blocks === undefined ? [src] : [blocks.src, src]))
    return names.map(name => ({ name, bytes: bytesOf(entries, name) }))
}

/**
 * The delta that brings boards which run the app of the image `oldBytes` to the image `newBytes`: the same version, build id and files.
 * Same images, same bytes. Throws PackError DELTA_IMAGE when one of them is no full image with an app, or when they are for different
 * boards.
 */
export function packDelta(oldBytes: Buffer, newBytes: Buffer): PackedDelta {
    const [old, next] = [readImage(oldBytes, "old"), readImage(newBytes, "new")]
    const { platform, name, version } = next.manifest
    if (old.manifest.platform !== platform)
        refuse("old", `it is for ${old.manifest.platform}, the new one for ${platform}`, "name two images for the same boards")
    const code = deltaEncode(old.app, next.app)
    const made = deltaDecode(code, old.app, next.app.length)
    if (!Buffer.isBuffer(made) || !made.equals(next.app)) throw new Error("the delta does not make the new app")
    const part = deltaPart(next.manifest.parts[next.appName]!, old.app, code.list)
    const manifest = { ...next.manifest, parts: { ...next.manifest.parts, [next.appName]: part } }
    const bytes = zipStore([
        { name: "manifest.json", bytes: manifestBytes(manifest) },
        { name: LIST_SRC, bytes: code.list },
        { name: APP_SRC, bytes: code.payload },
        ...otherEntries(next),
    ])
    const from = old.manifest.version
    return { bytes, manifest, from, fileName: `${name}-${version}-from-${from}.zip` }
}
