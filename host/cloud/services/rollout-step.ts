// One step of a rollout: the planner's commands, carried out in one transaction that holds the rollout.
// The order of locks is everywhere: rollout, devices by id, paces. A check-in takes no rollout, so nobody waits in a circle.

import { nowOf, nowS, type Context } from "../context"
import { admit } from "../domain/admit"
import { match, matchReason } from "../domain/match"
import { PACE_NEW, type Counts } from "../domain/pace"
import { plan, type Command, type RolloutSnapshot } from "../domain/plan"
import type { TaskState } from "../domain/types"
import { versionOf } from "../domain/versions"
import { SNAPSHOT_STEP_DEVICES, STEP_TASKS } from "../limits"
import type { DeviceRow, RolloutCandidate, Tables, TaskRow } from "../store/store"
import { candidatesOf, deviceFacts, ofDevice, surroundingsOf, type Surroundings } from "./facts"
import { grant, type Wish } from "./permits"
import { enterState, type LockedRollout } from "./rollouts"
import { moveTask, noWrites, writeFirstTasks, writeTasks, type Beginner, type TaskWrites } from "./tasks"

/** What a step works on. */
interface Step {
    context: Context
    tables: Tables
    row: LockedRollout
    candidate: RolloutCandidate
    snapshot: RolloutSnapshot
    /** Devices that are to be told once the step is written. */
    pushed: string[]
}

function snapshotOf(row: LockedRollout, candidate: RolloutCandidate, counts: Counts): RolloutSnapshot {
    const { state, mode, outcome, knobs, gate, gatesApproved, snapshotDone, cancelStates } = row
    return {
        ...{ state, mode, outcome, knobs, gate, gatesApproved, snapshotDone, cancelStates, counts },
        pace: { ...PACE_NEW, ...row.pace },
        total: row.total ?? 0,
        stateAtS: row.stateAt.getTime() / 1000,
        approvals: row.approvals.length,
        verified: candidate.verified || knobs.verification,
    }
}

async function start({ context, tables, row }: Step): Promise<void> {
    const total = row.mode === "snapshot" ? 0 : await tables.rollouts.scopeCount(row)
    await enterState(context, tables, row, { state: "running", startedAt: nowOf(context), total, reason: "" }, "started")
}

/** Tasks that wait on the devices of a snapshot give way to a rollout that overrides. */
function override({ context, row }: Step, writes: TaskWrites, tasks: TaskRow[]): void {
    const waiting = tasks.filter(task => task.module === row.module && task.rollout !== row.id)
    for (const task of waiting) {
        moveTask(context, writes, task, { event: "overridden", reason: `rollout ${row.id} goes first`, knobs: row.knobs })
    }
}

/** What a device of the scope begins with; null when the snapshot leaves it out. */
function admitDevice(step: Step, writes: TaskWrites, device: DeviceRow, around: Surroundings, tasks: TaskRow[]): Beginner | null {
    const own = ofDevice(device, tasks)
    const [candidate] = candidatesOf(device, [step.candidate], around, own)
    if (candidate === undefined || own.some(task => task.rollout === step.row.id)) return null
    const facts = deviceFacts(device)
    const { event, reason } = admit(facts, candidate, nowS(step.context))
    if (event === null) return null
    if (event === "matched" || event === "matchedToConfirm") override(step, writes, own)
    return { device: device.id, event, reason, source: versionOf(facts, step.row.module) }
}

/** Writes the next devices of a snapshot down. */
async function snapshotStep(step: Step): Promise<void> {
    const { context, tables, row, candidate } = step
    const page = { after: row.snapshotAfter, limit: SNAPSHOT_STEP_DEVICES }
    const devices = await tables.rollouts.scopeDevices(row, page, true)
    const ids = devices.map(({ id }) => id)
    const around = { ...(await surroundingsOf(tables, [candidate], ids)), full: new Set<string>(), joining: row.id }
    const active = await tables.tasks.active(ids)
    const byDevice = new Map<string, TaskRow[]>()
    for (const task of active) byDevice.set(task.device, [...(byDevice.get(task.device) ?? []), task])
    const writes = noWrites()
    const admitted = devices.flatMap(device => admitDevice(step, writes, device, around, byDevice.get(device.id) ?? []) ?? [])
    await writeTasks(tables, writes)
    await writeFirstTasks(context, tables, candidate, admitted)
    const isDone = devices.length < page.limit
    await tables.rollouts.updateSnapshot(row.id, ids.at(-1) ?? row.snapshotAfter, isDone, (row.total ?? 0) + admitted.length)
}

