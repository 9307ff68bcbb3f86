// Attack 17: ids of another tenant on every route. Generated from the served list of routes, so that no route is forgotten.

import { imageOf, startCloudFixture, type Answer, type CloudFixture, type Json } from "../api/cloud-fixture"

let cloud: CloudFixture
let stranger: string
/** Ids of the default tenant's things by the first part of their path. */
const ids: Record<string, string> = {}
/** METHOD and path of every route that the cloud serves. */
let routes: { method: string; path: string }[]

/** Bodies that a route takes, so that it is the id that is refused. `ID` and the like stand for the default tenant's ids. */
const BODIES: Record<string, unknown> = {
    "PATCH /products/{id}": { name: "mine" },
    "PATCH /devices/{id}": { claimed: false },
    "PATCH /releases/{id}": { enabled: false },
    "PATCH /tenants/{id}": { name: "mine" },
    "PATCH /webhooks/{id}": { enabled: false },
    "PATCH /groups/{id}": { name: "mine" },
    "PATCH /rollouts/{id}": { name: "mine" },
    "POST /groups/{id}/devices": { devices: ["theirs"] },
    "POST /groups/{id}/devices/remove": { devices: ["theirs"] },
    "POST /rollouts/{id}/approve": {},
    "POST /rollouts/{id}/cancel": {},
    "POST /rollouts/{id}/retry": {},
    "POST /rollouts/{id}/confirm": {},
}

beforeAll(async () => {
    cloud = await startCloudFixture()
    stranger = (await cloud.api("POST", "/tenants", { id: "strangers" })).body.token
    const make = async (path: string, body: unknown): Promise<Json> => {
        const answer = await cloud.api("POST", path, body)
        if (answer.status > 201) throw new Error(`${path}: ${answer.text}`)
        return answer.body
    }
    ids["products"] = (await make("/products", { id: "theirs" })).id
    ids["devices"] = (await make("/devices", { id: "theirs", product: "theirs" })).id
    ids["clouds"] = (await make("/clouds", { id: "theirs" })).id
    ids["artifacts"] = await cloud.upload(imageOf("1.2.3"))
    const release = await make("/releases", { product: "theirs", artifact: ids["artifacts"] })
    ids["releases"] = release.id
    ids["rollouts"] = release.rollouts[0]
    ids["tokens"] = (await make("/tokens", { name: "theirs", role: "viewer" })).id
    ids["tenants"] = "default"
    ids["webhooks"] = (await make("/webhooks", { url: "https://8.8.8.8/hook", types: ["nothing.happens"] })).id
    const headers = { Authorization: `Bearer ${cloud.token}`, "Content-Type": "text/csv" }
    const sent = await fetch(`${cloud.url}/api/v1/imports?product=theirs`, { method: "POST", headers, body: "imported-1" })
    ids["imports"] = ((await sent.json()) as Json).id
    const document = (await (await fetch(`${cloud.url}/api/v1/openapi.json`)).json()) as Json
    routes = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map(method => ({ method: method.toUpperCase(), path: path.replace("/api/v1", "") })),
    )
    if (routes.some(({ path }) => path.startsWith("/groups")))
        ids["groups"] = (await make("/groups", { id: "theirs", kind: "listed" })).id
}, 60_000)
afterAll(() => cloud?.close())

function filled(path: string): string {
    const id = ids[path.split("/")[1] ?? ""]
    if (id === undefined) throw new Error(`this test makes nothing for ${path}: add it above`)
    return path.replace(/\{\w+\}/g, id)
}

/** What the default tenant can see of its things. */
async function state(): Promise<string> {
    const paths = routes.filter(({ method, path }) => method === "GET" && path.includes("{") && !/explain|invalid/.test(path))
    const answers = await Promise.all(paths.map(({ path }) => cloud.api("GET", filled(path))))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    // When a webhook is looked at next is nobody's doing.
    return JSON.stringify(answers.map(({ body: { nextAt: _nextAt, ...body } }) => body))
}

test("every route with an id answers 404, and nothing has changed", async () => {
    const before = await state()
    const withId = routes.filter(({ path }) => path.includes("{"))
    expect(withId.length).toBeGreaterThan(20)
    const seen: string[] = []
    for (const { method, path } of withId) {
        const answer = await cloud.api(method, filled(path), BODIES[`${method} ${path}`], stranger)
        seen.push(`${method} ${path} ${answer.status}`)
        expect(answer.text).not.toContain("theirs")
    }
    expect(seen).toEqual(withId.map(({ method, path }) => `${method} ${path} 404`))
    expect(await state()).toBe(before)
})

test("no list, export or filter shows anything of another tenant", async () => {
    const secrets = [...Object.values(ids).filter(id => id !== "default"), "imported-1"]
    for (const { method, path } of routes) {
        if (method !== "GET" || path.includes("{") || /stream|metrics/.test(path)) continue
        const query = Object.entries({ product: "theirs", device: "theirs", release: ids["releases"], rollout: ids["rollouts"] })
        const filters = ["", ...query.map(([name, id]) => `?${name}=${id}`)]
        for (const filter of filters) {
            const { text, status } = await read(`${path}${filter}`)
            expect([path, status < 500]).toEqual([path, true])
            for (const secret of secrets) expect(text).not.toContain(secret)
        }
    }
})

test("ids in bodies and queries lead nowhere", async () => {
    const answers: Answer[] = [
        await cloud.api("POST", "/devices", { product: "theirs" }, stranger),
        await cloud.api("POST", "/releases", { product: "theirs", artifact: ids["artifacts"] }, stranger),
    ]
    for (const { status, body } of answers) expect([status, body.code]).toEqual([422, "reference_unknown"])
    const headers = { Authorization: `Bearer ${stranger}`, "Content-Type": "text/csv" }
    const sent = await fetch(`${cloud.url}/api/v1/imports?product=theirs`, { method: "POST", headers, body: "x" })
    expect(sent.status).toBe(404)
})

test("naming the tenant does not help without a role in it", async () => {
    for (const tenant of ["default", "no-such-tenant"]) {
        const headers = { Authorization: `Bearer ${stranger}`, "Otary-Tenant": tenant }
        const answer = await fetch(`${cloud.url}/api/v1/devices`, { headers })
        expect([answer.status, ((await answer.json()) as Json).code]).toEqual([403, "forbidden"])
    }
})

/** A GET of the stranger. */
async function read(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${cloud.url}/api/v1${path}`, { headers: { Authorization: `Bearer ${stranger}` } })
    return { status: response.status, text: await response.text() }
}
