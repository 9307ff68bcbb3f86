// Routes of tasks and events: what is going on and what happened.

import { createRoute, z } from "@hono/zod-openapi"
import { streamSSE, type SSEStreamingApi } from "hono/streaming"
import { stillValid } from "../auth"
import type { Context } from "../context"
import type { EventSink, EventStreams } from "../events-stream"
import type { EventFilter, EventRow, TaskListed } from "../store/store"
import { cursorOf, newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { page, PROBLEM, VIEWER } from "./routes"
import { eventSchema, taskSchema, taskState } from "./schemas"

const filter = z.string().max(128).optional()

const listTasks = createRoute({
    method: "get",
    path: "/tasks",
    security: VIEWER,
    summary: "List tasks, newest first",
    request: { query: z.object({ ...pageQuery, release: filter, rollout: filter, device: filter, state: taskState.optional() }) },
    responses: { 200: page("Tasks", taskSchema), default: PROBLEM },
})
const listEvents = createRoute({
    method: "get",
    path: "/events",
    security: VIEWER,
    summary: "List events, oldest first; `next` is always set, and goes on where this page ended",
    request: { query: z.object({ ...pageQuery, type: filter, device: filter }) },
    responses: { 200: page("Events", eventSchema), default: PROBLEM },
})

const streamEvents = createRoute({
    method: "get",
    path: "/events/stream",
    security: VIEWER,
    summary: "Follow events live, as server-sent events; goes on behind Last-Event-ID, or behind `cursor`, else begins now",
    request: { query: z.object({ cursor: pageQuery.cursor, type: filter, device: filter }) },
    responses: { 200: { description: "Events", content: { "text/event-stream": { schema: z.string() } } }, default: PROBLEM },
})

/** A task as it is answered. */
export function taskItem(row: TaskListed): z.infer<typeof taskSchema> {
    const { id, device, rollout, release, version, state, attempt, reason, status } = row
    const times = { createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() }
    return { id, device, rollout, release, version, state, attempt, reason, status, ...times }
}

/** An event as it is answered. */
export function eventItem({ id, at, type, device, data }: EventRow): z.infer<typeof eventSchema> {
    return { id, at: at.toISOString(), type, device, data }
}

type Listed = { rows: EventRow[]; next: string | null }

/** One page of events, and the cursor that goes on behind it. */
export async function eventPage(
    context: Context,
    tenant: string,
    wanted: EventFilter,
    query: { limit: number; cursor?: string | undefined },
): Promise<Listed> {
    const { after, limit } = pageRequest(query)
    const rows = await context.store.tables.events.list(tenant, wanted, { after, limit: limit - 1 })
    const cursor = rows.at(-1)?.cursor
    return { rows, next: cursor === undefined ? (query.cursor ?? null) : cursorOf(cursor) }
}

/** Where a live view begins: behind the last event that the receiver had, or now. */
async function startOf(context: Context, last: string | undefined): Promise<string> {
    const after = last === undefined || last === "" ? null : pageRequest({ limit: 1, cursor: last }).after
    return after ?? (await context.store.tables.events.end())
}

/** Writes events as HTML Living Standard, "Server-sent events", says; the id is the cursor behind the event. */
function sinkOf(stream: SSEStreamingApi, signal: AbortSignal): EventSink {
    return {
        signal,
        event: row => stream.writeSSE({ id: cursorOf(row.cursor), event: row.type, data: JSON.stringify(eventItem(row)) }),
        idle: async () => void (await stream.write(": idle\n\n")),
    }
}

function addStreamRoute(api: Api, context: Context, streams: EventStreams): void {
    api.openapi(streamEvents, async c => {
        const { type = null, device = null, cursor } = c.req.valid("query")
        const tenant = tenantOf(c)
        const identity = c.get("identity")
        const start = await startOf(context, c.req.header("last-event-id") ?? cursor)
        const leave = streams.open()
        return streamSSE(c, async stream => {
            const gone = new AbortController()
            stream.onAbort(() => gone.abort())
            try {
                await stream.write("retry: 3000\n\n")
                const sink = sinkOf(stream, gone.signal)
                await streams.follow(tenant, { type, device }, start, sink, () => stillValid(context, identity))
            } finally {
                leave()
            }
        })
    })
}

/** Routes of tasks and events. */
export function activityRoutes(context: Context, streams: EventStreams): Api {
    const { tasks } = context.store.tables
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
        const { rows, next } = await eventPage(context, tenantOf(c), { type, device }, query)
        return c.json({ items: rows.map(eventItem), next }, 200)
    })
    addStreamRoute(api, context, streams)
    return api
}
