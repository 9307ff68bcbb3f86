// The Ioto protocol as agents and Updaters speak it: registration, check-in, report, byte for byte.

import { request } from "node:http"
import { startCloudFixture, type Answer, type CloudFixture, type Json } from "../api/cloud-fixture"

let cloud: CloudFixture
const CHECKIN = "/tok/provision/update"
const REPORT = "/tok/provision/updateReport"

beforeAll(async () => {
    cloud = await startCloudFixture()
    await cloud.api("POST", "/products", { id: "blank" })
}, 60_000)
afterAll(() => cloud?.close())

/** Registers a device and answers its token. */
async function registered(id: string): Promise<string> {
    const answer = await cloud.device("/device/register", "bearer blank", { id, version: "1.0.0" })
    return answer.body.token
}

/** A product of its own with one device at 1.0.0. */
async function productWithDevice(product: string): Promise<{ id: string; token: string }> {
    await cloud.api("POST", "/products", { id: product })
    const id = `${product}-1`
    const { token } = (await cloud.device("/device/register", `bearer ${product}`, { id })).body
    await checkin(id, token, "1.0.0")
    return { id, token }
}

function checkin(id: string, token: string, version: string, more: Json = {}): Promise<Answer> {
    return cloud.device(CHECKIN, `bearer ${token}`, { id, version, ...more })
}

async function taskStates(device: string): Promise<string[]> {
    const { body } = await cloud.api("GET", `/tasks?device=${device}`)
    return body.items.map((task: Json) => `${task.version} ${task.state}`)
}

async function eventTypes(device: string): Promise<string[]> {
    return (await cloud.api("GET", `/events?device=${device}`)).body.items.map((event: Json) => event.type)
}

/** The answer's bytes as they come over the wire: raw header names and body. */
function raw(
    path: string,
    headers: Record<string, string>,
    body: string,
): Promise<{ status: number; headers: string[]; text: string }> {
    return new Promise((resolve, reject) => {
        const sent = request(cloud.url + path, { method: "POST", headers }, response => {
            let text = ""
            response.on("data", (chunk: Buffer) => (text += chunk.toString()))
            response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.rawHeaders, text }))
        })
        sent.on("error", reject).end(body)
    })
}

describe("registration", () => {
    test("an unknown device of a product that claims by itself gets its identity at once", async () => {
        const body = { id: "reg-1", model: "Blank-01", created: "2026-01-01T00:00:00Z", product: "blank" }
        const { status, body: answer } = await cloud.device("/device/register", "bearer blank", body)
        expect(status).toBe(200)
        expect(answer).toMatchObject({ registered: true, id: "reg-1", api: cloud.url, cloudName: "default" })
        expect(answer.token.length).toBeGreaterThanOrEqual(22)
        const shown = (await cloud.api("GET", "/devices/reg-1")).body
        expect(shown).toMatchObject({ product: "blank", claimed: true, attributes: { model: "Blank-01" } })
    })

    test("a device without an id gets one", async () => {
        const { body } = await cloud.device("/device/register", "bearer blank", {})
        expect(body.id).toMatch(/^[0-9A-Z]{26}$/)
    })

    test("a lost answer can be asked for again; a token in use is not given away", async () => {
        const first = await registered("reg-2")
        const second = await registered("reg-2")
        expect(second).not.toBe(first)
        expect((await checkin("reg-2", first, "1.0.0")).status).toBe(401)
        expect((await checkin("reg-2", second, "1.0.0")).status).toBe(200)
        const third = await cloud.device("/device/register", "bearer blank", { id: "reg-2" })
        expect(third.text).toBe('{"registered":true}')
        expect(await eventTypes("reg-2")).toContain("device.token.refused")
        expect((await checkin("reg-2", second, "1.0.0")).status).toBe(200)
    })

    test("a token that an operator holds is not given away either", async () => {
        const { token } = (await cloud.api("POST", "/devices", { id: "reg-3", product: "blank" })).body
        expect((await cloud.device("/device/register", "bearer blank", { id: "reg-3" })).text).toBe('{"registered":true}')
        expect((await checkin("reg-3", token, "1.0.0")).status).toBe(200)
    })

    test("a product that does not claim lets the operator do it", async () => {
        await cloud.api("POST", "/products", { id: "gated", autoClaim: false })
        const ask = (): Promise<Answer> => cloud.device("/device/register", "bearer gated", { id: "gated-1" })
        expect((await ask()).text).toBe('{"registered":true}')
        await cloud.api("PATCH", "/devices/gated-1", { claimed: true })
        expect((await ask()).body.token).toBeDefined()
    })

    test("a product token registers where the product's id does not suffice", async () => {
        const { token } = (await cloud.api("POST", "/products", { id: "closed", registerById: false })).body
        expect((await cloud.device("/device/register", "bearer closed", { id: "closed-1" })).status).toBe(401)
        expect((await cloud.device("/device/register", `bearer ${token}`, { id: "closed-1" })).body.token).toBeDefined()
    })

    test("a device is not moved to another product by registering there", async () => {
        await registered("reg-4")
        await cloud.api("POST", "/products", { id: "other" })
        expect((await cloud.device("/device/register", "bearer other", { id: "reg-4" })).text).toBe('{"registered":true}')
        expect((await cloud.api("GET", "/devices/reg-4")).body.product).toBe("blank")
    })
})

