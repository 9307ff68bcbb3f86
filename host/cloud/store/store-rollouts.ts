// The store's interface: releases, rollouts, tasks and groups. postgres.ts implements it.

import type { CountDeltas, TaskLife } from "../domain/task-life"
import type { Counts, Pace } from "../domain/pace"
import type { Knobs, RolloutMode, RolloutOutcome, RolloutState, Scope } from "../domain/rollout"
import type { Choice, TaskState } from "../domain/types"
import type { DeviceRow, ImageManifest, PageRequest } from "./store"

/** A version of a product's software, ready to be given to devices. */
export interface ReleaseRow {
    tenant: string
    id: string
    product: string
    module: string
    /** "" for every cloud. */
    cloud: string
    version: string
    policy: string
    /** Range of versions that it may replace, beside the image's own; "" for any. */
    requirement: string
    description: string
    commit: string
    enabled: boolean
    /** The full image; of a release with differential images only, the first of them. */
    artifact: string
    needsVerification: boolean
    verifiedAt: Date | null
    revision: number
    createdAt: Date
}

/** A further artifact: a differential image for a source version (`name`), or a further file by name. */
export interface ReleaseArtifactRow {
    release: string
    tenant: string
    kind: "delta" | "file"
    name: string
    artifact: string
}

/** A release on its way to a scope of devices. */
export interface RolloutRow {
    tenant: string
    id: string
    release: string
    name: string
    mode: RolloutMode
    scope: Scope
    knobs: Knobs
    state: RolloutState
    outcome: RolloutOutcome | null
    reason: string
    createdBy: string
    /** The person behind it: a token's owner, or its id; "" for rollouts of old. */
    createdByPerson: string
    revision: number
    createdAt: Date
    stateAt: Date
    startedAt: Date | null
    endedAt: Date | null
    /** Devices of the snapshot; null for continuous rollouts and before the start. */
    total: number | null
    /** The last device that was written down. */
    snapshotAfter: string | null
    snapshotDone: boolean
    approvals: string[]
    cancelStates: TaskState[]
}

/** A rollout with its release. */
export interface RolloutListed extends RolloutRow {
    product: string
    module: string
    version: string
    /** Devices in the scope's list; 0 for other scopes. */
    count: number
}

/** A rollout with everything that a decision and an answer need of its release and image. */
export interface RolloutCandidate {
    tenant: string
    rollout: string
    mode: RolloutMode
    state: RolloutState
    scope: Scope
    knobs: Knobs
    createdAt: Date
    total: number | null
    /** Whether its snapshot is complete. */
    snapshotDone: boolean
    release: string
    product: string
    choice: Choice
    module: string
    cloud: string
    version: string
    policy: string
    requirement: string
    enabled: boolean
    verified: boolean
    artifact: string
    /** Differential images by source version; none for most releases. */
    deltas: Record<string, string>
    /** Of those that boards put together: the slot digest of the app that they need, by image. */
    bases: Record<string, string>
    manifest: ImageManifest
}

/** What a rollout's pace remembers. */
export interface PaceRow {
    pace: Pace | Record<string, never>
    gate: number
    gatesApproved: number
}

/** A rollout on one device. */
export interface TaskRow extends TaskLife {
    tenant: string
    device: string
    createdAt: Date
    updatedAt: Date
}

/** What is a task's own among tasks that begin alike. */
export type TaskOwn = Pick<TaskRow, "device" | "id" | "source" | "reason">

/** A task as lists show it. */
export interface TaskListed extends TaskRow {
    release: string
}

/** What narrows a list of tasks. */
export interface TaskFilter {
    release?: string | undefined
    rollout?: string | undefined
    device?: string | undefined
    state?: TaskState | undefined
}

/** A group of devices: its ids in a table of their own, an expression, or a union of other groups. */
export interface GroupRow {
    tenant: string
    id: string
    name: string
    kind: "listed" | "where" | "union"
    where: string
    groups: string[]
    revision: number
    createdAt: Date
}

/** Releases, newest first. */
export interface ReleaseTable {
    insert(row: ReleaseRow, artifacts: ReleaseArtifactRow[]): Promise<void>
    get(tenant: string, id: string): Promise<ReleaseRow | null>
    artifacts(release: string): Promise<ReleaseArtifactRow[]>
    list(tenant: string, product: string | null, page: PageRequest): Promise<ReleaseRow[]>
    /** Writes enabled, description and verifiedAt; the revision goes up. */
    update(row: ReleaseRow): Promise<void>
    /** Removes a release and its rollouts; the caller has made sure that they have no tasks. */
    delete(tenant: string, id: string): Promise<void>
    countEnabled(product: string): Promise<number>
}

