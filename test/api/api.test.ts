// The REST API: every noun's life, pages, refusals, and the document that describes it.

import { imageOf, startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
    await cloud.api("POST", "/products", { id: "p", name: "Product" })
}, 60_000)
afterAll(() => cloud?.close())

/** Every item of a list, page by page. */
async function all(path: string, limit: number): Promise<Json[]> {
    const items: Json[] = []
    let cursor: string | null = ""
    while (cursor !== null) {
        const { body } = await cloud.api("GET", `${path}limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`)
        items.push(...body.items)
        cursor = body.next
    }
    return items
}

describe("products and clouds", () => {
    test("make, show, change, list", async () => {
        const made = await cloud.api("POST", "/products", { id: "q" })
        expect(made.status).toBe(201)
        expect(made.body).toMatchObject({ id: "q", name: "q", autoClaim: true, registerById: true })
        const changed = await cloud.api("PATCH", "/products/q", { name: "Q", autoClaim: false })
        expect(changed.body).toMatchObject({ name: "Q", autoClaim: false, registerById: true })
        expect((await cloud.api("GET", "/products/q")).body).toEqual(changed.body)
        expect((await cloud.api("POST", "/products/q/token")).body.token).not.toBe(made.body.token)
        expect((await cloud.api("POST", "/products", { id: "q" })).body.code).toBe("already_exists")
        expect((await all("/products?", 1)).map(({ id }) => id)).toEqual(expect.arrayContaining(["p", "q"]))
    })

    test("the default cloud is there, others can be made", async () => {
        expect((await cloud.api("POST", "/clouds", { id: "eu", name: "Europe" })).status).toBe(201)
        expect((await all("/clouds?", 1)).map(({ id }) => id)).toEqual(["default", "eu"])
        expect((await cloud.api("GET", "/clouds/eu")).body.name).toBe("Europe")
    })
})

describe("devices", () => {
    test("make, change, forget an attribute, remove", async () => {
        const made = await cloud.api("POST", "/devices", { id: "d1", product: "p", attributes: { a: 1, b: [true, null] } })
        expect(made.status).toBe(201)
        expect(made.body.token).toMatch(/^[A-Za-z0-9_-]{32}$/)
        const shown = (await cloud.api("GET", "/devices/d1")).body
        expect(shown.token).toBeUndefined()
        const changed = await cloud.api("PATCH", "/devices/d1", { attributes: { a: null, c: "x" } })
        expect(changed.body.attributes).toEqual({ b: [true, null], c: "x" })
        expect((await cloud.api("DELETE", "/devices/d1")).status).toBe(204)
        expect((await cloud.api("GET", "/devices/d1")).status).toBe(404)
        expect((await cloud.api("DELETE", "/devices/d1")).status).toBe(404)
    })

    test("pages go through all of them once", async () => {
        await cloud.api("POST", "/products", { id: "many" })
        const ids = Array.from({ length: 7 }, (_, index) => `many-${index}`)
        for (const id of ids) await cloud.api("POST", "/devices", { id, product: "many" })
        expect((await all("/devices?product=many&", 3)).map(({ id }) => id)).toEqual(ids)
        expect((await all("/devices?product=many&", 7)).map(({ id }) => id)).toEqual(ids)
    })

    test("a claim taken back ends the token", async () => {
        const { token } = (await cloud.api("POST", "/devices", { id: "d2", product: "p" })).body
        await cloud.api("PATCH", "/devices/d2", { claimed: false })
        const answer = await cloud.device("/tok/provision/update", `bearer ${token}`, { id: "d2", version: "1.0.0" })
        expect([answer.status, answer.text]).toEqual([401, "Authentication failed"])
    })
})

