// The store's interface, second half: tokens, webhooks, repeated calls, imports. tables-access.ts implements it.

import type { Grant, Role } from "../roles"
import type { PageRequest } from "./store"

/** An API token, without its hash. `role` is the one in its own tenant. */
export interface ApiTokenRow {
    id: string
    tenant: string
    role: Role
    name: string
    /** Roles in further tenants. */
    grants: Grant[]
    createdAt: Date
    /** Whose it is, such as an e-mail address; "" when it stands for itself. */
    owner: string
    /** When it ends; null for never. */
    expiresAt: Date | null
    revokedAt: Date | null
}

/** API tokens. */
export interface ApiTokenTable {
    /** Does nothing when the hash is known. */
    insert(row: ApiTokenRow & { tokenHash: Buffer }): Promise<void>
    /** By hash, whatever its state. */
    find(tokenHash: Buffer): Promise<ApiTokenRow | null>
    get(tenant: string, id: string): Promise<ApiTokenRow | null>
    list(tenant: string, page: PageRequest): Promise<ApiTokenRow[]>
    /** False when there is no such token, or it was revoked before. */
    revoke(tenant: string, id: string, at: Date): Promise<boolean>
}

/** A tenant. */
export interface TenantRow {
    id: string
    name: string
    createdAt: Date
}

/** Tenants. */
export interface TenantTable {
    /** False when the id is taken. */
    insert(row: TenantRow): Promise<boolean>
    get(id: string): Promise<TenantRow | null>
    list(page: PageRequest): Promise<TenantRow[]>
    update(row: TenantRow): Promise<void>
}

/** An address that is told of events. */
export interface WebhookRow {
    tenant: string
    id: string
    url: string
    /** Types of events, `task.*` for all that begin alike, `*` for all. */
    types: string[]
    description: string
    enabled: boolean
    /** Cursor of the last event that was delivered, or looked at; null before the first. */
    position: string | null
    /** Attempts that failed since the last that did not. */
    failures: number
    lastError: string
    nextAt: Date
    createdAt: Date
}

/** Webhooks. */
export interface WebhookTable {
    insert(row: WebhookRow): Promise<void>
    get(tenant: string, id: string): Promise<WebhookRow | null>
    list(tenant: string, page: PageRequest): Promise<WebhookRow[]>
    /** Webhooks of all tenants whose time has come. */
    due(at: Date, limit: number): Promise<WebhookRow[]>
    /** Takes one for delivery until `until`: true for one process only. */
    take(row: WebhookRow, until: Date): Promise<boolean>
    update(row: WebhookRow): Promise<void>
    /** Writes how a delivery went, and nothing that an operator edits; not when it was switched off meanwhile. */
    settle(row: WebhookRow): Promise<void>
    delete(tenant: string, id: string): Promise<boolean>
    count(tenant: string): Promise<number>
}

/** A call with an Idempotency-Key. */
export interface RepeatedCallRow {
    /** SHA-256 over method, path and body. */
    fingerprint: Buffer
    status: number | null
    /** The sealed answer; null while it is not known. */
    answer: Buffer | null
}

/** Calls with an Idempotency-Key. */
export interface RepeatedCallTable {
    get(token: string, key: string): Promise<RepeatedCallRow | null>
    /** False when the key was used before. Waits for a transaction that is using it. */
    claim(token: string, key: string, fingerprint: Buffer, at: Date): Promise<boolean>
    answer(token: string, key: string, status: number, answer: Buffer): Promise<void>
    /** Forgets calls that are older. */
    forget(before: Date): Promise<void>
    /** Nobody else gets a lock of this name until the transaction ends. */
    lock(name: string): Promise<void>
}

/** State of an import. */
export type ImportState = "running" | "done" | "failed"

/** An import of devices. */
export interface ImportRow {
    tenant: string
    id: string
    /** Whom the devices are for: one of the three. */
    product: string
    group: string | null
    rollout: string | null
    state: ImportState
    total: number
    created: number
    existing: number
    invalid: number
    /** Why it failed; "" otherwise. */
    reason: string
    createdAt: Date
    updatedAt: Date
}

/** A line of an import that is not valid. */
export interface InvalidLine {
    /** Number of the line in the file, from 1. */
    line: number
    name: string
    reason: string
}

/** Imports of devices. */
export interface ImportTable {
    insert(row: ImportRow): Promise<void>
    get(tenant: string, id: string): Promise<ImportRow | null>
    list(tenant: string, page: PageRequest): Promise<ImportRow[]>
    update(row: ImportRow): Promise<void>
    /** Makes devices that are claimed and have no token, which register by themselves. Answers how many are new. */
    addDevices(row: ImportRow, cloud: string, names: string[]): Promise<number>
    /** Those of some names that no device of the tenant (and product, unless it is null) has. */
    unknown(tenant: string, product: string | null, names: string[]): Promise<string[]>
    addInvalid(row: ImportRow, lines: InvalidLine[]): Promise<void>
    /** Invalid lines behind a line. */
    invalid(tenant: string, id: string, afterLine: number, limit: number): Promise<InvalidLine[]>
    /** Has the database count anew, so that it plans with what a large import brought. */
    settle(): Promise<void>
    /** Imports that a killed process left running. */
    abandon(before: Date, reason: string): Promise<void>
}

/** How much there is, of all tenants. */
export interface Totals {
    devices: number
    /** Tasks by state. */
    tasks: Record<string, number>
    /** Rollouts by state. */
    rollouts: Record<string, number>
}

/** The tables of this half by noun. */
export interface AccessTables {
    tenants: TenantTable
    apiTokens: ApiTokenTable
    webhooks: WebhookTable
    repeatedCalls: RepeatedCallTable
    imports: ImportTable
    totals: { count(): Promise<Totals> }
}
