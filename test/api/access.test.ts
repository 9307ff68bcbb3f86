// Who may call, what is written down of it, and calls that come twice or too late.

import { startCloudFixture, type Answer, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
let viewer: string
let operator: string

beforeAll(async () => {
    cloud = await startCloudFixture()
    viewer = (await cloud.api("POST", "/tokens", { name: "reads", role: "viewer" })).body.token
    operator = (await cloud.api("POST", "/tokens", { name: "works", role: "operator" })).body.token
    await cloud.api("POST", "/products", { id: "p" })
}, 60_000)
afterAll(() => cloud?.close())

/** A call with headers of its own. */
async function call(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Answer> {
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const all = { Authorization: `Bearer ${cloud.token}`, "Content-Type": "application/json", ...headers }
    const response = await fetch(`${cloud.url}/api/v1${path}`, { method, headers: all, ...init })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: text === "" ? null : JSON.parse(text) }
}

describe("roles", () => {
    test("each route of the document asks for a role, and changes ask for more than viewer", async () => {
        const document = (await (await fetch(`${cloud.url}/api/v1/openapi.json`)).json()) as Json
        for (const [path, methods] of Object.entries<Json>(document.paths)) {
            for (const [method, { security }] of Object.entries<Json>(methods)) {
                const [role] = security[0].Bearer
                expect([`${method} ${path}`, role]).toEqual([
                    `${method} ${path}`,
                    expect.stringMatching(method === "get" ? /^(viewer|admin)$/ : /^(operator|admin)$/),
                ])
            }
        }
    })

    test("viewer reads, operator changes, admin hands out rights", async () => {
        expect((await cloud.api("GET", "/products", undefined, viewer)).status).toBe(200)
        expect((await cloud.api("POST", "/products", {}, viewer)).body.code).toBe("forbidden")
        expect((await cloud.api("POST", "/products", { id: "o" }, operator)).status).toBe(201)
        for (const path of ["/tokens", "/tenants", "/audit", "/webhooks"]) {
            expect((await cloud.api("GET", path, undefined, operator)).body.code).toBe("forbidden")
        }
        const { body } = await cloud.api("GET", "/identity", undefined, operator)
        expect(body).toMatchObject({ name: "works", role: "operator", tenant: "default", home: "default" })
    })
})

describe("tokens", () => {
    test("end by revocation and by time; none is ever shown again", async () => {
        const made = (await cloud.api("POST", "/tokens", { name: "short", role: "viewer" })).body
        expect(made.token).toMatch(/^[A-Za-z0-9_-]{32}$/)
        expect(JSON.stringify((await cloud.api("GET", "/tokens")).body)).not.toContain(made.token)
        expect((await cloud.api("DELETE", `/tokens/${made.id}`)).status).toBe(204)
        expect((await cloud.api("GET", "/products", undefined, made.token)).body.detail).toContain("revoked")
        expect((await cloud.api("DELETE", `/tokens/${made.id}`)).status).toBe(404)
        expect((await cloud.api("GET", `/tokens/${made.id}`)).body.revokedAt).not.toBeNull()

        const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
        const timed = (await cloud.api("POST", "/tokens", { name: "hour", role: "viewer", expiresAt })).body
        expect((await cloud.api("GET", "/products", undefined, timed.token)).status).toBe(200)
        cloud.advance(3601)
        expect((await cloud.api("GET", "/products", undefined, timed.token)).body.detail).toContain("expired")
        expect((await cloud.api("POST", "/tokens", { name: "past", role: "viewer", expiresAt })).body.code).toBe("field_invalid")
    })

    test("only the keeper of all tenants hands out rights elsewhere", async () => {
        const tenant = (await cloud.api("POST", "/tenants", { id: "other", name: "Other" })).body
        const given = { name: "x", role: "viewer", tenant: "default" }
        expect((await cloud.api("POST", "/tokens", given, tenant.token)).body.code).toBe("forbidden")
        expect((await cloud.api("POST", "/tenants", { id: "third" }, tenant.token)).body.code).toBe("forbidden")
        expect((await cloud.api("POST", "/tokens", { ...given, tenant: "other" })).status).toBe(201)
        expect((await cloud.api("GET", "/tenants", undefined, tenant.token)).body.items).toHaveLength(1)
        expect((await cloud.api("GET", "/tenants")).body.items).toHaveLength(2)
        expect((await cloud.api("PATCH", "/tenants/other", { name: "New" }, tenant.token)).body.name).toBe("New")
    })
})

describe("the audit log", () => {
    test("names who did what from where, and holds nothing that devices did", async () => {
        await cloud.api("POST", "/devices", { id: "a1", product: "p" }, operator)
        await cloud.device("/device/register", "bearer p", { id: "a2" })
        const entries = (await cloud.api("GET", "/audit?limit=500")).body.items as Json[]
        const entry = entries.find(({ device }) => device === "a1")
        expect(entry).toMatchObject({ type: "device.created", actor: { name: "works", role: "operator" } })
        expect(entry.actor.address).toContain("127.0.0.1")
        expect(entries.some(({ device }) => device === "a2")).toBe(false)
        expect((await cloud.api("GET", "/audit?type=token.created")).body.items.length).toBeGreaterThan(1)
    })
})

describe("Idempotency-Key", () => {
    test("the same call is carried out once and answered alike, its token too", async () => {
        const headers = { "Idempotency-Key": "key-1" }
        const draft = { product: "p" }
        const first = await call("POST", "/devices", headers, draft)
        const again = await call("POST", "/devices", headers, draft)
        expect(again.body).toEqual(first.body)
        expect([first.status, again.status, again.headers.get("idempotency-replayed")]).toEqual([201, 201, "true"])
        const other = await call("POST", "/devices", headers, { product: "p", id: "else" })
        expect([other.status, other.body.code]).toEqual([422, "call_key_reused"])
    })

    test("calls at the same time: one is carried out", async () => {
        const headers = { "Idempotency-Key": "key-2" }
        const answers = await Promise.all(Array.from({ length: 8 }, () => call("POST", "/devices", headers, { product: "p" })))
        const made = new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.id))
        expect(made.size).toBe(1)
        for (const { status, body } of answers) expect(status === 201 || body.code === "call_unfinished").toBe(true)
    })

    test("a refused call may be sent again with the same key", async () => {
        const headers = { "Idempotency-Key": "key-3" }
        expect((await call("POST", "/devices", headers, { id: "late", product: "soon" })).status).toBe(422)
        await cloud.api("POST", "/products", { id: "soon" })
        expect((await call("POST", "/devices", headers, { id: "late", product: "soon" })).status).toBe(201)
        expect((await call("POST", "/devices", { "Idempotency-Key": "x".repeat(200) }, {})).body.code).toBe("request_invalid")
    })
})

