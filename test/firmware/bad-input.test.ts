// Bad images: each gets its own status, whatever the chunks, and leaves the running slot and the boot record as they were.

import * as status from "../../firmware/status"
import { bootSlot, createRig, engine, feed, install, startCore, updateOptions, type Rig } from "./core"
import { chipSave } from "./failing-flash"
import { imageEntries, imageOf, seededBytes, zipOf, type Entry, type ImageOptions } from "./images"

const OLD = seededBytes(9000, 1)
const NEW = seededBytes(20_001, 2)
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

/** Bends one entry by name. */
function bent(name: string, changes: Partial<Entry>): ImageOptions["bend"] {
    return entries => entries.map(entry => (entry.name === name ? { ...entry, ...changes } : entry))
}

function flipped(bytes: Buffer, at: number): Buffer {
    const copy = Buffer.from(bytes)
    copy[at]! ^= 1
    return copy
}

function manifestOf(changes: Record<string, unknown>): Buffer {
    return imageOf({ app: NEW, manifest: changes })
}

function partOf(changes: Record<string, unknown>): Buffer {
    return imageOf({ app: NEW, parts: { app: changes } })
}

function rawManifest(text: string): Buffer {
    return imageOf({ app: NEW, bend: bent("manifest.json", { bytes: Buffer.from(text) }) })
}

