// Routes of webhooks.

import { createRoute, z } from "@hono/zod-openapi"
import { eventOf, nowOf, type Context } from "../context"
import { newId } from "../ids"
import { WEBHOOK_TYPES_MAX, WEBHOOK_URL_CHARS_MAX, WEBHOOKS_MAX } from "../limits"
import { notFound, Problem } from "../problems"
import type { WebhookRow } from "../store/access"
import type { Webhooks } from "../webhooks"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { ADMIN, answer, body, EMPTY, page, PROBLEM } from "./routes"
import { idParam, text } from "./schemas"

const time = z.iso.datetime()
const url = z.string().max(WEBHOOK_URL_CHARS_MAX)
const types = z
    .array(z.string().regex(/^([a-z]+\.)*([a-z]+|\*)$/, "a type of event, such as task.failed, task.* or *"))
    .min(1)
    .max(WEBHOOK_TYPES_MAX)
const webhookSchema = z
    .object({
        id: z.string(),
        url: z.string(),
        types: z.array(z.string()),
        description: z.string(),
        enabled: z.boolean(),
        failures: z.int(),
        lastError: z.string(),
        nextAt: time,
        createdAt: time,
    })
    .openapi("Webhook")
const webhookCreatedSchema = webhookSchema.extend({ secret: z.string() }).openapi("WebhookCreated")

const create = createRoute({
    method: "post",
    path: "/webhooks",
    security: ADMIN,
    summary: "Have an address told of events from now on",
    request: { body: body(z.strictObject({ url, types: types.default(["*"]), description: text.default("") })) },
    responses: { 201: answer("The webhook; its secret is shown once", webhookCreatedSchema), default: PROBLEM },
})
const list = createRoute({
    method: "get",
    path: "/webhooks",
    security: ADMIN,
    summary: "List webhooks",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Webhooks", webhookSchema), default: PROBLEM },
})
const get = createRoute({
    method: "get",
    path: "/webhooks/{id}",
    security: ADMIN,
    summary: "Show a webhook and how its deliveries go",
    request: { params: idParam },
    responses: { 200: answer("The webhook", webhookSchema), default: PROBLEM },
})
const changes = z.strictObject({
    url: url.optional(),
    types: types.optional(),
    description: text.optional(),
    enabled: z.boolean().optional(),
})
const patch = createRoute({
    method: "patch",
    path: "/webhooks/{id}",
    security: ADMIN,
    summary: "Change a webhook; enabling it begins its attempts anew",
    request: { params: idParam, body: body(changes) },
    responses: { 200: answer("The webhook", webhookSchema), default: PROBLEM },
})
const remove = createRoute({
    method: "delete",
    path: "/webhooks/{id}",
    security: ADMIN,
    summary: "Remove a webhook",
    request: { params: idParam },
    responses: { 204: EMPTY, default: PROBLEM },
})

function item(row: WebhookRow): z.infer<typeof webhookSchema> {
    const { id, url: address, types: wanted, description, enabled, failures, lastError } = row
    const times = { nextAt: row.nextAt.toISOString(), createdAt: row.createdAt.toISOString() }
    return { id, url: address, types: wanted, description, enabled, failures, lastError, ...times }
}

type Fields = Pick<WebhookRow, "url" | "types" | "description">

async function createOne(context: Context, webhooks: Webhooks, tenant: string, fields: Fields): Promise<WebhookRow> {
    await webhooks.rules.checkUrl(fields.url)
    const at = nowOf(context)
    const state = { enabled: true, failures: 0, lastError: "", nextAt: at, createdAt: at }
    return context.store.transaction(async tables => {
        if ((await tables.webhooks.count(tenant)) >= WEBHOOKS_MAX)
            throw new Problem("webhooks_too_many", `A tenant may have ${WEBHOOKS_MAX} webhooks. Remove old ones first.`)
        const row = { tenant, id: newId(context.nowMs()), ...fields, position: await tables.events.end(), ...state }
        await tables.webhooks.insert(row)
        await tables.events.append([eventOf(tenant, at, "webhook.created", { webhook: row.id, url: row.url })])
        return row
    })
}

async function changeOne(
    context: Context,
    webhooks: Webhooks,
    before: WebhookRow,
    fields: z.infer<typeof changes>,
): Promise<WebhookRow> {
    if (fields.url !== undefined) await webhooks.rules.checkUrl(fields.url)
    const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    const anew = fields.enabled === true ? { failures: 0, lastError: "", nextAt: nowOf(context) } : {}
    return context.store.transaction(async tables => {
        const now = await tables.webhooks.get(before.tenant, before.id)
        if (now === null) throw notFound("webhook")
        const after: WebhookRow = { ...now, ...set, ...anew }
        await tables.webhooks.update(after)
        const data = { webhook: after.id, url: after.url, enabled: after.enabled }
        await tables.events.append([eventOf(after.tenant, nowOf(context), "webhook.changed", data)])
        return after
    })
}

/** Routes of webhooks. */
export function webhookRoutes(context: Context, webhooks: Webhooks): Api {
    const { webhooks: table } = context.store.tables
    const api = newApi()
    const find = async (tenant: string, id: string): Promise<WebhookRow> => {
        const row = await table.get(tenant, id)
        if (row === null) throw notFound("webhook")
        return row
    }
    api.openapi(create, async c => {
        const row = await createOne(context, webhooks, tenantOf(c), c.req.valid("json"))
        return c.json({ ...item(row), secret: webhooks.secretOf(row.tenant, row.id) }, 201)
    })
    api.openapi(list, async c => {
        const query = c.req.valid("query")
        const rows = await table.list(tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, item),
            200,
        )
    })
    api.openapi(get, async c => c.json(item(await find(tenantOf(c), c.req.valid("param").id)), 200))
    api.openapi(patch, async c => {
        const before = await find(tenantOf(c), c.req.valid("param").id)
        return c.json(item(await changeOne(context, webhooks, before, c.req.valid("json"))), 200)
    })
    api.openapi(remove, async c => {
        const [tenant, { id }] = [tenantOf(c), c.req.valid("param")]
        await context.store.transaction(async tables => {
            if (!(await tables.webhooks.delete(tenant, id))) throw notFound("webhook")
            await tables.events.append([eventOf(tenant, nowOf(context), "webhook.removed", { webhook: id })])
        })
        return c.body(null, 204)
    })
    return api
}
