// The facts that decisions are made from. Plain values: no I/O, no clock.

import type { Knobs, RolloutMode, RolloutState, ScopeKind } from "./rollout"

export type { ScopeKind } from "./rollout"

/** A value of a device's attribute: what device.json5 may hold. */
export type AttributeValue = string | number | boolean | null | AttributeValue[] | { [name: string]: AttributeValue }

/** Attributes of a device by name. */
export type Attributes = Record<string, AttributeValue>

/** What is known of a device. */
export interface DeviceFacts {
    id: string
    product: string
    attributes: Attributes
    /** The version of its default module that it reported last; "" before the first report. */
    version: string
    /** Versions of its further modules, by name. */
    versions: Record<string, string>
    /** Unix time in seconds at which `version` was first reported; 0 for unknown. */
    versionAtS: number
    claimed: boolean
    cloud: string
    /** "" for none. */
    region: string
    tags: string[]
}

/** The module of products that have only one. */
export const MODULE_DEFAULT = "default"

/** What is known of a release. */
export interface ReleaseFacts {
    id: string
    product: string
    version: string
    /** "" is the blank policy: the device's version is lower than the release's. */
    policy: string
    enabled: boolean
    module: string
    /** "" for every cloud of the tenant. */
    cloud: string
    /** From the image's manifest. */
    platform: string
    /** Range of versions that the image may replace; "" for any. */
    requires: string
    /** Range that the release asks for beside the image; "" for any. */
    requirement: string
    /** Versions that a differential artifact is there for; none when the release has a full one. */
    deltaSources: string[]
    /** False while a verification rollout has yet to succeed. */
    verified: boolean
    /** Unix time in seconds after which the image may not be installed; 0 for never. */
    expiresS: number
}

/** What is known of a rollout with respect to one device. */
export interface RolloutFacts {
    id: string
    mode: RolloutMode
    state: RolloutState
    scope: ScopeKind
    /** Whether the device is in the scope (always true for "all"). */
    listed: boolean
    knobs: Knobs
    /** Unix time in seconds. */
    createdAtS: number
    /** Whether devices that have no task of it may get one: a continuous rollout that runs, or a snapshot while it is written down. */
    joinable: boolean
    /** False when as many devices have been given the update as the limits allow. */
    hasRoom: boolean
}

/**
 * States of a task. The last four are final. awaiting: to be confirmed. queued: waits for its turn. offered: handed out. working: the
 * device reports progress. probation: done, its version is not seen yet. skipped: the device ran the version already.
 */
export type TaskState =
    "awaiting" | "queued" | "offered" | "working" | "probation" | "succeeded" | "failed" | "canceled" | "skipped"

/** What is known of the last task of a rollout on a device. */
export interface TaskFacts {
    id: string
    rollout: string
    module: string
    /** The version that the task brings. */
    version: string
    /** The version that the device had when it was matched; "" for unknown. */
    source: string
    state: TaskState
    attempt: number
    reason: string
    /** The device's status code (firmware/status.ts), null when it told none. */
    status: number | null
    /** Automatic retries before this one. */
    retries: number
    /** Times that the rollout has matched this device. */
    matches: number
    /** Unix time in seconds before which a queued task is not handed out; 0 for at once. */
    dueAtS: number
}

/** A rollout that a device might take, with its release and the device's last task of it. */
export interface Candidate {
    release: ReleaseFacts
    rollout: RolloutFacts
    /** The device's last task of this rollout. */
    task: TaskFacts | null
    /** Other tasks that are under way on the device. */
    underWay?: readonly TaskFacts[]
}

/** Which of several matching rollouts goes first: the highest version (Ioto), or the newest rollout, groups first (Alibaba). */
export type Choice = "version" | "recent"

/** The answer of one named check. `detail` holds the values that it compared. */
export interface CheckResult {
    check: string
    ok: boolean
    detail: string
}

/** All checks of one candidate. `ok` when every check is. */
export interface Match {
    candidate: Candidate
    ok: boolean
    checks: CheckResult[]
}
