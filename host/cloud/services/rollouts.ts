// Rollouts as an operator handles them: shown, edited while they run, paused, resumed, canceled, approved, tried again.

import { nowOf, type Context } from "../context"
import { COUNTS_NEW, type Counts } from "../domain/pace"
import type { RolloutState } from "../domain/rollout"
import { TASK_STATES, taskActive, taskNext } from "../domain/task-machine"
import type { TaskState } from "../domain/types"
import { STEP_TASKS } from "../limits"
import { notFound, Problem } from "../problems"
import type { PaceRow, PageRequest, RolloutListed, Tables, TaskRow } from "../store/store"
import { checkExpression } from "./expressions"
import { checkEdited } from "./rollout-check"
import { actorName, actorPerson, rolloutEvent } from "./rollout-create"
import type { RolloutChange, RolloutView, TaskCounts } from "./rollout-shapes"
import { moveTask, newTask, noWrites, writeTasks } from "./tasks"

/** States whose tasks an operator may cancel: the table has a row for each. */
const CANCELABLE = TASK_STATES.filter(state => taskNext(state, "canceled") !== null)

/** A rollout that is locked: what a change is made to. */
export type LockedRollout = RolloutListed & PaceRow

function taskCounts(counts: Counts): TaskCounts {
    return Object.fromEntries(TASK_STATES.map(state => [state, counts[state]])) as TaskCounts
}

function warningsOf({ knobs }: RolloutListed): string[] {
    const warnings = []
    if (knobs.skipChecks) warnings.push("A manual update: policy, versions, platform and requirements are not checked.")
    if (knobs.forceDowngrade) warnings.push("Downgrades are forced: devices with a higher version go back.")
    if (knobs.rate === null && knobs.delivery === "push" && knobs.pendingMax === null) {
        warnings.push("No rate and no pending limit: every device is pushed to at once.")
    }
    return warnings
}

function viewOf(row: RolloutListed, pace: PaceRow | undefined, counts: Counts): RolloutView {
    const { id, release, product, module, version, name, mode, scope, knobs, state, outcome, reason, revision } = row
    return {
        ...{ id, release, product, module, version, name, mode, scope, knobs, state, outcome, reason, revision },
        listed: row.count,
        createdBy: row.createdBy,
        approvedBy: row.approvals,
        gate: pace?.gate ?? 0,
        devices: counts.devices,
        pushed: counts.pushed,
        total: row.mode === "snapshot" ? row.total : null,
        counts: taskCounts(counts),
        createdAt: row.createdAt,
        startedAt: row.startedAt,
        endedAt: row.endedAt,
        warnings: warningsOf(row),
    }
}

async function viewsOf(tables: Tables, rows: RolloutListed[]): Promise<RolloutView[]> {
    const ids = rows.map(({ id }) => id)
    const [paces, counts] = [await tables.rollouts.paces(ids), await tables.rollouts.counts(ids)]
    return rows.map(row =>
        viewOf(
            row,
            paces.find(({ rollout }) => rollout === row.id),
            counts.get(row.id) ?? COUNTS_NEW,
        ),
    )
}

/** A rollout with its counts. Throws Problem `not_found`. */
export async function getRollout(context: Context, tenant: string, id: string): Promise<RolloutView> {
    const { tables } = context.store
    const row = await tables.rollouts.get(tenant, id)
    if (row === null) throw notFound("rollout")
    return (await viewsOf(tables, [row]))[0] as RolloutView
}

/** Rollouts, newest first; of one release when it is named. */
export async function listRollouts(
    context: Context,
    tenant: string,
    release: string | null,
    page: PageRequest,
): Promise<RolloutView[]> {
    const { tables } = context.store
    return viewsOf(tables, await tables.rollouts.list(tenant, release === null ? null : [release], page))
}

/** Changes a locked rollout in a transaction and answers with how it is then. */
async function changeLocked(
    context: Context,
    tenant: string,
    id: string,
    change: (tables: Tables, row: LockedRollout) => Promise<void>,
): Promise<RolloutView> {
    await context.store.transaction(async tables => {
        if ((await tables.rollouts.get(tenant, id)) === null) throw notFound("rollout")
        const row = await tables.rollouts.lock(id, false)
        if (row === null) throw notFound("rollout")
        await change(tables, row)
    })
    return getRollout(context, tenant, id)
}

/** Writes a rollout's new state down. */
export async function enterState(
    context: Context,
    tables: Tables,
    row: LockedRollout,
    changes: Partial<RolloutListed> & { state: RolloutState },
    what: string,
): Promise<LockedRollout> {
    const after = { ...row, ...changes, stateAt: nowOf(context) }
    await tables.rollouts.update(after)
    await tables.events.append([rolloutEvent(context, after, what)])
    return after
}