describe("releases and rollouts", () => {
    test("make to all, show, disable, enable, remove while unused", async () => {
        const release = await cloud.release("p", "2.0.0")
        expect(release).toMatchObject({ product: "p", version: "2.0.0", policy: "", enabled: true })
        const [rollout] = release.rollouts
        const shown = (await cloud.api("GET", `/rollouts/${rollout}`)).body
        expect(shown).toMatchObject({ release: release.id, mode: "continuous", scope: { kind: "all", count: 0 } })
        const off = await cloud.api("PATCH", `/releases/${release.id}`, { enabled: false, description: "bad" })
        expect(off.body).toMatchObject({ enabled: false, description: "bad", rollouts: [rollout] })
        expect((await cloud.api("DELETE", `/releases/${release.id}`)).status).toBe(204)
        expect((await cloud.api("GET", `/rollouts/${rollout}`)).status).toBe(404)
    })

    test("listed devices only, shown with the rollout", async () => {
        for (const id of ["s1", "s2"]) await cloud.api("POST", "/devices", { id, product: "p", version: "1.0.0" })
        const release = await cloud.release("p", "2.1.0", { ids: ["s1", "s1"] })
        const rollout = (await cloud.api("GET", `/rollouts/${release.rollouts[0]}`)).body
        expect(rollout.scope).toEqual({ kind: "devices", count: 1, ids: ["s1"] })
        const explained = (await cloud.api("GET", "/devices/s2/explain")).body
        const mine = explained.rollouts.find((one: Json) => one.release === release.id)
        expect(mine.checks.find((check: Json) => !check.ok)).toMatchObject({ check: "scope" })
        expect((await all("/rollouts?", 1)).length).toBeGreaterThan(0)
    })

    test("a release in use is not removed", async () => {
        const { token } = (await cloud.api("POST", "/devices", { id: "u1", product: "p" })).body
        const release = await cloud.release("p", "2.2.0")
        await cloud.device("/tok/provision/update", `bearer ${token}`, { id: "u1", version: "1.0.0" })
        expect((await cloud.api("DELETE", `/releases/${release.id}`)).body.code).toBe("release_in_use")
        expect((await cloud.api("GET", `/tasks?release=${release.id}&state=offered`)).body.items).toHaveLength(1)
        expect((await cloud.api("GET", `/tasks?release=${release.id}&state=failed`)).body.items).toHaveLength(0)
    })

    test.each<[string, Record<string, unknown>, number, string]>([
        ["a policy that is none", { policy: "version <" }, 422, "policy_invalid"],
        ["another version than the image's", { version: "9.0.0" }, 422, "image_mismatch"],
        ["an unknown product", { product: "none" }, 422, "reference_unknown"],
        ["an unknown artifact", { artifact: "0".repeat(64) }, 422, "reference_unknown"],
        ["devices that the product does not have", { scope: { kind: "devices", ids: ["nobody"] } }, 422, "reference_unknown"],
        ["an unknown field", { colour: "red" }, 422, "field_invalid"],
        ["an empty list", { scope: { kind: "devices", ids: [] } }, 422, "field_invalid"],
    ])("refused: %s", async (_what, fields, status, code) => {
        const artifact = await cloud.upload(imageOf("2.3.0"))
        const answer = await cloud.api("POST", "/releases", { product: "p", artifact, ...fields })
        expect([answer.status, answer.body.code]).toEqual([status, code])
    })

    test("an image of another product is refused", async () => {
        const artifact = await cloud.upload(imageOf("2.3.1", { product: "q" }))
        expect((await cloud.api("POST", "/releases", { product: "p", artifact })).body.code).toBe("image_mismatch")
    })
})

describe("explain", () => {
    test("shows every check and the decision of the next check-in", async () => {
        await cloud.api("POST", "/products", { id: "ex" })
        const { token } = (await cloud.api("POST", "/devices", { id: "e1", product: "ex", attributes: { platform: "host" } }))
            .body
        const low = await cloud.release("ex", "1.1.0")
        const high = await cloud.release("ex", "1.2.0", { manifest: { platform: "esp32" } })
        const before = (await cloud.api("GET", "/devices/e1/explain")).body
        expect(before.decision.update).toBeNull()
        await cloud.device("/tok/provision/update", `bearer ${token}`, { id: "e1", version: "1.0.0" })
        const { body } = await cloud.api("GET", "/devices/e1/explain")
        expect(body.decision.update).toMatchObject({ release: low.id, version: "1.1.0" })
        expect(body.rollouts.map((one: Json) => [one.version, one.matches, one.chosen])).toEqual([
            ["1.2.0", false, false],
            ["1.1.0", true, true],
        ])
        expect(body.rollouts[0]).toMatchObject({ release: high.id, task: null })
        expect(body.rollouts[0].checks).toContainEqual({ check: "platform", ok: false, detail: "device host, image esp32" })
        expect(body.rollouts[1].task).toMatchObject({ state: "offered", attempt: 1 })
    })
})