describe("If-Match", () => {
    test("an edit of what has changed meanwhile is refused", async () => {
        const etag = (await call("GET", "/products/p", {})).headers.get("etag") ?? ""
        expect(etag).toMatch(/^"[\w-]{22}"$/)
        const edited = await call("PATCH", "/products/p", { "If-Match": etag }, { name: "one" })
        expect([edited.status, edited.headers.get("etag") === etag]).toEqual([200, false])
        const late = await call("PATCH", "/products/p", { "If-Match": etag }, { name: "two" })
        expect([late.status, late.body.code]).toEqual([412, "edit_conflict"])
        const fresh = edited.headers.get("etag") ?? ""
        expect((await call("PATCH", "/products/p", { "If-Match": `"zzz", ${fresh}` }, { name: "three" })).status).toBe(200)
        expect((await call("PATCH", "/products/p", { "If-Match": "*" }, { name: "four" })).status).toBe(200)
    })

    test("of many edits from the same reading exactly one counts", async () => {
        const etag = (await call("GET", "/products/p", {})).headers.get("etag") ?? ""
        const edits = Array.from({ length: 12 }, (_, n) => call("PATCH", "/products/p", { "If-Match": etag }, { name: `n${n}` }))
        const statuses = (await Promise.all(edits)).map(({ status }) => status)
        expect(statuses.filter(status => status === 200)).toHaveLength(1)
        expect(statuses.filter(status => status === 412)).toHaveLength(11)
    })

    test("a check-in does not change a device's edition", async () => {
        const { token } = (await cloud.api("POST", "/devices", { id: "still", product: "p", version: "1.0.0" })).body
        const before = (await call("GET", "/devices/still", {})).headers.get("etag")
        await cloud.device("/tok/provision/update", `bearer ${token}`, { id: "still", version: "1.0.0" })
        expect((await call("GET", "/devices/still", {})).headers.get("etag")).toBe(before)
    })
})

describe("measures", () => {
    test("routes by pattern, the fleet by state, for the default tenant only", async () => {
        const read = async (token: string): Promise<Response> =>
            fetch(`${cloud.url}/metrics`, { headers: { Authorization: `Bearer ${token}` } })
        const text = await (await read(viewer)).text()
        expect(text).toMatch(/^otary_requests_total\{route="GET \/api\/v1\/products\/:id",status="200"\} [1-9]/m)
        expect(text).toMatch(/^otary_requests_total\{route="POST \/tok\/provision\/update",status="200"\} 1/m)
        expect(text).toMatch(/^otary_devices [1-9]/m)
        expect(text).toMatch(/^otary_database_up 1/m)
        expect((await read("wrong")).status).toBe(401)
        const tenant = (await cloud.api("POST", "/tenants", {})).body
        expect((await read(tenant.token)).status).toBe(404)
    })
})
