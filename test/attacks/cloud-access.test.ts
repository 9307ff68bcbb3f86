// Attacks on the cloud by callers and devices: 16, 18, 19, 22, 26, 27 and 28 of the plan, each with what must be seen.

import { createHash, generateKeyPairSync, sign } from "node:crypto"
import { imageOf, startCloudFixture, zipOf, type CloudFixture, type Json } from "../api/cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
    await cloud.api("POST", "/products", { id: "p" })
}, 60_000)
afterAll(() => cloud?.close())

/** A device that has been offered version 2.0.0 of a product of its own. */
async function offered(id: string): Promise<{ token: string; update: string }> {
    await cloud.api("POST", "/products", { id })
    const { token } = (await cloud.api("POST", "/devices", { id, product: id })).body
    await cloud.release(id, "2.0.0")
    const { body } = await cloud.device("/tok/provision/update", `bearer ${token}`, { id, version: "1.0.0" })
    return { token, update: body.update }
}

async function taskOf(device: string): Promise<Json> {
    return (await cloud.api("GET", `/tasks?device=${device}`)).body.items[0]
}

test("16: device A's token reads or reports for device B: 403, recorded, and B is as before", async () => {
    const [a, b] = [await offered("dev-a"), await offered("dev-b")]
    const before = JSON.stringify([await taskOf("dev-b"), (await cloud.api("GET", "/devices/dev-b")).body])
    const reading = await cloud.device("/tok/provision/update", `bearer ${a.token}`, {
        id: "dev-b",
        version: "9.9.9",
        colour: "red",
    })
    const report = { id: "dev-b", update: b.update, success: true, version: "2.0.0" }
    const reporting = await cloud.device("/tok/provision/updateReport", `bearer ${a.token}`, report)
    expect([reading.status, reading.body.code, reporting.status]).toEqual([403, "device_mismatch", 403])
    expect(JSON.stringify([await taskOf("dev-b"), (await cloud.api("GET", "/devices/dev-b")).body])).toBe(before)
    const entries = (await cloud.api("GET", "/events?type=device.mismatch&device=dev-a")).body.items
    expect(entries.map((event: Json) => event.data.claimedId)).toEqual(["dev-b", "dev-b"])
    expect((await cloud.device("/tok/provision/updateReport", `bearer ${a.token}`, { ...report, id: "dev-a" })).status).toBe(404)
})

test("18: roles in two tenants do not add up", async () => {
    const other = (await cloud.api("POST", "/tenants", { id: "other" })).body
    await cloud.api("POST", "/products", { id: "theirs" }, other.token)
    const draft = { name: "both", role: "viewer", grants: [{ tenant: "other", role: "admin" }] }
    const { token } = (await cloud.api("POST", "/tokens", draft)).body
    const call = async (method: string, path: string, tenant: string, body?: unknown): Promise<number> => {
        const headers = { Authorization: `Bearer ${token}`, "Otary-Tenant": tenant, "Content-Type": "application/json" }
        const init = body === undefined ? {} : { body: JSON.stringify(body) }
        return (await fetch(`${cloud.url}/api/v1${path}`, { method, headers, ...init })).status
    }
    expect(await call("GET", "/products/p", "default")).toBe(200)
    expect(await call("PATCH", "/products/p", "default", { name: "x" })).toBe(403)
    expect(await call("POST", "/tokens", "default", { name: "x", role: "admin" })).toBe(403)
    expect(await call("PATCH", "/products/theirs", "other", { name: "x" })).toBe(200)
    expect(await call("GET", "/products/p", "other")).toBe(404)
    expect(await call("GET", "/products/theirs", "default")).toBe(404)
    expect(
        await call("POST", "/tokens", "other", { name: "up", role: "admin", grants: [{ tenant: "default", role: "admin" }] }),
    ).toBe(403)
    expect(await call("POST", "/tenants", "other", {})).toBe(403)
})

test("19: guessing tokens: at least 128 random bits, then 429; other devices go on", async () => {
    const { token } = (await cloud.api("POST", "/tokens", { name: "t", role: "viewer" })).body
    expect(Buffer.from(token, "base64url").length * 8).toBeGreaterThanOrEqual(128)
    const device = await offered("guessed")
    const guess = (n: number): ReturnType<typeof cloud.device> =>
        cloud.device("/tok/provision/update", `bearer guess-${n}`, { id: "guessed", version: "1.0.0" })
    const statuses: number[] = []
    for (let n = 0; n < 15; n += 1) statuses.push((await guess(n)).status)
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401))
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]))
    expect(Number((await guess(99)).headers.get("retry-after"))).toBeGreaterThanOrEqual(1)
    const neighbour = await offered("neighbour")
    expect(neighbour.update).toBeTruthy()
    cloud.advance(61)
    const after = await cloud.device("/tok/provision/update", `bearer ${device.token}`, { id: "guessed", version: "1.0.0" })
    expect(after.status).toBe(200)

    const api = await startCloudFixture()
    const tries: number[] = []
    for (let n = 0; n < 12; n += 1) tries.push((await api.api("GET", "/products", undefined, `guess-${n}`)).status)
    expect([tries.at(0), tries.at(-1), (await api.api("GET", "/products")).status]).toEqual([401, 429, 429])
    api.advance(61)
    expect((await api.api("GET", "/products")).status).toBe(200)
    await api.close()
}, 60_000)

