// Tasks that change: the rows to write, the counts, and the events that tell of it.

import type { Context } from "../context"
import { eventOf, nowOf } from "../context"
import type { Knobs } from "../domain/rollout"
import { bornTask, countDeltas, stepTask, type CountDeltas, type TaskBirth, type TaskHappening } from "../domain/task-life"
import type { TaskEvent } from "../domain/task-machine"
import type { TaskState } from "../domain/types"
import { newId } from "../ids"
import { NAME_CHARS_MAX } from "../limits"
import type { EventDraft, RolloutCandidate, Tables, TaskOwn, TaskRow } from "../store/store"

/** Longest reason of a task in characters. */
const REASON_CHARS_MAX = NAME_CHARS_MAX * 2

/** What is to be written at the end of a transaction, in this order: changed tasks make room for new ones. */
export interface TaskWrites {
    updates: Map<string, TaskRow>
    inserts: Map<string, TaskRow>
    events: EventDraft[]
    counts: Map<string, CountDeltas>
}

/** Nothing to write yet. */
export function noWrites(): TaskWrites {
    return { updates: new Map(), inserts: new Map(), events: [], counts: new Map() }
}

/** An event that tells of a task's state, enough to rebuild it. */
export function taskEvent(task: TaskRow): EventDraft {
    const { id, rollout, module, version, attempt, reason, status, progress } = task
    const data = { task: id, rollout, module, version, attempt, reason, status, progress }
    return eventOf(task.tenant, task.updatedAt, `task.${task.state}`, data, task.device)
}

function count(writes: TaskWrites, rollout: string, deltas: CountDeltas): void {
    const sum = writes.counts.get(rollout) ?? {}
    for (const [key, n] of Object.entries(deltas) as [keyof CountDeltas, number][]) sum[key] = (sum[key] ?? 0) + n
    writes.counts.set(rollout, sum)
}

function addTask(writes: TaskWrites, task: TaskRow, from: TaskState | null, event: TaskEvent): void {
    writes.inserts.set(task.id, task)
    writes.events.push(taskEvent(task))
    count(writes, task.rollout, countDeltas(from, null, task.state, event))
}

/** What happened to a task, without what every caller has anyway. */
export type Happening = Omit<TaskHappening, "knobs" | "nowMs"> & { knobs: Knobs }

/**
 * Moves a task by the table and notes what is to be written, its automatic next attempt too. Null when the table has no row for
 * the event; the task stays then.
 */
export function moveTask(context: Context, writes: TaskWrites, row: TaskRow, happening: Happening): TaskRow | null {
    const nowMs = context.nowMs()
    const reason = happening.reason.slice(0, REASON_CHARS_MAX)
    const step = stepTask(row, { ...happening, reason, nowMs })
    if (step === null) return null
    const moved: TaskRow = { ...row, ...step.task, updatedAt: new Date(nowMs) }
    const fresh = writes.inserts.has(row.id)
    ;(fresh ? writes.inserts : writes.updates).set(row.id, moved)
    writes.events.push(taskEvent(moved))
    count(writes, row.rollout, countDeltas(row.state, row, moved.state, happening.event))
    if (step.retry !== null) {
        const at = new Date(nowMs)
        addTask(writes, { ...moved, ...step.retry, id: newId(nowMs), createdAt: at, updatedAt: at }, moved.state, "matched")
    }
    return moved
}

/** The device that a new task is for. */
export interface TaskPlace {
    tenant: string
    device: string
    /** The version of the module that the task replaces; "" for unknown. */
    source: string
    /** The device's last task of the same rollout. */
    before: TaskRow | null
}

/** A new task of a rollout. */
export function newTask(
    context: Context,
    writes: TaskWrites,
    { tenant, device, source, before }: TaskPlace,
    row: Pick<RolloutCandidate, "rollout" | "module" | "version" | "knobs">,
    event: TaskEvent,
    reason = "",
): TaskRow {
    const at = nowOf(context)
    const { rollout, module, version, knobs } = row
    const birth: TaskBirth = { rollout, module, version, source, reason: reason.slice(0, REASON_CHARS_MAX), before }
    const born = bornTask(birth, event, knobs, at.getTime())
    const task: TaskRow = { ...born, id: newId(at.getTime()), tenant, device, createdAt: at, updatedAt: at }
    addTask(writes, task, before?.state ?? null, event)
    return task
}

/** A device for which a snapshot begins a task. */
export interface Beginner {
    device: string
    event: TaskEvent
    source: string
    reason: string
}

/** Writes the first tasks of a rollout on many devices: those that begin with the same event share their statements. */
export async function writeFirstTasks(
    context: Context,
    tables: Tables,
    row: Pick<RolloutCandidate, "tenant" | "rollout" | "module" | "version" | "knobs">,
    beginners: readonly Beginner[],
): Promise<void> {
    const writes = noWrites()
    for (const event of new Set(beginners.map(one => one.event))) {
        const place = { tenant: row.tenant, device: "", source: "", before: null }
        const shared = newTask(context, noWrites(), place, row, event)
        const own = beginners
            .filter(one => one.event === event)
            .map(({ device, source, reason }): TaskOwn => {
                return { device, source, reason: reason.slice(0, REASON_CHARS_MAX), id: newId(shared.createdAt.getTime()) }
            })
        await tables.tasks.insertAlike(shared, own)
        await tables.events.appendAlike(taskEvent(shared), own)
        for (const _one of own) count(writes, row.rollout, countDeltas(null, null, shared.state, event))
    }
    await tables.rollouts.addCounts(writes.counts)
}

/** Writes everything. A task that moved twice is written as it is in the end. */
export async function writeTasks(tables: Tables, writes: TaskWrites): Promise<void> {
    await tables.tasks.update([...writes.updates.values()])
    await tables.tasks.insert([...writes.inserts.values()])
    await tables.events.append(writes.events)
    await tables.rollouts.addCounts(writes.counts)
}
