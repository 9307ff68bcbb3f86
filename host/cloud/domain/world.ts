// A fleet in memory and in virtual time: the planner, the checks and the task table as they are, without a database.

import { admit } from "./admit"
import { planCheckin, type CheckinPlan } from "./checkin-plan"
import { match } from "./match"
import { COUNTS_NEW, handOutRoom, newDevicesRoom, PACE_NEW, paceAfter, type Counts } from "./pace"
import { plan, type Command, type RolloutSnapshot } from "./plan"
import type { Knobs, RolloutMode } from "./rollout"
import { bornTask, countDeltas, stepTask, type TaskHappening, type TaskLife } from "./task-life"
import { taskActive, type TaskEvent } from "./task-machine"
import { timeoutEvent } from "./task-time"
import type { Candidate, DeviceFacts, ReleaseFacts } from "./types"
import { versionOf } from "./versions"

/** A rollout of the world. */
export interface WorldRollout {
    id: string
    release: ReleaseFacts
    snapshot: RolloutSnapshot
    createdAtS: number
    /** Devices that wait, in the order of their turn. */
    queue: string[]
}

/** Something that happened to a task: enough to rebuild it. */
export interface WorldEvent {
    atMs: number
    device: string
    event: TaskEvent
    task: TaskLife
}

/** A fleet and its rollouts. All times are Unix ms. */
export class World {
    nowMs: number
    readonly devices = new Map<string, DeviceFacts>()
    readonly rollouts: WorldRollout[] = []
    /** The last task of each rollout on each device. */
    private readonly tasks = new Map<string, Map<string, TaskLife>>()
    private readonly deadlines = new Map<number, [device: string, rollout: string][]>()
    private made = 0

    constructor(
        nowMs: number,
        private readonly onEvent: (event: WorldEvent) => void = () => undefined,
    ) {
        this.nowMs = nowMs
    }

    /** Adds a device. */
    addDevice(device: DeviceFacts): void {
        this.devices.set(device.id, device)
    }

    /** Adds a rollout for all devices; it starts with the next tick. */
    addRollout(id: string, release: ReleaseFacts, mode: RolloutMode, knobs: Knobs): WorldRollout {
        const snapshot: RolloutSnapshot = {
            ...{ state: "scheduled", mode, outcome: null, knobs, pace: PACE_NEW, counts: { ...COUNTS_NEW }, total: 0, gate: 0 },
            ...{ stateAtS: this.nowMs / 1000, approvals: 0, gatesApproved: 0, verified: true },
            ...{ snapshotDone: mode === "continuous", cancelStates: [] },
        }
        const rollout = { id, release, snapshot, createdAtS: this.nowMs / 1000, queue: [] }
        this.rollouts.push(rollout)
        return rollout
    }

    /** The last tasks of a device. */
    tasksOf(device: string): TaskLife[] {
        return [...(this.tasks.get(device)?.values() ?? [])]
    }

    private candidate(rollout: WorldRollout, device: string, joining = false): Candidate {
        const { id, release, snapshot, createdAtS } = rollout
        const tasks = this.tasksOf(device)
        const { mode, state, knobs, counts, total } = snapshot
        const limit = newDevicesRoom({ ...snapshot, knobs: { ...knobs, gates: [] }, counts, total })
        const facts = {
            ...{ id, mode, state, scope: "all" as const, listed: true, knobs, createdAtS, hasRoom: limit > 0 || joining },
            joinable: joining || (mode === "continuous" && state === "running"),
        }
        const underWay = tasks.filter(task => taskActive(task.state))
        return { release, rollout: facts, task: this.tasks.get(device)?.get(id) ?? null, underWay }
    }

    private keep(device: string, task: TaskLife, event: TaskEvent): void {
        const own = this.tasks.get(device) ?? new Map<string, TaskLife>()
        own.set(task.rollout, task)
        this.tasks.set(device, own)
        if (task.state === "queued") this.rolloutOf(task).queue.push(device)
        if (task.deadlineMs !== null) {
            const second = Math.ceil(task.deadlineMs / 1000)
            const due = this.deadlines.get(second)
            if (due === undefined) this.deadlines.set(second, [[device, task.rollout]])
            else due.push([device, task.rollout])
        }
        this.onEvent({ atMs: this.nowMs, device, event, task })
    }

