// Routes of groups.

import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "../context"
import * as service from "../services/groups"
import type { GroupView } from "../services/rollout-shapes"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, body, EMPTY, OPERATOR, page, PROBLEM, VIEWER } from "./routes"
import { deviceList, groupChange, groupDraft, groupSchema } from "./rollout-schemas"
import { idParam } from "./schemas"

const SHOWN = { 200: answer("The group", groupSchema), default: PROBLEM }
const COUNTED = { 200: answer("How many devices it changed", z.object({ count: z.int() })), default: PROBLEM }

const create = createRoute({
    method: "post",
    path: "/groups",
    security: OPERATOR,
    summary: "Make a group: listed devices, those that an expression holds for, or a union of groups",
    request: { body: body(groupDraft) },
    responses: { 201: answer("The group", groupSchema), default: PROBLEM },
})
const list = createRoute({
    method: "get",
    path: "/groups",
    security: VIEWER,
    summary: "List groups",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Groups", groupSchema), default: PROBLEM },
})
const get = createRoute({
    method: "get",
    path: "/groups/{id}",
    security: VIEWER,
    summary: "Show a group",
    request: { params: idParam },
    responses: SHOWN,
})
const patch = createRoute({
    method: "patch",
    path: "/groups/{id}",
    security: OPERATOR,
    summary: "Change a group; its kind stays",
    request: { params: idParam, body: body(groupChange) },
    responses: SHOWN,
})
const remove = createRoute({
    method: "delete",
    path: "/groups/{id}",
    security: OPERATOR,
    summary: "Remove a group that no open rollout and no union names",
    request: { params: idParam },
    responses: { 204: EMPTY, default: PROBLEM },
})
const members = createRoute({
    method: "get",
    path: "/groups/{id}/devices",
    security: VIEWER,
    summary: "List the devices of a listed group",
    request: { params: idParam, query: z.object(pageQuery) },
    responses: { 200: page("Ids", z.string()), default: PROBLEM },
})
const add = createRoute({
    method: "post",
    path: "/groups/{id}/devices",
    security: OPERATOR,
    summary: "Add devices to a listed group; ids that are not there are left out",
    request: { params: idParam, body: body(deviceList) },
    responses: COUNTED,
})
const drop = createRoute({
    method: "post",
    path: "/groups/{id}/devices/remove",
    security: OPERATOR,
    summary: "Take devices out of a listed group",
    request: { params: idParam, body: body(deviceList) },
    responses: COUNTED,
})

function item({ createdAt, ...view }: GroupView): z.infer<typeof groupSchema> {
    return { ...view, createdAt: createdAt.toISOString() }
}

function addMemberRoutes(api: Api, context: Context): void {
    api.openapi(members, async c => {
        const query = c.req.valid("query")
        const ids = await service.listGroupDevices(context, tenantOf(c), c.req.valid("param").id, pageRequest(query))
        return c.json(
            pageOf(
                ids,
                query.limit,
                id => id,
                id => id,
            ),
            200,
        )
    })
    api.openapi(add, async c => {
        const count = await service.addToGroup(context, tenantOf(c), c.req.valid("param").id, c.req.valid("json").devices)
        return c.json({ count }, 200)
    })
    api.openapi(drop, async c => {
        const count = await service.removeFromGroup(context, tenantOf(c), c.req.valid("param").id, c.req.valid("json").devices)
        return c.json({ count }, 200)
    })
}

/** Routes of groups. */
export function groupRoutes(context: Context): Api {
    const api = newApi()
    api.openapi(create, async c => c.json(item(await service.createGroup(context, tenantOf(c), c.req.valid("json"))), 201))
    api.openapi(list, async c => {
        const query = c.req.valid("query")
        const rows = await service.listGroups(context, tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, item),
            200,
        )
    })
    api.openapi(get, async c => c.json(item(await service.getGroup(context, tenantOf(c), c.req.valid("param").id)), 200))
    api.openapi(patch, async c => {
        const row = await service.changeGroup(context, tenantOf(c), c.req.valid("param").id, c.req.valid("json"))
        return c.json(item(row), 200)
    })
    api.openapi(remove, async c => {
        await service.deleteGroup(context, tenantOf(c), c.req.valid("param").id)
        return c.body(null, 204)
    })
    addMemberRoutes(api, context)
    return api
}
