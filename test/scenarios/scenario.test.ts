// The same scenario file played with one and with three cloud processes gives the same events, and the events rebuild the state.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import JSON5 from "json5"
import { DEFAULT_TENANT } from "../../host/cloud/context"
import type { Knobs, RolloutMode } from "../../host/cloud/domain/rollout"
import { tokenHash } from "../../host/cloud/ids"
import { tick } from "../../host/cloud/scheduler"
import { report, reportProgress } from "../../host/cloud/services/report"
import { createRollout } from "../../host/cloud/services/rollout-create"
import { listRollouts } from "../../host/cloud/services/rollouts"
import type { EventRow } from "../../host/cloud/store/store"
import { startRig, type Process, type Rig } from "./rig"

interface Scenario {
    devices: number
    minutes: number
    tickS: number
    checkinS: number
    fails: number[]
    failsOnce: number[]
    silent: number[]
    rollouts: { atS: number; version: string; mode: RolloutMode; knobs: Partial<Knobs> }[]
}

/** A device of the scenario: it runs a version, and has seen tasks. */
interface Actor {
    id: string
    number: number
    version: string
    tasks: string[]
}

const scenario: Scenario = JSON5.parse(readFileSync(join(__dirname, "fleet.json5"), "utf8"))

/** Takes an update as the device's number says: reports, and runs the version afterwards. */
async function takeUpdate(
    context: Process["context"],
    actor: Actor,
    update: string,
    versionOf: (task: string) => Promise<string>,
): Promise<void> {
    const digit = actor.number % 10
    if (scenario.silent.includes(digit)) return
    const repeated = actor.tasks.includes(update)
    actor.tasks.push(update)
    const shared = { id: actor.id, tokenHash: tokenHash(`token-${actor.id}`), update }
    const version = await versionOf(update)
    if (repeated) return
    await reportProgress(context, { ...shared, percent: 50, message: "half" })
    const isBad =
        version === "1.1.0" &&
        (scenario.fails.includes(digit) || (scenario.failsOnce.includes(digit) && actor.tasks.length === 1))
    if (isBad) return report(context, { ...shared, success: false, status: -42, message: "bad image", version: actor.version })
    await report(context, { ...shared, success: true, status: null, message: "", version: actor.version })
    actor.version = version
}

/** All check-ins of one moment, spread over the processes. */
async function allCheckIn(rig: Rig, actors: Actor[]): Promise<void> {
    await Promise.all(
        actors.map(async (actor, index) => {
            const { context } = rig.processes[index % rig.processes.length] as Process
            const update = await rig.checkin(index, actor.id, actor.version)
            const versionOf = async (task: string): Promise<string> =>
                (await context.store.tables.tasks.get(DEFAULT_TENANT, actor.id, task))?.version ?? ""
            if (update !== "") await takeUpdate(context, actor, update, versionOf)
        }),
    )
}

async function play(rig: Rig): Promise<void> {
    const actors = Array.from({ length: scenario.devices }, (_, number): Actor => {
        return { id: `d${String(number).padStart(3, "0")}`, number, version: "1.0.0", tasks: [] }
    })
    await rig.devices(actors.map(({ id }) => id))
    for (let second = 0; second < scenario.minutes * 60; second += scenario.tickS) {
        for (const { version, mode, knobs } of scenario.rollouts.filter(({ atS }) => atS === second)) {
            const release = await rig.release(version)
            const { context } = rig.processes[0] as Process
            await createRollout(context, DEFAULT_TENANT, {
                release: release.id,
                name: version,
                mode,
                scope: { kind: "all" },
                knobs,
            })
        }
        // Twice: in the first round one process may settle what another has just looked at.
        for (const _round of [1, 2]) await Promise.all(rig.processes.map(({ context }) => tick(context)))
        if (second % scenario.checkinS === 0) await allCheckIn(rig, actors)
        rig.advance(scenario.tickS)
    }
}

/** Events as anybody sees them: without ids, in the order of time, device and life. */
function told(events: EventRow[]): string[] {
    const names = new Map<string, string>()
    for (const { type, data } of events) {
        if (type === "rollout.created") names.set(String(data["rollout"]), `rollout ${names.size}`)
    }
    const line = ({ at, type, device, data }: EventRow): string => {
        const { task: _task, rollout, release: _release, ...rest } = data
        const reason = String(rest["reason"] ?? "").replace(String(rollout), "R")
        return JSON.stringify([at, device, names.get(String(rollout)) ?? "", { ...rest, reason }, type])
    }
    return events.map(line).sort()
}

/** Last state of each task, by the events alone. */
function replayed(events: EventRow[]): Map<string, string> {
    const states = new Map<string, string>()
    for (const { type, data } of events) {
        if (type.startsWith("task.")) states.set(String(data["task"]), `${type.slice(5)} ${data["attempt"]} ${data["version"]}`)
    }
    return states
}

async function check(rig: Rig): Promise<void> {
    const { context } = rig.processes[0] as Process
    const events = await rig.events()
    const tasks = await context.store.tables.tasks.list(DEFAULT_TENANT, {}, { after: null, limit: 5000 })
    const kept = new Map(tasks.map(({ id, state, attempt, version }) => [id, `${state} ${attempt} ${version}`]))
    expect(replayed(events)).toEqual(kept)
    for (const view of await listRollouts(context, DEFAULT_TENANT, null, { after: null, limit: 10 })) {
        const last = new Map<string, string>()
        for (const task of [...tasks].sort((a, b) => a.attempt - b.attempt))
            if (task.rollout === view.id) last.set(task.device, task.state)
        for (const [state, count] of Object.entries(view.counts)) {
            expect([view.name, state, [...last.values()].filter(one => one === state).length]).toEqual([view.name, state, count])
        }
    }
}

async function playWith(processes: number): Promise<{ events: string[]; states: string[] }> {
    const rig = await startRig(processes)
    try {
        await play(rig)
        await check(rig)
        const { context } = rig.processes[0] as Process
        const views = await listRollouts(context, DEFAULT_TENANT, null, { after: null, limit: 10 })
        return { events: told(await rig.events()), states: views.map(view => `${view.name} ${view.state} ${view.outcome}`) }
    } finally {
        await rig.close()
    }
}

test("one process and three give the same events", async () => {
    const one = await playWith(1)
    const three = await playWith(3)
    expect(one.events.length).toBeGreaterThan(100)
    expect(one.states).toEqual(["1.2.0 running null", "1.1.0 finished success"])
    expect(three).toEqual(one)
}, 120_000)
