// The REST API put together: /api/v1 with its OpenAPI document, and the health routes.

import { createRoute, z } from "@hono/zod-openapi"
import type { MiddlewareHandler } from "hono"
import { guardedStore } from "../call"
import type { ClientAddress } from "../client-address"
import { DEFAULT_TENANT, type Context } from "../context"
import type { EventStreams } from "../events-stream"
import type { Metrics } from "../metrics"
import { notFound } from "../problems"
import type { Role } from "../roles"
import type { Webhooks } from "../webhooks"
import { accessRoutes } from "./access"
import { activityRoutes } from "./activity"
import { handleErrors, jsonBodies, newApi, plainUrls, tenantOf, type Api, type ApiEnv } from "./base"
import { authorization, measure, rolesOf } from "./caller"
import { deviceRoutes } from "./devices"
import { editions } from "./editions"
import { groupRoutes } from "./groups"
import { safeHeaders } from "./headers"
import { fleetRoutes } from "./products"
import { releaseRoutes } from "./releases"
import { repeats } from "./repeats"
import { rolloutRoutes } from "./rollouts"
import { PROBLEM, VIEWER } from "./routes"
import { transferRoutes } from "./transfer"
import { webhookRoutes } from "./webhooks"

const BASE = "/api/v1"
const DOCUMENT = `${BASE}/openapi.json`
const METRICS = "/metrics"

const metricsRoute = createRoute({
    method: "get",
    path: METRICS,
    security: VIEWER,
    summary: "Measures in the text format of Prometheus, for tokens of the default tenant",
    responses: { 200: { description: "Measures", content: { "text/plain": { schema: z.string() } } }, default: PROBLEM },
})

/** Calls whose bodies are streams, which their handlers bound by themselves. */
const STREAMS = new Set([`${BASE}/artifacts`, `${BASE}/imports`])

/** What routes need beside the context. */
export interface ApiParts {
    streams: EventStreams
    webhooks: Webhooks
    metrics: Metrics
    /** Whom a call comes from. */
    addressOf: ClientAddress
}

/** The groups of routes. */
const GROUPS: readonly ((context: Context, parts: ApiParts) => Api)[] = [
    fleetRoutes,
    deviceRoutes,
    releaseRoutes,
    rolloutRoutes,
    groupRoutes,
    accessRoutes,
    transferRoutes,
    (context, { streams }) => activityRoutes(context, streams),
    (context, { webhooks }) => webhookRoutes(context, webhooks),
]

/** What every call below /api/v1 passes on its way to its route, in order. */
function addMiddleware(app: Api, context: Context, addressOf: ClientAddress, roles: () => Map<string, Role>): void {
    const unlessStream = (middleware: MiddlewareHandler<ApiEnv>): MiddlewareHandler<ApiEnv> => {
        return async (c, next) => (STREAMS.has(c.req.path) ? next() : middleware(c, next))
    }
    const authorized = authorization(context, addressOf, roles)
    app.use(`${BASE}/*`, plainUrls)
    app.use(METRICS, authorized)
    app.use(`${BASE}/*`, authorized)
    app.use(`${BASE}/*`, unlessStream(jsonBodies))
    app.use(`${BASE}/*`, unlessStream(repeats(context)))
    app.use(`${BASE}/*`, editions(app))
}

/** Routes without the prefix: health for everyone, measures for who looks after all tenants. */
function addPlainRoutes(app: Api, context: Context, { metrics }: ApiParts): void {
    app.get("/healthz", c => c.json({ status: "ok" }))
    app.get("/readyz", async c => {
        await context.store.ping()
        return c.json({ status: "ready" })
    })
    app.openapi(metricsRoute, async c => {
        if (tenantOf(c) !== DEFAULT_TENANT) throw notFound("route")
        const { type, text } = await metrics.text()
        return c.text(text, 200, { "Content-Type": type })
    })
}

/** The whole app. `version` is the program's. */
export function createApi(plain: Context, version: string, parts: ApiParts): Api {
    const context = { ...plain, store: guardedStore(plain.store) }
    const app = newApi()
    handleErrors(app, context)
    app.use("*", safeHeaders)
    app.use("*", measure(parts.metrics))
    app.openAPIRegistry.registerComponent("securitySchemes", "Bearer", { type: "http", scheme: "bearer" })
    let roles = new Map<string, Role>()
    app.get(DOCUMENT, c => c.json(document))
    addMiddleware(app, context, parts.addressOf, () => roles)
    addPlainRoutes(app, context, parts)
    for (const routes of GROUPS) app.route(BASE, routes(context, parts))
    roles = rolesOf(app)
    const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Otary device cloud", version } })
    return app
}
