// What goes into the services of rollouts and groups, and what comes out.

import type { Knobs, RolloutMode, RolloutOutcome, RolloutState, Scope } from "../domain/rollout"
import type { TaskState } from "../domain/types"

/** What makes a rollout. Knobs that are left out have KNOBS_DEFAULT's value. */
export interface RolloutDraft {
    release: string
    name?: string | undefined
    mode: RolloutMode
    scope: Scope
    /** The devices of scope "devices": ids of the release's product, up to CSV_DEVICES_MAX. */
    devices?: Iterable<string> | undefined
    knobs?: Partial<Knobs> | undefined
    /** False leaves it a draft until `start`. */
    start?: boolean | undefined
}

/** What may be changed of a rollout that has not finished. */
export type RolloutChange = Partial<
    Pick<Knobs, "rate" | "workTimeoutS" | "ackTimeoutS" | "sourceVersions" | "tags" | "pendingMax" | "failuresPercentMax"> & {
        name: string
    }
>

/** Devices of a rollout by the state of their last task. */
export type TaskCounts = Record<TaskState, number>

/** A rollout as it is shown. */
export interface RolloutView {
    id: string
    release: string
    product: string
    module: string
    version: string
    name: string
    mode: RolloutMode
    scope: Scope
    /** Devices in the list of scope "devices"; 0 for other scopes. */
    listed: number
    knobs: Knobs
    state: RolloutState
    outcome: RolloutOutcome | null
    /** Why it is in its state, for people. */
    reason: string
    /** Goes up with every change: the ETag. */
    revision: number
    createdBy: string
    approvedBy: string[]
    /** Gates that are behind it. */
    gate: number
    /** Devices that were given the update; hand-outs, repeated ones too. */
    devices: number
    pushed: number
    /** Devices of the snapshot; null for continuous rollouts and before the start. */
    total: number | null
    counts: TaskCounts
    createdAt: Date
    startedAt: Date | null
    endedAt: Date | null
    /** What a caller should know, such as "checks are off". */
    warnings: string[]
}

/** Why devices do not match, in a preview. */
export interface PreviewReason {
    check: string
    count: number
    /** The first 20 devices and what the check said of them. */
    examples: { device: string; detail: string }[]
}

/** What a rollout would do if it started now. */
export interface Preview {
    /** Devices of the scope. */
    total: number
    matching: number
    /** Devices that run the version already. */
    skipped: number
    notMatching: number
    reasons: PreviewReason[]
    /** Unix time in seconds at which the last device would be handed its task at this rate; null without a rate. */
    finishedAtS: number | null
    warnings: string[]
}

/** What makes a group: ids that are added later, an expression, or a union of other groups. */
export type GroupDraft = { id: string; name?: string | undefined } & (
    { kind: "listed" } | { kind: "where"; where: string } | { kind: "union"; groups: string[] }
)

/** A group as it is shown. */
export interface GroupView {
    id: string
    name: string
    kind: "listed" | "where" | "union"
    where: string
    groups: string[]
    revision: number
    createdAt: Date
}
