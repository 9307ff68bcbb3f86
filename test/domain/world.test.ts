// Random fleets and rollouts in virtual time: what must hold at every moment, whatever happens.

import fc from "fast-check"
import { activeOf, devicesLimit, pendingOf } from "../../host/cloud/domain/pace"
import type { Knobs, Rate, RolloutMode } from "../../host/cloud/domain/rollout"
import type { TaskLife } from "../../host/cloud/domain/task-life"
import { TASK_FINAL_STATES, TASK_STATES, taskActive } from "../../host/cloud/domain/task-machine"
import { World, type WorldEvent, type WorldRollout } from "../../host/cloud/domain/world"
import { DEVICE, knobsWith, RELEASE } from "./facts"

const START_MS = 1_700_000_000_000
const VERSIONS = ["1.1.0", "1.2.0", "1.3.0"]
const MODULES = ["default", "radio"]
const SEED = Number(process.env["SEED"] ?? Date.now() % 2 ** 31)

beforeAll(() => console.log(`world: SEED=${SEED}`))

const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null, freq: 2 })
const rate: fc.Arbitrary<Rate> = orNull(
    fc.oneof(
        fc.record({ kind: fc.constant("constant" as const), perMinute: fc.integer({ min: 1, max: 6 }) }),
        fc.record({
            kind: fc.constant("variable" as const),
            base: fc.integer({ min: 1, max: 2 }),
            factorHundredths: fc.integer({ min: 120, max: 500 }),
            max: fc.integer({ min: 2, max: 5 }),
            after: fc.integer({ min: 1, max: 5 }),
            of: fc.constantFrom("pushed" as const, "succeeded" as const),
        }),
    ),
)
const knobsChanges: fc.Arbitrary<Partial<Knobs>> = fc.record({
    rate,
    limits: fc.record({
        devicesMax: orNull(fc.integer({ min: 1, max: 5 })),
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
    confirm: fc.constantFrom(false, false, false, true),
    override: fc.boolean(),
    multiModule: fc.boolean(),
    gates: fc.constantFrom([], [{ devices: 2, succeeded: 1, failedPercentMax: 50, approval: false }]),
})
const device = fc.nat({ max: 5 }).map(index => `d${index}`)
const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), seconds: fc.integer({ min: 1, max: 400 }) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("all" as const), committed: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("checkin" as const), device, committed: fc.boolean() }) },
    {
        weight: 8,
        arbitrary: fc.record({
            do: fc.constant("report" as const),
            device,
            which: fc.nat({ max: 2 }),
            event: fc.constantFrom(
                "progress",
                "progress",
                "progress",
                "reported",
                "passingFailure",
                "failure",
                "confirmed",
                "confirmed",
                "canceled",
                "seen",
            ),
        }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("boot" as const), device, forth: fc.boolean() }) },
    {
        weight: 4,
        arbitrary: fc.record({
            do: fc.constant("rollout" as const),
            mode: fc.constantFrom<RolloutMode>("snapshot", "continuous"),
            version: fc.constantFrom(...VERSIONS),
            module: fc.constantFrom(...MODULES),
            knobs: knobsChanges,
        }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("arrive" as const) }) },
    {
        weight: 2,
        arbitrary: fc.record({
            do: fc.constantFrom("pause" as const, "resume" as const, "resume" as const, "cancel" as const),
            which: fc.nat({ max: 3 }),
        }),
    },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Watches a world: rebuilds its tasks from the events alone, and remembers hand-outs, ends and what must not happen. */
class Watch {
    readonly rebuilt = new Map<string, TaskLife>()
    readonly ended = new Map<string, string>()
    readonly handOuts: { rollout: string; atMs: number }[] = []
    /** Tasks that changed after their end, and work in progress that was taken away. */
    readonly raised: string[] = []
    readonly takenAway: string[] = []
    /** Devices of each snapshot when it was complete. */
    readonly snapshots = new Map<string, string[]>()

    see({ device, event, task, atMs }: WorldEvent): void {
        const key = `${device}/${task.rollout}`
        const before = this.rebuilt.get(key)
        if (before?.id === task.id) {
            if (this.ended.has(before.id)) this.raised.push(`${before.id}: ${event}`)
            const inProgress = before.state === "working" || before.state === "probation"
            if (inProgress && (event === "overridden" || event === "withdrawn")) this.takenAway.push(`${before.id}: ${event}`)
        }
        if (TASK_FINAL_STATES.includes(task.state)) this.ended.set(task.id, task.state)
        if (event === "dispatched" || event === "resent") this.handOuts.push({ rollout: task.rollout, atMs })
        this.rebuilt.set(key, task)
    }

    /** Devices that a rollout has tasks on. */
    devicesOf(rollout: string): string[] {
        return [...this.rebuilt].flatMap(([key, task]) => (task.rollout === rollout ? [key.split("/")[0] as string] : [])).sort()
    }

    /** Most hand-outs of a rollout in the last `spanS` seconds. */
    lately(rollout: string, nowMs: number, spanS: number): number {
        return this.handOuts.filter(one => one.rollout === rollout && one.atMs > nowMs - spanS * 1000).length
    }
}

