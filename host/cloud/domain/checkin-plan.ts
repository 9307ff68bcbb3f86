// What a check-in does to a device's tasks: which moves they make, and what is offered.

import { versionCompare, versionValid } from "../../../firmware/version"
import { decide, type Decision } from "./choose"
import { matchReason } from "./match"
import { taskActive, taskNext, type TaskEvent } from "./task-machine"
import type { Candidate, DeviceFacts, TaskFacts } from "./types"

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
    /** What to offer, null for nothing. */
    offer: Candidate | null
    /** The active task that the offer goes on with, null when it needs a new task. */
    offerTask: TaskFacts | null
}

/** What a device says of itself in a check-in. */
export interface CheckinFacts {
    device: DeviceFacts
    /** False while the running image is on trial: its version is seen, its success is not. */
    committed: boolean
    /** The device's one task that is under way, if any. */
    active: TaskFacts | null
    candidates: readonly Candidate[]
}

/** A move by the table; null when the table has no such row. */
export function moveOf(task: TaskFacts, event: TaskEvent, reason: string): TaskMove | null {
    const to = taskNext(task.state, event)
    return to === null ? null : { task, event, to, reason }
}

/** Whether two versions are the same by precedence; of texts that are no versions, whether they are equal. */
export function versionSame(a: string, b: string): boolean {
    return versionValid(a) && versionValid(b) ? versionCompare(a, b) === 0 : a === b
}

/** What the reported version says of the active task. */
function versionMove({ device, committed, active }: CheckinFacts): TaskMove | null {
    if (active === null) return null
    const same = versionSame(device.version, active.version)
    if (same && committed) return moveOf(active, "seen", `the device runs ${device.version}`)
    if (same) return moveOf(active, "reported", `the device runs ${device.version}, not committed yet`)
    return moveOf(active, "rolledBack", `rolled back: the device runs ${device.version || "an unknown version"} again`)
}

/** The facts after a move: the task has its new state wherever it appears. */
function afterMove(facts: CheckinFacts, move: TaskMove | null): CheckinFacts {
    if (move === null) return facts
    const moved = { ...move.task, state: move.to, reason: move.reason }
    const candidates = facts.candidates.map(one => (one.task?.id === moved.id ? { ...one, task: moved } : one))
    return { ...facts, active: taskActive(moved.state) ? moved : null, candidates }
}

/** Why an active task is taken back when something else, or nothing, is chosen. */
function cancelReason(active: TaskFacts, decision: Decision): string {
    if (decision.chosen !== null) return `release ${decision.chosen.release.version} was chosen instead`
    const result = decision.matches.find(one => one.candidate.rollout.id === active.rollout)
    return result === undefined ? "the release is no longer enabled" : matchReason(result)
}

/** Plans a check-in. `nowS` is Unix time in seconds. */
export function planCheckin(before: CheckinFacts, nowS: number): CheckinPlan {
    const first = versionMove(before)
    const facts = afterMove(before, first)
    const moves = first === null ? [] : [first]
    if (!facts.committed) return { moves, offer: null, offerTask: null }
    const { active } = facts
    const decision = decide(facts.device, facts.candidates, nowS)
    if (active !== null && decision.chosen?.rollout.id === active.rollout) {
        const dispatched = moveOf(active, "dispatched", "")
        return { moves: dispatched === null ? moves : [...moves, dispatched], offer: decision.chosen, offerTask: active }
    }
    const canceled = active === null ? null : moveOf(active, "canceled", cancelReason(active, decision))
    return { moves: canceled === null ? moves : [...moves, canceled], offer: decision.chosen, offerTask: null }
}
