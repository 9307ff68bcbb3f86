// The states of a task as a table of rows. Every other pair of state and event is refused.

import type { TaskState } from "./types"

/**
 * What can happen to a task.
 * - matched: the rollout was chosen; matchedToConfirm: and someone has to confirm it; alreadyThere: the device runs the version;
 *   unmet: a snapshot's device may not take it; confirmed
 * - dispatched: handed out; resent: not heard of, handed out again; progress: the first or a further progress report
 * - reported: the device says it is done, its version is not seen yet (or not committed); seen: it runs the version
 * - passingFailure: network or busy, worth another attempt; failure: the device gave up; rolledBack: it runs another version again
 * - silent, expired: the state's time is up; canceled: by an operator; overridden: a newer rollout goes first; withdrawn: the rollout
 *   does not match any more
 */
export type TaskEvent =
    | "matched"
    | "matchedToConfirm"
    | "alreadyThere"
    | "unmet"
    | "confirmed"
    | "dispatched"
    | "resent"
    | "progress"
    | "reported"
    | "seen"
    | "passingFailure"
    | "failure"
    | "rolledBack"
    | "silent"
    | "expired"
    | "canceled"
    | "overridden"
    | "withdrawn"

/** One row: from a state (null: no task yet), by an event, to a state. */
export type TaskRow = readonly [from: TaskState | null, event: TaskEvent, to: TaskState]

/** The table. A retry is a new task with the next attempt, so final states absorb. */
export const TASK_ROWS: readonly TaskRow[] = [
    [null, "matched", "queued"],
    [null, "matchedToConfirm", "awaiting"],
    [null, "alreadyThere", "skipped"],
    [null, "unmet", "failed"],
    ["awaiting", "confirmed", "queued"],
    ["awaiting", "seen", "succeeded"],
    ["awaiting", "expired", "canceled"],
    ["awaiting", "canceled", "canceled"],
    ["awaiting", "overridden", "canceled"],
    ["awaiting", "withdrawn", "canceled"],
    ["queued", "dispatched", "offered"],
    ["queued", "seen", "succeeded"],
    ["queued", "failure", "failed"],
    ["queued", "expired", "canceled"],
    ["queued", "canceled", "canceled"],
    ["queued", "overridden", "canceled"],
    ["queued", "withdrawn", "canceled"],
    ["offered", "resent", "offered"],
    ["offered", "progress", "working"],
    ["offered", "reported", "probation"],
    ["offered", "seen", "succeeded"],
    ["offered", "passingFailure", "queued"],
    ["offered", "failure", "failed"],
    ["offered", "silent", "failed"],
    ["offered", "canceled", "canceled"],
    ["offered", "overridden", "canceled"],
    ["offered", "withdrawn", "canceled"],
    ["working", "progress", "working"],
    ["working", "reported", "probation"],
    ["working", "seen", "succeeded"],
    ["working", "passingFailure", "queued"],
    ["working", "failure", "failed"],
    ["working", "rolledBack", "failed"],
    ["working", "silent", "failed"],
    ["working", "canceled", "canceled"],
    ["probation", "seen", "succeeded"],
    ["probation", "failure", "failed"],
    ["probation", "rolledBack", "failed"],
    ["probation", "silent", "failed"],
]

/** All events, in the order of the table. */
export const TASK_EVENTS: readonly TaskEvent[] = [...new Set(TASK_ROWS.map(([, event]) => event))]

/** States that a task does not leave. */
export const TASK_FINAL_STATES: readonly TaskState[] = ["succeeded", "failed", "canceled", "skipped"]

/** States of tasks that were handed out and have not ended: what `pendingMax` counts. */
export const TASK_PENDING_STATES: readonly TaskState[] = ["offered", "working", "probation"]

/** All states, in the order of a task's life. */
export const TASK_STATES: readonly TaskState[] = ["awaiting", "queued", ...TASK_PENDING_STATES, ...TASK_FINAL_STATES]

/** Whether a task in this state is still under way. */
export function taskActive(state: TaskState): boolean {
    return !TASK_FINAL_STATES.includes(state)
}

/** The next state, or null when the table has no row for this state and event. */
export function taskNext(from: TaskState | null, event: TaskEvent): TaskState | null {
    return TASK_ROWS.find(row => row[0] === from && row[1] === event)?.[2] ?? null
}
