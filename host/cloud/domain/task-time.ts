// The time that a task may stay in each state, what happens when it is up, and when a failed one is tried again.

import type { Knobs } from "./rollout"
import type { TaskEvent } from "./task-machine"
import type { TaskState } from "./types"

/** What the clock needs of a task. Times are Unix ms. */
export interface TimedTask {
    state: TaskState
    /** Times that the offer was made again. */
    resends: number
    retries: number
}

/** An event that a timeout leads to, with its reason. */
export interface TimeoutEvent {
    event: TaskEvent
    reason: string
}

/** Seconds that a task may stay in each state that is not final. */
export function stateTimeoutS(state: TaskState, knobs: Knobs): number | null {
    switch (state) {
        case "awaiting":
            return knobs.confirmTimeoutS
        case "queued":
            return knobs.queueTimeoutS
        case "offered":
            return knobs.ackTimeoutS
        case "working":
            return knobs.workTimeoutS
        case "probation":
            return knobs.probationTimeoutS
        default:
            return null
    }
}

/**
 * When a task that enters a state must have left it, Unix ms; null for final states. A queued task's time begins when it is due.
 * Further progress does not move the end of `working`: callers keep the deadline then.
 */
export function deadlineMs(state: TaskState, knobs: Knobs, fromMs: number): number | null {
    const timeoutS = stateTimeoutS(state, knobs)
    return timeoutS === null ? null : fromMs + timeoutS * 1000
}

/** What happens to a task whose time is up (Edgehog: an offer is made again before it fails; Alibaba: work in progress fails). */
export function timeoutEvent(task: TimedTask, knobs: Knobs): TimeoutEvent {
    const after = `after ${stateTimeoutS(task.state, knobs)} s`
    if (task.state === "awaiting") return { event: "expired", reason: `not confirmed ${after}` }
    if (task.state === "queued") return { event: "expired", reason: `not asked for ${after}` }
    if (task.state === "offered" && task.resends < knobs.ackRetriesMax) return { event: "resent", reason: `no answer ${after}` }
    if (task.state === "offered") return { event: "silent", reason: `no answer ${after}, offered ${task.resends + 1} times` }
    if (task.state === "working") return { event: "silent", reason: `not done ${after}` }
    return { event: "silent", reason: `the version was not seen ${after}` }
}

/** Events after which a failed task is tried again by itself; never after a timeout or a cancel (Alibaba). */
const RETRIED: readonly TaskEvent[] = ["failure", "rolledBack"]

/** When the next attempt of a task that has just failed is due, Unix ms; null when there is none. */
export function retryDueMs(event: TaskEvent, task: Pick<TimedTask, "retries">, knobs: Knobs, nowMs: number): number | null {
    if (!RETRIED.includes(event) || task.retries >= knobs.retry.countMax) return null
    return nowMs + knobs.retry.delayS * 1000
}
