// Routes of tokens, tenants and the audit log.

import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "../context"
import { GRANTS_MAX } from "../limits"
import { notFound } from "../problems"
import { ROLES } from "../roles"
import { changeTenant, createTenant, createToken, isKeeper, revokeToken } from "../services/tokens"
import type { ApiTokenRow, TenantRow } from "../store/access"
import { eventItem, eventPage } from "./activity"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { ADMIN, answer, body, EMPTY, page, PROBLEM, VIEWER } from "./routes"
import { chosenId, eventSchema, idParam, name } from "./schemas"

const time = z.iso.datetime()
const role = z.enum(ROLES)
const grant = z.strictObject({ tenant: chosenId, role })
const tokenSchema = z
    .object({
        id: z.string(),
        tenant: z.string(),
        name: z.string(),
        owner: z.string(),
        role,
        grants: z.array(grant),
        createdAt: time,
        expiresAt: time.nullable(),
        revokedAt: time.nullable(),
    })
    .openapi("ApiToken")
const tokenCreatedSchema = tokenSchema.extend({ token: z.string() }).openapi("ApiTokenCreated")
const tokenDraft = z.strictObject({
    name,
    owner: name.optional(),
    role,
    tenant: chosenId.optional(),
    grants: z.array(grant).max(GRANTS_MAX).default([]),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
})
const identitySchema = z
    .object({ token: z.string(), name: z.string(), person: z.string(), home: z.string(), tenant: z.string(), role })
    .openapi("Identity")
const tenantSchema = z.object({ id: z.string(), name: z.string(), createdAt: time }).openapi("Tenant")
const tenantCreatedSchema = tenantSchema.extend({ token: z.string() }).openapi("TenantCreated")
const auditSchema = eventSchema
    .extend({
        actor: z.object({ token: z.string(), name: z.string(), person: z.string().optional(), role, address: z.string() }),
    })
    .openapi("AuditEntry")

const whoami = createRoute({
    method: "get",
    path: "/identity",
    security: VIEWER,
    summary: "Whom the token belongs to, and what it may do in the tenant of this call",
    responses: { 200: answer("Identity", identitySchema), default: PROBLEM },
})
const createTokenRoute = createRoute({
    method: "post",
    path: "/tokens",
    security: ADMIN,
    summary: "Make an API token",
    request: { body: body(tokenDraft) },
    responses: { 201: answer("The token; its text is shown once", tokenCreatedSchema), default: PROBLEM },
})
const listTokens = createRoute({
    method: "get",
    path: "/tokens",
    security: ADMIN,
    summary: "List API tokens",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Tokens", tokenSchema), default: PROBLEM },
})
const getToken = createRoute({
    method: "get",
    path: "/tokens/{id}",
    security: ADMIN,
    summary: "Show an API token",
    request: { params: idParam },
    responses: { 200: answer("The token", tokenSchema), default: PROBLEM },
})
const revoke = createRoute({
    method: "delete",
    path: "/tokens/{id}",
    security: ADMIN,
    summary: "End an API token at once",
    request: { params: idParam },
    responses: { 204: EMPTY, default: PROBLEM },
})
const createTenantRoute = createRoute({
    method: "post",
    path: "/tenants",
    security: ADMIN,
    summary: "Make a tenant with its first admin token (admins of the default tenant)",
    request: { body: body(z.strictObject({ id: chosenId.optional(), name: name.optional() })) },
    responses: { 201: answer("The tenant", tenantCreatedSchema), default: PROBLEM },
})
const listTenants = createRoute({
    method: "get",
    path: "/tenants",
    security: ADMIN,
    summary: "List tenants: all for admins of the default tenant, else the caller's",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Tenants", tenantSchema), default: PROBLEM },
})
const getTenant = createRoute({
    method: "get",
    path: "/tenants/{id}",
    security: ADMIN,
    summary: "Show a tenant",
    request: { params: idParam },
    responses: { 200: answer("The tenant", tenantSchema), default: PROBLEM },
})
const patchTenant = createRoute({
    method: "patch",
    path: "/tenants/{id}",
    security: ADMIN,
    summary: "Rename a tenant",
    request: { params: idParam, body: body(z.strictObject({ name })) },
    responses: { 200: answer("The tenant", tenantSchema), default: PROBLEM },
})
const audit = createRoute({
    method: "get",
    path: "/audit",
    security: ADMIN,
    summary: "Every change that an operator made, with who made it, oldest first; `next` goes on where this page ended",
    request: { query: z.object({ ...pageQuery, type: z.string().max(128).optional() }) },
    responses: { 200: page("Changes", auditSchema), default: PROBLEM },
})

