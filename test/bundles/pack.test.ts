// Packing a folder: same input, same bytes; a zip that other tools open; clear errors for everything that cannot become an image.

import { execFileSync, spawnSync } from "node:child_process"
import { symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runInNewContext } from "node:vm"
import { bundleApp, bundleLoader } from "../../build/bundle-host"
import { PackError } from "../../build/errors"
import { filesAreaDecode } from "../../build/files-area"
import { inspectImage } from "../../build/inspect"
import { packFolder } from "../../build/pack"
import { zipRead } from "../../build/zip"
import { BLOCK_BYTES, FILE_BYTES_MAX, FILES_MAX } from "../../firmware/constants"
import { APP, makeFolder } from "./folder"

const hasUnzip = spawnSync("unzip", ["-v"]).status === 0
const entryOf = (image: Buffer, name: string): Buffer => zipRead(image).entries.find(entry => entry.name === name)!.bytes

describe("an image", () => {
    it("has the same bytes when the same folder is packed again, wherever and whenever it was written", async () => {
        const first = makeFolder(APP)
        const second = makeFolder(Object.fromEntries(Object.entries(APP).reverse()))
        utimesSync(join(second, "app.ts"), 1000, 1000)
        const [a, b] = [await packFolder(first), await packFolder(second)]
        expect(a.bytes.equals(b.bytes)).toBe(true)
        expect(a.fileName).toBe("demo-1.2.0.zip")
    })

    it.each(["app.ts", "device.json5", "config.json5", "files/etc/greeting.txt", "otary.json5"])(
        "has another build id when %s differs",
        async name => {
            const other = String(APP[name]).replace(/hello|grüezi|32|24|security: 3/, match =>
                match === "security: 3" ? "security: 4" : "25",
            )
            expect(other).not.toBe(APP[name])
            const [a, b] = [await packFolder(makeFolder(APP)), await packFolder(makeFolder({ ...APP, [name]: other }))]
            expect(a.manifest.build_id).toMatch(/^[0-9a-f]{16}$/)
            expect(b.manifest.build_id).not.toBe(a.manifest.build_id)
        },
    )
})

describe("what an image holds", () => {
    it("carries manifest, block lists and parts in the order of the format, and verifies", async () => {
        const { bytes, manifest, sha256 } = await packFolder(makeFolder(APP))
        const found = inspectImage(bytes)
        expect(found.problems).toEqual([])
        expect(found.sha256).toBe(sha256)
        expect(found.entries.map(({ name }) => name)).toEqual(["manifest.json", "app.blocks", "app.js", "fs.blocks", "files.bin"])
        expect(found.manifest).toEqual(manifest)
        expect(manifest).toMatchObject({
            platform: "host",
            product: "P1",
            requires: ">=1.0.0 <2.0.0",
            security: 3,
            description: "für Tests",
        })
        expect(found.parts.every(part => part.isVerified && part.blocks === Math.ceil(part.sizeBytes / BLOCK_BYTES))).toBe(true)
    })

    it("has a manifest and an app in ASCII, since flash holds bytes", async () => {
        const { bytes } = await packFolder(makeFolder(APP))
        for (const name of ["manifest.json", "app.js"]) expect(entryOf(bytes, name).every(byte => byte < 128)).toBe(true)
    })

    it("holds the files of files/ as a files area", async () => {
        const { bytes } = await packFolder(makeFolder(APP))
        const files = filesAreaDecode(entryOf(bytes, "files.bin"))
        expect([...files!.keys()]).toEqual(["etc/greeting.txt", "logo.bin"])
        expect(files!.get("logo.bin")!.equals(APP["files/logo.bin"] as Buffer)).toBe(true)
    })

    it("holds the configuration with its durations in seconds, and the device's properties", async () => {
        const code = entryOf((await packFolder(makeFolder(APP))).bytes, "app.js").toString("latin1")
        for (const piece of ["period:86400", "jitter:5", "timeouts:{api:30}", "webSockets:{}", 'model:"Blank-01"'])
            expect(code).toContain(piece)
    })

    it("has no fs part without files", async () => {
        const { manifest } = await packFolder(makeFolder({ "app.js": "", "otary.json5": '{ name: "a", version: "1.0.0" }' }))
        expect(Object.keys(manifest.parts)).toEqual(["app"])
    })

    it("takes its time from SOURCE_DATE_EPOCH, then otary.json5, then 1980", async () => {
        const folder = makeFolder({
            "app.js": "",
            "otary.json5": '{ name: "a", version: "1.0.0", timestamp: "2026-01-31T12:00:00Z" }',
        })
        const stampOf = async (sourceDateEpoch?: string): Promise<string> =>
            (await packFolder(folder, { sourceDateEpoch })).manifest.build_timestamp
        expect(await stampOf("1700000000")).toBe("2023-11-14T22:13:20Z")
        expect(await stampOf()).toBe("2026-01-31T12:00:00Z")
        expect((await packFolder(makeFolder(APP))).manifest.build_timestamp).toBe("1980-01-01T00:00:00Z")
        await expect(packFolder(folder, { sourceDateEpoch: "yesterday" })).rejects.toMatchObject({ code: "PACK_TIMESTAMP" })
    })

    it("takes overrides ahead of otary.json5", async () => {
        const packed = await packFolder(makeFolder(APP), { overrides: { version: "1.3.0-rc.1" } })
        expect(packed.manifest.version).toBe("1.3.0-rc.1")
    })

    // skipped: only where unzip is not installed
    const whereUnzip = hasUnzip ? it : it.skip
    whereUnzip("opens with unzip -t", async () => {
        const { bytes } = await packFolder(makeFolder(APP))
        const path = join(makeFolder(), "image.zip")
        writeFileSync(path, bytes)
        expect(execFileSync("unzip", ["-t", path], { encoding: "utf8" })).toContain("No errors detected")
    })
})