/** The devices of tasks that were just locked, and whether each may still take its task. */
async function stillMatching(step: Step, tasks: TaskRow[]): Promise<Map<string, string>> {
    const ids = tasks.map(({ device }) => device)
    const devices = await step.tables.devices.getMany(step.row.tenant, ids)
    const around = await surroundingsOf(step.tables, [step.candidate], ids)
    const active = await step.tables.tasks.active(ids)
    const reasons = new Map<string, string>()
    for (const device of devices) {
        const [candidate] = candidatesOf(device, [step.candidate], around, ofDevice(device, active))
        if (candidate === undefined) continue
        reasons.set(device.id, matchReason(match(deviceFacts(device), candidate, nowS(step.context), true)))
    }
    return reasons
}

async function dispatch(step: Step, command: Extract<Command, { kind: "dispatch" }>): Promise<void> {
    const { context, tables, row } = step
    const { onlineS } = row.knobs
    const seenAfter = onlineS === 0 ? null : new Date(context.nowMs() - onlineS * 1000)
    const tasks = await tables.tasks.takeQueued(row.id, nowOf(context), seenAfter, Math.min(command.count, STEP_TASKS))
    const reasons = await stillMatching(step, tasks)
    const writes = noWrites()
    const matching = tasks.filter(task => reasons.get(task.device) === "")
    const wishes = matching.map(({ offeredMs }): Wish => {
        return { rollout: row.id, knobs: row.knobs, total: row.total ?? 0, isNew: offeredMs === null }
    })
    const granted = await grant(context, tables, wishes)
    matching.forEach((task, index) => {
        if (granted[index] !== true) return
        moveTask(context, writes, task, { event: "dispatched", reason: "", knobs: row.knobs })
        if (row.knobs.delivery === "push") step.pushed.push(task.device)
    })
    for (const task of tasks) {
        const reason = reasons.get(task.device) ?? "the device is gone"
        if (reason !== "") moveTask(context, writes, task, { event: "withdrawn", reason, knobs: row.knobs })
    }
    await writeTasks(tables, writes)
}

async function cancelTasks({ context, tables, row }: Step, states: readonly TaskState[]): Promise<void> {
    const writes = noWrites()
    for (const task of await tables.tasks.takeInStates(row.id, states, STEP_TASKS)) {
        moveTask(context, writes, task, { event: "canceled", reason: row.reason, knobs: row.knobs })
    }
    await writeTasks(tables, writes)
}

async function finish({ context, tables, row }: Step): Promise<void> {
    await enterState(context, tables, row, { state: "finished", endedAt: nowOf(context) }, "finished")
    if (!row.knobs.verification || row.outcome !== "success") return
    const release = await tables.releases.get(row.tenant, row.release)
    if (release !== null) await tables.releases.update({ ...release, verifiedAt: nowOf(context) })
}

async function perform(step: Step, command: Command): Promise<void> {
    const { context, tables, row } = step
    switch (command.kind) {
        case "start":
            return start(step)
        case "snapshot":
            return snapshotStep(step)
        case "dispatch":
            return dispatch(step, command)
        case "gatePassed":
            await tables.rollouts.updateGate(row.id, { ...row, gate: row.gate + 1 })
            await enterState(context, tables, row, { state: row.state, reason: command.reason }, "gate")
            return
        case "pause":
            await enterState(context, tables, row, { state: "paused", reason: command.reason }, "paused")
            return
        case "stop": {
            const { outcome, reason, cancel } = command
            await enterState(context, tables, row, { state: "stopping", outcome, reason, cancelStates: cancel }, "stopping")
            return
        }
        case "cancelTasks":
            return cancelTasks(step, command.states)
        case "finish":
            return finish(step)
    }
}

/** When there may be more to do: at once, soon (tasks were handed out, and their pace allows more in a moment), or some day. */
export type Next = "now" | "soon" | "later"

function nextOf(commands: readonly Command[]): Next {
    if (commands.some(({ kind }) => kind !== "dispatch")) return "now"
    return commands.length > 0 ? "soon" : "later"
}

/**
 * Takes one step of a rollout: plans and does it, then tells the devices that were pushed to. Answers when the next is due; "later" too
 * when another process has it just now.
 */
export async function stepRollout(context: Context, id: string): Promise<Next> {
    const { next, pushed } = await context.store.transaction(async tables => {
        const pushed: string[] = []
        const row = await tables.rollouts.lock(id, true)
        const [candidate] = row === null ? [] : await tables.rollouts.ofRollouts([id])
        if (row === null || candidate === undefined) return { next: "later" as const, pushed }
        const counts = (await tables.rollouts.counts([id])).get(id) as Counts
        const snapshot = snapshotOf(row, candidate, counts)
        const commands = plan(snapshot, context.nowMs())
        for (const command of commands) await perform({ context, tables, row, candidate, snapshot, pushed }, command)
        return { next: nextOf(commands), pushed }
    })
    context.pusher?.tell(pushed)
    return next
}
