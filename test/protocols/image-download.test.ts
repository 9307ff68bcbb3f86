// Images over HTTP: ranges, conditions, expiry, forged addresses, clients that go away.

import { request, type IncomingMessage } from "node:http"
import { parseRange } from "../../host/cloud/adapters/image-download"
import { imageOf, startCloudFixture, type CloudFixture } from "../api/cloud-fixture"

let cloud: CloudFixture
let url: string
let tag: string
const app = Buffer.alloc(3_000_000, "0123456789abcdef")
const image = imageOf("1.1.0", {}, app)

beforeAll(async () => {
    cloud = await startCloudFixture()
    await cloud.api("POST", "/products", { id: "p" })
    const { token } = (await cloud.api("POST", "/devices", { id: "d", product: "p" })).body
    const artifact = await cloud.upload(image)
    await cloud.api("POST", "/releases", { product: "p", artifact })
    const offer = await cloud.device("/tok/provision/update", `bearer ${token}`, { id: "d", version: "1.0.0" })
    url = offer.body.url
    tag = `"${offer.body.checksum}"`
}, 60_000)
afterAll(() => cloud?.close())

/** One request without anything that fetch would add; the body is collected. */
function get(headers: Record<string, string> = {}, method = "GET", at = url): Promise<{ head: IncomingMessage; body: Buffer }> {
    return new Promise((resolve, reject) => {
        const sent = request(at, { method, headers }, head => {
            const chunks: Buffer[] = []
            head.on("data", (chunk: Buffer) => chunks.push(chunk))
            head.on("end", () => resolve({ head, body: Buffer.concat(chunks) }))
        })
        sent.on("error", reject).end()
    })
}

test("the whole image: length, tag, and the connection ends", async () => {
    const { head, body } = await get()
    expect(head.statusCode).toBe(200)
    expect(head.rawHeaders).toContain("Content-Length")
    expect(head.headers).toMatchObject({
        "content-length": String(image.length),
        etag: tag,
        "accept-ranges": "bytes",
        connection: "close",
    })
    expect(body.equals(image)).toBe(true)
})

test.each([
    ["bytes=0-0", 0, 0],
    ["bytes=100-199", 100, 199],
    ["bytes=2999999-", 2_999_999, image.length - 1],
    ["bytes=-10", image.length - 10, image.length - 1],
    ["bytes=5-99999999", 5, image.length - 1],
    ["bytes=-99999999", 0, image.length - 1],
])("a range: %s", async (range, from, to) => {
    const { head, body } = await get({ Range: range })
    expect(head.statusCode).toBe(206)
    expect(head.headers["content-range"]).toBe(`bytes ${from}-${to}/${image.length}`)
    expect(body.equals(image.subarray(from, to + 1))).toBe(true)
})

test.each(["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2", "bytes=a-b"])("a range that is not served: %s", async range => {
    const { head, body } = await get({ Range: range })
    expect([head.statusCode, body.length]).toEqual([200, image.length])
})

test.each([`bytes=${image.length}-`, "bytes=-0"])("a range outside: %s", async range => {
    const { head } = await get({ Range: range })
    expect([head.statusCode, head.headers["content-range"]]).toEqual([416, `bytes */${image.length}`])
})

test("conditions: If-Range and If-None-Match", async () => {
    expect((await get({ Range: "bytes=0-3", "If-Range": tag })).head.statusCode).toBe(206)
    expect((await get({ Range: "bytes=0-3", "If-Range": '"other"' })).head.statusCode).toBe(200)
    expect((await get({ Range: "bytes=0-3", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT" })).head.statusCode).toBe(200)
    expect((await get({ "If-None-Match": `"other", W/${tag}` })).head.statusCode).toBe(304)
    expect((await get({ "If-None-Match": '"other"' })).head.statusCode).toBe(200)
})

test("HEAD has the head alone", async () => {
    const { head, body } = await get({ Range: "bytes=0-3" }, "HEAD")
    expect([head.statusCode, head.headers["content-length"], body.length]).toEqual([200, String(image.length), 0])
})

test("a client that goes away does no harm", async () => {
    for (let round = 0; round < 5; round += 1) {
        await new Promise<void>(resolve => {
            const sent = request(url, head => head.once("data", () => sent.destroy()))
            sent.on("error", () => undefined)
            sent.on("close", resolve)
            sent.end()
        })
    }
    expect((await get()).body.length).toBe(image.length)
})

test("forged, changed and other addresses are refused", async () => {
    const forged = new URL(url)
    forged.searchParams.set("expires", String(Number(forged.searchParams.get("expires")) + 1))
    const renamed = url.replace("demo-1.1.0.zip", "demo-1.2.0.zip")
    const unsigned = url.replace(/&signature=.*/, "")
    const other = url.replace(/\/images\/[0-9a-f]{64}/, `/images/${"0".repeat(64)}`)
    const path = url.replace(/\/images\/[^?]*/, "/images/../../etc/passwd")
    for (const bad of [forged.href, renamed, unsigned, other]) expect((await get({}, "GET", bad)).head.statusCode).toBe(403)
    expect((await get({}, "GET", path)).head.statusCode).toBeGreaterThanOrEqual(400)
    expect((await get({}, "POST")).head.statusCode).toBe(405)
})

test("an address ends after 24 hours, and no sooner", async () => {
    cloud.advance(86_390)
    expect((await get({ Range: "bytes=0-0" })).head.statusCode).toBe(206)
    cloud.advance(20)
    const { head, body } = await get()
    expect([head.statusCode, JSON.parse(body.toString()).code]).toEqual([403, "image_url_expired"])
})

test("ranges as values", () => {
    expect(parseRange(undefined, 10)).toBeNull()
    expect(parseRange("bytes=2-3", 10)).toEqual({ from: 2, to: 3 })
    expect(parseRange("bytes=10-", 10)).toBe("unsatisfiable")
})
