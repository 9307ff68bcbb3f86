// Every knob at its limits: the least and the most that is taken, and what lies one beyond, with the field that the answer points to.

import { imageOf, startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
let release: string
/** The cloud's clock stands still, so that times ahead can be named to the second. */
const NOW_S = 1_800_000_000

beforeAll(async () => {
    cloud = await startCloudFixture({ nowMs: () => NOW_S * 1000, ticks: false })
    await cloud.api("POST", "/products", { id: "p", modules: ["default", "mcu"] })
    for (const id of ["d1", "d2", "d3"]) await cloud.api("POST", "/devices", { id, product: "p", version: "1.0.0" })
    const artifact = await cloud.upload(imageOf("2.0.0"))
    release = (await cloud.api("POST", "/releases", { product: "p", artifact, scope: null })).body.id
}, 60_000)
afterAll(() => cloud?.close())

/** Makes a draft; nothing of it starts. */
async function draft(knobs: object, more: object = {}): Promise<Json> {
    const order = { release, scope: { kind: "all" }, knobs, start: false, confirmAll: true, ...more }
    const answer = await cloud.api("POST", "/rollouts", order)
    return { ...answer, code: answer.body.code, paths: answer.body.issues?.map(({ path }: Json) => path) }
}

const constant = (perMinute: number): object => ({ rate: { kind: "constant", perMinute } })
const variable = (changes: object = {}): object => ({
    rate: { kind: "variable", base: 50, factorHundredths: 200, max: 10_000, after: 1000, of: "pushed", ...changes },
})
const start = (afterS: number): object => ({ window: { startAtS: NOW_S + afterS } })
const end = (startS: number | null, afterS: number): object => ({
    window: { startAtS: startS === null ? null : NOW_S + startS, endAtS: NOW_S + (startS ?? 0) + afterS },
})
const retry = (countMax: number, delayS: number, workTimeoutS?: number): object => ({
    retry: { countMax, delayS },
    ...(workTimeoutS === undefined ? {} : { workTimeoutS }),
})
const named = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, at) => [`key.${String(at)}`, "v"]))
const gates = (...devices: number[]): object => ({
    gates: devices.map(count => ({ devices: count, succeeded: 1, failedPercentMax: 0 })),
})
const DAY_S = 86_400

const TAKEN: [string, object][] = [
    ["start in 5 minutes", start(300)],
    ["start in 7 days", start(7 * DAY_S)],
    ["end 1 hour after the start", end(300, 3600)],
    ["end 30 days after the start", end(300, 30 * DAY_S)],
    ["end 1 hour from now", end(null, 3600)],
    ["10 a minute", constant(10)],
    ["10,000 a minute", constant(10_000)],
    ["variable, least", variable({ base: 1, factorHundredths: 120, max: 10, after: 1 })],
    ["variable, most", variable({ base: 10_000, factorHundredths: 500, max: 10_000, after: 100_000, of: "succeeded" })],
    ["no retries", retry(0, 0)],
    ["1 retry at once", retry(1, 0)],
    ["2 after 10 minutes", retry(2, 600)],
    ["5 after 30 minutes", retry(5, 1800)],
    ["1 after an hour", retry(1, 3600)],
    ["1 after 24 hours, the timeout left out", retry(1, DAY_S)],
    ["a retry one second shorter than the timeout", retry(1, 600, 601)],
    ["timeout of 1 minute", { workTimeoutS: 60 }],
    ["timeout of 1,440 minutes", { workTimeoutS: 86_400 }],
    ["an answer within 30 s", { ackTimeoutS: 30 }],
    ["1 match", { matchesMax: 1 }],
    ["10 matches", { matchesMax: 10 }],
    ["10 tags", { tags: named(10) }],
    ["a tag's longest name", { tags: { ["a".repeat(30)]: "v" } }],
    ["a tag's longest value", { tags: { a: "v".repeat(1024) } }],
    ["4,096 characters of tags", { tags: Object.fromEntries(["aaaa", "bbbb", "cccc", "dddd"].map(n => [n, "v".repeat(1020)])) }],
    ["1 device", { limits: { devicesMax: 1 } }],
    ["a thousandth of a percent", { limits: { devicesPercent: 0.001 } }],
    ["100 percent", { limits: { devicesPercent: 100 } }],
    ["1 a minute", { limits: { perPeriod: { count: 1, periodS: 60 } } }],
    ["1,000 in 30 days", { limits: { perPeriod: { count: 1000, periodS: 30 * DAY_S } } }],
    ["1 under way", { pendingMax: 1 }],
    ["no failure", { failuresPercentMax: 0 }],
    ["any failures", { failuresPercentMax: 100 }],
    ["5 approvals", { approvals: 5 }],
    ["10 gates", gates(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)],
    ["other modules at the same time", { multiModule: true }],
    ["override", { override: true }],
    ["forced downgrades", { forceDowngrade: true }],
    ["download over MQTT", { protocol: "mqtt" }],
]
test.each(TAKEN)("taken: %s", async (_what, knobs) => {
    const { status, text } = await draft(knobs)
    expect([status, text]).toEqual([201, expect.any(String)])
})

