// One task through its life: what an event changes in it, and what it changes in the counts of its rollout.

import type { Counts } from "./pace"
import type { Knobs } from "./rollout"
import { taskNext, type TaskEvent } from "./task-machine"
import { deadlineMs, retryDueMs } from "./task-time"
import type { TaskFacts, TaskState } from "./types"

/** A task with its times (Unix ms). */
export interface TaskLife extends TaskFacts {
    /** When it must have left its state; null in final states. */
    deadlineMs: number | null
    /** When the device was first given the rollout's update; null before. */
    offeredMs: number | null
    /** Times that the offer was made again. */
    resends: number
    /** Last progress in percent. */
    progress: number
}

/** What makes a task. `before` is the device's last task of the same rollout. */
export interface TaskBirth {
    rollout: string
    module: string
    version: string
    source: string
    reason: string
    before: TaskLife | null
}

/** What happened, and what the device told with it. */
export interface TaskHappening {
    event: TaskEvent
    reason: string
    knobs: Knobs
    nowMs: number
    status?: number | null
    progress?: number
    /** Another attempt of the same task begins (after a passing failure). */
    attempt?: number
}

/** A task after an event; `retry` is the task that tries again, without an id. */
export interface TaskStep {
    task: TaskLife
    retry: Omit<TaskLife, "id"> | null
}

/** Changes of counts. */
export type CountDeltas = Partial<Record<keyof Counts, number>>

/** The first task, or the next one, of a rollout on a device, without an id. */
export function bornTask({ before, ...birth }: TaskBirth, event: TaskEvent, knobs: Knobs, nowMs: number): Omit<TaskLife, "id"> {
    const state = taskNext(null, event)
    if (state === null) throw new Error(`no task begins with ${event}`)
    return {
        ...birth,
        state,
        attempt: (before?.attempt ?? 0) + 1,
        status: null,
        retries: 0,
        matches: (before?.matches ?? 0) + 1,
        dueAtS: 0,
        deadlineMs: deadlineMs(state, knobs, nowMs),
        offeredMs: before?.offeredMs ?? null,
        resends: 0,
        progress: 0,
    }
}

function retryOf(task: TaskLife, dueMs: number, knobs: Knobs): Omit<TaskLife, "id"> {
    const { id: _id, ...rest } = task
    const fresh = { state: "queued" as const, attempt: task.attempt + 1, retries: task.retries + 1, status: null, resends: 0 }
    const deadline = deadlineMs("queued", knobs, dueMs)
    return { ...rest, ...fresh, progress: 0, reason: "", dueAtS: Math.ceil(dueMs / 1000), deadlineMs: deadline }
}

/** A task after an event; null when the table has no row for it. */
export function stepTask(before: TaskLife, happening: TaskHappening): TaskStep | null {
    const { event, knobs, nowMs } = happening
    const state = taskNext(before.state, event)
    if (state === null) return null
    const stays = event === "progress" && before.state === "working"
    const task: TaskLife = {
        ...before,
        state,
        reason: happening.reason,
        status: happening.status === undefined ? before.status : happening.status,
        attempt: happening.attempt ?? before.attempt,
        progress: happening.progress ?? (event === "dispatched" ? 0 : before.progress),
        deadlineMs: stays ? before.deadlineMs : deadlineMs(state, knobs, nowMs),
        offeredMs: event === "dispatched" ? (before.offeredMs ?? nowMs) : before.offeredMs,
        resends: event === "dispatched" ? 0 : event === "resent" ? before.resends + 1 : before.resends,
        dueAtS: event === "passingFailure" ? Math.floor(nowMs / 1000) : before.dueAtS,
    }
    const dueMs = state === "failed" ? retryDueMs(event, before, knobs, nowMs) : null
    return { task, retry: dueMs === null ? null : retryOf(task, dueMs, knobs) }
}

/** What a task's move changes in the counts. `from` is the state of the device's last task before, null for none. */
export function countDeltas(from: TaskState | null, before: TaskLife | null, after: TaskState, event: TaskEvent): CountDeltas {
    const deltas: CountDeltas = {}
    const add = (key: keyof Counts, count: number): void => void (deltas[key] = (deltas[key] ?? 0) + count)
    if (from !== null) add(from, -1)
    add(after, 1)
    if (event === "dispatched" || event === "resent") add("pushed", 1)
    if (event === "dispatched" && before?.offeredMs === null) add("devices", 1)
    return deltas
}
