// Random fleets and rollouts in virtual time: what must hold at every moment, whatever happens.

import fc from "fast-check"
import { activeOf, devicesLimit, pendingOf } from "../../host/cloud/domain/pace"
import type { Knobs, Rate, RolloutMode } from "../../host/cloud/domain/rollout"
import type { TaskLife } from "../../host/cloud/domain/task-life"
import { TASK_FINAL_STATES, taskActive } from "../../host/cloud/domain/task-machine"
import { World, type WorldEvent, type WorldRollout } from "../../host/cloud/domain/world"
import { DEVICE, knobsWith, RELEASE } from "./facts"

const START_MS = 1_700_000_000_000
const VERSIONS = ["1.1.0", "1.2.0", "1.3.0"]

const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null, freq: 2 })
const rate: fc.Arbitrary<Rate> = orNull(
    fc.oneof(
        fc.record({ kind: fc.constant("constant" as const), perMinute: fc.integer({ min: 10, max: 40 }) }),
        fc.record({
            kind: fc.constant("variable" as const),
            base: fc.integer({ min: 1, max: 5 }),
            factorHundredths: fc.integer({ min: 120, max: 500 }),
            max: fc.integer({ min: 10, max: 30 }),
            after: fc.integer({ min: 1, max: 5 }),
            of: fc.constantFrom("pushed" as const, "succeeded" as const),
        }),
    ),
)
const knobsChanges: fc.Arbitrary<Partial<Knobs>> = fc.record({
    rate,
    limits: fc.record({
        devicesMax: orNull(fc.integer({ min: 1, max: 12 })),
        devicesPercent: orNull(fc.integer({ min: 10, max: 100 })),
        perPeriod: orNull(fc.record({ count: fc.integer({ min: 1, max: 6 }), periodS: fc.constantFrom(60, 600) })),
    }),
    delivery: fc.constantFrom("push" as const, "pull" as const),
    pendingMax: orNull(fc.integer({ min: 1, max: 4 })),
    failuresPercentMax: orNull(fc.integer({ min: 10, max: 60 })),
    retry: fc.record({ countMax: fc.constantFrom(0, 1, 2, 5), delayS: fc.constantFrom(0, 600) }),
    ackTimeoutS: fc.constantFrom(30, 120, 86400),
    ackRetriesMax: fc.integer({ min: 0, max: 2 }),
    workTimeoutS: fc.constantFrom(60, 3600),
    confirm: fc.boolean(),
    override: fc.boolean(),
    gates: fc.constantFrom([], [{ devices: 2, succeeded: 1, failedPercentMax: 50, approval: false }]),
})
const device = fc.nat({ max: 19 }).map(index => `d${index}`)
const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), seconds: fc.integer({ min: 1, max: 400 }) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("all" as const), committed: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("checkin" as const), device, committed: fc.boolean() }) },
    {
        weight: 8,
        arbitrary: fc.record({
            do: fc.constant("report" as const),
            device,
            event: fc.constantFrom("progress", "reported", "passingFailure", "failure", "confirmed", "canceled", "seen"),
        }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("boot" as const), device, forth: fc.boolean() }) },
    {
        weight: 2,
        arbitrary: fc.record({
            do: fc.constant("rollout" as const),
            mode: fc.constantFrom<RolloutMode>("snapshot", "continuous"),
            version: fc.constantFrom(...VERSIONS),
            knobs: knobsChanges,
        }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("pause" as const, "resume" as const), which: fc.nat({ max: 2 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Watches a world: rebuilds its tasks from the events alone and remembers the hand-outs. */
class Watch {
    readonly rebuilt = new Map<string, TaskLife>()
    readonly ended = new Map<string, string>()
    readonly handOuts: { rollout: string; atMs: number }[] = []

    see({ device, event, task, atMs }: WorldEvent): void {
        const key = `${device}/${task.rollout}`
        const before = this.rebuilt.get(key)
        if (before?.id === task.id) {
            expect([before.id, this.ended.get(before.id)]).toEqual([before.id, undefined])
            if (event === "overridden" || event === "withdrawn") expect(["working", "probation"]).not.toContain(before.state)
        }
        if (TASK_FINAL_STATES.includes(task.state)) this.ended.set(task.id, task.state)
        if (event === "dispatched" || event === "resent") this.handOuts.push({ rollout: task.rollout, atMs })
        this.rebuilt.set(key, task)
    }

    /** Most hand-outs of a rollout in the last `spanS` seconds. */
    lately(rollout: string, nowMs: number, spanS: number): number {
        return this.handOuts.filter(one => one.rollout === rollout && one.atMs > nowMs - spanS * 1000).length
    }
}

function checkRollout(world: World, watch: Watch, { id, snapshot }: WorldRollout): void {
    const { knobs, counts, total, state } = snapshot
    if (knobs.pendingMax !== null) expect(pendingOf(counts)).toBeLessThanOrEqual(knobs.pendingMax)
    expect(counts.devices).toBeLessThanOrEqual(devicesLimit(knobs, total))
    if (knobs.rate !== null) {
        const most = knobs.rate.kind === "constant" ? knobs.rate.perMinute : knobs.rate.max
        expect(watch.lately(id, world.nowMs, 60)).toBeLessThanOrEqual(most)
    }
    const { perPeriod } = knobs.limits
    if (perPeriod !== null) expect(watch.lately(id, world.nowMs, perPeriod.periodS)).toBeLessThanOrEqual(perPeriod.count)
    const mine = [...watch.rebuilt.values()].filter(task => task.rollout === id)
    if (state === "finished") expect([activeOf(counts), mine.filter(task => taskActive(task.state)).length]).toEqual([0, 0])
    for (const one of ["queued", "offered", "working", "probation", "succeeded", "failed", "canceled", "skipped"] as const) {
        expect(mine.filter(task => task.state === one)).toHaveLength(counts[one])
    }
    if (snapshot.mode === "snapshot" && snapshot.snapshotDone) expect(mine).toHaveLength(total)
}

function checkAll(world: World, watch: Watch): void {
    for (const rollout of world.rollouts) checkRollout(world, watch, rollout)
    for (const id of world.devices.keys()) {
        const tasks = world.tasksOf(id)
        expect(tasks.filter(({ state }) => taskActive(state)).length).toBeLessThanOrEqual(1)
        for (const task of tasks) expect(watch.rebuilt.get(`${id}/${task.rollout}`)).toEqual(task)
        for (const task of tasks) expect(task.deadlineMs !== null).toBe(taskActive(task.state))
    }
}

/** A device runs its task's version, or goes back to its first. */
function boot(world: World, id: string, forth: boolean): void {
    const task = world.tasksOf(id).find(({ state }) => taskActive(state))
    const facts = world.devices.get(id)
    if (facts !== undefined) world.addDevice({ ...facts, version: forth && task !== undefined ? task.version : "1.0.0" })
}

function take(world: World, one: Step): void {
    switch (one.do) {
        case "pass":
            for (let second = 0; second < one.seconds; second += 1 + Math.floor(second / 5)) {
                world.nowMs += 1000 * (1 + Math.floor(second / 5))
                world.tick()
            }
            return
        case "all":
            return [...world.devices.keys()].forEach(id => world.checkin(id, one.committed))
        case "checkin":
            return void world.checkin(one.device, one.committed)
        case "report": {
            const task = world.tasksOf(one.device).find(({ state }) => taskActive(state))
            const attempt = one.event === "passingFailure" && task !== undefined ? { attempt: task.attempt + 1 } : {}
            if (task !== undefined)
                world.happen(one.device, task.rollout, { event: one.event as "failure", reason: "", ...attempt })
            return
        }
        case "boot":
            return boot(world, one.device, one.forth)
        case "rollout": {
            const index = world.rollouts.length
            const release = { ...RELEASE, id: `r${index}`, version: one.version }
            if (index < 3) world.addRollout(`o${index}`, release, one.mode, knobsWith(one.knobs))
            return
        }
        default: {
            const snapshot = world.rollouts[one.which]?.snapshot
            if (snapshot?.state === "running" && one.do === "pause") snapshot.state = "paused"
            else if (snapshot?.state === "paused" && one.do === "resume") snapshot.state = "running"
        }
    }
}

test("limits, one task a device, snapshots, ends and replays hold over random fleets", () => {
    fc.assert(
        fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (steps, size) => {
            const watch = new Watch()
            const world = new World(START_MS, event => watch.see(event))
            for (let index = 0; index < size; index += 1) world.addDevice({ ...DEVICE, id: `d${index}` })
            for (const one of steps) {
                if ("device" in one && !world.devices.has(one.device)) continue
                take(world, one)
                checkAll(world, watch)
            }
        }),
        { numRuns: 100 },
    )
})

test("nothing stays for ever: left alone, every task and every snapshot ends", () => {
    fc.assert(
        fc.property(fc.array(step, { maxLength: 25 }), knobsChanges, (steps, knobs) => {
            const world = new World(START_MS)
            for (let index = 0; index < 20; index += 1) world.addDevice({ ...DEVICE, id: `d${index}` })
            world.addRollout("o0", RELEASE, "snapshot", knobsWith(knobs))
            for (const one of steps) take(world, one)
            for (let days = 0; days < 400; days += 1) {
                world.nowMs += 86_400_000
                world.tick()
            }
            for (const id of world.devices.keys()) {
                expect(world.tasksOf(id).filter(({ state }) => taskActive(state))).toEqual([])
            }
            for (const { snapshot } of world.rollouts.filter(one => one.snapshot.mode === "snapshot")) {
                expect(snapshot.state).toBe("finished")
            }
        }),
        { numRuns: 15 },
    )
})
