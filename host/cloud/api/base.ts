// What all routes of the API share: the app, its errors, authorization, pages.

import { OpenAPIHono, z } from "@hono/zod-openapi"
import type { HttpBindings } from "@hono/node-server"
import type { Context as HonoContext } from "hono"
import { createMiddleware } from "hono/factory"
import { HTTPException } from "hono/http-exception"
import type { Identity } from "../auth"
import type { Call } from "../call"
import type { Context } from "../context"
import { API_BODY_BYTES_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, RETRY_AFTER_S } from "../limits"
import { Problem, problemOf } from "../problems"
import type { PageRequest } from "../store/store"

/** Types of the app: the raw request for streams, who calls, and the tenant that the call is for. */
export interface ApiEnv {
    Bindings: HttpBindings
    Variables: { tenant: string; identity: Identity; call: Call }
}

/** A call as middleware and handlers see it. */
export type ApiContext = HonoContext<ApiEnv>

/** A group of routes. */
export type Api = OpenAPIHono<ApiEnv>

/** The answer to an error. */
export function problemResponse(problem: Problem): Response {
    const headers: Record<string, string> = { "Content-Type": "application/problem+json" }
    if (problem.status === 503 || problem.status === 429) headers["Retry-After"] = String(problem.retryAfterS ?? RETRY_AFTER_S)
    if (problem.status === 401) headers["WWW-Authenticate"] = "Bearer"
    return new Response(JSON.stringify(problem.body()), { status: problem.status, headers })
}

/** A group of routes whose wrong input becomes Problem `field_invalid` with one issue a field. */
export function newApi(): Api {
    return new OpenAPIHono<ApiEnv>({
        defaultHook: result => {
            if (result.success) return undefined
            const issues = result.error.issues.map(({ path, message }) => ({ path: path.join("."), message }))
            return problemResponse(new Problem("field_invalid", "Some fields are missing or wrong; see issues.", issues))
        },
    })
}

/** Makes an app answer every error as a problem. */
export function handleErrors(app: Api, context: Context): void {
    app.notFound(() => problemResponse(new Problem("not_found", "There is no such route. GET /api/v1/openapi.json lists all.")))
    app.onError(error => {
        if (error instanceof HTTPException && error.status === 400) {
            return problemResponse(new Problem("request_invalid", "The body is not JSON."))
        }
        const problem = problemOf(error)
        if (problem.code === "internal") context.log.error({ err: error }, "an API call failed")
        return problemResponse(problem)
    })
}

/** Bodies are JSON and bounded. Their length comes ahead, so that nothing is read that is too long. Artifacts do not pass here. */
export const jsonBodies = createMiddleware<ApiEnv>(async (c, next) => {
    if (c.req.header("transfer-encoding") !== undefined) throw new Problem("length_required", "Send the body's Content-Length.")
    const sizeBytes = Number(c.req.header("content-length") ?? "0")
    if (sizeBytes > API_BODY_BYTES_MAX)
        throw new Problem("body_too_large", `A body may have at most ${API_BODY_BYTES_MAX} bytes.`)
    const json = /^application\/(.+\+)?json\b/i.test(c.req.header("content-type") ?? "")
    if (sizeBytes > 0 && !json)
        throw new Problem("content_type_unknown", "The body must be JSON: send Content-Type: application/json.")
    await next()
})

/** A zero character in an address names nothing: told before anything is looked up, and before an answer has begun. */
export const plainUrls = createMiddleware<ApiEnv>(async (c, next) => {
    if (/%00/.test(c.req.url)) throw new Problem("request_invalid", "The address holds a zero character (%00). Leave it out.")
    await next()
})

/** Query of every list. */
export const pageQuery = {
    limit: z.coerce.number().int().min(1).max(PAGE_ITEMS_MAX).default(PAGE_ITEMS_DEFAULT),
    cursor: z.string().max(256).optional(),
}

/** A cursor hides the key of a page's last row, so that nobody builds on it. */
export function cursorOf(key: string): string {
    return Buffer.from(key).toString("base64url")
}

/** The page that a query asks for; one row more, to know whether there is a next page. */
export function pageRequest({ limit, cursor }: { limit: number; cursor?: string | undefined }): PageRequest {
    if (cursor === undefined) return { after: null, limit: limit + 1 }
    const after = Buffer.from(cursor, "base64url").toString("utf8")
    if (cursorOf(after) === cursor && after !== "" && !after.includes("\0")) return { after, limit: limit + 1 }
    throw new Problem("request_invalid", "The cursor is not one of this list. Pass on `next` of the page before.")
}

/** A page as it is answered. `keyOf` gives the key that the list is ordered by. */
export function pageOf<Row, Item>(
    rows: Row[],
    limit: number,
    keyOf: (row: Row) => string,
    itemOf: (row: Row) => Item,
): { items: Item[]; next: string | null } {
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    return { items: shown.map(itemOf), next: rows.length > limit && last !== undefined ? cursorOf(keyOf(last)) : null }
}

/** The tenant of the caller. */
export function tenantOf(c: ApiContext): string {
    return c.get("tenant")
}