const REFUSED: [string, object, string][] = [
    ["start in 4:59", start(299), "window.startAtS"],
    ["start in 7 days and a second", start(7 * DAY_S + 1), "window.startAtS"],
    ["start in the past", start(-1), "window.startAtS"],
    ["end 59:59 after the start", end(300, 3599), "window.endAtS"],
    ["end 30 days and a second after the start", end(300, 30 * DAY_S + 1), "window.endAtS"],
    ["end before the start", end(600, -1), "window.endAtS"],
    ["9 a minute", constant(9), "rate.perMinute"],
    ["10,001 a minute", constant(10_001), "rate.perMinute"],
    ["10.5 a minute", constant(10.5), "rate.perMinute"],
    ["variable, base 0", variable({ base: 0 }), "rate.base"],
    ["variable, base 10,001", variable({ base: 10_001 }), "rate.base"],
    ["variable, factor 1.19", variable({ factorHundredths: 119 }), "rate.factorHundredths"],
    ["variable, factor 5.01", variable({ factorHundredths: 501 }), "rate.factorHundredths"],
    ["variable, maximum 9", variable({ base: 1, max: 9 }), "rate.max"],
    ["variable, maximum 10,001", variable({ max: 10_001 }), "rate.max"],
    ["variable, maximum below the base", variable({ base: 20, max: 19 }), "rate.max"],
    ["variable, threshold 0", variable({ after: 0 }), "rate.after"],
    ["variable, threshold 100,001", variable({ after: 100_001 }), "rate.after"],
    ["variable, of neither", variable({ of: "failed" }), "rate.of"],
    ["3 retries", retry(3, 0), "retry.countMax"],
    ["6 retries", retry(6, 0), "retry.countMax"],
    ["-1 retries", retry(-1, 0), "retry.countMax"],
    ["a retry after 5 minutes", retry(1, 300), "retry.delayS"],
    ["a retry as long as the timeout", retry(1, 600, 600), "retry.delayS"],
    ["a retry of 24 hours with the longest timeout", retry(1, DAY_S, DAY_S), "retry.delayS"],
    ["timeout of 59 s", { workTimeoutS: 59 }, "workTimeoutS"],
    ["timeout of 1,440 minutes and a second", { workTimeoutS: 86_401 }, "workTimeoutS"],
    ["timeout of 2 days without a retry of 24 hours", { workTimeoutS: 2 * DAY_S }, "workTimeoutS"],
    ["an answer within 29 s", { ackTimeoutS: 29 }, "ackTimeoutS"],
    ["no match", { matchesMax: 0 }, "matchesMax"],
    ["11 matches", { matchesMax: 11 }, "matchesMax"],
    ["11 tags", { tags: named(11) }, "tags"],
    ["a tag without a name", { tags: { "": "v" } }, "tags."],
    ["a tag's name of 31", { tags: { ["a".repeat(31)]: "v" } }, `tags.${"a".repeat(30)}`],
    ["a tag's name with a hyphen", { tags: { "a-b": "v" } }, "tags.a-b"],
    ["a tag without a value", { tags: { a: "" } }, "tags.a"],
    ["a tag's value of 1,025", { tags: { a: "v".repeat(1025) } }, "tags.a"],
    ["a tag with a zero character", { tags: { a: "\0" } }, "tags.a"],
    [
        "4,097 characters of tags",
        { tags: { ...named(9), a: "v".repeat(1024), b: "v".repeat(1024), c: "v".repeat(1024) } },
        "tags",
    ],
    ["no device", { limits: { devicesMax: 0 } }, "limits.devicesMax"],
    ["0 percent", { limits: { devicesPercent: 0 } }, "limits.devicesPercent"],
    ["101 percent", { limits: { devicesPercent: 101 } }, "limits.devicesPercent"],
    ["none in a period", { limits: { perPeriod: { count: 0, periodS: 60 } } }, "limits.perPeriod.count"],
    ["a period of 59 s", { limits: { perPeriod: { count: 1, periodS: 59 } } }, "limits.perPeriod.periodS"],
    ["none under way", { pendingMax: 0 }, "pendingMax"],
    ["-1 percent of failures", { failuresPercentMax: -1 }, "failuresPercentMax"],
    ["101 percent of failures", { failuresPercentMax: 101 }, "failuresPercentMax"],
    ["6 approvals", { approvals: 6 }, "approvals"],
    ["11 gates", gates(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), "gates"],
    ["a gate before the one before it", gates(5, 4), "gates.1.devices"],
    ["override together with other modules", { override: true, multiModule: true }, "override"],
    ["newly reported versions only, static", { newReportsOnly: true }, "newReportsOnly"],
    ["an unknown protocol", { protocol: "ftp" }, "protocol"],
    ["a condition that cannot be read", { where: "memory >" }, "where"],
    ["a condition of 21 terms", { where: Array.from({ length: 21 }, () => "a").join("&&") }, "where"],
]
test.each(REFUSED)("refused: %s", async (_what, knobs, path) => {
    const { status, code, paths, body } = await draft(knobs)
    expect([status, code]).toEqual([422, path === "where" ? "policy_invalid" : "field_invalid"])
    expect(paths).toContain(`knobs.${path}`)
    expect(body.issues.every(({ message }: Json) => message.length > 5)).toBe(true)
})

