// Inspecting images: good ones made by hand in Mongoose's layout, and every kind of bad one.

import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { blockList, type Manifest, type ManifestPart, pageHashes, sha256Hex } from "../../build/image-format"
import { filesAreaEncode } from "../../build/files-area"
import { inspectImage } from "../../build/inspect"
import { zipStore } from "../../build/zip"
import * as status from "../../firmware/status"
import { makeFolder } from "./folder"

const app = Buffer.from("app code ".repeat(1000))
const files = filesAreaEncode(new Map([["a.txt", Buffer.from("hello")]]))
const hasZip = spawnSync("zip", ["-v"]).status === 0

function part(type: string, src: string, bytes: Buffer): ManifestPart {
    const blocks = { src: `${type}.blocks`, sha256: pageHashes(blockList(bytes)) }
    return { type, src, size: bytes.length, cs_sha256: sha256Hex(bytes), blocks }
}

const manifest: Manifest = {
    name: "demo",
    platform: "host",
    version: "1.0.0",
    build_id: "1",
    build_timestamp: "2026-01-01T00:00:00Z",
    parts: { app: part("app", "app.js", app), fs: part("fs", "files.bin", files) },
}

interface Entry {
    readonly name: string
    readonly bytes: Buffer
}

const good: readonly Entry[] = [
    { name: "manifest.json", bytes: Buffer.from(JSON.stringify(manifest)) },
    { name: "app.blocks", bytes: blockList(app) },
    { name: "app.js", bytes: app },
    { name: "fs.blocks", bytes: blockList(files) },
    { name: "files.bin", bytes: files },
]

/** The good image with some entries replaced, or removed by undefined. */
function withEntries(changes: Record<string, Buffer | undefined>): Buffer {
    const entries = good.map(entry => ({ ...entry, bytes: entry.name in changes ? changes[entry.name] : entry.bytes }))
    return zipStore(entries.filter((entry): entry is Entry => entry.bytes !== undefined))
}

function withManifest(change: object): Buffer {
    return withEntries({ "manifest.json": Buffer.from(JSON.stringify({ ...manifest, ...change })) })
}

function withPart(change: object): Buffer {
    return withManifest({ parts: { ...manifest.parts, app: { ...manifest.parts["app"], ...change } } })
}

/** The good image with `value` written over the 16-bit field at `offset` of its first header. */
function withField(offset: number, value: number): Buffer {
    const image = zipStore(good)
    image.writeUInt16LE(value, offset)
    return image
}

const otherApp = Buffer.from(app)
otherApp[5000]! ^= 1
const otherHash = sha256Hex(otherApp)
const image = zipStore(good)

const BAD: readonly (readonly [title: string, expected: number, image: Buffer])[] = [
    ["nothing at all", status.STATUS_TRUNCATED, Buffer.alloc(0)],
    ["no zip file", status.STATUS_ZIP_FORMAT, Buffer.from("#!/bin/sh\n")],
    ["a compressed entry", status.STATUS_ZIP_COMPRESSED, withField(8, 8)],
    ["an encrypted entry", status.STATUS_ZIP_FLAGS, withField(6, 1)],
    ["sizes behind the data", status.STATUS_ZIP_FLAGS, withField(6, 8)],
    ["a name without characters", status.STATUS_ZIP_NAME, withField(26, 0)],
    ["a name that is too long", status.STATUS_ZIP_NAME, withField(26, 97)],
    ["a wrong CRC-32", status.STATUS_ZIP_CRC, withField(14, 1)],
    [
        "too many entries",
        status.STATUS_ZIP_LIMIT,
        zipStore(Array.from({ length: 65 }, (_, at) => ({ name: `${at}`, bytes: app }))),
    ],
    ["a cut in the middle", status.STATUS_TRUNCATED, image.subarray(0, 9000)],
    ["a cut in the end record", status.STATUS_TRUNCATED, image.subarray(0, -1)],
    [
        "a directory without entries",
        status.STATUS_ZIP_FORMAT,
        Buffer.concat([image.subarray(0, image.indexOf("PK\x01\x02")), image.subarray(-22)]),
    ],
    ["bytes behind the end", status.STATUS_TRAILING_DATA, Buffer.concat([image, Buffer.from("x")])],
    ["the manifest elsewhere", status.STATUS_MANIFEST_ORDER, zipStore([...good].reverse())],
    ["a manifest that is too long", status.STATUS_MANIFEST_SIZE, withManifest({ description: "x".repeat(8192) })],
    ["a manifest that is not JSON", status.STATUS_MANIFEST_JSON, withEntries({ "manifest.json": Buffer.from("{") })],
    ["no version", status.STATUS_MANIFEST_FIELD, withManifest({ version: "" })],
    ["no parts", status.STATUS_MANIFEST_FIELD, withManifest({ parts: {} })],
    ["a size near 2^31", status.STATUS_MANIFEST_FIELD, withPart({ size: 2147483647 })],
    ["a hash in capitals", status.STATUS_MANIFEST_FIELD, withPart({ cs_sha256: otherHash.toUpperCase() })],
    ["native firmware without a block list", status.STATUS_MANIFEST_FIELD, withPart({ type: "fw", blocks: undefined })],
    ["a part without any hash", status.STATUS_MANIFEST_FIELD, withPart({ cs_sha256: undefined, blocks: undefined })],
    ["another size", status.STATUS_PART_SIZE, withPart({ size: app.length + 1 })],
    ["a part that is missing", status.STATUS_PART_MISSING, withEntries({ "app.js": undefined })],
    ["a part that comes twice", status.STATUS_PART_TWICE, zipStore([...good, good[2]!])],
    ["a list that is missing", status.STATUS_BLOCK_LIST, withEntries({ "app.blocks": undefined })],
    ["a list that is too short", status.STATUS_BLOCK_LIST, withEntries({ "app.blocks": blockList(app).subarray(32) })],
    ["a list behind its part", status.STATUS_BLOCK_LIST, zipStore([good[0]!, good[2]!, good[1]!, good[3]!, good[4]!])],
    ["a list that was changed", status.STATUS_PAGE_HASH, withEntries({ "app.blocks": blockList(otherApp) })],
    ["a block that was changed", status.STATUS_PART_HASH, withEntries({ "app.js": otherApp })],
    [
        "a block that only the list knows",
        status.STATUS_BLOCK_HASH,
        withPart({ cs_sha256: otherHash }).length > 0 ? changedBehindList() : image,
    ],
    [
        "a part that is not a files area",
        status.STATUS_FILES_FORMAT,
        withManifest({ parts: { app: { ...manifest.parts["app"], type: "fs" } } }),
    ],
]

