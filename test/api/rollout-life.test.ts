// A rollout's life through the API: held, ended with or without its tasks, approved by people, tried again; and nothing stays for ever.

import { imageOf, startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
let products = 0

beforeAll(async () => {
    cloud = await startCloudFixture({ ticks: false })
}, 60_000)
afterAll(() => cloud?.close())

/** A product of its own with devices at 1.0.0 and a release 2.0.0 that nobody gets by itself. */
interface Fleet {
    release: string
    devices: string[]
    order(knobs: object, more?: object): Promise<Json>
    /** A check-in; answers the update's id, "" for none. */
    checkin(device: string, version?: string): Promise<string>
    report(device: string, update: string, body: object): Promise<void>
    states(rollout: string): Promise<Record<string, string>>
}

async function fleetOf(size: number): Promise<Fleet> {
    products += 1
    const product = `p${products}`
    await cloud.api("POST", "/products", { id: product })
    const devices = Array.from({ length: size }, (_, at) => `${product}-d${at}`)
    const tokens = new Map<string, string>()
    for (const id of devices) {
        tokens.set(id, (await cloud.api("POST", "/devices", { id, product, version: "1.0.0" })).body.token)
    }
    const artifact = await cloud.upload(imageOf("2.0.0"))
    const release = (await cloud.api("POST", "/releases", { product, artifact, scope: null })).body.id
    const send = (path: string, id: string, body: object): Promise<Json> =>
        cloud.device(`/tok/provision/${path}`, `bearer ${tokens.get(id)}`, { id, ...body })
    return {
        release,
        devices,
        order: async (knobs, more = {}) => {
            const draft = { release, scope: { kind: "devices", ids: devices }, knobs, ...more }
            const { status, body } = await cloud.api("POST", "/rollouts", draft)
            if (status !== 201) throw new Error(JSON.stringify(body))
            await cloud.settle()
            return body
        },
        checkin: async (id, version = "1.0.0") => (await send("update", id, { version })).body.update ?? "",
        report: async (id, update, body) => void (await send("updateReport", id, { update, ...body })),
        states: async rollout => {
            const { items } = (await cloud.api("GET", `/tasks?rollout=${rollout}`)).body
            return Object.fromEntries(items.reverse().map(({ device, state }: Json) => [device.split("-")[1], state]))
        },
    }
}

async function act(id: string, action: string, body?: object, token?: string): Promise<Json> {
    const answer = await cloud.api("POST", `/rollouts/${id}/${action}`, body, token)
    await cloud.settle()
    return answer
}

async function shown(id: string): Promise<Json> {
    return (await cloud.api("GET", `/rollouts/${id}`)).body
}

/** Lets time pass, a step at a time, with the scheduler at each. */
async function pass(seconds: number): Promise<void> {
    cloud.advance(seconds)
    await cloud.settle()
}

test("paused: what was handed out goes on, nothing else does; resumed: the rest", async () => {
    const { order, checkin, devices, report, states } = await fleetOf(2)
    const { id } = await order({})
    const [first, second] = devices as [string, string]
    const update = await checkin(first)
    expect((await act(id, "pause")).body.state).toBe("paused")
    expect([await checkin(first), await checkin(second)]).toEqual([update, ""])
    await report(first, update, { success: true, version: "2.0.0" })
    expect(await states(id)).toEqual({ d0: "succeeded", d1: "queued" })
    expect((await act(id, "pause")).body.code).toBe("rollout_state")
    expect((await act(id, "resume")).body.state).toBe("running")
    expect(await checkin(second)).not.toBe("")
})

test.each<[string, string[], Record<string, string>, string]>([
    ["the policy alone", [], { d0: "offered", d1: "queued" }, "stopping"],
    ["and what waits", ["queued"], { d0: "offered", d1: "canceled" }, "stopping"],
    ["and what was handed out", ["offered", "queued"], { d0: "canceled", d1: "canceled" }, "finished"],
])("canceled: %s", async (_what, tasks, states, state) => {
    const fleet = await fleetOf(2)
    const { id } = await fleet.order({})
    await fleet.checkin(fleet.devices[0] as string)
    const { body } = await act(id, "cancel", { tasks })
    expect(body).toMatchObject({ outcome: "canceled", reason: "canceled by an operator" })
    expect([await fleet.states(id), (await shown(id)).state]).toEqual([states, state])
    expect((await act(id, "resume")).body.code).toBe("rollout_state")
})

test("what is done, or being proved, is not canceled; the field is named", async () => {
    const { id } = await (await fleetOf(1)).order({})
    const answer = await act(id, "cancel", { tasks: ["probation"] })
    expect([answer.status, answer.body.code, answer.body.issues[0].path]).toEqual([422, "field_invalid", "tasks"])
})

test("failed ones are tried again, also when the rollout has come to its end; canceled rollouts stay", async () => {
    const { order, checkin, devices, report, states } = await fleetOf(2)
    const { id } = await order({})
    for (const device of devices) await report(device, await checkin(device), { success: false, status: -34 })
    await cloud.settle()
    expect(await shown(id)).toMatchObject({ state: "finished", outcome: "success", counts: { failed: 2 } })
    expect((await act(id, "retry", { tasks: ["canceled"] })).body.count).toBe(0)
    expect((await shown(id)).state).toBe("finished")
    expect((await act(id, "retry", {})).body.count).toBe(2)
    expect(await shown(id)).toMatchObject({ state: "running", outcome: null, endedAt: null, counts: { queued: 2, failed: 0 } })
    for (const device of devices) await report(device, await checkin(device), { success: true, version: "2.0.0" })
    await cloud.settle()
    expect([await states(id), (await shown(id)).outcome]).toEqual([{ d0: "succeeded", d1: "succeeded" }, "success"])
    const other = (await (await fleetOf(1)).order({})).id
    await act(other, "cancel", {})
    expect((await act(other, "retry", { tasks: ["failed", "canceled"] })).body.code).toBe("rollout_state")
})

describe("approvals", () => {
    const tokens: Record<string, string> = {}

    beforeAll(async () => {
        const make = async (name: string, owner?: string): Promise<string> =>
            (await cloud.api("POST", "/tokens", { name, role: "operator", owner })).body.token
        tokens["maker"] = await make("ann's laptop", "ann")
        tokens["maker's second"] = await make("ann's phone", "ann")
        tokens["other"] = await make("ann's laptop", "bob")
        tokens["plain"] = await make("no owner")
    })

    async function made(approvals: number): Promise<string> {
        const { release, devices } = await fleetOf(1)
        const draft = { release, scope: { kind: "devices", ids: devices }, knobs: { approvals } }
        return (await cloud.api("POST", "/rollouts", draft, tokens["maker"])).body.id
    }
    const approve = (id: string, who: string): Promise<Json> => act(id, "approve", undefined, tokens[who])

    test("who made it cannot approve it alone, whatever token they take", async () => {
        const id = await made(1)
        for (const who of ["maker", "maker's second"]) {
            const { status, body } = await approve(id, who)
            expect([status, body.code]).toEqual([403, "approval_own"])
        }
        expect((await act(id, "start", undefined, tokens["maker"])).body.code).toBe("rollout_state")
        expect((await approve(id, "other")).body).toMatchObject({ state: "scheduled", approvedBy: ["bob"] })
    })

    test("people are counted, not tokens nor names", async () => {
        const id = await made(2)
        expect((await approve(id, "maker")).body).toMatchObject({ state: "draft", approvedBy: ["ann"] })
        expect((await approve(id, "maker's second")).body).toMatchObject({ state: "draft", approvedBy: ["ann"] })
        expect((await approve(id, "plain")).body).toMatchObject({ state: "scheduled" })
        expect((await shown(id)).approvedBy).toHaveLength(2)
    })

    test("a token that stands for itself is a person; the same twice is one", async () => {
        const id = await made(2)
        expect((await approve(id, "plain")).body.state).toBe("draft")
        expect((await approve(id, "plain")).body.approvedBy).toHaveLength(1)
        expect((await approve(id, "other")).body.state).toBe("scheduled")
    })
})

test("a gate holds, opens by itself when enough succeeded, and pauses when that cannot come true", async () => {
    const { order, checkin, devices, report } = await fleetOf(4)
    const gates = [
        { devices: 1, succeeded: 1, failedPercentMax: 0 },
        { devices: 3, succeeded: 3, failedPercentMax: 10 },
    ]
    const { id } = await order({ gates })
    const [a, b, c, d] = devices as [string, string, string, string]
    const first = await checkin(a)
    expect([first !== "", await checkin(b)]).toEqual([true, ""])
    await report(a, first, { success: true, version: "2.0.0" })
    await cloud.settle()
    const [second, third] = [await checkin(b), await checkin(c)]
    expect([second !== "", third !== "", await checkin(d)]).toEqual([true, true, ""])
    await report(b, second, { success: false, status: -34 })
    await report(c, third, { success: true, version: "2.0.0" })
    await cloud.settle()
    expect(await shown(id)).toMatchObject({ state: "paused", gate: 1, reason: expect.stringContaining("gate 2 not passed") })
    expect((await act(id, "resume")).body).toMatchObject({ state: "running", gate: 2 })
    expect(await checkin(d)).not.toBe("")
})

test("a gate that asks for an operator waits for one; without a gate there is nothing to approve", async () => {
    const { order, checkin, devices, report } = await fleetOf(2)
    const { id } = await order({ gates: [{ devices: 1, succeeded: 1, failedPercentMax: 0, approval: true }] })
    const [a, b] = devices as [string, string]
    await report(a, await checkin(a), { success: true, version: "2.0.0" })
    await cloud.settle()
    expect(await checkin(b)).toBe("")
    expect((await act(id, "approve")).status).toBe(200)
    expect(await checkin(b)).not.toBe("")
    expect((await act(id, "approve")).body.code).toBe("rollout_state")
})

test("every state but the last ones has its time", async () => {
    const { order, checkin, devices, report, states } = await fleetOf(5)
    const times = { confirmTimeoutS: 100, queueTimeoutS: 200, ackTimeoutS: 300, ackRetriesMax: 0, probationTimeoutS: 400 }
    const { id } = await order({ ...times, confirm: true, retry: { countMax: 1, delayS: 600 } })
    const tasks = (await cloud.api("GET", `/tasks?rollout=${id}`)).body.items
    const confirm = async (device: string): Promise<void> => {
        const task = tasks.find((one: Json) => one.device === device).id
        expect((await cloud.api("POST", `/devices/${device}/tasks/${task}/confirm`)).body.state).toBe("queued")
    }
    const [, queued, offered, probation] = devices as [string, string, string, string]
    for (const device of [queued, offered, probation]) await confirm(device)
    const updates = [await checkin(offered), await checkin(probation)]
    expect(updates).not.toContain("")
    await report(probation, updates[1] as string, { success: true })
    expect(await states(id)).toEqual({ d0: "awaiting", d1: "queued", d2: "offered", d3: "probation", d4: "awaiting" })
    await pass(101)
    expect(await states(id)).toEqual({ d0: "canceled", d1: "queued", d2: "offered", d3: "probation", d4: "canceled" })
    await pass(100)
    expect((await states(id))["d1"]).toBe("canceled")
    await pass(100)
    expect((await states(id))["d2"]).toBe("failed")
    await pass(100)
    // Never tried again: that is for failures, not for silence.
    expect((await states(id))["d3"]).toBe("failed")
    expect(await shown(id)).toMatchObject({ state: "finished", counts: { canceled: 3, failed: 2 } })
})

test("drafts and paused rollouts end after 30 days, scheduled ones at their end, running ones too", async () => {
    const month = 30 * 86_400
    const { order, release } = await fleetOf(1)
    const draft = (await order({}, { start: false })).id
    const paused = (await order({ confirm: true })).id
    await act(paused, "pause")
    const startAtS = Math.floor(Date.now() / 1000) + 100_000
    const ends = (
        await cloud.api("POST", "/rollouts", {
            release,
            scope: { kind: "all" },
            knobs: { window: { endAtS: startAtS } },
            confirmAll: true,
        })
    ).body
    expect(ends.state).toBe("scheduled")
    await pass(month + 1)
    for (const id of [draft, paused]) expect(await shown(id)).toMatchObject({ state: "finished", outcome: "expired" })
    expect(await shown(ends.id)).toMatchObject({ state: "finished", outcome: "expired" })
})

describe("28: what reaches more than half of a fleet at once takes a second confirmation", () => {
    let release: string
    const order = (scope: object, knobs: object = {}, more: object = {}): Promise<Json> =>
        cloud.api("POST", "/rollouts", { release, scope, knobs, start: false, ...more })

    beforeAll(async () => {
        const fleet = await fleetOf(4)
        release = fleet.release
        const tags = [["a", "b"], ["a", "b"], ["a"], []]
        for (const [at, id] of fleet.devices.entries()) {
            await cloud.api("PATCH", `/devices/${id}`, { tags: tags[at], region: at < 3 ? "north" : "south", attributes: { at } })
        }
        await cloud.api("POST", "/groups", { id: "most", kind: "where", where: "at < 3" })
        await cloud.api("POST", "/groups", { id: "half", kind: "where", where: "tags >< 'b'" })
        await cloud.api("POST", "/groups", { id: "listed", kind: "listed" })
        await cloud.api("POST", "/groups/listed/devices", { devices: fleet.devices.slice(0, 3) })
        await cloud.api("POST", "/groups", { id: "union", kind: "union", groups: ["half", "listed"] })
    })

    test.each<[string, object, object]>([
        ["everyone, fetched", { kind: "all" }, {}],
        ["everyone, pushed", { kind: "all" }, { delivery: "push" }],
        ["everyone, by the shadow", { kind: "all" }, { delivery: "shadow" }],
        ["a condition that most fulfil", { kind: "all" }, { where: "region == 'north'" }],
        ["a version that all have", { kind: "all" }, { sourceVersions: ["1.0.0"] }],
        ["60 percent", { kind: "percent", percent: 60 }, {}],
        ["a group by expression", { kind: "groups", groups: ["most"] }, {}],
        ["a listed group", { kind: "groups", groups: ["listed"] }, {}],
        ["a union", { kind: "groups", groups: ["union"] }, {}],
        ["a region", { kind: "regions", regions: ["north"] }, {}],
        ["a tag", { kind: "tags", tags: ["a"] }, {}],
        ["two tags", { kind: "tags", tags: ["none", "a"] }, {}],
    ])("%s", async (_what, scope, knobs) => {
        const slip = await order(scope, knobs)
        expect([slip.status, slip.body.code]).toEqual([409, "confirmation_required"])
        expect((await order(scope, knobs, { confirmAll: true })).status).toBe(201)
        expect((await order(scope, { ...knobs, pendingMax: 2 })).status).toBe(201)
    })

    test.each<[string, object, object]>([
        ["half by tag", { kind: "tags", tags: ["b"] }, {}],
        ["half by group", { kind: "groups", groups: ["half"] }, {}],
        ["one region", { kind: "regions", regions: ["south"] }, {}],
        ["50 percent", { kind: "percent", percent: 50 }, {}],
        ["a condition for few", { kind: "all" }, { where: "at == 3" }],
        ["a version that nobody has", { kind: "all" }, { sourceVersions: ["0.9.0"] }],
        ["a rate", { kind: "all" }, { rate: { kind: "constant", perMinute: 10 } }],
        ["a limit", { kind: "all" }, { limits: { devicesMax: 1 } }],
        ["99 percent at most", { kind: "all" }, { limits: { devicesPercent: 99 } }],
        ["each confirmed", { kind: "all" }, { confirm: true }],
    ])("not for %s", async (_what, scope, knobs) => {
        expect((await order(scope, knobs)).status).toBe(201)
    })
})
