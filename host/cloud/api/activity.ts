// Routes of tasks and events: what is going on and what happened.

import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "../context"
import type { EventRow, TaskListed } from "../store/store"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { page, PROBLEM, SECURITY } from "./routes"
import { eventSchema, taskSchema, taskState } from "./schemas"

const filter = z.string().max(128).optional()

const listTasks = createRoute({
    method: "get",
    path: "/tasks",
    security: SECURITY,
    summary: "List tasks, newest first",
    request: { query: z.object({ ...pageQuery, release: filter, rollout: filter, device: filter, state: taskState.optional() }) },
    responses: { 200: page("Tasks", taskSchema), default: PROBLEM },
})
const listEvents = createRoute({
    method: "get",
    path: "/events",
    security: SECURITY,
    summary: "List events, oldest first; `next` is always set, and goes on where this page ended",
    request: { query: z.object({ ...pageQuery, type: filter, device: filter }) },
    responses: { 200: page("Events", eventSchema), default: PROBLEM },
})

function taskItem(row: TaskListed): z.infer<typeof taskSchema> {
    const { id, device, rollout, release, version, state, attempt, reason, status } = row
    const times = { createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() }
    return { id, device, rollout, release, version, state, attempt, reason, status, ...times }
}

function eventItem({ id, at, type, device, data }: EventRow): z.infer<typeof eventSchema> {
    return { id, at: at.toISOString(), type, device, data }
}

/** Routes of tasks and events. */
export function activityRoutes(context: Context): Api {
    const { tasks, events } = context.store.tables
    const api = newApi()
    api.openapi(listTasks, async c => {
        const { release, rollout, device, state, ...query } = c.req.valid("query")
        const rows = await tasks.list(tenantOf(c), { release, rollout, device, state }, pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, taskItem),
            200,
        )
    })
    api.openapi(listEvents, async c => {
        const { type = null, device = null, ...query } = c.req.valid("query")
        const { after, limit } = pageRequest(query)
        const rows = await events.list(tenantOf(c), { type, device }, { after, limit: limit - 1 })
        const cursor = rows.at(-1)?.cursor
        const next = cursor === undefined ? (query.cursor ?? null) : Buffer.from(cursor).toString("base64url")
        return c.json({ items: rows.map(eventItem), next }, 200)
    })
    return api
}