const IMAGES: [string, number, () => Buffer][] = [
    ["not a zip", status.STATUS_ZIP_FORMAT, () => Buffer.from("hello, this is no image at all")],
    ["compressed entry", status.STATUS_ZIP_COMPRESSED, () => imageOf({ app: NEW, bend: bent("app.js", { method: 8 }) })],
    [
        "compressed manifest",
        status.STATUS_ZIP_COMPRESSED,
        () => imageOf({ app: NEW, bend: bent("manifest.json", { method: 8 }) }),
    ],
    ["encrypted entry", status.STATUS_ZIP_FLAGS, () => imageOf({ app: NEW, bend: bent("app.js", { flags: 1 }) })],
    ["data descriptor", status.STATUS_ZIP_FLAGS, () => imageOf({ app: NEW, bend: bent("app.js", { flags: 8 }) })],
    ["no name", status.STATUS_ZIP_NAME, () => imageOf({ app: NEW, bend: bent("app.js", { name: "" }) })],
    ["name too long", status.STATUS_ZIP_NAME, () => imageOf({ app: NEW, bend: bent("app.js", { name: "x".repeat(97) }) })],
    [
        "compressed size differs",
        status.STATUS_ZIP_FORMAT,
        () => imageOf({ app: NEW, bend: bent("app.js", { compressedBytes: 5 }) }),
    ],
    ["size 2^31", status.STATUS_ZIP_LIMIT, () => imageOf({ app: NEW, bend: bent("app.js", { sizeBytes: 2 ** 31 }) })],
    ["size 2^32-1", status.STATUS_ZIP_LIMIT, () => imageOf({ app: NEW, bend: bent("app.js", { sizeBytes: 2 ** 32 - 1 }) })],
    ["size 2^31-1", status.STATUS_ZIP_LIMIT, () => imageOf({ app: NEW, bend: bent("app.js", { sizeBytes: 2 ** 31 - 1 }) })],
    ["wrong CRC of the manifest", status.STATUS_ZIP_CRC, () => imageOf({ app: NEW, bend: bent("manifest.json", { crc: 77 }) })],
    ["wrong CRC of the part", status.STATUS_ZIP_CRC, () => imageOf({ app: NEW, bend: bent("app.js", { crc: 77 }) })],
    ["wrong CRC of the list", status.STATUS_ZIP_CRC, () => imageOf({ app: NEW, bend: bent("app.js.blocks", { crc: 77 }) })],
    [
        "too many entries",
        status.STATUS_ZIP_LIMIT,
        () =>
            imageOf({
                app: NEW,
                bend: e => [...e, ...Array.from({ length: 64 }, (_, i) => ({ name: `n${i}`, bytes: Buffer.from("x") }))],
            }),
    ],
    [
        "huge extra entry",
        status.STATUS_ZIP_LIMIT,
        () => imageOf({ app: NEW, bend: e => [...e, { name: "big", bytes: Buffer.alloc(1048577) }] }),
    ],
    ["trailing data", status.STATUS_TRAILING_DATA, () => imageOf({ app: NEW, tail: Buffer.from("more") })],
    ["one trailing byte", status.STATUS_TRAILING_DATA, () => imageOf({ app: NEW, tail: Buffer.from("\0") })],
    ["manifest not first", status.STATUS_MANIFEST_ORDER, () => zipOf([...imageEntries({ app: NEW })].reverse())],
    ["no manifest", status.STATUS_MANIFEST_ORDER, () => zipOf([{ name: "app.js", bytes: NEW }])],
    ["a folder with content first", status.STATUS_MANIFEST_ORDER, () => folderFirst(Buffer.from("x"))],
    ["an entry behind the directory", status.STATUS_ZIP_FORMAT, () => Buffer.concat([directoryOf(NEW), imageOf({ app: NEW })])],
    [
        "a data descriptor in the directory",
        status.STATUS_ZIP_FORMAT,
        () => Buffer.concat([directoryOf(NEW), Buffer.from("PK\x07\x08")]),
    ],
    ["a zip64 end record", status.STATUS_ZIP_FORMAT, () => Buffer.concat([directoryOf(NEW), Buffer.from("PK\x06\x07")])],
    ["empty zip", status.STATUS_MANIFEST_ORDER, () => zipOf([])],
    ["manifest too long", status.STATUS_MANIFEST_SIZE, () => manifestOf({ description: "x".repeat(8200) })],
    ["manifest empty", status.STATUS_MANIFEST_SIZE, () => rawManifest("")],
    ["manifest not JSON", status.STATUS_MANIFEST_JSON, () => rawManifest("{name:")],
    ["manifest a number", status.STATUS_MANIFEST_FIELD, () => rawManifest("7")],
    ["manifest null", status.STATUS_MANIFEST_FIELD, () => rawManifest("null")],
    ["manifest an array", status.STATUS_MANIFEST_FIELD, () => rawManifest("[]")],
    ...["name", "platform", "version", "build_id"].flatMap((key): [string, number, () => Buffer][] => [
        [`${key} missing`, status.STATUS_MANIFEST_FIELD, () => manifestOf({ [key]: undefined })],
        [`${key} empty`, status.STATUS_MANIFEST_FIELD, () => manifestOf({ [key]: "" })],
        [`${key} a number`, status.STATUS_MANIFEST_FIELD, () => manifestOf({ [key]: 5 })],
    ]),
    ["parts missing", status.STATUS_MANIFEST_FIELD, () => manifestOf({ parts: undefined })],
    ["parts empty", status.STATUS_MANIFEST_FIELD, () => manifestOf({ parts: {} })],
    ["part null", status.STATUS_MANIFEST_FIELD, () => manifestOf({ parts: { app: null } })],
    ["only parts of no use", status.STATUS_NO_PARTS, () => manifestOf({ parts: { nvs: { type: "nvs", src: "a", size: 1 } } })],
    ["wrong platform", status.STATUS_PLATFORM, () => manifestOf({ platform: "esp32" })],
    ["requires a newer one", status.STATUS_REQUIRES, () => manifestOf({ requires: ">=2.0.0" })],
    ["expired", status.STATUS_EXPIRED, () => manifestOf({ expires: "2020-01-01T00:00:00Z" })],
    ["expires nonsense", status.STATUS_MANIFEST_FIELD, () => manifestOf({ expires: "soon" })],
    ["expires a number", status.STATUS_MANIFEST_FIELD, () => manifestOf({ expires: 2026 })],
    ["product a number", status.STATUS_MANIFEST_FIELD, () => manifestOf({ product: 7 })],
    ["requires a number", status.STATUS_MANIFEST_FIELD, () => manifestOf({ requires: 2 })],
    ["requires too long", status.STATUS_REQUIRES, () => manifestOf({ requires: ">=1.0.0 ".repeat(33) })],
    ["security a text", status.STATUS_MANIFEST_FIELD, () => manifestOf({ security: "1" })],
    ["src missing", status.STATUS_MANIFEST_FIELD, () => partOf({ src: undefined })],
    ["size missing", status.STATUS_MANIFEST_FIELD, () => partOf({ size: undefined })],
    ["size 0", status.STATUS_MANIFEST_FIELD, () => partOf({ size: 0 })],
    ["size negative", status.STATUS_MANIFEST_FIELD, () => partOf({ size: -1 })],
    ["size with a fraction", status.STATUS_MANIFEST_FIELD, () => partOf({ size: 20001.5 })],
    ["size does not fit", status.STATUS_NO_ROOM, () => imageOf({ app: seededBytes(32769, 3) })],
    ["size near 2^31 in the manifest", status.STATUS_NO_ROOM, () => partOf({ size: 2 ** 31 - 1 })],
    ["size above 2^32 in the manifest", status.STATUS_NO_ROOM, () => partOf({ size: 2 ** 32 + 5 })],
    ["no hash at all", status.STATUS_MANIFEST_FIELD, () => partOf({ cs_sha256: undefined, blocks: undefined })],
    ["hash in capitals", status.STATUS_MANIFEST_FIELD, () => partOf({ cs_sha256: "AB".repeat(32) })],
    ["SHA-1 too short", status.STATUS_MANIFEST_FIELD, () => partOf({ cs_sha1: "00".repeat(19) })],
    ["too few pages", status.STATUS_BLOCK_LIST, () => partOf({ blocks: { src: "app.js.blocks", sha256: [] } })],
    ["pages of no hash", status.STATUS_MANIFEST_FIELD, () => partOf({ blocks: { src: "app.js.blocks", sha256: ["zz"] } })],
    ["wrong page hash", status.STATUS_PAGE_HASH, () => partOf({ blocks: { src: "app.js.blocks", sha256: ["00".repeat(32)] } })],
    ["list behind its part", status.STATUS_BLOCK_LIST, () => imageOf({ app: NEW, bend: e => [e[0]!, e[2]!, e[1]!] })],
    ["list missing", status.STATUS_BLOCK_LIST, () => imageOf({ app: NEW, bend: e => [e[0]!, e[2]!] })],
    [
        "list too long",
        status.STATUS_BLOCK_LIST,
        () => imageOf({ app: NEW, bend: bent("app.js.blocks", { bytes: Buffer.alloc(192) }) }),
    ],
    [
        "part of another size",
        status.STATUS_PART_SIZE,
        () => imageOf({ app: NEW, bend: bent("app.js", { bytes: NEW.subarray(1) }) }),
    ],
    ["part missing", status.STATUS_PART_MISSING, () => imageOf({ app: NEW, bend: e => [e[0]!, e[1]!] })],
    ["part twice", status.STATUS_PART_TWICE, () => imageOf({ app: NEW, bend: e => [...e, e[2]!] })],
    ["two app parts", status.STATUS_PART_TWICE, () => manifestOf({ parts: twoApps() })],
    [
        "first block flipped",
        status.STATUS_BLOCK_HASH,
        () => imageOf({ app: NEW, bend: bent("app.js", { bytes: flipped(NEW, 3), crc: 0 }) }),
    ],
    [
        "last block flipped",
        status.STATUS_BLOCK_HASH,
        () => imageOf({ app: NEW, bend: bent("app.js", { bytes: flipped(NEW, 20_000) }) }),
    ],
    [
        "part hash wrong, no list",
        status.STATUS_PART_HASH,
        () => imageOf({ app: NEW, hasLists: false, parts: { app: { cs_sha256: "00".repeat(32) } } }),
    ],
    [
        "SHA-1 wrong, no list",
        status.STATUS_PART_HASH,
        () => imageOf({ app: NEW, hasLists: false, parts: { app: { cs_sha256: undefined, cs_sha1: "00".repeat(20) } } }),
    ],
    ["fs part of another format", status.STATUS_FILES_FORMAT, () => fsImage(seededBytes(5000, 9))],
    ["fs part too short", status.STATUS_FILES_FORMAT, () => fsImage(Buffer.from("OTF1"))],
    ["fs part for finer flash", status.STATUS_FILES_FORMAT, () => imageOf({ files: { a: "b" }, align: 8 })],
]

