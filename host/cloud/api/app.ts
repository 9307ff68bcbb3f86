// The REST API put together: /api/v1 with its OpenAPI document, and the health routes.

import type { Context } from "../context"
import { activityRoutes } from "./activity"
import { authorization, handleErrors, jsonBodies, newApi, type Api } from "./base"
import { deviceRoutes } from "./devices"
import { fleetRoutes } from "./products"
import { releaseRoutes } from "./releases"

const BASE = "/api/v1"
const DOCUMENT = `${BASE}/openapi.json`
const UPLOAD = `${BASE}/artifacts`

/** The whole app. `version` is the program's. */
export function createApi(context: Context, version: string): Api {
    const app = newApi()
    handleErrors(app, context)
    app.openAPIRegistry.registerComponent("securitySchemes", "Bearer", { type: "http", scheme: "bearer" })
    app.get("/healthz", c => c.json({ status: "ok" }))
    app.get("/readyz", async c => {
        await context.store.ping()
        return c.json({ status: "ready" })
    })
    app.get(DOCUMENT, c => c.json(document))
    app.use(`${BASE}/*`, authorization(context))
    app.use(`${BASE}/*`, async (c, next) => (c.req.path === UPLOAD ? next() : jsonBodies(c, next)))
    for (const routes of [fleetRoutes, deviceRoutes, releaseRoutes, activityRoutes]) app.route(BASE, routes(context))
    const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Otary device cloud", version } })
    return app
}