/** What holds of each rollout at every moment, by name. */
const OF_ROLLOUTS: Record<string, (world: World, watch: Watch, rollout: WorldRollout) => void> = {
    "pending tasks stay within the limit": (_world, _watch, { snapshot: { knobs, counts } }) =>
        expect(pendingOf(counts)).toBeLessThanOrEqual(knobs.pendingMax ?? Infinity),
    "pushes per minute stay within the rate": ({ nowMs }, watch, { id, snapshot: { knobs } }) => {
        const most = knobs.rate?.kind === "constant" ? knobs.rate.perMinute : (knobs.rate?.max ?? Infinity)
        expect(watch.lately(id, nowMs, 60)).toBeLessThanOrEqual(most)
    },
    "devices stay within their number and their percentage": (_world, watch, { id, snapshot: { knobs, counts, total } }) => {
        expect(counts.devices).toBeLessThanOrEqual(devicesLimit(knobs, total))
        const given = [...watch.rebuilt.values()].filter(task => task.rollout === id && task.offeredMs !== null)
        expect(given).toHaveLength(counts.devices)
    },
    "hand-outs per period stay within the limit": ({ nowMs }, watch, { id, snapshot: { knobs } }) => {
        const { perPeriod } = knobs.limits
        if (perPeriod !== null) expect(watch.lately(id, nowMs, perPeriod.periodS)).toBeLessThanOrEqual(perPeriod.count)
    },
    "a snapshot never grows": (_world, watch, { id, snapshot }) => {
        if (snapshot.mode !== "snapshot" || !snapshot.snapshotDone) return
        const devices = watch.devicesOf(id)
        expect(devices).toHaveLength(snapshot.total)
        expect(devices).toEqual(watch.snapshots.get(id) ?? devices)
        watch.snapshots.set(id, devices)
    },
    "finished means that nothing is active": (_world, watch, { id, snapshot: { state, counts } }) => {
        const mine = [...watch.rebuilt.values()].filter(task => task.rollout === id)
        if (state === "finished") expect([activeOf(counts), mine.filter(task => taskActive(task.state))]).toEqual([0, []])
    },
    "the events count as the counters do": (_world, watch, { id, snapshot: { counts } }) => {
        const mine = [...watch.rebuilt.values()].filter(task => task.rollout === id)
        for (const one of TASK_STATES) expect(mine.filter(({ state }) => state === one)).toHaveLength(counts[one])
    },
}

/** What holds of the whole fleet at every moment, by name. */
const OF_FLEETS: Record<string, (world: World, watch: Watch) => void> = {
    "a device has one active task for each module at most": world => {
        for (const id of world.devices.keys()) {
            const modules = world.tasksOf(id).flatMap(({ state, module }) => (taskActive(state) ? [module] : []))
            expect(modules).toHaveLength(new Set(modules).size)
        }
    },
    "work in progress is never overridden": (_world, watch) => expect(watch.takenAway).toEqual([]),
    "final states absorb": (_world, watch) => expect(watch.raised).toEqual([]),
    "replaying the events rebuilds the state": (world, watch) => {
        for (const id of world.devices.keys()) {
            for (const task of world.tasksOf(id)) expect(watch.rebuilt.get(`${id}/${task.rollout}`)).toEqual(task)
        }
    },
    "every active task has a deadline, no other has": world => {
        for (const id of world.devices.keys()) {
            for (const task of world.tasksOf(id)) expect(task.deadlineMs !== null).toBe(taskActive(task.state))
        }
    },
}

const PROPERTIES: [string, (world: World, watch: Watch) => void][] = [
    ...Object.entries(OF_FLEETS),
    ...Object.entries(OF_ROLLOUTS).map(([name, check]): [string, (world: World, watch: Watch) => void] => {
        return [name, (world, watch) => world.rollouts.forEach(rollout => check(world, watch, rollout))]
    }),
]

/** One device more. */
function addDevice(world: World): void {
    world.addDevice({ ...DEVICE, id: `d${world.devices.size}`, versions: { radio: "1.0.0" } })
}

/** A device runs its task's version, or goes back to its first. */
function boot(world: World, id: string, forth: boolean): void {
    const task = world.tasksOf(id).find(({ state }) => taskActive(state))
    const facts = world.devices.get(id)
    const version = forth && task !== undefined ? task.version : "1.0.0"
    if (facts === undefined) return
    if (task?.module === "radio") world.addDevice({ ...facts, versions: { radio: version } })
    else world.addDevice({ ...facts, version })
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
            const tasks = world.tasksOf(one.device)
            const task = tasks[one.which % tasks.length]
            const attempt = one.event === "passingFailure" && task !== undefined ? { attempt: task.attempt + 1 } : {}
            if (task !== undefined)
                world.happen(one.device, task.rollout, { event: one.event as "failure", reason: "", ...attempt })
            return
        }
        case "boot":
            return boot(world, one.device, one.forth)
        case "rollout": {
            const index = world.rollouts.length
            const release = { ...RELEASE, id: `r${index}`, version: one.version, module: one.module }
            if (index < 4) world.addRollout(`o${index}`, release, one.mode, knobsWith(one.knobs))
            return
        }
        case "arrive":
            return addDevice(world)
        default: {
            const snapshot = world.rollouts[one.which]?.snapshot
            if (snapshot?.state === "running" && one.do === "pause") snapshot.state = "paused"
            else if (snapshot?.state === "paused" && one.do === "resume") snapshot.state = "running"
            else if (snapshot?.state === "running" && one.do === "cancel") {
                Object.assign(snapshot, { state: "stopping", outcome: "canceled", cancelStates: ["awaiting", "queued"] })
            }
        }
    }
}

test.each(PROPERTIES)("over random fleets: %s", (_name, check) => {
    fc.assert(
        fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (steps, size) => {
            const watch = new Watch()
            const world = new World(START_MS, event => watch.see(event))
            for (let index = 0; index < size; index += 1) addDevice(world)
            for (const one of steps) {
                if ("device" in one && !world.devices.has(one.device)) continue
                take(world, one)
                check(world, watch)
            }
        }),
        { numRuns: 200, seed: SEED },
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
        { numRuns: 15, seed: SEED },
    )
})
