// API tokens and tenants: rights handed out and taken back. Nobody hands out rights in a tenant that is not theirs.

import type { Identity } from "../auth"
import { DEFAULT_CLOUD, DEFAULT_TENANT, eventOf, nowOf, type Context } from "../context"
import { newId, newToken, tokenHash } from "../ids"
import { notFound, Problem } from "../problems"
import type { Grant, Role } from "../roles"
import type { ApiTokenRow, TenantRow } from "../store/access"
import type { Tables } from "../store/store"

/** What makes a token. */
export interface TokenDraft {
    name: string
    role: Role
    /** Undefined: the tenant that the call speaks for. */
    tenant?: string | undefined
    /** Roles in further tenants. */
    grants: Grant[]
    /** Whose it is; undefined or "" for a token that stands for itself. */
    owner?: string | undefined
    /** Undefined for never. */
    expiresAt?: string | undefined
}

/** Whether a caller looks after all tenants: as an admin of the tenant that was there first. */
export function isKeeper({ tenant, role }: Identity): boolean {
    return tenant === DEFAULT_TENANT && role === "admin"
}

function keepersOnly(): Problem {
    return new Problem("forbidden", "Only admins of the default tenant may do this. They call without the header Otary-Tenant.")
}

async function checkTenants(tables: Tables, identity: Identity, { tenant, grants }: TokenDraft): Promise<void> {
    const named = [...(tenant === undefined ? [] : [tenant]), ...grants.map(grant => grant.tenant)]
    if (named.some(one => one !== identity.tenant) && !isKeeper(identity)) throw keepersOnly()
    for (const one of new Set(named)) if ((await tables.tenants.get(one)) === null) throw notFound("tenant")
}

function tokenRow(context: Context, identity: Identity, draft: TokenDraft): ApiTokenRow {
    const createdAt = nowOf(context)
    const expiresAt = draft.expiresAt === undefined ? null : new Date(draft.expiresAt)
    if (expiresAt !== null && expiresAt <= createdAt) {
        const issues = [{ path: "expiresAt", message: "a time to come" }]
        throw new Problem("field_invalid", "The token would have expired already.", issues)
    }
    const { name, role, grants, owner = "", tenant = identity.tenant } = draft
    return { id: newId(context.nowMs()), tenant, role, name, owner, grants, createdAt, expiresAt, revokedAt: null }
}

/** Makes a token; its text is shown once. Throws Problem `forbidden`, `not_found`, `field_invalid`. */
export async function createToken(
    context: Context,
    identity: Identity,
    draft: TokenDraft,
): Promise<{ row: ApiTokenRow; token: string }> {
    const token = newToken()
    const row = tokenRow(context, identity, draft)
    await context.store.transaction(async tables => {
        await checkTenants(tables, identity, draft)
        await tables.apiTokens.insert({ ...row, tokenHash: tokenHash(token) })
        const data = { token: row.id, name: row.name, role: row.role, owner: row.owner, grants: row.grants.length }
        await tables.events.append([eventOf(row.tenant, row.createdAt, "token.created", data)])
    })
    return { row, token }
}

/** Ends a token at once. Throws Problem `not_found`. */
export async function revokeToken(context: Context, tenant: string, id: string): Promise<void> {
    await context.store.transaction(async tables => {
        if (!(await tables.apiTokens.revoke(tenant, id, nowOf(context)))) throw notFound("token")
        await tables.events.append([eventOf(tenant, nowOf(context), "token.revoked", { token: id })])
    })
}

/** What makes a tenant. */
export interface TenantDraft {
    id?: string | undefined
    name?: string | undefined
}

/** Makes a tenant with its cloud and its first admin token. Throws Problem `forbidden`, `already_exists`. */
export async function createTenant(
    context: Context,
    identity: Identity,
    draft: TenantDraft,
): Promise<{ row: TenantRow; token: string }> {
    if (!isKeeper(identity)) throw keepersOnly()
    const token = newToken()
    const id = draft.id ?? newId(context.nowMs())
    const row = { id, name: draft.name ?? id, createdAt: nowOf(context) }
    const first = tokenRow(context, { ...identity, tenant: id }, { name: "first admin", role: "admin", grants: [] })
    await context.store.transaction(async tables => {
        if (!(await tables.tenants.insert(row))) throw new Problem("already_exists", "A tenant with this id exists already.")
        await tables.clouds.insert({ tenant: id, id: DEFAULT_CLOUD, name: DEFAULT_CLOUD, createdAt: row.createdAt })
        await tables.apiTokens.insert({ ...first, tokenHash: tokenHash(token) })
        await tables.events.append([eventOf(DEFAULT_TENANT, row.createdAt, "tenant.created", { tenant: id })])
    })
    return { row, token }
}

/** Renames a tenant. Throws Problem `not_found`: for every tenant but the caller's own, unless he looks after all. */
export function changeTenant(context: Context, identity: Identity, id: string, name: string): Promise<TenantRow> {
    return context.store.transaction(async tables => {
        const before = await tables.tenants.get(id)
        if (before === null || (id !== identity.tenant && !isKeeper(identity))) throw notFound("tenant")
        const after = { ...before, name }
        await tables.tenants.update(after)
        await tables.events.append([eventOf(identity.tenant, nowOf(context), "tenant.changed", { tenant: id, name })])
        return after
    })
}