describe("events", () => {
    test("a reader that goes on from its cursor misses nothing and sees nothing twice", async () => {
        const seen: string[] = []
        let cursor = ""
        const read = async (): Promise<void> => {
            const { body } = await cloud.api("GET", `/events?type=product.created&limit=2${cursor && `&cursor=${cursor}`}`)
            seen.push(...body.items.map((event: Json) => event.data.product))
            cursor = body.next ?? ""
        }
        const made = Array.from({ length: 12 }, (_, index) => `ev-${index}`)
        const writers = made.map(id => cloud.api("POST", "/products", { id }))
        for (let round = 0; round < 6; round += 1) await read()
        await Promise.all(writers)
        for (let round = 0; round < 20; round += 1) await read()
        expect(seen.filter(id => id.startsWith("ev-")).sort()).toEqual([...made].sort())
    })
})

describe("what every route refuses", () => {
    test("no token, a wrong token", async () => {
        for (const token of [null, "wrong"]) {
            const answer = await cloud.api("GET", "/devices", undefined, token)
            expect([answer.status, answer.body.code]).toEqual([401, "unauthorized"])
            expect(answer.headers.get("content-type")).toBe("application/problem+json")
        }
    })

    test("unknown routes echo nothing", async () => {
        for (const path of ["/nowhere/<script>", "/devices/none/nothing"]) {
            const answer = await cloud.api("GET", path)
            expect([answer.status, answer.body.code]).toEqual([404, "not_found"])
            expect(answer.text).not.toMatch(/script|nowhere|none/)
        }
    })

    test.each<[string, string, RequestInit, number, string]>([
        ["no JSON", "/products", { body: "{", headers: { "Content-Type": "application/json" } }, 400, "request_invalid"],
        ["another type", "/products", { body: "id=x" }, 415, "content_type_unknown"],
        [
            "a wrong type",
            "/products",
            { body: '{"name":1}', headers: { "Content-Type": "application/json" } },
            422,
            "field_invalid",
        ],
        [
            "too much",
            "/products",
            { body: `{"name":"${"x".repeat(1_100_000)}"}`, headers: { "Content-Type": "application/json" } },
            413,
            "body_too_large",
        ],
    ])("bodies: %s", async (_what, path, init, status, code) => {
        const headers = { Authorization: `Bearer ${cloud.token}`, ...(init.headers as Record<string, string>) }
        const answer = await fetch(`${cloud.url}/api/v1${path}`, { method: "POST", ...init, headers })
        expect([answer.status, ((await answer.json()) as Json).code]).toEqual([status, code])
    })

    test.each(["limit=0", "limit=501", "limit=x", "cursor=!", "cursor=AAAA"])("a page that cannot be: %s", async query => {
        expect((await cloud.api("GET", `/events?${query}`)).status).toBeGreaterThanOrEqual(400)
        expect((await cloud.api("GET", `/events?${query}`)).status).toBeLessThan(500)
    })
})

test("the document describes every route, and health needs no token", async () => {
    const document = (await (await fetch(`${cloud.url}/api/v1/openapi.json`)).json()) as Json
    expect(document.openapi).toBe("3.1.0")
    expect(Object.keys(document.paths)).toEqual(
        expect.arrayContaining(["/api/v1/devices/{id}/explain", "/api/v1/releases", "/api/v1/artifacts", "/api/v1/events"]),
    )
    expect((await fetch(`${cloud.url}/healthz`)).status).toBe(200)
    expect(await (await fetch(`${cloud.url}/readyz`)).json()).toEqual({ status: "ready" })
})

test.each([
    ["GET", "/exports/devices?product=%00", undefined],
    ["GET", "/events?type=a%00b", undefined],
    ["GET", "/products/%00", undefined],
    ["POST", "/rollouts", { release: "\0", scope: { kind: "all" }, confirmAll: true }],
    ["POST", "/releases", { product: "\0", artifact: "0".repeat(64) }],
])("a zero character is the caller's fault: %s %s", async (method, path, body) => {
    const answer = await cloud.api(method, path, body)
    expect([answer.status, answer.body.code]).toEqual([400, "request_invalid"])
})
