// What a rollout is: its scope, its knobs with their defaults, its states. Limits of the knobs: ../limits.ts.

/** Life of a rollout. stopping: its outcome is known, no device joins, what is under way ends; `finished` is the last state. */
export type RolloutState = "draft" | "scheduled" | "running" | "paused" | "stopping" | "finished"

/** How a rollout ended. */
export type RolloutOutcome = "success" | "failure" | "canceled" | "expired"

/** snapshot: the devices are written down at the start and never more; continuous: each check-in is looked at anew. */
export type RolloutMode = "snapshot" | "continuous"

/** Whom a rollout is for. `devices` are kept in a list of their own; `percent` is of the product's devices, rounded down. */
export type Scope =
    | { kind: "all" }
    | { kind: "devices" }
    | { kind: "groups"; groups: string[] }
    | { kind: "regions"; regions: string[] }
    | { kind: "tags"; tags: string[] }
    | { kind: "percent"; percent: number }

/** The kinds of scopes. */
export type ScopeKind = Scope["kind"]

/** A fixed number of devices a minute. */
export interface ConstantRate {
    kind: "constant"
    perMinute: number
}

/**
 * A rate that grows: `base` a minute, times `factorHundredths` / 100 each time that `after` more devices were pushed to or have
 * succeeded, `max` at most. 50/min × 2 at every 1,000 gives 50, 100, 200, … capped.
 */
export interface VariableRate {
    kind: "variable"
    base: number
    factorHundredths: number
    max: number
    after: number
    of: "pushed" | "succeeded"
}

/** How fast devices are given their task; null: as they come. */
export type Rate = ConstantRate | VariableRate | null

/** Ioto's limits: whichever is reached first stops the rollout (devices, percent) or makes it wait (period). Null: none. */
export interface Limits {
    /** Most devices that are ever given a task. */
    devicesMax: number | null
    /** Most devices in percent of those in the scope, rounded down. */
    devicesPercent: number | null
    /** Most hand-outs in any span of `periodS` seconds. */
    perPeriod: { count: number; periodS: number } | null
}

/**
 * After `devices` hand-outs the rollout holds. It goes on when `succeeded` of them have and at most `failedPercentMax` percent of
 * those that ended have failed (and an operator approved it, when `approval` is set). It pauses when that cannot come true any more.
 */
export interface Gate {
    devices: number
    succeeded: number
    failedPercentMax: number
    approval: boolean
}

/** Everything that can be set of a rollout. Times are Unix seconds (`…AtS`) or durations in seconds. */
export interface Knobs {
    /** Policy expression over the device; "" for no condition. */
    where: string
    /** Versions that may be replaced; none listed: any. Needed for continuous rollouts of Alibaba's kind. */
    sourceVersions: string[]
    window: { startAtS: number | null; endAtS: number | null }
    delivery: "push" | "pull" | "shadow"
    protocol: "https" | "mqtt"
    rate: Rate
    limits: Limits
    /** Most tasks that are offered, working or on probation at a time; null: any number. */
    pendingMax: number | null
    /** failed / total × 100 above this ends the rollout as a failure; null: never. */
    failuresPercentMax: number | null
    /** Automatic attempts after a failure, not after a timeout. */
    retry: { countMax: number; delayS: number }
    /** Seconds an offer waits for the device; it is then made again, `ackRetriesMax` times, before the task fails. */
    ackTimeoutS: number
    ackRetriesMax: number
    /** Seconds from the first progress report to the report of the result. */
    workTimeoutS: number
    /** Seconds from "done" to the version seen. */
    probationTimeoutS: number
    /** Seconds that a task may wait in the queue. */
    queueTimeoutS: number
    /** Whether an app or an operator confirms each task before it is queued, and how long that may take. */
    confirm: boolean
    confirmTimeoutS: number
    /** Whether tasks of other modules may be under way on the same device. */
    multiModule: boolean
    /** Whether waiting tasks of older rollouts give way. Work in progress never does. */
    override: boolean
    /** Only devices whose present version was first reported after the rollout was made. */
    newReportsOnly: boolean
    forceDowngrade: boolean
    /** A manual update: policy, versions, platform and requirement are not looked at. */
    skipChecks: boolean
    /** Times that the rollout may match one device. */
    matchesMax: number
    tags: Record<string, string>
    /** Approvals by different people before the start. */
    approvals: number
    gates: Gate[]
    /** Push only to devices seen in the last so many seconds; 0: to all. */
    onlineS: number
    /** The release's verification: its success lets others start. */
    verification: boolean
}

const DAY_S = 86400

/** What a rollout does unless told otherwise: Ioto's update, pulled by check-ins, without limits. */
export const KNOBS_DEFAULT: Knobs = Object.freeze({
    where: "",
    sourceVersions: [],
    window: { startAtS: null, endAtS: null },
    delivery: "pull",
    protocol: "https",
    rate: null,
    limits: { devicesMax: null, devicesPercent: null, perPeriod: null },
    pendingMax: null,
    failuresPercentMax: null,
    retry: { countMax: 0, delayS: 0 },
    ackTimeoutS: 7 * DAY_S,
    ackRetriesMax: 3,
    workTimeoutS: DAY_S,
    probationTimeoutS: 7 * DAY_S,
    queueTimeoutS: 90 * DAY_S,
    confirm: false,
    confirmTimeoutS: 7 * DAY_S,
    multiModule: false,
    override: false,
    newReportsOnly: false,
    forceDowngrade: false,
    skipChecks: false,
    matchesMax: 10,
    tags: {},
    approvals: 0,
    gates: [],
    onlineS: 0,
    verification: false,
})