function needState(row: RolloutListed, ...states: RolloutState[]): void {
    if (states.includes(row.state)) return
    throw new Problem("rollout_state", `The rollout is ${row.state}; this needs one that is ${states.join(" or ")}.`)
}

/** Edits a rollout that has not finished; it takes effect with the next hand-out. Throws `not_found`, `rollout_state`, `field_invalid`. */
export function editRollout(context: Context, tenant: string, id: string, change: RolloutChange): Promise<RolloutView> {
    return changeLocked(context, tenant, id, async (tables, row) => {
        needState(row, "draft", "scheduled", "running", "paused")
        const { name = row.name, ...knobs } = change
        const given = Object.fromEntries(Object.entries(knobs).filter(([, value]) => value !== undefined))
        const after = { ...row, name, knobs: { ...row.knobs, ...given } }
        checkExpression(context, "where", after.knobs.where)
        checkEdited(row.mode, row.knobs, after.knobs)
        await tables.rollouts.update(after)
        await tables.events.append([rolloutEvent(context, after, "edited")])
    })
}

/** Starts a draft, as far as its approvals and window allow. Throws `not_found`, `rollout_state`. */
export function startRollout(context: Context, tenant: string, id: string): Promise<RolloutView> {
    return changeLocked(context, tenant, id, async (tables, row) => {
        needState(row, "draft")
        const missing = row.knobs.approvals - row.approvals.length
        if (row.scope.kind === "devices" && row.count === 0)
            throw new Problem(
                "rollout_state",
                "The rollout lists no devices yet. Import names into it (POST /imports?rollout=ID).",
            )
        if (missing > 0) throw new Problem("rollout_state", `${missing} more approvals are needed before the start.`)
        await enterState(context, tables, row, { state: "scheduled" }, "scheduled")
    })
}

/** Holds a rollout: what was handed out goes on, nothing else does. Throws `not_found`, `rollout_state`. */
export function pauseRollout(
    context: Context,
    tenant: string,
    id: string,
    reason = "paused by an operator",
): Promise<RolloutView> {
    return changeLocked(context, tenant, id, async (tables, row) => {
        needState(row, "running")
        await enterState(context, tables, row, { state: "paused", reason }, "paused")
    })
}

/** Goes on; a rollout that was held at a gate goes past it. Throws `not_found`, `rollout_state`. */
export function resumeRollout(context: Context, tenant: string, id: string): Promise<RolloutView> {
    return changeLocked(context, tenant, id, async (tables, row) => {
        needState(row, "paused")
        const heldAtGate = row.reason.startsWith("gate ")
        if (heldAtGate) await tables.rollouts.updateGate(id, { ...row, gate: row.gate + 1 })
        await enterState(context, tables, row, { state: "running", reason: "" }, "resumed")
    })
}

/**
 * Ends a rollout. `states`: which tasks are canceled with it (awaiting, queued, offered, working); none of them leaves every
 * task to its own end and only takes no more devices. Throws `not_found`, `rollout_state`.
 */
export function cancelRollout(context: Context, tenant: string, id: string, states: TaskState[]): Promise<RolloutView> {
    return changeLocked(context, tenant, id, async (tables, row) => {
        needState(row, "draft", "scheduled", "running", "paused", "stopping")
        if (!states.every(state => CANCELABLE.includes(state))) {
            throw new Problem("field_invalid", "Only tasks that have not been done can be canceled.", [
                { path: "tasks", message: `some of ${CANCELABLE.join(", ")}` },
            ])
        }
        const cancelStates = [...new Set([...row.cancelStates, ...states])]
        const reason = "canceled by an operator"
        await enterState(context, tables, row, { state: "stopping", outcome: "canceled", reason, cancelStates }, "stopping")
    })
}

/** Who has approved, with the caller; the person who made a rollout is not enough alone. Throws Problem `approval_own`. */
function approvalsOf(row: LockedRollout): string[] {
    const person = actorPerson()
    const approvals = [...new Set([...row.approvals, person])]
    const isEnough = approvals.length >= row.knobs.approvals
    if (person === "" || person !== row.createdByPerson || !isEnough || approvals.some(one => one !== person)) return approvals
    throw new Problem(
        "approval_own",
        "Who made a rollout cannot approve it alone. Ask another person, with a token of their own.",
    )
}

/**
 * Approves the start of a draft, or the gate that a rollout stands before; each person once, however many tokens they have.
 * Throws `not_found`, `rollout_state`, `approval_own`.
 */