const scoped = (scope: object, more: object = {}): Promise<Json> => draft({}, { scope, ...more })

test("a phased share rounds down and needs one device", async () => {
    expect((await scoped({ kind: "percent", percent: 67 })).body.scope.count).toBe(2)
    expect((await scoped({ kind: "percent", percent: 34 })).body.scope.count).toBe(1)
    for (const percent of [33, 0, 101]) expect((await scoped({ kind: "percent", percent })).paths).toEqual(["scope.percent"])
    const dynamic = await scoped({ kind: "percent", percent: 50 }, { mode: "continuous", knobs: { sourceVersions: ["1.0.0"] } })
    expect(dynamic.paths).toEqual(["scope.percent"])
})

test("scopes name 1 to 10 groups, regions or tags, and devices of the product", async () => {
    for (const kind of ["groups", "regions", "tags"]) {
        const of = (count: number): object => ({ kind, [kind]: Array.from({ length: count }, (_, at) => `n${at}`) })
        expect((await scoped(of(0))).paths).toEqual([`scope.${kind}`])
        expect((await scoped(of(11))).paths).toEqual([`scope.${kind}`])
        if (kind !== "groups") expect((await scoped(of(10))).status).toBe(201)
    }
    expect((await scoped({ kind: "groups", groups: ["none"] })).paths).toEqual(["scope.groups.0"])
    expect((await scoped({ kind: "devices", ids: ["d1", "nobody"] })).paths).toEqual(["scope.ids.1"])
    expect((await scoped({ kind: "devices", ids: [] }, { start: true })).paths).toEqual(["scope.ids"])
    expect((await scoped({ kind: "devices", ids: [] })).body.state).toBe("draft")
})

test("dynamic: says which versions it replaces, one for a release, may grow; static may not", async () => {
    const dynamic = (knobs: object): Promise<Json> => draft(knobs, { mode: "continuous" })
    expect((await dynamic({})).paths).toEqual(["knobs.sourceVersions"])
    const made = await dynamic({ sourceVersions: ["1.0.0"] })
    expect(made.status).toBe(201)
    expect((await dynamic({ sourceVersions: ["1.0.0"] })).code).toBe("rollout_exists")
    const edit = (id: string, sourceVersions: string[]): Promise<Json> =>
        cloud.api("PATCH", `/rollouts/${id}`, { sourceVersions })
    expect((await edit(made.body.id, ["1.0.0", "1.1.0"])).status).toBe(200)
    const fixed = (await draft({ sourceVersions: ["1.0.0", "1.1.0"] })).body.id
    for (const versions of [["1.0.0", "1.2.0"], []]) {
        const answer = await edit(fixed, versions)
        expect([answer.status, answer.body.issues[0].path]).toEqual([422, "sourceVersions"])
    }
    expect((await edit(fixed, ["1.1.0"])).body.knobs.sourceVersions).toEqual(["1.1.0"])
    const tooMany = Array.from({ length: 101 }, (_, at) => `1.0.${at}`)
    expect((await edit(made.body.id, tooMany)).status).toBe(422)
})

test("edits are held to the same limits, and name the field", async () => {
    const { id } = (await draft(retry(1, 600, 3600))).body
    const edit = (change: object): Promise<Json> => cloud.api("PATCH", `/rollouts/${id}`, { confirmAll: true, ...change })
    const wrong: [object, string][] = [
        [constant(9), "rate.perMinute"],
        [{ workTimeoutS: 600 }, "retry.delayS"],
        [{ tags: named(11) }, "tags"],
        [{ pendingMax: 0 }, "pendingMax"],
        [{ where: "true" }, ""],
        [{ override: true }, ""],
    ]
    for (const [change, path] of wrong) {
        const { status, body } = await edit(change)
        expect([status, body.code, body.issues[0].path]).toEqual([422, "field_invalid", path])
    }
    const right = { ...constant(20), workTimeoutS: 601, tags: { a: "b" }, pendingMax: 7, failuresPercentMax: 3 }
    const { body } = await edit({ ...right, name: "n" })
    expect(body).toMatchObject({ name: "n", knobs: right })
})

test("a manual update without checks says so in the answer", async () => {
    const { body } = await draft({ skipChecks: true, forceDowngrade: true })
    expect(body.warnings.join(" ")).toMatch(/not checked.*Downgrades/s)
})