/** The app changed, its hash in the manifest too, but not its block list. */
function changedBehindList(): Buffer {
    const parts = { ...manifest.parts, app: { ...manifest.parts["app"], cs_sha256: otherHash } }
    return withEntries({ "app.js": otherApp, "manifest.json": Buffer.from(JSON.stringify({ ...manifest, parts })) })
}

describe("inspecting an image", () => {
    it("finds nothing wrong with a good one, and lists its files", () => {
        const found = inspectImage(image)
        expect(found.problems).toEqual([])
        expect(found.parts.map(({ name, isVerified, files: listed }) => [name, isVerified, listed])).toEqual([
            ["app", true, undefined],
            ["fs", true, [{ name: "a.txt", sizeBytes: 5 }]],
        ])
    })

    it.each(BAD)("that has %s: %d", (_title, expected, bytes) => {
        expect(inspectImage(bytes).problems[0]).toMatchObject({ status: expected, message: expect.stringMatching(/\S{3}/) })
    })

    it("takes Mongoose's layout: a leading folder, SHA-1 only, no block lists, attributes of its own", () => {
        const own = {
            type: "app",
            src: "app.bin",
            size: app.length,
            cs_sha1: createHash("sha1").update(app).digest("hex"),
            addr: 65536,
        }
        const bytes = zipStore([
            { name: "demo-1.0/", bytes: Buffer.alloc(0) },
            {
                name: "demo-1.0/manifest.json",
                bytes: Buffer.from(JSON.stringify({ ...manifest, arch: "x", parts: { app: own } })),
            },
            { name: "demo-1.0/app.bin", bytes: app },
        ])
        expect(inspectImage(bytes).problems).toEqual([])
    })

    it("survives any damage to any byte, and never calls a changed part good", () => {
        const parameters = { seed: 20260131, numRuns: 300 }
        fc.assert(
            fc.property(fc.nat(image.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
                const damaged = Buffer.from(image)
                damaged[at]! ^= flip
                const found = inspectImage(damaged)
                const inApp = at >= image.indexOf(app) && at < image.indexOf(app) + app.length
                return !inApp || found.problems.length > 0
            }),
            parameters,
        )
    })

    // skipped: only where zip is not installed
    const whereZip = hasZip ? it : it.skip
    whereZip("takes an image made by hand with zip -0", () => {
        const { blocks: _blocks, ...plain } = manifest.parts["app"]!
        const folder = makeFolder({ "manifest.json": JSON.stringify({ ...manifest, parts: { app: plain } }), "app.js": app })
        execFileSync("zip", ["-0", "-X", "fw.zip", "manifest.json", "app.js"], { cwd: folder })
        expect(inspectImage(readFileSync(join(folder, "fw.zip"))).problems).toEqual([])
    })
})