export function approveRollout(context: Context, tenant: string, id: string): Promise<RolloutView> {
    return changeLocked(context, tenant, id, async (tables, row) => {
        needState(row, "draft", "running")
        if (row.state === "running") {
            if (row.knobs.gates[row.gate] === undefined)
                throw new Problem("rollout_state", "The rollout runs and stands before no gate; there is nothing to approve.")
            await tables.rollouts.updateGate(id, { ...row, gatesApproved: Math.max(row.gatesApproved, row.gate + 1) })
            await tables.events.append([rolloutEvent(context, row, "approved")])
            return
        }
        const approvals = approvalsOf(row)
        const isEnough = row.knobs.approvals > 0 && approvals.length >= row.knobs.approvals
        const after = { state: isEnough ? ("scheduled" as const) : row.state, approvals }
        await enterState(context, tables, row, after, "approved")
    })
}

async function openTask(tables: Tables, tenant: string, device: string, id: string): Promise<[TaskRow, LockedRollout]> {
    const known = await tables.tasks.get(tenant, device, id)
    const rollout = known === null ? null : await tables.rollouts.lock(known.rollout, false)
    await tables.devices.lock([device])
    const task = await tables.tasks.get(tenant, device, id)
    if (task === null || rollout === null) throw notFound("task")
    return [task, rollout]
}

async function changeTask(
    context: Context,
    tenant: string,
    device: string,
    id: string,
    event: "confirmed" | "canceled",
): Promise<TaskRow> {
    return context.store.transaction(async tables => {
        const [task, { knobs }] = await openTask(tables, tenant, device, id)
        const writes = noWrites()
        const moved = moveTask(context, writes, task, { event, reason: `${event} by ${actorName()}`, knobs })
        if (moved === null) throw new Problem("task_state", `The task is ${task.state} and cannot be ${event} now.`)
        await writeTasks(tables, writes)
        return moved
    })
}

/** Confirms a task that waits for it. Throws `not_found`, `task_state`. */
export function confirmTask(context: Context, tenant: string, device: string, id: string): Promise<TaskRow> {
    return changeTask(context, tenant, device, id, "confirmed")
}

/** Cancels one task; never one that is on probation or has ended. Throws `not_found`, `task_state`. */
export function cancelTask(context: Context, tenant: string, device: string, id: string): Promise<TaskRow> {
    return changeTask(context, tenant, device, id, "canceled")
}

/** Tasks that may be tried again: nothing else is under way in their module. */
async function retried(context: Context, tables: Tables, row: LockedRollout, tasks: TaskRow[]): Promise<number> {
    const active = await tables.tasks.active(tasks.map(({ device }) => device))
    const isFree = (task: TaskRow): boolean =>
        !active.some(one => one.device === task.device && one.tenant === task.tenant && one.module === task.module)
    const writes = noWrites()
    const candidate = { rollout: row.id, module: row.module, version: row.version, knobs: row.knobs }
    const free = tasks.filter(isFree)
    for (const task of free) {
        const { tenant, device, source } = task
        newTask(context, writes, { tenant, device, source, before: task }, candidate, "matched", `again, by ${actorName()}`)
    }
    await writeTasks(tables, writes)
    return free.length
}

/** Whether a rollout that came to its end may go on for the sake of devices that are tried again. */
function canReopen({ state, outcome, knobs }: LockedRollout, nowMs: number): boolean {
    const { endAtS } = knobs.window
    return state === "finished" && (outcome === "success" || outcome === "failure") && (endAtS === null || nowMs < endAtS * 1000)
}

/**
 * Tries failed (or canceled) tasks of a rollout again, 1,000 in a call; answers how many. One that has finished by itself goes on for
 * them; one that was canceled or has expired does not: its release can be rolled out anew. Throws `not_found`, `rollout_state`.
 */
export function retryTasks(context: Context, tenant: string, id: string, states: ("failed" | "canceled")[]): Promise<number> {
    return context.store.transaction(async tables => {
        if ((await tables.rollouts.get(tenant, id)) === null) throw notFound("rollout")
        const row = await tables.rollouts.lock(id, false)
        if (row === null) throw notFound("rollout")
        const reopens = canReopen(row, context.nowMs())
        if (!reopens) needState(row, "running", "paused")
        const tasks = (await tables.tasks.takeInStates(id, states, STEP_TASKS)).filter(({ state }) => !taskActive(state))
        const count = await retried(context, tables, row, tasks)
        const open = { state: "running" as const, outcome: null, reason: "", endedAt: null, cancelStates: [] }
        if (reopens && count > 0) await enterState(context, tables, row, open, "reopened")
        return count
    })
}
