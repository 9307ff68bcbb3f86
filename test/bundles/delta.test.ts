// Deltas of packed images: what they hold, what inspect says of them, and what cannot become one.

import { packDelta } from "../../build/delta"
import { deltaEncode } from "../../build/delta-code"
import { slotDigestHex } from "../../build/image-format"
import { inspectImage } from "../../build/inspect"
import { packFolder } from "../../build/pack"
import { zipRead } from "../../build/zip"
import * as status from "../../firmware/status"
import { imageEntries, imageOf, seededBytes, zipOf, type ImageOptions } from "../firmware/images"
import { APP, makeFolder } from "./folder"

const RUNNING = seededBytes(9000, 1)
const NEXT = Buffer.concat([RUNNING.subarray(0, 5000), Buffer.from("new"), RUNNING.subarray(5000)])
const image = (app: Buffer | undefined, more: ImageOptions = {}): Buffer => {
    const manifest = { build_timestamp: "2026-01-01T00:00:00Z", ...more.manifest }
    return imageOf({ ...(app !== undefined && { app }), files: { a: "b" }, ...more, manifest })
}
const [OLD, FULL] = [image(RUNNING, { manifest: { version: "1.0.0" } }), image(NEXT)]

test("holds the new image's manifest, its base, and its files as they are", () => {
    const { bytes, manifest, from, fileName } = packDelta(OLD, FULL)
    const { entries, problem } = zipRead(bytes)
    expect([problem, entries.map(({ name }) => name)]).toEqual([
        undefined,
        ["manifest.json", "app.blocks", "app.delta", "fs.bin.blocks", "fs.bin"],
    ])
    const full = inspectImage(FULL).manifest!
    const { app, ...others } = full.parts
    expect(manifest).toMatchObject({ version: full.version, build_id: full.build_id, parts: others })
    expect(manifest.parts["app"]).toMatchObject({
        type: "app",
        size: NEXT.length,
        cs_sha256: app!.cs_sha256,
        base: { digest: slotDigestHex(RUNNING), size: RUNNING.length },
    })
    expect([from, fileName]).toEqual(["1.0.0", "demo-1.1.0-from-1.0.0.zip"])
    expect(packDelta(OLD, FULL).bytes.equals(bytes)).toBe(true)
})

test("of two builds of an app: a small part of the image, and the new app byte for byte", async () => {
    const pack = async (text: string, version: string) => {
        const overrides = { version }
        return (await packFolder(makeFolder({ ...APP, "app.ts": `${String(APP["app.ts"])}\n${text}` }), { overrides })).bytes
    }
    const [old, next] = [await pack("", "1.2.0"), await pack('log("one line more")', "1.2.1")]
    const { bytes } = packDelta(old, next)
    expect(bytes.length).toBeLessThan(next.length / 4)
    const running = zipRead(old).entries.find(({ name }) => name === "app.js")!.bytes
    expect(inspectImage(bytes, [], running).problems).toEqual([])
})

describe("inspect", () => {
    const { bytes } = packDelta(OLD, FULL)

    test.each([undefined, RUNNING])("shows base and payload, and finds nothing wrong", base => {
        const { parts, problems } = inspectImage(bytes, [], base)
        expect(problems).toEqual([])
        const payloadBytes = deltaEncode(RUNNING, NEXT).payload.length
        expect(parts[0]).toMatchObject({
            ...{ name: "app", sizeBytes: NEXT.length, blocks: 3, isVerified: true },
            base: { digest: slotDigestHex(RUNNING), size: RUNNING.length, payloadBytes },
        })
    })

    test("another base", () => {
        expect(inspectImage(bytes, [], NEXT).problems).toMatchObject([{ status: status.STATUS_DELTA_BASE }])
    })

    const code = deltaEncode(RUNNING, NEXT)
    const bent = (change: (code: { payload: Buffer; list: Buffer }) => void): Buffer => {
        const copy = { payload: Buffer.from(code.payload), list: Buffer.from(code.list) }
        change(copy)
        return image(NEXT, { base: RUNNING, code: copy })
    }

    test.each<[string, number, Buffer, Buffer | undefined]>([
        ["a digest that is another's", status.STATUS_BLOCK_HASH, bent(({ list }) => (list[0]! ^= 1)), RUNNING],
        [
            "a literal that is another's",
            status.STATUS_PART_HASH,
            bent(({ payload }) => (payload[payload.indexOf("new")]! ^= 1)),
            RUNNING,
        ],
        ["an end that is another's", status.STATUS_DELTA_END, bent(({ list }) => (list[32]! ^= 1)), undefined],
        ["a number that is too long", status.STATUS_DELTA_NUMBER, bent(({ payload }) => payload.fill(255, 0, 4)), undefined],
        [
            "no block list",
            status.STATUS_MANIFEST_FIELD,
            image(NEXT, { base: RUNNING, parts: { app: { blocks: undefined } } }),
            undefined,
        ],
        [
            "a base of a files area",
            status.STATUS_MANIFEST_FIELD,
            image(NEXT, { parts: { fs: { base: { digest: "00".repeat(32), size: 1 } } } }),
            undefined,
        ],
    ])("%s", (_, wanted, bad, base) => {
        expect(inspectImage(bad, [], base).problems).toMatchObject([{ status: wanted }])
    })
})

test.each<[string, Buffer, Buffer, string]>([
    ["a damaged image", OLD, FULL.subarray(0, FULL.length - 1), "new image"],
    ["an image without code", image(undefined), FULL, "old image: it has no app"],
    ["a delta", OLD, packDelta(OLD, FULL).bytes, "new image: it is a delta itself"],
    [
        "images for different boards",
        image(RUNNING, { manifest: { platform: "esp32" } }),
        FULL,
        "it is for esp32, the new one for host",
    ],
])("nothing is made of %s", (_, old, next, message) => {
    expect(() => packDelta(old, next)).toThrow(
        expect.objectContaining({ code: "DELTA_IMAGE", message: expect.stringContaining(message) }),
    )
})

test("signatures of the full image are not the delta's", () => {
    const signature = { name: "manifest.sig", bytes: Buffer.from("OTS1\0\0\0\0", "latin1") }
    const [manifest, ...rest] = imageEntries({ app: NEXT, manifest: { build_timestamp: "2026-01-01T00:00:00Z" } })
    const { bytes } = packDelta(OLD, zipOf([manifest!, signature, ...rest]))
    expect(zipRead(bytes).entries.map(({ name }) => name)).toEqual(["manifest.json", "app.blocks", "app.delta"])
})
