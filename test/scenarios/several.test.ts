// Random rollouts over three cloud processes that all work at once: no task is handed out twice, and limits are exact.

import fc from "fast-check"
import { DEFAULT_TENANT } from "../../host/cloud/context"
import type { Knobs } from "../../host/cloud/domain/rollout"
import { tokenHash } from "../../host/cloud/ids"
import { tick } from "../../host/cloud/scheduler"
import { report } from "../../host/cloud/services/report"
import { settleOverdue } from "../../host/cloud/services/overdue"
import { createRollout } from "../../host/cloud/services/rollout-create"
import type { EventRow } from "../../host/cloud/store/store"
import { startRig, type Process, type Rig } from "./rig"

const PROCESSES = 3
const SEED = Number(process.env["SEED"] ?? Date.now() % 2 ** 31)
let rig: Rig

beforeAll(async () => {
    console.log(`several: SEED=${SEED}`)
    rig = await startRig(PROCESSES)
}, 60_000)
afterAll(() => rig?.close())

const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null, freq: 3 })
const knobsOf: fc.Arbitrary<Pick<Knobs, "rate" | "pendingMax" | "delivery" | "limits">> = fc.record({
    rate: orNull(fc.record({ kind: fc.constant("constant" as const), perMinute: fc.integer({ min: 10, max: 60 }) })),
    pendingMax: orNull(fc.integer({ min: 1, max: 8 })),
    delivery: fc.constantFrom("push" as const, "pull" as const),
    limits: fc.record({
        devicesMax: orNull(fc.integer({ min: 1, max: 20 })),
        devicesPercent: orNull(fc.integer({ min: 5, max: 100 })),
        perPeriod: orNull(fc.record({ count: fc.integer({ min: 1, max: 10 }), periodS: fc.constant(60) })),
    }),
})
/** What happens at once: each number is a device that checks in, at a process that follows from its place. */
const rounds = fc.array(
    fc.record({ seconds: fc.integer({ min: 1, max: 40 }), checkins: fc.array(fc.nat({ max: 29 }), { maxLength: 40 }) }),
    {
        minLength: 3,
        maxLength: 8,
    },
)

/** The devices of a run report success for half of what they are offered. */
async function live(process: Process, index: number, id: string, version: string): Promise<void> {
    const shared = { id, tokenHash: tokenHash(`token-${id}`), version }
    const offer = await process.checkin({ ...shared, attributes: {}, committed: true })
    if (offer === null || index % 2 === 0) return
    await report(process.context, { ...shared, success: false, update: offer.update, status: -42, message: "no" })
}

interface Run {
    rollout: string
    total: number
    knobs: Pick<Knobs, "rate" | "pendingMax" | "limits">
    events: EventRow[]
}

/** Most events within any span that ends with one of them. */
function mostWithin(times: number[], spanMs: number): number {
    return Math.max(0, ...times.map(end => times.filter(at => at > end - spanMs && at <= end).length))
}

function checkRun({ rollout, total, knobs, events }: Run): void {
    const mine = events.filter(({ type, data }) => type.startsWith("task.") && data["rollout"] === rollout)
    const offered = mine.filter(({ type }) => type === "task.offered")
    expect(new Set(offered.map(({ data }) => data["task"])).size).toBe(offered.length)
    const pending = new Map<string, string>()
    let most = 0
    for (const { type, device } of mine) {
        pending.set(device ?? "", type)
        most = Math.max(most, [...pending.values()].filter(one => /offered|working|probation/.test(one)).length)
    }
    const { rate, pendingMax, limits } = knobs
    const times = offered.map(({ at }) => at.getTime())
    const devices = new Set(offered.map(({ device }) => device)).size
    expect(most).toBeLessThanOrEqual(pendingMax ?? Infinity)
    expect(devices).toBeLessThanOrEqual(limits.devicesMax ?? Infinity)
    expect(devices).toBeLessThanOrEqual(Math.floor((total * (limits.devicesPercent ?? 100)) / 100))
    if (rate?.kind === "constant") expect(mostWithin(times, 60_000)).toBeLessThanOrEqual(rate.perMinute)
    if (limits.perPeriod !== null) expect(mostWithin(times, 60_000)).toBeLessThanOrEqual(limits.perPeriod.count)
}

let runs = 0

test("no task twice, limits exact", async () => {
    const property = fc.asyncProperty(knobsOf, rounds, fc.integer({ min: 1, max: 30 }), async (knobs, all, size) => {
        const product = `p${(runs += 1)}`
        const ids = Array.from({ length: size }, (_, index) => `${product}-${index}`)
        await rig.devices(ids, product)
        const release = await rig.release("1.1.0", {}, product)
        const { context } = rig.processes[0] as Process
        const draft = { release: release.id, mode: "snapshot" as const, scope: { kind: "all" as const }, knobs }
        const { id: rollout } = await createRollout(context, DEFAULT_TENANT, draft)
        for (const { seconds, checkins } of all) {
            const ticks = rig.processes.map(one => tick(one.context))
            const lives = checkins.map((number, index) => {
                const id = ids[number % size] as string
                return live(rig.processes[index % PROCESSES] as Process, number, id, "1.0.0")
            })
            await Promise.all([...ticks, ...lives])
            rig.advance(seconds)
        }
        checkRun({ rollout, total: size, knobs, events: await rig.events() })
        const left = await context.store.tables.tasks.list(DEFAULT_TENANT, { rollout }, { after: null, limit: 1000 })
        expect(left).toHaveLength(size)
    })
    await fc.assert(property, { numRuns: 12, seed: SEED, endOnFailure: true })
}, 60_000)

/** Rounds in which every process settles the same tasks at once. */
const RESENDS = 5

test("a task whose time is up is settled once, however many look", async () => {
    const ids = Array.from({ length: 600 }, (_, index) => `overdue-${index}`)
    await rig.devices(ids, "overdue")
    const release = await rig.release("1.1.0", {}, "overdue")
    const { context } = rig.processes[0] as Process
    const knobs = { delivery: "push" as const, ackTimeoutS: 70, ackRetriesMax: RESENDS }
    await createRollout(context, DEFAULT_TENANT, { release: release.id, mode: "snapshot", scope: { kind: "all" }, knobs })
    while ((await tick(context)) === "now");
    for (let round = 1; round <= RESENDS + 1; round += 1) {
        rig.advance(80)
        // One reads what the other is about to commit.
        const looks = [...rig.processes, ...rig.processes].map(async ({ context: own }) => {
            for (let turn = 0; turn < 8; turn += 1) await settleOverdue(own)
        })
        await Promise.all(looks)
    }
    const events = (await rig.events()).filter(({ device }) => ids.includes(device ?? ""))
    const count = (type: string): number => events.filter(event => event.type === type).length
    expect(count("task.offered")).toBe(ids.length * (RESENDS + 1))
    expect(count("task.failed")).toBe(ids.length)
}, 60_000)
