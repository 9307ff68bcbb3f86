// The store's interface: what the cloud keeps, and how it is asked for. postgres.ts implements it.

import type { Caller } from "../call"
import type { Attributes, ScopeKind, TaskFacts, TaskState } from "../domain/types"
import type { AccessTables } from "./access"

/** One page of a list: rows after the key `after` (null for the first page), at most `limit`. */
export interface PageRequest {
    after: string | null
    limit: number
}

/** A kind of devices. */
export interface ProductRow {
    tenant: string
    id: string
    name: string
    /** Whether a device that registers is claimed at once. */
    autoClaim: boolean
    /** Whether the product's id is enough to register (as Ioto agents do), or only its token. */
    registerById: boolean
    /** Whether its releases must be signed images. */
    signatureRequired: boolean
    tokenHash: Buffer | null
    createdAt: Date
}

/** A fleet of a tenant. */
export interface CloudRow {
    tenant: string
    id: string
    name: string
    createdAt: Date
}

/** Who was given a device's token: the device when it registered, or an operator. */
export type TokenHolder = "device" | "operator"

/** A device. */
export interface DeviceRow {
    tenant: string
    id: string
    product: string
    cloud: string
    attributes: Attributes
    version: string
    claimed: boolean
    tokenHash: Buffer | null
    tokenHolder: TokenHolder | null
    /** Whether the device has ever used its token. */
    tokenUsed: boolean
    createdAt: Date
    lastSeenAt: Date | null
}

/** What a check-in changes in a device. */
export interface DeviceSeen {
    tenant: string
    id: string
    attributes: Attributes
    version: string
    lastSeenAt: Date
}

/** The part of an image's manifest that the cloud reads; more keys may be there. */
export interface ImageManifest {
    name?: string
    platform: string
    version: string
    build_id: string
    product?: string
    requires?: string
    expires?: string
    parts: Record<string, unknown>
}

/** An uploaded image. */
export interface ArtifactRow {
    tenant: string
    sha256: string
    sizeBytes: number
    manifest: ImageManifest
    createdAt: Date
}

/** A version of a product's software, ready to be given to devices. */
export interface ReleaseRow {
    tenant: string
    id: string
    product: string
    version: string
    policy: string
    description: string
    commit: string
    enabled: boolean
    artifact: string
    createdAt: Date
}

/** A release on its way to a scope of devices. */
export interface RolloutRow {
    tenant: string
    id: string
    release: string
    mode: "continuous"
    scope: ScopeKind
    createdAt: Date
}

/** A rollout as lists show it. */
export interface RolloutListed extends RolloutRow {
    product: string
    version: string
    /** Devices in the scope's list; 0 for scope "all". */
    count: number
}

/** A rollout with everything that the decision and the answer need of its release and image. */
export interface RolloutCandidate {
    tenant: string
    rollout: string
    scope: ScopeKind
    release: string
    product: string
    version: string
    policy: string
    enabled: boolean
    artifact: string
    manifest: ImageManifest
}

/** A rollout on one device. */
export interface TaskRow extends TaskFacts {
    tenant: string
    device: string
    createdAt: Date
    updatedAt: Date
}

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

/** Something that happened. Events are only ever added. */
export interface EventDraft {
    tenant: string
    at: Date
    /** A dotted name, such as `task.offered`; docs/api.md lists them. */
    type: string
    device: string | null
    data: Record<string, string | number | boolean | null>
    /** The operator behind it; null for devices and the cloud itself. */
    actor: Caller | null
}

/** An event as it is kept; `cursor` is its place in the order of commits. */
export interface EventRow extends EventDraft {
    id: string
    cursor: string
}

/** Products. Ids are unique over all tenants, because a device registers with nothing else. */
export interface ProductTable {
    /** False when the id is taken. */
    insert(row: ProductRow): Promise<boolean>
    get(tenant: string, id: string): Promise<ProductRow | null>
    /** The same, and nobody else changes it or its releases until the transaction ends. */
    lock(tenant: string, id: string): Promise<ProductRow | null>
    /** By id or by token, whichever fits, of any tenant. */
    findByCredential(id: string, tokenHash: Buffer): Promise<ProductRow | null>
    list(tenant: string, page: PageRequest): Promise<ProductRow[]>
    update(row: ProductRow): Promise<void>
}

/** Clouds. */
export interface CloudTable {
    insert(row: CloudRow): Promise<boolean>
    get(tenant: string, id: string): Promise<CloudRow | null>
    list(tenant: string, page: PageRequest): Promise<CloudRow[]>
}

