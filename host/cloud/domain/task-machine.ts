// The states of a task as a table of rows. Every other pair of state and event is refused.

import type { TaskState } from "./types"

/** What can happen to a task. */
export type TaskEvent = "matched" | "dispatched" | "reported" | "seen" | "passingFailure" | "failure" | "rolledBack" | "canceled"

/** One row: from a state (null: no task yet), by an event, to a state. */
export type TaskRow = readonly [from: TaskState | null, event: TaskEvent, to: TaskState]

/**
 * matched: the rollout was chosen. dispatched: the answer of a check-in offers it. reported: the device says it succeeded,
 * its version is not seen yet (or not committed). seen: the device runs the version. passingFailure: network or busy, worth another
 * attempt. failure: the device gave up. rolledBack: a device that ran the version runs another one again. canceled: the offer
 * was taken back (disabled, or a higher release).
 */
export const TASK_ROWS: readonly TaskRow[] = [
    [null, "matched", "queued"],
    ["queued", "dispatched", "offered"],
    ["queued", "reported", "probation"],
    ["queued", "seen", "succeeded"],
    ["queued", "failure", "failed"],
    ["queued", "canceled", "canceled"],
    ["offered", "reported", "probation"],
    ["offered", "seen", "succeeded"],
    ["offered", "passingFailure", "queued"],
    ["offered", "failure", "failed"],
    ["offered", "canceled", "canceled"],
    ["probation", "seen", "succeeded"],
    ["probation", "failure", "failed"],
    ["probation", "rolledBack", "failed"],
]

/** States that a task does not leave. */
export const TASK_FINAL_STATES: readonly TaskState[] = ["succeeded", "failed", "canceled"]

/** All states, in the order of a task's life. */
export const TASK_STATES: readonly TaskState[] = ["queued", "offered", "probation", ...TASK_FINAL_STATES]

/** Whether a task in this state is still under way. */
export function taskActive(state: TaskState): boolean {
    return !TASK_FINAL_STATES.includes(state)
}

/** The next state, or null when the table has no row for this state and event. */
export function taskNext(from: TaskState | null, event: TaskEvent): TaskState | null {
    return TASK_ROWS.find(row => row[0] === from && row[1] === event)?.[2] ?? null
}
