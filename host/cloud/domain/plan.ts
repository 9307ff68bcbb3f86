// The planner: what a rollout is to do now. A pure function of time and snapshot, for real fleets, previews and simulations.

import { activeOf, devicesLimit, gateOf, handOutRoom, newDevicesRoom, pendingOf, type PaceFacts } from "./pace"
import type { Gate, RolloutMode, RolloutOutcome, RolloutState } from "./rollout"
import type { TaskState } from "./types"

/** What the planner sees of a rollout. Times are Unix seconds. */
export interface RolloutSnapshot extends PaceFacts {
    state: RolloutState
    mode: RolloutMode
    /** What it ends as; set when it is stopping. */
    outcome: RolloutOutcome | null
    /** When it entered its state. */
    stateAtS: number
    /** People who approved the start. */
    approvals: number
    /** Gates that an operator approved. */
    gatesApproved: number
    /** Whether the release needs no verification, has had it, or this rollout is it. */
    verified: boolean
    /** Whether all devices of a snapshot have been written down. */
    snapshotDone: boolean
    /** States whose tasks are being canceled. */
    cancelStates: readonly TaskState[]
}

/** What is to be done, in order. */
export type Command =
    | { kind: "start" }
    /** Write down more devices of the snapshot. */
    | { kind: "snapshot" }
    /** Hand out up to `count` waiting tasks, `newDevices` of them to devices that had none before. */
    | { kind: "dispatch"; count: number; newDevices: number }
    | { kind: "gatePassed"; reason: string }
    | { kind: "pause"; reason: string }
    /** Stop: no device joins; tasks in `cancel` are canceled, the others end by themselves. */
    | { kind: "stop"; outcome: RolloutOutcome; reason: string; cancel: TaskState[] }
    | { kind: "cancelTasks"; states: readonly TaskState[] }
    | { kind: "finish" }

/** Days after which a draft or a paused rollout ends by itself, in seconds. */
const IDLE_MAX_S = 30 * 86400
const WAITING: TaskState[] = ["awaiting", "queued"]

function failedPercent(failed: number, of: number): number {
    return of === 0 ? 0 : (failed * 100) / of
}

/** Edgehog's threshold: failed / total × 100 above the maximum; of a continuous rollout the total is the devices it reached. */
function failedTooMany({ knobs, counts, total, mode }: RolloutSnapshot): boolean {
    const of = mode === "snapshot" ? total : counts.devices
    return knobs.failuresPercentMax !== null && failedPercent(counts.failed, of) > knobs.failuresPercentMax
}

function stop(outcome: RolloutOutcome, reason: string, cancel: TaskState[] = WAITING): Command[] {
    return [{ kind: "stop", outcome, reason, cancel }]
}

function gateSentence(gate: Gate, succeeded: number, failed: number): string {
    return `${succeeded} of ${gate.succeeded} succeeded, ${failedPercent(failed, succeeded + failed).toFixed(1)} % failed`
}

/** The gate before a rollout: pass it, pause at it, or (nothing) wait. */
function planGate(snapshot: RolloutSnapshot): Command[] {
    const { knobs, counts, gate: index, gatesApproved } = snapshot
    const gate = gateOf(knobs, index)
    if (gate === null || counts.devices < gate.devices) return []
    const { succeeded, failed } = counts
    const good = succeeded >= gate.succeeded && failedPercent(failed, succeeded + failed) <= gate.failedPercentMax
    const sentence = gateSentence(gate, succeeded, failed)
    if (good && (!gate.approval || gatesApproved > index)) return [{ kind: "gatePassed", reason: sentence }]
    const ended = pendingOf(counts) === 0 && counts.queued === 0
    const handedOutEnded = pendingOf(counts) === 0 && newDevicesRoom(snapshot) === 0
    if (!good && (ended || handedOutEnded)) return [{ kind: "pause", reason: `gate ${index + 1} not passed: ${sentence}` }]
    return []
}

function planDispatch(snapshot: RolloutSnapshot, nowMs: number): Command[] {
    const { knobs, counts } = snapshot
    const count = Math.min(counts.queued, handOutRoom(snapshot, nowMs))
    if (knobs.delivery === "pull" || count === 0) return []
    return [{ kind: "dispatch", count, newDevices: Math.min(count, newDevicesRoom(snapshot)) }]
}

/** Whether a running rollout has nothing more to do, and why. */
function doneReason({ mode, snapshotDone, counts, knobs, total }: RolloutSnapshot): string {
    if (counts.devices > 0 && counts.devices >= devicesLimit(knobs, total) && pendingOf(counts) === 0) {
        return `the limit of ${devicesLimit(knobs, total)} devices is reached`
    }
    if (mode === "snapshot" && snapshotDone && activeOf(counts) === 0) return "every device has been dealt with"
    return ""
}

function successOf({ knobs, counts }: RolloutSnapshot): RolloutOutcome {
    const verificationFailed = knobs.verification && (counts.failed > 0 || counts.succeeded === 0)
    return verificationFailed ? "failure" : "success"
}

function planRunning(snapshot: RolloutSnapshot, nowMs: number): Command[] {
    const { knobs, mode, snapshotDone } = snapshot
    const { endAtS } = knobs.window
    if (endAtS !== null && nowMs >= endAtS * 1000) return stop("expired", "the window has ended")
    if (failedTooMany(snapshot)) {
        return stop("failure", `more than ${knobs.failuresPercentMax} % failed`)
    }
    if (mode === "snapshot" && !snapshotDone) return [{ kind: "snapshot" }]
    const done = doneReason(snapshot)
    if (done !== "") return stop(successOf(snapshot), done)
    const gate = planGate(snapshot)
    return gate.length > 0 ? gate : planDispatch(snapshot, nowMs)
}

function planStopping(snapshot: RolloutSnapshot, nowMs: number): Command[] {
    const { cancelStates, counts } = snapshot
    if (cancelStates.some(state => counts[state] > 0)) return [{ kind: "cancelTasks", states: cancelStates }]
    if (activeOf(counts) === 0) return [{ kind: "finish" }]
    return planDispatch(snapshot, nowMs)
}

function planScheduled({ knobs, verified }: RolloutSnapshot, nowMs: number): Command[] {
    const { startAtS, endAtS } = knobs.window
    if (endAtS !== null && nowMs >= endAtS * 1000) return stop("expired", "the window ended before the start")
    return verified && (startAtS === null || nowMs >= startAtS * 1000) ? [{ kind: "start" }] : []
}

/** What a rollout is to do now. `nowMs` is Unix time in ms. */
export function plan(snapshot: RolloutSnapshot, nowMs: number): Command[] {
    const idle = nowMs / 1000 - snapshot.stateAtS >= IDLE_MAX_S
    switch (snapshot.state) {
        case "draft":
            return idle ? stop("expired", "never started") : []
        case "scheduled":
            return idle ? stop("expired", "could not start") : planScheduled(snapshot, nowMs)
        case "running":
            return planRunning(snapshot, nowMs)
        case "paused":
            return idle ? stop("expired", "paused for too long") : []
        case "stopping":
            return planStopping(snapshot, nowMs)
        case "finished":
            return []
    }
}