function tokenItem(row: ApiTokenRow): z.infer<typeof tokenSchema> {
    const { id, tenant, name: label, owner, role: own, grants } = row
    const ends = { expiresAt: row.expiresAt?.toISOString() ?? null, revokedAt: row.revokedAt?.toISOString() ?? null }
    return { id, tenant, name: label, owner, role: own, grants, createdAt: row.createdAt.toISOString(), ...ends }
}

function tenantItem({ id, name: label, createdAt }: TenantRow): z.infer<typeof tenantSchema> {
    return { id, name: label, createdAt: createdAt.toISOString() }
}

function addTokenRoutes(api: Api, context: Context): void {
    const { apiTokens } = context.store.tables
    api.openapi(whoami, c => {
        const { token, name: label, person, home, tenant, role: own } = c.get("identity")
        return c.json({ token, name: label, person, home, tenant, role: own }, 200)
    })
    api.openapi(createTokenRoute, async c => {
        const { row, token } = await createToken(context, c.get("identity"), c.req.valid("json"))
        return c.json({ ...tokenItem(row), token }, 201)
    })
    api.openapi(listTokens, async c => {
        const query = c.req.valid("query")
        const rows = await apiTokens.list(tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, tokenItem),
            200,
        )
    })
    api.openapi(getToken, async c => {
        const row = await apiTokens.get(tenantOf(c), c.req.valid("param").id)
        if (row === null) throw notFound("token")
        return c.json(tokenItem(row), 200)
    })
    api.openapi(revoke, async c => {
        await revokeToken(context, tenantOf(c), c.req.valid("param").id)
        return c.body(null, 204)
    })
}

function addTenantRoutes(api: Api, context: Context): void {
    const { tenants } = context.store.tables
    api.openapi(createTenantRoute, async c => {
        const { row, token } = await createTenant(context, c.get("identity"), c.req.valid("json"))
        return c.json({ ...tenantItem(row), token }, 201)
    })
    api.openapi(listTenants, async c => {
        const query = c.req.valid("query")
        const own = async (): Promise<TenantRow[]> => [await tenants.get(tenantOf(c))].flatMap(row => (row === null ? [] : [row]))
        const rows = isKeeper(c.get("identity")) ? await tenants.list(pageRequest(query)) : await own()
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, tenantItem),
            200,
        )
    })
    api.openapi(getTenant, async c => {
        const { id } = c.req.valid("param")
        const row = id === tenantOf(c) || isKeeper(c.get("identity")) ? await tenants.get(id) : null
        if (row === null) throw notFound("tenant")
        return c.json(tenantItem(row), 200)
    })
    api.openapi(patchTenant, async c => {
        const row = await changeTenant(context, c.get("identity"), c.req.valid("param").id, c.req.valid("json").name)
        return c.json(tenantItem(row), 200)
    })
}

/** Routes of tokens, tenants and the audit log. */
export function accessRoutes(context: Context): Api {
    const api = newApi()
    addTokenRoutes(api, context)
    addTenantRoutes(api, context)
    api.openapi(audit, async c => {
        const { type = null, ...query } = c.req.valid("query")
        const { rows, next } = await eventPage(context, tenantOf(c), { type, device: null, audit: true }, query)
        const items = rows.flatMap(row => (row.actor === null ? [] : [{ ...eventItem(row), actor: { ...row.actor } }]))
        return c.json({ items, next }, 200)
    })
    return api
}
