// Tasks that change: the rows to write, and the events that tell of it.

import type { Context } from "../context"
import { eventOf, nowOf } from "../context"
import type { TaskMove } from "../domain/checkin-plan"
import type { Candidate } from "../domain/types"
import { newId } from "../ids"
import { NAME_CHARS_MAX } from "../limits"
import type { DeviceRow, EventDraft, Tables, TaskRow } from "../store/store"

/** What is to be written at the end of a transaction, in this order: changed tasks make room for new ones. */
export interface TaskWrites {
    updates: TaskRow[]
    inserts: TaskRow[]
    events: EventDraft[]
}

/** Nothing to write yet. */
export function noWrites(): TaskWrites {
    return { updates: [], inserts: [], events: [] }
}

/** An event that tells of a task's state. */
export function taskEvent(task: TaskRow): EventDraft {
    const { id, rollout, version, attempt, reason, status } = task
    return eventOf(
        task.tenant,
        task.updatedAt,
        `task.${task.state}`,
        { task: id, rollout, version, attempt, reason, status },
        task.device,
    )
}

/** Writes a task's move down. `changes` are fields that change with it. */
export function moveTask(
    context: Context,
    writes: TaskWrites,
    row: TaskRow,
    move: TaskMove,
    changes: Partial<TaskRow> = {},
): void {
    const reason = move.reason.slice(0, NAME_CHARS_MAX * 2)
    const moved: TaskRow = { ...row, ...changes, state: move.to, reason, updatedAt: nowOf(context) }
    writes.updates.push(moved)
    writes.events.push(taskEvent(moved))
}

/** A new task of a candidate, matched and dispatched in one go: the check-in that finds it offers it. */
export function newTask(context: Context, writes: TaskWrites, device: DeviceRow, candidate: Candidate): TaskRow {
    const at = nowOf(context)
    const task: TaskRow = {
        tenant: device.tenant,
        device: device.id,
        id: newId(context.nowMs()),
        rollout: candidate.rollout.id,
        version: candidate.release.version,
        state: "offered",
        attempt: (candidate.task?.attempt ?? 0) + 1,
        reason: "",
        status: null,
        createdAt: at,
        updatedAt: at,
    }
    writes.inserts.push(task)
    writes.events.push(taskEvent({ ...task, state: "queued" }), taskEvent(task))
    return task
}

/** Writes everything. A task that moved twice is written as it is in the end. */
export async function writeTasks(tables: Tables, writes: TaskWrites): Promise<void> {
    const last = new Map(writes.updates.map(task => [`${task.tenant}/${task.device}/${task.id}`, task]))
    await tables.tasks.update([...last.values()])
    await tables.tasks.insert(writes.inserts)
    await tables.events.append(writes.events)
}
