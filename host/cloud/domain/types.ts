// The facts that decisions are made from. Plain values: no I/O, no clock.

/** A value of a device's attribute: what device.json5 may hold. */
export type AttributeValue = string | number | boolean | null | AttributeValue[] | { [name: string]: AttributeValue }

/** Attributes of a device by name. */
export type Attributes = Record<string, AttributeValue>

/** What is known of a device. */
export interface DeviceFacts {
    id: string
    product: string
    attributes: Attributes
    /** The version that it reported last; "" before the first report. */
    version: string
    claimed: boolean
}

/** What is known of a release. */
export interface ReleaseFacts {
    id: string
    product: string
    version: string
    /** "" is the blank policy: the device's version is lower than the release's. */
    policy: string
    enabled: boolean
    /** From the image's manifest. */
    platform: string
    /** Range of versions that the image may replace; "" for any. */
    requires: string
    /** Unix time in seconds after which the image may not be installed; 0 for never. */
    expiresS: number
}

/** Whom a rollout is for. */
export type ScopeKind = "all" | "devices"

/** What is known of a rollout with respect to one device. */
export interface RolloutFacts {
    id: string
    scope: ScopeKind
    /** Whether the device is in the list of a scope "devices". */
    listed: boolean
}

/** States of a task. The last three are final. */
export type TaskState = "queued" | "offered" | "probation" | "succeeded" | "failed" | "canceled"

/** What is known of the last task of a rollout on a device. */
export interface TaskFacts {
    id: string
    rollout: string
    /** The version that the task brings. */
    version: string
    state: TaskState
    attempt: number
    reason: string
    /** The device's status code (firmware/status.ts), null when it told none. */
    status: number | null
}

/** A rollout that a device might take, with its release and the device's last task of it. */
export interface Candidate {
    release: ReleaseFacts
    rollout: RolloutFacts
    task: TaskFacts | null
}

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