    private rolloutOf(task: TaskLife): WorldRollout {
        return this.rollouts.find(({ id }) => id === task.rollout) as WorldRollout
    }

    private count({ snapshot }: WorldRollout, deltas: ReturnType<typeof countDeltas>): void {
        const counts: Counts = { ...snapshot.counts }
        for (const [key, n] of Object.entries(deltas) as [keyof Counts, number][]) counts[key] += n
        snapshot.counts = counts
    }

    private begin(rollout: WorldRollout, device: string, event: TaskEvent, reason: string): TaskLife {
        const before = this.tasks.get(device)?.get(rollout.id) ?? null
        const { module, version } = rollout.release
        const source = versionOf(this.devices.get(device) as DeviceFacts, module)
        const birth = { rollout: rollout.id, module, version, source, reason, before }
        const task = { ...bornTask(birth, event, rollout.snapshot.knobs, this.nowMs), id: `t${(this.made += 1)}` }
        this.count(rollout, countDeltas(before?.state ?? null, null, task.state, event))
        this.keep(device, task, event)
        return task
    }

    /** Something happens to a device's task; false when the table has no row for it. */
    happen(device: string, rollout: string, happening: Omit<TaskHappening, "knobs" | "nowMs">): boolean {
        const task = this.tasks.get(device)?.get(rollout)
        if (task === undefined) return false
        const owner = this.rolloutOf(task)
        const step = stepTask(task, { ...happening, knobs: owner.snapshot.knobs, nowMs: this.nowMs })
        if (step === null) return false
        this.count(owner, countDeltas(task.state, task, step.task.state, happening.event))
        this.keep(device, step.task, happening.event)
        if (step.retry === null) return true
        this.count(owner, countDeltas(step.task.state, null, "queued", "matched"))
        this.keep(device, { ...step.retry, id: `t${(this.made += 1)}` }, "matched")
        return true
    }

    /** A device checks in; answers the version it is given, "" for none. */
    checkin(id: string, committed = true): CheckinPlan & { given: string } {
        const device = this.devices.get(id) as DeviceFacts
        const active = this.tasksOf(id).filter(task => taskActive(task.state))
        const open = this.rollouts.filter(({ snapshot }) => ["running", "paused", "stopping"].includes(snapshot.state))
        const candidates = open.map(rollout => this.candidate(rollout, id))
        const facts = { device, committed, active, candidates, choice: "version" as const }
        const planned = planCheckin(facts, this.nowMs / 1000)
        for (const { task, event, reason } of planned.moves) this.happen(id, task.rollout, { event, reason })
        const { chosen, task, offer } = planned
        if (chosen === null) return { ...planned, given: "" }
        const rollout = open.find(one => one.id === chosen.rollout.id) as WorldRollout
        const event = chosen.rollout.knobs.confirm ? "matchedToConfirm" : "matched"
        const mine = task === null ? this.begin(rollout, id, event, "") : (this.tasks.get(id)?.get(rollout.id) as TaskLife)
        const given = offer === "keep" || (offer === "handOut" && this.handOut(rollout, id, mine))
        return { ...planned, given: given ? chosen.release.version : "" }
    }

    private handOut(rollout: WorldRollout, device: string, task: TaskLife): boolean {
        const { snapshot } = rollout
        const isRoom = handOutRoom(snapshot, this.nowMs) > 0 && (task.offeredMs !== null || newDevicesRoom(snapshot) > 0)
        if (!isRoom) return false
        const pace = paceAfter(snapshot, 1, this.nowMs)
        this.happen(device, rollout.id, { event: "dispatched", reason: "" })
        snapshot.pace = pace
        return true
    }