function twoApps(): Record<string, unknown> {
    const part = { type: "app", size: 5, cs_sha256: "00".repeat(32) }
    return { a: { ...part, src: "a" }, b: { ...part, src: "b" } }
}

/** An image whose first entry is its folder's own, with these bytes. */
function folderFirst(bytes: Buffer): Buffer {
    return imageOf({ app: NEW, bend: entries => [{ name: "demo-1.1.0/", bytes }, ...entries] })
}

/** An image up to its directory's first entry. */
function directoryOf(app: Buffer): Buffer {
    const image = imageOf({ app })
    const at = image.indexOf("PK\x01\x02")
    return image.subarray(0, image.indexOf("PK\x01\x02", at + 4))
}

function fsImage(bytes: Buffer): Buffer {
    const entries = imageEntries({ app: bytes })
    const text = entries[0]!.bytes.toString().replace('"type":"app"', '"type":"fs"')
    return zipOf([{ name: "manifest.json", bytes: Buffer.from(text) }, ...entries.slice(1)])
}

/** A board with files, installed; what it is brought back to before each image. */
function installed(files: Record<string, string>): { rig: Rig; back: () => void } {
    const rig = createRig(SMALL)
    install(rig, OLD, files)
    return { rig, back: chipSave(rig) }
}

function protectedBytes(rig: Rig): string {
    const { boot, app0, files0 } = rig.layout.regions
    return [boot, app0, files0].map(r => rig.flash.array.toString("latin1", r.offsetBytes, r.offsetBytes + r.sizeBytes)).join("")
}