const OTARY = '{ name: "a", version: "1.0.0" }'
const BAD: readonly (readonly [title: string, code: string, says: string, files: Record<string, string | Buffer>])[] = [
    ["no app", "PACK_APP_MISSING", "app.ts", { "otary.json5": OTARY }],
    ["no otary.json5", "PACK_CONFIG", "otary.json5: name", { "app.js": "" }],
    ["broken json5", "PACK_SYNTAX", "otary.json5: JSON5: invalid", { "app.js": "", "otary.json5": "{ name: }" }],
    ["a list for an object", "PACK_CONFIG", "device.json5", { "app.js": "", "otary.json5": OTARY, "device.json5": "[]" }],
    ["an unknown key", "PACK_CONFIG", "verison", { "app.js": "", "otary.json5": '{ name: "a", version: "1.0.0", verison: 1 }' }],
    ["a version that is none", "PACK_CONFIG", "SemVer", { "app.js": "", "otary.json5": '{ name: "a", version: "1.0" }' }],
    [
        "leading zeros in a version",
        "PACK_CONFIG",
        "SemVer",
        { "app.js": "", "otary.json5": '{ name: "a", version: "1.0.0-01" }' },
    ],
    [
        "a range that is none",
        "PACK_CONFIG",
        "requires",
        { "app.js": "", "otary.json5": '{ name: "a", version: "1.0.0", requires: "^1.0.0" }' },
    ],
    [
        "an unknown target",
        "PACK_CONFIG",
        "target",
        { "app.js": "", "otary.json5": '{ name: "a", version: "1.0.0", target: "toaster" }' },
    ],
    [
        "a wrong type",
        "PACK_CONFIG",
        "update.enable",
        { "app.js": "", "otary.json5": OTARY, "config.json5": '{ update: { enable: "yes" } }' },
    ],
    [
        "a wrong duration",
        "PACK_DURATION",
        "update.period",
        { "app.js": "", "otary.json5": OTARY, "config.json5": '{ update: { period: "soon" } }' },
    ],
    ["an app with a mistake", "PACK_BUNDLE", "app.js:1:", { "app.js": "const", "otary.json5": OTARY }],
    ["an app that needs Node", "PACK_BUNDLE", "node:fs", { "app.js": 'import "node:fs"', "otary.json5": OTARY }],
    [
        "an app that is too large",
        "PACK_APP_SIZE",
        "room",
        { "app.js": `globalThis.a = "${"a".repeat(300_000)}"`, "otary.json5": OTARY },
    ],
    ["a blank in a file's name", "PACK_FILE_NAME", "files/a b", { "app.js": "", "otary.json5": OTARY, "files/a b": "" }],
    ["a long file name", "PACK_FILE_NAME", "files/nnn", { "app.js": "", "otary.json5": OTARY, [`files/${"n".repeat(64)}`]: "" }],
    [
        "a large file",
        "PACK_FILE_SIZE",
        "files/a",
        { "app.js": "", "otary.json5": OTARY, "files/a": Buffer.alloc(FILE_BYTES_MAX + 1) },
    ],
    [
        "too many bytes of files",
        "PACK_FILES_SIZE",
        "room",
        { "app.js": "", "otary.json5": OTARY, "files/a": Buffer.alloc(FILE_BYTES_MAX) },
    ],
    [
        "too many files",
        "PACK_FILES_LIMIT",
        "65 files",
        {
            "app.js": "",
            "otary.json5": OTARY,
            ...Object.fromEntries(Array.from({ length: FILES_MAX + 1 }, (_, at) => [`files/${at}`, ""])),
        },
    ],
]

describe("a folder that cannot be packed", () => {
    it.each(BAD)("%s: %s", async (_title, code, says, files) => {
        const error = await packFolder(makeFolder(files)).catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(PackError)
        expect(error).toMatchObject({ code, message: expect.stringContaining(says), hint: expect.stringMatching(/\S{3}/) })
    })

    it("that is not there", async () => {
        await expect(packFolder(join(makeFolder(), "none"))).rejects.toMatchObject({ code: "PACK_FOLDER" })
    })

    it("with a link among its files", async () => {
        const folder = makeFolder({ ...APP })
        symlinkSync(join(folder, "app.ts"), join(folder, "files/link"))
        await expect(packFolder(folder)).rejects.toMatchObject({ code: "PACK_FILE_NAME" })
    })
})

describe("bundles", () => {
    const constants = { image: { name: "a", version: "1.0.0", build_id: "b", security: 0 }, device: {}, config: {} }

    it("of an app run after the ports are there: without hardware they stop at once", async () => {
        const app = join(makeFolder({ "app.js": "globalThis.started = true" }), "app.js")
        const code = (await bundleApp(app, constants)).toString("latin1")
        const context: { started?: boolean } = {}
        expect(() => runInNewContext(code, context)).toThrow(/hardware/)
        expect(context.started).toBeUndefined()
    })

    it("are smaller when minified, and the loader fits its 16 KiB", async () => {
        const [small, readable] = [await bundleLoader(), await bundleLoader({ minify: false })]
        expect(small.length).toBeLessThan(readable.length)
        expect(small.length).toBeLessThan(16 * 1024)
    })
})
