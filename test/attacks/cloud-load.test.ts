// Attacks 21 and 25: a cohort that falls silent, and ten times the usual reconnects.

import { startCloudFixture, imageOf, type CloudFixture, type Json } from "../api/cloud-fixture"

let cloud: CloudFixture
const DEVICES = 60
const tokens = new Map<string, string>()

beforeAll(async () => {
    cloud = await startCloudFixture({ checkinsWaitingMax: 8 })
    await cloud.api("POST", "/products", { id: "p" })
    for (let n = 0; n < DEVICES; n += 1) {
        const { id, token } = (await cloud.api("POST", "/devices", { id: `d-${n}`, product: "p" })).body
        tokens.set(id, token)
    }
}, 60_000)
afterAll(() => cloud?.close())

const checkin = (id: string): ReturnType<typeof cloud.device> =>
    cloud.device("/tok/provision/update", `bearer ${tokens.get(id)}`, { id, version: "1.0.0" })

test("25: the flood is sent away at different times, and every report is taken", async () => {
    await cloud.release("p", "2.0.0")
    const updates = new Map<string, string>()
    for (const id of tokens.keys()) updates.set(id, (await checkin(id)).body.update)
    const flood = [...tokens.keys()].flatMap(id => Array.from({ length: 10 }, () => checkin(id)))
    const reports = [...updates].map(([id, update]) =>
        cloud.device("/tok/provision/updateReport", `bearer ${tokens.get(id)}`, { id, update, success: true, version: "2.0.0" }),
    )
    const answers = await Promise.all(flood)
    const away = answers.filter(({ status }) => status === 429)
    expect(answers.filter(({ status }) => status !== 200 && status !== 429)).toEqual([])
    expect(away.length).toBeGreaterThan(100)
    const waits = away.map(({ headers }) => Number(headers.get("retry-after")))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(5)
    expect(Math.max(...waits)).toBeLessThanOrEqual(60)
    expect(new Set(waits).size).toBeGreaterThan(20)
    expect((await Promise.all(reports)).map(({ status }) => status)).toEqual(reports.map(() => 200))
    // Check-ins of the flood that say the old version, after the report, begin anew; the reported tasks stand.
    const tasks = (await cloud.api("GET", "/tasks?limit=500&state=succeeded")).body.items.map((task: Json) => task.id)
    expect(tasks.sort()).toEqual([...updates.values()].sort())
}, 60_000)

test("21: a silent cohort fails after its time, and the rollout ends as a failure", async () => {
    const artifact = await cloud.upload(imageOf("3.0.0"))
    const release = (await cloud.api("POST", "/releases", { product: "p", artifact, scope: null })).body.id
    const knobs = { delivery: "push", pendingMax: 5, failuresPercentMax: 5, ackTimeoutS: 30, ackRetriesMax: 0 }
    const made = await cloud.api("POST", "/rollouts", { release, scope: { kind: "all" }, knobs })
    expect(made.status).toBe(201)
    const state = async (): Promise<Json> => (await cloud.api("GET", `/rollouts/${made.body.id}`)).body
    for (let round = 0; round < 150 && (await state()).state !== "finished"; round += 1) {
        cloud.advance(10)
        await new Promise(resolve => setTimeout(resolve, 100))
    }
    const end = await state()
    expect(end).toMatchObject({ state: "finished", outcome: "failure" })
    expect(end.counts.failed).toBeGreaterThanOrEqual(4)
    // It halted: most of the fleet was never handed the update.
    expect(end.pushed).toBeLessThan(DEVICES / 2)
}, 60_000)
