// Who may call a route: authorization by token and role, ahead of every handler, and the call that changes are put down to.

import { createMiddleware } from "hono/factory"
import { matchedRoutes } from "hono/route"
import { createGuesses, identify } from "../auth"
import { runCall } from "../call"
import type { ClientAddress } from "../client-address"
import type { Context } from "../context"
import type { Metrics } from "../metrics"
import { Problem } from "../problems"
import { roleCovers, ROLES, type Role } from "../roles"
import type { Api, ApiContext, ApiEnv } from "./base"

/** Method and path, as in `GET /api/v1/devices/:id`, of the route that a call has come to; null for none. */
export function routeOf(c: ApiContext): string | null {
    const route = matchedRoutes(c)
        .filter(({ method }) => method !== "ALL")
        .at(-1)
    return route === undefined ? null : `${route.method} ${route.path}`
}

/** The role that each route of the document asks for, by routeOf. */
export function rolesOf(app: Api): Map<string, Role> {
    const roles = new Map<string, Role>()
    for (const definition of app.openAPIRegistry.definitions) {
        if (definition.type !== "route") continue
        const { method, path, security } = definition.route
        const role = ROLES.find(one => security?.[0]?.["Bearer"]?.includes(one))
        if (role !== undefined) roles.set(`${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`, role)
    }
    return roles
}

/**
 * Lets only calls through whose token has the route's role, and tells the routes whose they are. A route without a role is refused:
 * forgetting one must not open it.
 */
export function authorization(
    context: Context,
    addressOf: ClientAddress,
    roles: () => Map<string, Role>,
): ReturnType<typeof createMiddleware<ApiEnv>> {
    const guesses = createGuesses(context.nowMs)
    return createMiddleware<ApiEnv>(async (c, next) => {
        const address = addressOf(c.env.incoming)
        const asked = { header: c.req.header("authorization"), tenant: c.req.header("otary-tenant"), address }
        const identity = await identify(context, guesses, asked)
        const route = routeOf(c)
        if (route !== null) {
            const needed = roles().get(route)
            if (needed === undefined || !roleCovers(identity.role, needed)) {
                const detail = `This call takes the role ${needed ?? "of nobody"}; the token has the role ${identity.role}.`
                throw new Problem("forbidden", detail)
            }
        }
        const { token, name, person, role, tenant } = identity
        const call = { caller: { token, name, person, role, address }, guards: [], isCommitted: false }
        c.set("tenant", tenant)
        c.set("identity", identity)
        c.set("call", call)
        await runCall(call, next)
    })
}

/** Measures every answer by its route's pattern. */
export function measure(metrics: Metrics): ReturnType<typeof createMiddleware<ApiEnv>> {
    return createMiddleware<ApiEnv>(async (c, next) => {
        const startMs = performance.now()
        await next()
        metrics.request(routeOf(c) ?? "unknown", c.res.status, (performance.now() - startMs) / 1000)
    })
}