describe("check-in", () => {
    test("without an update the answer is {} with exact header names", async () => {
        const token = await registered("in-1")
        const body = '{"id":"in-1","version":"1.0.0","iotoVersion":"3.0.0","try-beta-features":1,"memory":512}'
        const answer = await raw(CHECKIN, { Authorization: `bearer ${token}`, "Content-Type": "application/json" }, body)
        expect(answer).toMatchObject({ status: 200, text: "{}" })
        expect(answer.headers).toContain("Content-Length")
        const shown = (await cloud.api("GET", "/devices/in-1")).body
        expect(shown).toMatchObject({ version: "1.0.0", attributes: { "try-beta-features": 1, memory: 512 } })
        expect(shown.lastSeenAt).not.toBeNull()
    })

    test("with an update the answer is compact JSON with four keys in their order", async () => {
        const { id, token } = await productWithDevice("offer")
        await cloud.release("offer", "1.1.0")
        const { text, body } = await checkin(id, token, "1.0.0")
        expect(text).toMatch(/^\{"url":"http:\/\/[^" ]+","checksum":"[0-9a-f]{64}","version":"1\.1\.0","update":"[^" ]{1,63}"\}$/)
        expect(body.url.startsWith(`${cloud.url}/images/${body.checksum}/demo-1.1.0.zip?`)).toBe(true)
        expect(await taskStates(id)).toEqual(["1.1.0 offered"])
        expect((await checkin(id, token, "1.0.0")).body.update).toBe(body.update)
        expect((await checkin(id, token, "1.1.0")).text).toBe("{}")
        expect(await taskStates(id)).toEqual(["1.1.0 succeeded"])
    })

    test("the Updater's form: a bare token, every property a string", async () => {
        const { id, token } = await productWithDevice("updater")
        await cloud.release("updater", "1.1.0")
        const body = { id, product: "updater", version: "1.0.0", pro: "true", n: "2" }
        const { update } = (await cloud.device(CHECKIN, token, body)).body
        expect((await cloud.device(REPORT, token, { success: "true", id, update })).status).toBe(200)
        expect(await taskStates(id)).toEqual(["1.1.0 probation"])
        expect((await cloud.device(CHECKIN, token, { ...body, version: "1.1.0" })).text).toBe("{}")
        expect(await taskStates(id)).toEqual(["1.1.0 succeeded"])
    })

    test("only where it is right does the answer make an agent throw its registration away", async () => {
        const token = await registered("in-2")
        const unknown = await cloud.device(CHECKIN, `bearer ${token}`, { id: "nobody", version: "1.0.0" })
        expect([unknown.status, unknown.text]).toEqual([404, "Cannot find device"])
        const wrong = await checkin("in-2", "wrong", "1.0.0")
        expect([wrong.status, wrong.body.code]).toEqual([401, "device_token_wrong"])
        await cloud.api("DELETE", "/devices/in-2/token")
        const dropped = await checkin("in-2", token, "1.0.0")
        expect([dropped.status, dropped.text]).toEqual([401, "Authentication failed"])
        const again = await registered("in-2")
        expect((await checkin("in-2", again, "1.0.0")).status).toBe(200)
    })

    test("a device's token for another device's id: 403, and an event", async () => {
        const token = await registered("thief")
        await registered("victim")
        for (const path of [CHECKIN, REPORT]) {
            const answer = await cloud.device(path, `bearer ${token}`, {
                id: "victim",
                version: "9.9.9",
                success: true,
                update: "x",
            })
            expect([answer.status, answer.body.code]).toEqual([403, "device_mismatch"])
        }
        const types = await eventTypes("thief")
        expect(types.filter(type => type === "device.mismatch")).toHaveLength(2)
        expect((await cloud.api("GET", "/devices/victim")).body.version).toBe("1.0.0")
    })
})

describe("check-in over the life of an update", () => {
    test("a higher release takes the place of an offer, a disabled one takes it back", async () => {
        const { id, token } = await productWithDevice("higher")
        await cloud.release("higher", "1.1.0")
        await checkin(id, token, "1.0.0")
        const higher = await cloud.release("higher", "1.2.0")
        expect((await checkin(id, token, "1.0.0")).body.version).toBe("1.2.0")
        expect(await taskStates(id)).toEqual(["1.2.0 offered", "1.1.0 canceled"])
        await cloud.api("PATCH", `/releases/${higher.id}`, { enabled: false })
        expect((await checkin(id, token, "1.0.0")).body.version).toBe("1.1.0")
        const tasks = (await cloud.api("GET", `/tasks?device=${id}`)).body.items
        expect(tasks.map((task: Json) => task.state).sort()).toEqual(["canceled", "canceled", "offered"])
        expect(tasks.find((task: Json) => task.state === "offered").attempt).toBe(2)
    })

    test("an image on trial is on probation; back on the old version it has failed and is not offered again", async () => {
        const { id, token } = await productWithDevice("trial")
        await cloud.release("trial", "1.1.0")
        await checkin(id, token, "1.0.0")
        expect((await checkin(id, token, "1.1.0", { committed: false })).text).toBe("{}")
        expect(await taskStates(id)).toEqual(["1.1.0 probation"])
        expect((await checkin(id, token, "1.0.0")).text).toBe("{}")
        expect(await taskStates(id)).toEqual(["1.1.0 failed"])
    })
})

