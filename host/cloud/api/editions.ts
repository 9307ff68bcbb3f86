// ETag and If-Match: an edit counts only while nobody else has changed what the caller saw.

import { createHash } from "node:crypto"
import { createMiddleware } from "hono/factory"
import { EDITS_MAX } from "../limits"
import { Problem } from "../problems"
import type { Api, ApiContext, ApiEnv } from "./base"

/** Fields that change without an edit: of devices that check in, of rollouts that run. */
const LIVING = ["lastSeenAt", "counts", "devices", "pushed", "reason", "warnings", "position", "failures", "lastError", "nextAt"]

/** The entity tag of a thing as it is shown: over what an edit can change. */
export function editionOf(body: unknown): string {
    const { revision, ...rest } = body as Record<string, unknown>
    const kept =
        typeof revision === "number"
            ? { revision }
            : Object.fromEntries(Object.entries(rest).filter(([key]) => !LIVING.includes(key)))
    return `"${createHash("sha256").update(JSON.stringify(kept)).digest("base64url").slice(0, 22)}"`
}

/** Lets a few through at a time: an edit with If-Match holds one connection to the database while it takes a second one. */
function createGate(max: number): <T>(run: () => Promise<T>) => Promise<T> {
    let free = max
    const waiting: (() => void)[] = []
    return async run => {
        if (free === 0) await new Promise<void>(resolve => waiting.push(resolve))
        else free -= 1
        try {
            return await run()
        } finally {
            const next = waiting.shift()
            if (next === undefined) free += 1
            else next()
        }
    }
}

/** Paths that a GET shows, longest first: the path of the edit itself, or what an action such as `/pause` belongs to. */
function shownPaths(path: string): string[] {
    return [path, path.slice(0, path.lastIndexOf("/"))]
}

/** Name of the thing that an edit is about, such as a rollout, whatever is done to it; null for a call that makes a new one. */
function thingOf(c: ApiContext): string | null {
    const [, , , noun, id] = c.req.path.split("/")
    return id === undefined ? null : `edit ${c.get("tenant")} ${noun} ${id}`
}

/** The present edition of what an edit is about: shown by the API's own GET. Null when there is nothing to show. */
async function presentEdition(app: Api, c: ApiContext): Promise<string | null> {
    const url = new URL(c.req.url)
    const headers = new Headers()
    for (const name of ["authorization", "otary-tenant"]) {
        const value = c.req.header(name)
        if (value !== undefined) headers.set(name, value)
    }
    for (const path of shownPaths(url.pathname)) {
        const answer = await app.fetch(new Request(new URL(path, url), { headers }), c.env)
        const edition = answer.headers.get("etag")
        if (edition !== null) return edition
    }
    return null
}

/**
 * GET and edits answer with the ETag of what they show. An edit with If-Match is refused with Problem `edit_conflict` when it has
 * changed. Edits of one thing follow each other, by a lock in the database, whichever process takes them.
 */
export function editions(app: Api): ReturnType<typeof createMiddleware<ApiEnv>> {
    const gate = createGate(EDITS_MAX)
    return createMiddleware<ApiEnv>(async (c, next) => {
        const wanted = c.req.header("if-match")
        const run = async (): Promise<void> => {
            await next()
            await addEdition(c)
        }
        if (c.req.method === "GET") return run()
        const { guards } = c.get("call")
        const name = thingOf(c)
        if (name !== null) guards.push(tables => tables.repeatedCalls.lock(name))
        if (wanted === undefined || wanted === "*") return run()
        guards.push(async () => {
            const edition = await presentEdition(app, c)
            const tags = wanted.split(",").map(tag => tag.trim())
            if (edition !== null && tags.includes(edition)) return
            throw new Problem(
                "edit_conflict",
                "It was changed since you read it. Read it again, then repeat the edit on what it is now.",
            )
        })
        return gate(run)
    })
}

/** Single things, not pages, answers of actions or problems, have an edition. */
async function addEdition(c: ApiContext): Promise<void> {
    const isJson = /^application\/json\b/.test(c.res.headers.get("content-type") ?? "")
    const isThing = c.req.method === "PATCH" || (c.req.method === "GET" && Object.keys(c.req.param()).length > 0)
    if (c.res.status !== 200 || !isJson || !isThing) return
    const body: unknown = await c.res.clone().json()
    if (typeof body === "object" && body !== null && !("items" in body)) c.res.headers.set("ETag", editionOf(body))
}