/** Devices. */
export interface DeviceTable {
    insert(row: DeviceRow): Promise<boolean>
    get(tenant: string, id: string): Promise<DeviceRow | null>
    /** The devices of these ids, of any tenant, in the order of ids, locked until the transaction ends. */
    lock(ids: string[]): Promise<DeviceRow[]>
    findByToken(tokenHash: Buffer): Promise<DeviceRow | null>
    list(tenant: string, product: string | null, page: PageRequest): Promise<DeviceRow[]>
    /** Ids of this list that the tenant's product does not have. */
    missing(tenant: string, product: string, ids: string[]): Promise<string[]>
    update(row: DeviceRow): Promise<void>
    /** Writes what check-ins brought; marks the tokens as used. */
    seen(rows: DeviceSeen[]): Promise<void>
    /** Removes a device, its tasks and its places in scopes. False when it was not there. */
    delete(tenant: string, id: string): Promise<boolean>
}

/** Artifacts. */
export interface ArtifactTable {
    /** False when the tenant has it already. */
    insert(row: ArtifactRow): Promise<boolean>
    get(tenant: string, sha256: string): Promise<ArtifactRow | null>
    list(tenant: string, page: PageRequest): Promise<ArtifactRow[]>
}

/** Releases, newest first. */
export interface ReleaseTable {
    insert(row: ReleaseRow): Promise<void>
    get(tenant: string, id: string): Promise<ReleaseRow | null>
    list(tenant: string, product: string | null, page: PageRequest): Promise<ReleaseRow[]>
    update(row: ReleaseRow): Promise<void>
    /** Removes a release and its rollouts; the caller has made sure that they have no tasks. */
    delete(tenant: string, id: string): Promise<void>
    countEnabled(product: string): Promise<number>
}

/** Rollouts, newest first. */
export interface RolloutTable {
    insert(row: RolloutRow, deviceIds: string[]): Promise<void>
    get(tenant: string, id: string): Promise<RolloutListed | null>
    list(tenant: string, releases: string[] | null, page: PageRequest): Promise<RolloutListed[]>
    deviceIds(rollout: string): Promise<string[]>
    /** The enabled rollouts of products. */
    candidates(products: string[]): Promise<RolloutCandidate[]>
    /** The newest rollouts of a product, enabled or not. */
    candidatesAll(product: string, limit: number): Promise<RolloutCandidate[]>
    /** Which rollouts list which of these devices. */
    listed(deviceIds: string[]): Promise<{ tenant: string; device: string; rollout: string }[]>
}

/** Tasks. A device has at most one that is under way. */
export interface TaskTable {
    insert(rows: TaskRow[]): Promise<void>
    update(rows: TaskRow[]): Promise<void>
    get(tenant: string, device: string, id: string): Promise<TaskRow | null>
    /** The last task of every rollout on these devices. */
    latest(deviceIds: string[]): Promise<TaskRow[]>
    list(tenant: string, filter: TaskFilter, page: PageRequest): Promise<TaskListed[]>
    existsOfRelease(release: string): Promise<boolean>
}

/** What narrows a list of events; null for no matter. */
export interface EventFilter {
    type: string | null
    device: string | null
    /** True: only changes that operators made. */
    audit?: boolean
}

/** Events, oldest first. */
export interface EventTable {
    append(drafts: EventDraft[]): Promise<void>
    /** Events behind a cursor. Nothing ever appears before a cursor that was handed out. */
    list(tenant: string, filter: EventFilter, page: PageRequest): Promise<EventRow[]>
}

/** Secrets and settings that all processes of a cloud share. */
export interface SettingTable {
    /** The value of a key; the first caller's `value` is kept and everyone gets it. */
    getOrPut(key: string, value: string): Promise<string>
}

/** Everything that is kept, by noun. */
export interface Tables extends AccessTables {
    products: ProductTable
    clouds: CloudTable
    devices: DeviceTable
    artifacts: ArtifactTable
    releases: ReleaseTable
    rollouts: RolloutTable
    tasks: TaskTable
    events: EventTable
    settings: SettingTable
}

/** A store. Its functions throw Problem `database_unavailable` while the database is away. */
export interface Store {
    /** Each call by itself. */
    readonly tables: Tables
    /** All or nothing. `run` is called again when it lost a race with another transaction, so it does nothing but ask the store. */
    transaction<T>(run: (tables: Tables) => Promise<T>): Promise<T>
    /** Makes sure that a tenant and its cloud exist. */
    ensureTenant(tenant: string, cloud: string, now: Date): Promise<void>
    /** Answers when the database does. */
    ping(): Promise<void>
    close(): Promise<void>
}
