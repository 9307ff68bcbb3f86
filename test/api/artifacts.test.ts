// Uploads of images: what is taken, and everything that is refused with its reason.

import { createHash } from "node:crypto"
import { request } from "node:http"
import { imageOf, startCloudFixture, zipOf, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
}, 60_000)
afterAll(() => cloud?.close())

const headers = (): Record<string, string> => ({ Authorization: `Bearer ${cloud.token}`, "Content-Type": "application/zip" })
const post = async (body: Buffer): Promise<{ status: number; body: Json }> => {
    const answer = await fetch(`${cloud.url}/api/v1/artifacts`, {
        method: "POST",
        headers: headers(),
        body: new Uint8Array(body),
    })
    return { status: answer.status, body: await answer.json() }
}

test("the same content is kept once", async () => {
    const image = imageOf("3.0.0")
    const first = await post(image)
    expect(first.status).toBe(201)
    const sha256 = createHash("sha256").update(image).digest("hex")
    expect(first.body).toMatchObject({ sha256, sizeBytes: image.length, manifest: { version: "3.0.0", platform: "host" } })
    const second = await post(image)
    expect([second.status, second.body]).toEqual([200, first.body])
    expect((await cloud.api("GET", `/artifacts/${sha256}`)).body).toEqual(first.body)
    expect((await cloud.api("GET", "/artifacts")).body.items.filter((item: Json) => item.sha256 === sha256)).toHaveLength(1)
})

test("one leading folder is as good, and so are bytes without block lists", async () => {
    const manifest = {
        platform: "host",
        version: "3.1.0",
        build_id: "b",
        parts: { app: { type: "app", src: "app.js", size: 1 } },
    }
    const entries: [string, Buffer][] = [
        ["demo/", Buffer.alloc(0)],
        ["demo/manifest.json", Buffer.from(JSON.stringify(manifest))],
        ["demo/app.js", Buffer.from("x")],
    ]
    expect((await post(zipOf(entries))).status).toBe(201)
})

const bad = imageOf("4.0.0")
test.each<[string, Buffer, RegExp]>([
    ["nothing", Buffer.alloc(0), /zip entry/],
    ["text", Buffer.from("hello"), /zip entry/],
    ["cut off in a part", bad.subarray(0, bad.length - 80), /cut off/],
    ["cut off before the end", bad.subarray(0, bad.length - 68), /damaged or was cut off/],
    ["manifest not first", zipOf([["app.js", Buffer.from("x")]]), /first entry/],
    ["manifest no JSON", zipOf([["manifest.json", Buffer.from("{")]]), /not JSON/],
    ["manifest too long", zipOf([["manifest.json", Buffer.alloc(9000, " ")]]), /more than 8192/],
    ["manifest without fields", zipOf([["manifest.json", Buffer.from("{}")]]), /issues/],
    ["no semantic version", imageOf("1.0"), /issues/],
    ["no parts", imageOf("4.0.0", { parts: {} }), /0 parts/],
    ["a part that is missing", imageOf("4.0.0", { parts: { app: { type: "app", src: "b.js", size: 1 } } }), /not in the image/],
    ["a part of another size", imageOf("4.0.0", { parts: { app: { type: "app", src: "app.js", size: 1 } } }), /manifest says 1/],
    [
        "a part with another hash",
        imageOf("4.0.0", { parts: { app: { type: "app", src: "app.js", size: 9, cs_sha256: "0".repeat(64) } } }),
        /SHA-256/,
    ],
    ["an impossible range", imageOf("4.0.0", { requires: "soon" }), /issues/],
    ["a zero character", imageOf("4.0.0", { description: "\0" }), /zero character/],
])("refused: %s", async (_what, image, detail) => {
    const answer = await post(image)
    expect([answer.status, answer.body.code]).toEqual([422, "image_invalid"])
    expect(answer.body.detail).toMatch(detail)
})

test("any single changed bit of a part is noticed", async () => {
    const image = Buffer.from(bad)
    image[image.indexOf("app 4.0.0")] = 0
    expect((await post(image)).body.detail).toMatch(/SHA-256/)
})

test("too much is refused while it comes", async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
        const sent = request(`${cloud.url}/api/v1/artifacts`, { method: "POST", headers: headers() }, answer => {
            resolve(answer.statusCode)
            sent.destroy()
        })
        sent.on("error", error => ((error as NodeJS.ErrnoException).code === "EPIPE" ? undefined : reject(error)))
        const chunk = Buffer.alloc(4 << 20)
        const write = (): void => {
            if (!sent.destroyed) sent.write(chunk, error => (error ? undefined : write()))
        }
        write()
    })
    expect(status).toBe(413)
})

test("another content type is refused", async () => {
    const answer = await fetch(`${cloud.url}/api/v1/artifacts`, {
        method: "POST",
        headers: { ...headers(), "Content-Type": "text/plain" },
        body: "x",
    })
    expect(answer.status).toBe(415)
})
