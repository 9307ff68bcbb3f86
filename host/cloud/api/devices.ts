// Routes of devices.

import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "../context"
import type { Attributes } from "../domain/types"
import { DEVICE_TAGS_MAX } from "../limits"
import { notFound } from "../problems"
import { changeDevice, createDevice, deleteDevice, dropDeviceToken, resetDeviceToken } from "../services/devices"
import { explain } from "../services/explain"
import type { DeviceRow } from "../store/store"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, body, EMPTY, page, PROBLEM, OPERATOR, VIEWER } from "./routes"
import { attributes, chosenId, deviceCreatedSchema, deviceSchema, explainSchema, idParam, tokenSchema, version } from "./schemas"

const draft = z.strictObject({
    id: chosenId.optional(),
    product: z.string(),
    cloud: z.string().optional(),
    attributes: attributes.default({}),
    version: version.default(""),
})

const change = z.strictObject({
    attributes: attributes.optional(),
    claimed: z.boolean().optional(),
    tags: z.array(chosenId).max(DEVICE_TAGS_MAX).optional(),
    region: chosenId.or(z.literal("")).optional(),
    desired: attributes.optional(),
})

const create = createRoute({
    method: "post",
    path: "/devices",
    security: OPERATOR,
    summary: "Make a device",
    request: { body: body(draft) },
    responses: { 201: answer("The device with its token", deviceCreatedSchema), default: PROBLEM },
})
const list = createRoute({
    method: "get",
    path: "/devices",
    security: VIEWER,
    summary: "List devices",
    request: { query: z.object({ ...pageQuery, product: z.string().optional() }) },
    responses: { 200: page("Devices", deviceSchema), default: PROBLEM },
})
const get = createRoute({
    method: "get",
    path: "/devices/{id}",
    security: VIEWER,
    summary: "Show a device",
    request: { params: idParam },
    responses: { 200: answer("The device", deviceSchema), default: PROBLEM },
})
const patch = createRoute({
    method: "patch",
    path: "/devices/{id}",
    security: OPERATOR,
    summary: "Change or claim a device",
    request: {
        params: idParam,
        body: body(change),
    },
    responses: { 200: answer("The device", deviceSchema), default: PROBLEM },
})
const remove = createRoute({
    method: "delete",
    path: "/devices/{id}",
    security: OPERATOR,
    summary: "Remove a device",
    request: { params: idParam },
    responses: { 204: EMPTY, default: PROBLEM },
})
const resetToken = createRoute({
    method: "post",
    path: "/devices/{id}/token",
    security: OPERATOR,
    summary: "Issue a new token",
    request: { params: idParam },
    responses: { 201: answer("The token; the old one ends", tokenSchema), default: PROBLEM },
})
const dropToken = createRoute({
    method: "delete",
    path: "/devices/{id}/token",
    security: OPERATOR,
    summary: "End the token; the device registers anew",
    request: { params: idParam },
    responses: { 204: EMPTY, default: PROBLEM },
})
const explainRoute = createRoute({
    method: "get",
    path: "/devices/{id}/explain",
    security: VIEWER,
    summary: "Why the device gets the update that it gets, or none",
    request: { params: idParam },
    responses: { 200: answer("Every check of every rollout", explainSchema), default: PROBLEM },
})

function item(row: DeviceRow): z.infer<typeof deviceSchema> {
    const { id, product, cloud, version: running, versions, tags, region, reported, desired, claimed } = row
    const shadow = { versions, tags, region, reported, desired }
    const times = { createdAt: row.createdAt.toISOString(), lastSeenAt: row.lastSeenAt?.toISOString() ?? null }
    return { id, product, cloud, attributes: row.attributes, version: running, ...shadow, claimed, ...times }
}

function addDeviceRoutes(api: Api, context: Context): void {
    const { devices } = context.store.tables
    api.openapi(create, async c => {
        const fields = c.req.valid("json")
        const made = await createDevice(context, tenantOf(c), { ...fields, attributes: fields.attributes as Attributes })
        return c.json({ ...item(made.device), token: made.token }, 201)
    })
    api.openapi(list, async c => {
        const query = c.req.valid("query")
        const rows = await devices.list(tenantOf(c), query.product ?? null, pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, item),
            200,
        )
    })
    api.openapi(get, async c => {
        const row = await devices.get(tenantOf(c), c.req.valid("param").id)
        if (row === null) throw notFound("device")
        return c.json(item(row), 200)
    })
    api.openapi(patch, async c => {
        const { attributes: changes, desired, ...rest } = c.req.valid("json")
        const row = await changeDevice(context, tenantOf(c), c.req.valid("param").id, {
            ...rest,
            attributes: changes as Attributes | undefined,
            desired: desired as Attributes | undefined,
        })
        return c.json(item(row), 200)
    })
    api.openapi(remove, async c => {
        await deleteDevice(context, tenantOf(c), c.req.valid("param").id)
        return c.body(null, 204)
    })
}

function addTokenRoutes(api: Api, context: Context): void {
    api.openapi(resetToken, async c =>
        c.json({ token: await resetDeviceToken(context, tenantOf(c), c.req.valid("param").id) }, 201),
    )
    api.openapi(dropToken, async c => {
        await dropDeviceToken(context, tenantOf(c), c.req.valid("param").id)
        return c.body(null, 204)
    })
}

/** Routes of devices. */
export function deviceRoutes(context: Context): Api {
    const api = newApi()
    addDeviceRoutes(api, context)
    addTokenRoutes(api, context)
    api.openapi(explainRoute, async c => {
        const { device, update, reason, rollouts } = await explain(context, tenantOf(c), c.req.valid("param").id)
        const { id, product, version: running } = device
        return c.json({ device: id, product, version: running, decision: { update, reason }, rollouts }, 200)
    })
    return api
}