/** An image with an entry that is to pass for a signature. */
function withSignature(version: string, signature: Buffer): Buffer {
    const app = Buffer.from("app")
    const part = { type: "app", src: "app.js", size: app.length, cs_sha256: createHash("sha256").update(app).digest("hex") }
    const manifest = { name: "demo", platform: "host", version, build_id: "b", parts: { app: part } }
    const entries: [string, Buffer][] = [
        ["manifest.json", Buffer.from(JSON.stringify(manifest))],
        ["manifest.sig", signature],
        ["app.js", app],
    ]
    return zipOf(entries)
}

describe("22: a product that takes signed images only", () => {
    const record = (signature: Buffer): Buffer => {
        const head = Buffer.alloc(20)
        head.write("OTS1", 0)
        head.writeUInt8(1, 4)
        head.writeUInt8(1, 16)
        head.writeUInt16LE(signature.length, 18)
        return Buffer.concat([head, signature])
    }
    const releasing = async (image: Buffer): Promise<Json> => {
        const artifact = await cloud.upload(image)
        return (await cloud.api("POST", "/releases", { product: "signed", artifact })).body
    }

    test("an unsigned upload, or one with an empty signature, is not released", async () => {
        await cloud.api("POST", "/products", { id: "signed", signatureRequired: true })
        expect((await releasing(imageOf("1.0.1"))).code).toBe("signature_missing")
        expect((await releasing(withSignature("1.0.2", Buffer.alloc(0)))).code).toBe("signature_missing")
        expect((await releasing(withSignature("1.0.3", record(Buffer.alloc(0))))).code).toBe("signature_missing")
        expect((await releasing(withSignature("1.0.4", record(Buffer.alloc(700, 7)).subarray(0, 90)))).code).toBe(
            "signature_missing",
        )
        expect((await releasing(withSignature("1.0.5", record(Buffer.alloc(700, 7))))).version).toBe("1.0.5")
    })

    test("the cloud has no place for a signing key: none of its routes takes one", async () => {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
        const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
        expect(sign("sha256", Buffer.from("x"), privateKey).length).toBeGreaterThan(60)
        for (const field of ["key", "signingKey", "privateKey"])
            expect((await cloud.api("PATCH", "/products/signed", { [field]: pem })).body.code).toBe("field_invalid")
        const document = (await (await fetch(`${cloud.url}/api/v1/openapi.json`)).text()).toLowerCase()
        expect(document).not.toMatch(/private_?key|signing_?key/)
    })
})

test("26: reports twice or out of order change nothing", async () => {
    const { token, update } = await offered("twice")
    const report = (body: object): Promise<Json> =>
        cloud.device("/tok/provision/updateReport", `bearer ${token}`, { id: "twice", update, ...body })
    expect((await report({ success: true, version: "2.0.0" })).status).toBe(200)
    const after = await taskOf("twice")
    expect(after.state).toBe("succeeded")
    const count = async (): Promise<number> => (await cloud.api("GET", "/events?device=twice&limit=500")).body.items.length
    const events = await count()
    for (const late of [{ success: true, version: "2.0.0" }, { success: false, status: -34 }, { success: true }])
        expect((await report(late)).status).toBe(200)
    expect(await taskOf("twice")).toEqual(after)
    expect(await count()).toBe(events)
})

test("27: a webhook to an internal address is refused; images are never fetched from addresses", async () => {
    for (const host of ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "10.0.0.1", "2130706433", "[::ffff:10.0.0.1]"]) {
        const answer = await cloud.api("POST", "/webhooks", { url: `https://${host}/latest/meta-data` })
        expect([host, answer.status, answer.body.code]).toEqual([host, 422, "address_internal"])
    }
    const { id } = (await cloud.api("POST", "/webhooks", { url: "https://8.8.8.8/", types: ["nothing.happens"] })).body
    expect((await cloud.api("PATCH", `/webhooks/${id}`, { url: "https://192.168.0.1/" })).body.code).toBe("address_internal")
    const url = "http://169.254.169.254/image.zip"
    expect((await cloud.api("POST", "/releases", { product: "p", artifact: url })).body.code).toBe("field_invalid")
})

describe("28: a push to 100 % at once takes a second confirmation", () => {
    let release: string

    beforeAll(async () => {
        await cloud.api("POST", "/products", { id: "push" })
        await cloud.api("POST", "/devices", { id: "push-1", product: "push", version: "1.0.0" })
        const artifact = await cloud.upload(imageOf("5.0.0"))
        release = (await cloud.api("POST", "/releases", { product: "push", artifact, scope: null })).body.id
    })
    const order = (knobs: object, more: object = {}): ReturnType<typeof cloud.api> =>
        cloud.api("POST", "/rollouts", { release, scope: { kind: "all" }, knobs: { delivery: "push", ...knobs }, ...more })

    test.each([
        ["everyone", {}, {}],
        ["100 percent of them", {}, { scope: { kind: "percent", percent: 100 } }],
        ["a limit of 100 percent", { limits: { devicesMax: null, devicesPercent: 100, perPeriod: null } }, {}],
    ])("refused: %s", async (_what, knobs, more) => {
        const answer = await order(knobs, more)
        expect([answer.status, answer.body.code]).toEqual([409, "confirmation_required"])
    })

    test("taken with a pace, or with the confirmation; taking the pace away needs it again", async () => {
        const paced = await order({ rate: { kind: "constant", perMinute: 10 } })
        expect(paced.status).toBe(201)
        const path = `/rollouts/${paced.body.id}`
        expect((await cloud.api("PATCH", path, { rate: null })).body.code).toBe("confirmation_required")
        expect((await cloud.api("GET", path)).body.knobs.rate).not.toBeNull()
        expect((await cloud.api("PATCH", path, { rate: null, confirmAll: true })).status).toBe(200)
        expect((await order({}, { confirmAll: true })).status).toBe(201)
    })
})