/** Rollouts, newest first. */
export interface RolloutTable {
    insert(row: RolloutRow): Promise<void>
    /** The product of a draft whose scope lists devices, and nobody else changes the draft until the transaction ends; else null. */
    lockDraft(tenant: string, id: string): Promise<string | null>
    /** Adds devices to the list of a scope; answers how many are new in it. */
    addDevices(tenant: string, rollout: string, deviceIds: string[]): Promise<number>
    get(tenant: string, id: string): Promise<RolloutListed | null>
    /**
     * The same, and nobody else plans or changes it until the transaction ends; hand-outs of check-ins go on. Null too when `skip`
     * and someone else does.
     */
    lock(id: string, skip: boolean): Promise<(RolloutListed & PaceRow) | null>
    list(tenant: string, releases: string[] | null, page: PageRequest): Promise<RolloutListed[]>
    /** Writes what changes in a rollout's life; the revision goes up. */
    update(row: RolloutRow): Promise<void>
    /** Writes how far the snapshot is. */
    updateSnapshot(id: string, after: string | null, done: boolean, total: number): Promise<void>
    deviceIds(rollout: string, page: PageRequest): Promise<string[]>
    /** Ids of the rollouts that have not finished. */
    open(): Promise<string[]>
    countOpen(product: string): Promise<number>
    /** An open rollout whose scope names a group; null when there is none. */
    openOfGroup(tenant: string, group: string): Promise<string | null>
    /** The enabled rollouts of products that take devices or have tasks. */
    candidates(products: string[]): Promise<RolloutCandidate[]>
    /** The newest rollouts of a product, whatever their state. */
    candidatesAll(product: string, limit: number): Promise<RolloutCandidate[]>
    /** These rollouts, whatever their state. */
    ofRollouts(ids: string[]): Promise<RolloutCandidate[]>
    /** Which rollouts list which of these devices. */
    listed(deviceIds: string[]): Promise<{ tenant: string; device: string; rollout: string }[]>
    /** Which groups list which of these devices. */
    grouped(deviceIds: string[]): Promise<{ tenant: string; device: string; group: string }[]>
    /** Devices of a scope behind an id, in the order of ids; locked in that order until the transaction ends, when `lock`. */
    scopeDevices(row: RolloutListed, page: PageRequest, lock?: boolean): Promise<DeviceRow[]>
    scopeCount(row: Pick<RolloutListed, "scope" | "product" | "count">): Promise<number>
    /** Writes the devices of a scope "percent" down: `count` of the product's, in an order that only the rollout's id decides. */
    listShare(row: RolloutListed, count: number): Promise<void>
    paces(ids: string[]): Promise<(PaceRow & { rollout: string })[]>
    /** Locks the paces of rollouts, in the order of ids. */
    lockPaces(ids: string[]): Promise<(PaceRow & { rollout: string })[]>
    /** Writes what hand-outs left of the rate; the pace is locked. */
    updatePace(rollout: string, pace: Pace): Promise<void>
    /** Writes which gates are behind a rollout and approved; the rollout is locked. */
    updateGate(rollout: string, gates: Pick<PaceRow, "gate" | "gatesApproved">): Promise<void>
    /** Counts of rollouts, summed over their shards. */
    counts(ids: string[]): Promise<Map<string, Counts>>
    addCounts(deltas: Map<string, CountDeltas>): Promise<void>
}

/** Tasks. A device has at most one that is under way for each module. */
export interface TaskTable {
    insert(rows: TaskRow[]): Promise<void>
    /** Inserts first tasks that are all like `shared`, but for what makes each its own. */
    insertAlike(shared: TaskRow, own: TaskOwn[]): Promise<void>
    update(rows: TaskRow[]): Promise<void>
    get(tenant: string, device: string, id: string): Promise<TaskRow | null>
    /** The last task of every rollout on these devices. */
    latest(deviceIds: string[]): Promise<TaskRow[]>
    /** Tasks that are under way on these devices. */
    active(deviceIds: string[]): Promise<TaskRow[]>
    list(tenant: string, filter: TaskFilter, page: PageRequest): Promise<TaskListed[]>
    existsOfRelease(release: string): Promise<boolean>
    /** Tasks of a rollout that wait and are due, the longest first; their devices are locked. Devices seen since `seenAfter` only. */
    takeQueued(rollout: string, now: Date, seenAfter: Date | null, limit: number): Promise<TaskRow[]>
    /** Last tasks of a rollout in some states behind a device; their devices are locked. */
    takeInStates(rollout: string, states: readonly TaskState[], limit: number): Promise<TaskRow[]>
    /** Tasks whose time is up; their devices are locked. */
    takeOverdue(now: Date, limit: number): Promise<TaskRow[]>
}

/** Groups. */
export interface GroupTable {
    /** False when the id is taken. */
    insert(row: GroupRow): Promise<boolean>
    get(tenant: string, id: string): Promise<GroupRow | null>
    getMany(tenant: string, ids: string[]): Promise<GroupRow[]>
    list(tenant: string, page: PageRequest): Promise<GroupRow[]>
    update(row: GroupRow): Promise<void>
    delete(tenant: string, id: string): Promise<void>
    /** Adds devices that the tenant has; answers how many were new. */
    addDevices(tenant: string, id: string, deviceIds: string[]): Promise<number>
    removeDevices(tenant: string, id: string, deviceIds: string[]): Promise<number>
    deviceIds(tenant: string, id: string, page: PageRequest): Promise<string[]>
    /** Devices of a listed group. */
    deviceCount(tenant: string, id: string): Promise<number>
    count(tenant: string): Promise<number>
}
