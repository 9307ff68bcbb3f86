// Headers of every answer of the API: nothing of it may run, be framed, or be kept by a cache.

import { createMiddleware } from "hono/factory"
import type { ApiEnv } from "./base"

const HEADERS: readonly (readonly [string, string])[] = [
    // An answer that a browser opens by itself can load and run nothing, whatever a device has put into it.
    ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"],
    ["X-Content-Type-Options", "nosniff"],
    ["Referrer-Policy", "no-referrer"],
    ["Cache-Control", "no-store"],
]

/** Sets the headers. */
export const safeHeaders = createMiddleware<ApiEnv>(async (c, next) => {
    await next()
    for (const [name, value] of HEADERS) if (!c.res.headers.has(name)) c.res.headers.set(name, value)
})
