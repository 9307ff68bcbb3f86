// Webhooks: signed, in order, at least once, after failures too; and only to where the cloud may go.

import { createHmac } from "node:crypto"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import fc from "fast-check"
import { Client } from "pg"
import { retryDelayS, wants } from "../../host/cloud/webhooks"
import { addressRules, isPublicAddress } from "../../host/cloud/webhooks-address"
import { post } from "../../host/cloud/webhooks-post"
import { startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
let receiver: Server
let address: string
let answer = 204
let received: { signature: string; body: string }[] = []

beforeAll(async () => {
    receiver = createServer((request, response) => {
        const chunks: Buffer[] = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
            received.push({ signature: String(request.headers["otary-signature"]), body: Buffer.concat(chunks).toString() })
            response.writeHead(answer, { Location: "http://127.0.0.1:1/elsewhere" }).end()
        })
    })
    await new Promise<void>(resolve => receiver.listen(0, "127.0.0.1", resolve))
    address = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
    cloud = await startCloudFixture({ webhookAllow: ["127.0.0.0/8"] })
}, 60_000)
afterAll(async () => {
    await cloud?.close()
    receiver.close()
})

/** Waits until something holds, 10 s at most. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
        if (await holds()) return
        await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error("it did not happen within 10 s")
}

const products = (): string[] =>
    received.flatMap(({ body }) => (JSON.parse(body) as Json).events.map((event: Json) => event.data.product))

test("events arrive signed and in order; what fails is tried again and nothing is lost", async () => {
    const made = (await cloud.api("POST", "/webhooks", { url: address, types: ["product.*"] })).body
    expect(made.secret).toMatch(/^[\w-]{43}$/)
    expect((await cloud.api("GET", `/webhooks/${made.id}`)).body.secret).toBeUndefined()
    await cloud.api("POST", "/products", { id: "w1" })
    await cloud.api("POST", "/clouds", { id: "unwanted" })
    await until(() => products().includes("w1"))
    const { signature, body } = received[0] as { signature: string; body: string }
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? []
    expect(mac).toBe(createHmac("sha256", made.secret).update(`${time}.${body}`).digest("hex"))

    answer = 302
    await cloud.api("POST", "/products", { id: "w2" })
    const state = async (): Promise<Json> => (await cloud.api("GET", `/webhooks/${made.id}`)).body
    await until(async () => (await state()).failures === 1)
    expect((await state()).lastError).toContain("redirects are not followed")
    await cloud.api("POST", "/products", { id: "w3" })
    answer = 204
    received = []
    cloud.advance(20)
    await until(() => products().includes("w3"))
    expect(products()).toEqual(["w2", "w3"])
    await until(async () => (await state()).failures === 0)
    expect((await cloud.api("DELETE", `/webhooks/${made.id}`)).status).toBe(204)
}, 30_000)

test("one that fails for too long is switched off, told of, and can be switched on again", async () => {
    answer = 500
    const { id } = (await cloud.api("POST", "/webhooks", { url: address })).body
    const state = async (): Promise<Json> => (await cloud.api("GET", `/webhooks/${id}`)).body
    await cloud.api("POST", "/products", { id: "w9" })
    await until(async () => (await state()).lastError.includes("status 500"))
    // Two days later: one attempt is left.
    const client = new Client({ connectionString: cloud.databaseUrl })
    await client.connect()
    await client.query("update webhook set failures = 49, next_at = created_at where id = $1", [id])
    await client.end()
    await until(async () => !(await state()).enabled)
    expect(await state()).toMatchObject({ enabled: false, failures: 50 })
    expect((await cloud.api("GET", "/events?type=webhook.disabled")).body.items[0].data.webhook).toBe(id)
    answer = 204
    received = []
    expect((await cloud.api("PATCH", `/webhooks/${id}`, { enabled: true })).body.failures).toBe(0)
    await until(() => products().includes("w9"))
}, 30_000)

test("waits double up to an hour; types match by their beginning", () => {
    expect([1, 2, 3, 10, 49].map(failures => retryDelayS(failures, 0))).toEqual([10, 20, 40, 3600, 3600])
    expect(retryDelayS(1, 1)).toBe(12.5)
    expect(wants(["task.*"], "task.failed") && wants(["*"], "x") && wants(["a.b"], "a.b")).toBe(true)
    expect(wants(["task.*"], "product.created") || wants(["a.b"], "a.bc")).toBe(false)
})

test.each([
    ["8.8.8.8", true],
    ["2606:4700::1111", true],
    ["127.0.0.1", false],
    ["10.1.2.3", false],
    ["172.31.255.255", false],
    ["172.32.0.1", true],
    ["192.168.1.1", false],
    ["169.254.169.254", false],
    ["100.64.0.1", false],
    ["0.0.0.0", false],
    ["255.255.255.255", false],
    ["::1", false],
    ["::ffff:8.8.8.8", false],
    ["fe80::1", false],
    ["fd00::1", false],
    ["2002:7f00:1::", false],
    ["64:ff9b::7f00:1", false],
    ["no address", false],
])("%s is public: %s", (text, isPublic) => {
    expect(isPublicAddress(text)).toBe(isPublic)
})

test("addresses that are wrapped, or only look harmless, are none of the cloud's business", async () => {
    const rules = addressRules([], async host => [{ address: host.startsWith("in") ? "10.0.0.7" : "8.8.8.8", family: 4 }])
    const urls = [
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://inside.example/",
    ]
    for (const url of urls) await expect(rules.checkUrl(url)).rejects.toMatchObject({ code: "address_internal" })
    for (const url of ["http://example.com/", "ftp://example.com/", "https://user:pw@example.com/", "nothing"])
        await expect(rules.checkUrl(url)).rejects.toMatchObject({ code: "field_invalid" })
    await rules.checkUrl("https://outside.example/hook")
})

test("a name that turns internal between check and connection gets no connection", async () => {
    const before = received.length
    let asked = 0
    const url = address.replace("127.0.0.1", "turning.example").replace("http:", "https:")
    const rules = addressRules([], async () => [{ address: (asked += 1) === 1 ? "8.8.8.8" : "127.0.0.1", family: 4 }])
    expect(await post({ url, body: "{}", secret: "s", atS: 1 }, rules)).toContain("internal address 127.0.0.1")
    expect([asked, received.length]).toEqual([2, before])
})

test("no private IPv4 address gets through (property)", () => {
    const octet = fc.integer({ min: 0, max: 255 })
    const blocks = fc.constantFrom("10", "127", "192.168", "169.254", "172.16", "100.64")
    fc.assert(
        fc.property(blocks, octet, octet, octet, (block, a, b, c) => {
            const parts = [...block.split("."), a, b, c].slice(0, 4)
            expect(isPublicAddress(parts.join("."))).toBe(false)
        }),
    )
})
