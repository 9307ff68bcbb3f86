// The store's interface: what the cloud keeps, and how it is asked for. postgres.ts implements it.

import type { Caller } from "../call"
import type { Attributes, Choice } from "../domain/types"
import type { AccessTables } from "./access"
import type { GroupTable, ReleaseTable, RolloutTable, TaskOwn, TaskTable } from "./store-rollouts"

export type * from "./store-rollouts"

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
    /** Public keys that its images are verified with at upload and release; none: only their presence is looked at. */
    publicKeys?: string[]
    /** Which of several matching rollouts goes first; "version" unless set. */
    choice?: Choice
    /** Names of its modules; only "default" unless set. */
    modules?: string[]
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
    /** Versions of further modules by name. */
    versions: Record<string, string>
    /** When the present version was first reported. */
    versionAt: Date | null
    tags: string[]
    /** "" for none. */
    region: string
    /** The shadow: what the device says it is, and what an operator wants it to be. */
    reported: Attributes
    desired: Attributes
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
    versions: Record<string, string>
    versionAt: Date | null
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
    getMany(tenant: string, ids: string[]): Promise<DeviceRow[]>
    /** The devices of these ids, of any tenant, in the order of ids, locked until the transaction ends. */
    lock(ids: string[]): Promise<DeviceRow[]>
    findByToken(tokenHash: Buffer): Promise<DeviceRow | null>
    list(tenant: string, product: string | null, page: PageRequest): Promise<DeviceRow[]>
    /** Adds devices that have no token yet; answers the ids that were new. Ids that other devices of the tenant have stay. */
    insertMany(rows: Pick<DeviceRow, "tenant" | "product" | "cloud" | "createdAt">, ids: string[]): Promise<string[]>
    /** Ids of this list that the tenant's product does not have. */
    missing(tenant: string, product: string, ids: string[]): Promise<string[]>
    /** Every `oneIn`th device of a product, `limit` at most: always the same ones, in an order that has nothing to do with their ids. */
    sample(product: string, oneIn: number, limit: number): Promise<DeviceRow[]>
    update(row: DeviceRow): Promise<void>
    /** Writes the reported state of a device. */
    report(row: DeviceRow): Promise<void>
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
    /** Appends what tells of tasks that begin alike: events like `shared`, but for device, task and reason. */
    appendAlike(shared: EventDraft, own: TaskOwn[]): Promise<void>
    /** Cursor behind everything that can be read now. */
    end(): Promise<string>
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
    groups: GroupTable
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