const NEEDS_CRC = ["wrong CRC of the part", "wrong CRC of the list"]

test.each(IMAGES.filter(([name]) => engine.hasCrc32 || !NEEDS_CRC.includes(name)))("%s → %i", (_name, wanted, build) => {
    const image = build()
    const { rig, back } = installed({ "user.txt": "mine" })
    for (const chunkBytes of engine.stride > 1 ? [engine.stride, 65536] : [1, 1000, 65536]) {
        if (chunkBytes === 1 && image.length > 200_000) continue
        back()
        const before = protectedBytes(rig)
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, image, chunkBytes)).toBe(wanted)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_NO_UPDATE)
        expect(protectedBytes(rig)).toBe(before)
        expect(bootSlot(rig)).toBe(0)
        expect(startCore(rig).updater.updaterContextCreate(updateOptions("another"))).toBe(status.STATUS_OK)
    }
})

test("cut off anywhere, an image is never finished", () => {
    const image = imageOf({ app: NEW, files: { a: "b" } })
    const { rig, back } = installed({})
    for (let length = 0; length < image.length; length += length < 400 || length > image.length - 400 ? engine.stride : 997) {
        back()
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, image.subarray(0, length), 65536)).toBe(status.STATUS_OK)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_TRUNCATED)
        expect(bootSlot(rig)).toBe(0)
    }
})

test("every single flipped bit of the first 700 bytes and of the end gives a status or the very image", () => {
    const image = imageOf({ app: seededBytes(5000, 4) })
    const { rig, back } = installed({})
    for (let bit = 0; bit < image.length * 8; bit += bit < 5600 || bit > image.length * 8 - 1500 ? engine.stride : 1009) {
        const bad = Buffer.from(image)
        bad[bit >> 3]! ^= 1 << (bit & 7)
        back()
        const before = protectedBytes(rig)
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        const result = feed(core, bad, 65536)
        if (result === status.STATUS_DONE) {
            const { app1 } = rig.layout.regions
            expect(rig.flash.array.subarray(app1.offsetBytes, app1.offsetBytes + 5000).equals(seededBytes(5000, 4))).toBe(true)
        } else expect(result).toBeLessThanOrEqual(0)
        expect(protectedBytes(rig)).toBe(before)
    }
})