    private dispatch(rollout: WorldRollout, { count }: Extract<Command, { kind: "dispatch" }>): void {
        const later: string[] = []
        let given = 0
        for (let index = 0; index < rollout.queue.length; index += 1) {
            const device = rollout.queue[index] as string
            const task = this.tasks.get(device)?.get(rollout.id)
            if (task?.state !== "queued") continue
            if (given >= count || task.dueAtS * 1000 > this.nowMs) {
                if (given >= count && later.length === 0) {
                    rollout.queue = rollout.queue.slice(index)
                    return
                }
                later.push(device)
                continue
            }
            const facts = this.devices.get(device) as DeviceFacts
            const { ok } = match(facts, this.candidate(rollout, device), this.nowMs / 1000, true)
            if (!ok) this.happen(device, rollout.id, { event: "withdrawn", reason: "does not match any more" })
            else if (this.handOut(rollout, device, task)) given += 1
            else later.push(device)
        }
        rollout.queue = later
    }

    private writeSnapshot(rollout: WorldRollout): void {
        for (const device of this.devices.values()) {
            const candidate = this.candidate(rollout, device.id, true)
            const { event, reason } = admit(device, candidate, this.nowMs / 1000)
            if (event === null) continue
            if (event === "matched" || event === "matchedToConfirm") {
                for (const other of candidate.underWay ?? []) {
                    if (other.module !== rollout.release.module) continue
                    this.happen(device.id, other.rollout, { event: "overridden", reason: `${rollout.id} goes first` })
                }
            }
            this.begin(rollout, device.id, event, reason)
            rollout.snapshot.total += 1
        }
        rollout.snapshot.snapshotDone = true
    }

    private perform(rollout: WorldRollout, command: Command): void {
        const { snapshot } = rollout
        const enter = (changes: Partial<RolloutSnapshot>): void =>
            void Object.assign(snapshot, changes, { stateAtS: this.nowMs / 1000 })
        switch (command.kind) {
            case "start":
                return enter({ state: "running", total: snapshot.mode === "snapshot" ? 0 : this.devices.size })
            case "snapshot":
                return this.writeSnapshot(rollout)
            case "dispatch":
                return this.dispatch(rollout, command)
            case "gatePassed":
                return enter({ gate: snapshot.gate + 1 })
            case "pause":
                return enter({ state: "paused" })
            case "stop":
                return enter({ state: "stopping", outcome: command.outcome, cancelStates: command.cancel })
            case "cancelTasks":
                return this.cancel(rollout, command.states)
            case "finish":
                return enter({ state: "finished" })
        }
    }

    private cancel({ id }: WorldRollout, states: readonly string[]): void {
        for (const [device, own] of this.tasks) {
            const task = own.get(id)
            if (task !== undefined && states.includes(task.state))
                this.happen(device, id, { event: "canceled", reason: "canceled" })
        }
    }

    private settleOverdue(): void {
        const nowS = Math.floor(this.nowMs / 1000)
        const due = [...this.deadlines.keys()].filter(second => second <= nowS).sort((a, b) => a - b)
        for (const second of due) {
            const places = this.deadlines.get(second) ?? []
            this.deadlines.delete(second)
            for (const [device, rollout] of places) this.settleOne(device, rollout)
        }
    }

    private settleOne(device: string, rollout: string): void {
        const task = this.tasks.get(device)?.get(rollout)
        if (task === undefined || task.deadlineMs === null || task.deadlineMs > this.nowMs) return
        const { snapshot } = this.rolloutOf(task)
        const due = timeoutEvent(task, snapshot.knobs)
        const unbound = { ...snapshot, knobs: { ...snapshot.knobs, pendingMax: null } }
        if (due.event === "resent" && handOutRoom(unbound, this.nowMs) === 0) {
            const nextS = Math.floor(this.nowMs / 1000) + 1
            this.deadlines.set(nextS, [...(this.deadlines.get(nextS) ?? []), [device, rollout]])
            return
        }
        const pace = due.event === "resent" ? paceAfter(unbound, 1, this.nowMs) : snapshot.pace
        this.happen(device, rollout, due)
        snapshot.pace = pace
    }

    /** One tick of the scheduler. */
    tick(): void {
        for (const rollout of this.rollouts) {
            for (let again = true; again;) {
                const commands = plan(rollout.snapshot, this.nowMs)
                for (const command of commands) this.perform(rollout, command)
                again = commands.some(({ kind }) => kind !== "dispatch")
            }
        }
        this.settleOverdue()
    }
}
