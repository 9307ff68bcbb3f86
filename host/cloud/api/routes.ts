// Descriptions that every route is put together from.

import { z } from "@hono/zod-openapi"
import { problemSchema } from "./schemas"

/** Every route but the public ones asks for an API token with a role (OpenAPI 3.1, "Security Requirement Object": roles in the list). */
export const VIEWER = [{ Bearer: ["viewer"] }]
/** For what changes the fleet. */
export const OPERATOR = [{ Bearer: ["operator"] }]
/** For what gives rights and tells of them. */
export const ADMIN = [{ Bearer: ["admin"] }]

/** A JSON answer. */
export function answer<Schema extends z.ZodType>(
    description: string,
    schema: Schema,
): {
    description: string
    content: { "application/json": { schema: Schema } }
} {
    return { description, content: { "application/json": { schema } } }
}

/** An answer without a body. */
export const EMPTY = { description: "Done" }

/** Every error is a problem. */
export const PROBLEM = { description: "Problem", content: { "application/problem+json": { schema: problemSchema } } }

/** A page of a list. */
export function page<Schema extends z.ZodType>(
    description: string,
    item: Schema,
): ReturnType<typeof answer<z.ZodObject<{ items: z.ZodArray<Schema>; next: z.ZodNullable<z.ZodString> }>>> {
    return answer(description, z.object({ items: z.array(item), next: z.string().nullable() }))
}

/** A JSON body. */
export function body<Schema extends z.ZodType>(
    schema: Schema,
): {
    required: true
    content: { "application/json": { schema: Schema } }
} {
    return { required: true, content: { "application/json": { schema } } }
}