describe("check-in with bad input", () => {
    test.each([
        ["no token", null, { id: "x" }, 401, "unauthorized"],
        ["no JSON", "bearer t", "{", 400, "request_invalid"],
        ["an array", "bearer t", [], 400, "request_invalid"],
        ["no id", "bearer t", {}, 422, "field_invalid"],
        ["script in the id", "bearer t", { id: "<script>" }, 422, "field_invalid"],
        ["an endless version", "bearer t", { id: "x", version: "1".repeat(99) }, 422, "field_invalid"],
        ["a zero character", "bearer t", { id: "x", a: "\0" }, 422, "attributes_invalid"],
        ["half a surrogate pair", "bearer t", { id: "x", a: "\ud800" }, 422, "attributes_invalid"],
        ["too deep", "bearer t", { id: "x", a: [[[[[1]]]]] }, 422, "attributes_invalid"],
        ["too large", "bearer t", { id: "x", a: "a".repeat(70_000) }, 413, "body_too_large"],
    ])("bad input is refused: %s", async (_what, authorization, body, status, code) => {
        const answer = await cloud.device(CHECKIN, authorization, body)
        expect([answer.status, answer.body.code]).toEqual([status, code])
    })

    test("a path with another method", async () => {
        const answer = await fetch(cloud.url + CHECKIN)
        expect([answer.status, ((await answer.json()) as Json).code]).toEqual([405, "method_not_allowed"])
    })
})

describe("report", () => {
    const report = (token: string, body: Json): Promise<Answer> => cloud.device(REPORT, `bearer ${token}`, body)

    test("success with the version counts at once; twice and late changes nothing", async () => {
        const { id, token } = await productWithDevice("done")
        await cloud.release("done", "1.1.0")
        const { update } = (await checkin(id, token, "1.0.0")).body
        expect((await report(token, { id, update, success: true, status: 0, message: "", version: "1.1.0" })).text).toBe("{}")
        expect(await taskStates(id)).toEqual(["1.1.0 succeeded"])
        await report(token, { id, update, success: true, version: "1.1.0" })
        await report(token, { id, update, success: false, status: -42, message: "late" })
        expect(await taskStates(id)).toEqual(["1.1.0 succeeded"])
        expect((await cloud.api("GET", `/devices/${id}`)).body.version).toBe("1.1.0")
    })

    test("a failure is kept with its status and is not offered again", async () => {
        const { id, token } = await productWithDevice("bad")
        await cloud.release("bad", "1.1.0")
        const { update } = (await checkin(id, token, "1.0.0")).body
        await report(token, { success: false, id, update, status: -42, message: "rolled back\u0007", version: "1.0.0" })
        const [task] = (await cloud.api("GET", `/tasks?device=${id}`)).body.items
        expect(task).toMatchObject({ state: "failed", status: -42, reason: "rolled back " })
        expect((await checkin(id, token, "1.0.0")).text).toBe("{}")
    })

    test.each([
        ["stalled", -62],
        ["out-of-memory", -68],
        ["restarted", -69],
    ])("a passing failure (%s) is offered again under the same update, and not without end", async (what, status) => {
        const { id, token } = await productWithDevice(what)
        await cloud.release(what, "1.1.0")
        const { update } = (await checkin(id, token, "1.0.0")).body
        for (let attempt = 1; attempt <= 10; attempt += 1) {
            expect((await checkin(id, token, "1.0.0")).body.update).toBe(update)
            await report(token, { success: false, id, update, status, message: what })
        }
        expect(await taskStates(id)).toEqual(["1.1.0 failed"])
    })

    test.each([
        ["an unknown update", { success: true, update: "never" }, 404, "update_unknown"],
        ["no update", { success: true }, 422, "field_invalid"],
        ["a success that is neither", { success: "yes", update: "u" }, 422, "field_invalid"],
        ["a status that is no integer", { success: false, update: "u", status: "x" }, 422, "field_invalid"],
    ])("bad input is refused: %s", async (_what, body, status, code) => {
        const token = await registered("rep-1")
        const answer = await report(token, { id: "rep-1", ...body })
        expect([answer.status, answer.body.code]).toEqual([status, code])
        await cloud.api("DELETE", "/devices/rep-1/token")
    })
})
