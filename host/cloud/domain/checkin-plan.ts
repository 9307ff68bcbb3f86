// What a check-in does to a device's tasks: which moves they make, and what is offered.

import { decide, type Decision } from "./choose"
import { matchReason } from "./match"
import { taskActive, taskNext, TASK_PENDING_STATES, type TaskEvent } from "./task-machine"
import type { Candidate, Choice, DeviceFacts, TaskFacts } from "./types"
import { versionOf, versionSame } from "./versions"

/** A task that changes its state. */
export interface TaskMove {
    task: TaskFacts
    event: TaskEvent
    to: TaskFacts["state"]
    reason: string
}

/** What a check-in leads to. */
export interface CheckinPlan {
    moves: TaskMove[]
    /** What the device is to take, null for nothing. */
    chosen: Candidate | null
    /** Its task that is under way, null when a new one begins. */
    task: TaskFacts | null
    /** keep: it was handed out before; handOut: it is to be, if the pace allows; wait: it is confirmed or due later. */
    offer: "keep" | "handOut" | "wait"
}

/** What a device says of itself in a check-in. */
export interface CheckinFacts {
    device: DeviceFacts
    /** False while the running image is on trial: its version is seen, its success is not. */
    committed: boolean
    /** The device's tasks that are under way, one a module at most. */
    active: readonly TaskFacts[]
    candidates: readonly Candidate[]
    choice: Choice
}

/** A move by the table; null when the table has no such row. */
export function moveOf(task: TaskFacts, event: TaskEvent, reason: string): TaskMove | null {
    const to = taskNext(task.state, event)
    return to === null ? null : { task, event, to, reason }
}

/** What the reported version says of an active task. */
export function versionMove(device: DeviceFacts, committed: boolean, task: TaskFacts): TaskMove | null {
    const version = versionOf(device, task.module)
    if (versionSame(version, task.version)) {
        if (committed) return moveOf(task, "seen", `the device runs ${version}`)
        return task.state === "probation" ? null : moveOf(task, "reported", `the device runs ${version}, not committed yet`)
    }
    if (task.state === "probation") {
        return moveOf(task, "rolledBack", `rolled back: the device runs ${version || "an unknown version"} again`)
    }
    const strange = task.state === "working" && task.source !== "" && version !== "" && !versionSame(version, task.source)
    return strange ? moveOf(task, "rolledBack", `the device runs ${version}, neither ${task.source} nor ${task.version}`) : null
}

/** The facts after moves: each task has its new state wherever it appears. */
function afterMoves(facts: CheckinFacts, moves: readonly TaskMove[]): CheckinFacts {
    const moved = new Map(moves.map(({ task, to, reason }) => [task.id, { ...task, state: to, reason }]))
    const active = facts.active.map(task => moved.get(task.id) ?? task).filter(({ state }) => taskActive(state))
    const candidates = facts.candidates.map(one => ({
        ...one,
        task: one.task === null ? null : (moved.get(one.task.id) ?? one.task),
        underWay: active,
    }))
    return { ...facts, active, candidates }
}

/** The move of an active task that is not the chosen one: it gives way, or its rollout does not match any more. */
function settleMove(task: TaskFacts, decision: Decision): TaskMove | null {
    const { chosen } = decision
    if (chosen !== null && chosen.rollout.id !== task.rollout && chosen.release.module === task.module) {
        return moveOf(task, "overridden", `release ${chosen.release.version} was chosen instead`)
    }
    const result = decision.matches.find(one => one.candidate.rollout.id === task.rollout)
    if (result === undefined) return moveOf(task, "withdrawn", "the release is no longer enabled")
    return result.ok || result.candidate.rollout.state === "paused" ? null : moveOf(task, "withdrawn", matchReason(result))
}

function offerOf(chosen: Candidate, task: TaskFacts | null, nowS: number): CheckinPlan["offer"] {
    if (task === null) return chosen.rollout.knobs.confirm ? "wait" : "handOut"
    if (TASK_PENDING_STATES.includes(task.state)) return "keep"
    return task.state === "queued" && task.dueAtS <= nowS ? "handOut" : "wait"
}

/** Plans a check-in. `nowS` is Unix time in seconds. */
export function planCheckin(before: CheckinFacts, nowS: number): CheckinPlan {
    const seen = before.active.flatMap(task => versionMove(before.device, before.committed, task) ?? [])
    const facts = afterMoves(before, seen)
    if (!facts.committed) return { moves: seen, chosen: null, task: null, offer: "wait" }
    const decision = decide(facts.device, facts.candidates, nowS, { choice: facts.choice, firstOnly: true })
    const settled = facts.active.flatMap(task => settleMove(task, decision) ?? [])
    const { chosen } = decision
    const task = facts.active.find(({ rollout }) => rollout === chosen?.rollout.id) ?? null
    const offer = chosen === null ? "wait" : offerOf(chosen, task, nowS)
    return { moves: [...seen, ...settled], chosen, task, offer }
}
