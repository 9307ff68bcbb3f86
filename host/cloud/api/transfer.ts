// Routes of CSV: import of device names, the list of invalid ones, export of devices and tasks.

import { createRoute, z } from "@hono/zod-openapi"
import { Readable } from "node:stream"
import type { Context } from "../context"
import { importDevices } from "../imports"
import { EXPORT_STEP_ROWS, ID_CHARS_MAX } from "../limits"
import { notFound, Problem } from "../problems"
import type { ImportRow } from "../store/access"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, OPERATOR, page, PROBLEM, VIEWER } from "./routes"
import { idParam } from "./schemas"

const time = z.iso.datetime()
const importSchema = z
    .object({
        id: z.string(),
        product: z.string(),
        group: z.string().nullable(),
        rollout: z.string().nullable(),
        state: z.enum(["running", "done", "failed"]),
        total: z.int(),
        created: z.int(),
        existing: z.int(),
        invalid: z.int(),
        reason: z.string(),
        createdAt: time,
        updatedAt: time,
    })
    .openapi("Import")
const place = z.string().min(1).max(ID_CHARS_MAX).optional()
const CSV = { content: { "text/csv": { schema: z.string() } } }

const create = createRoute({
    method: "post",
    path: "/imports",
    security: OPERATOR,
    summary: "Take device names from a CSV file: make devices of a product, or list devices in a group or a rollout",
    description: "The body is the file itself, as text/csv: names in the first column, or in the one headed id, device or name.",
    request: { query: z.object({ product: place, group: place, rollout: place }) },
    responses: { 201: answer("How it went", importSchema), default: PROBLEM },
})
const list = createRoute({
    method: "get",
    path: "/imports",
    security: VIEWER,
    summary: "List imports, newest first",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Imports", importSchema), default: PROBLEM },
})
const get = createRoute({
    method: "get",
    path: "/imports/{id}",
    security: VIEWER,
    summary: "Show an import",
    request: { params: idParam },
    responses: { 200: answer("The import", importSchema), default: PROBLEM },
})
const invalid = createRoute({
    method: "get",
    path: "/imports/{id}/invalid",
    security: VIEWER,
    summary: "The lines of an import that are not valid, as CSV",
    request: { params: idParam },
    responses: { 200: { description: "line,name,reason", ...CSV }, default: PROBLEM },
})
const exportDevices = createRoute({
    method: "get",
    path: "/exports/devices",
    security: VIEWER,
    summary: "All devices as CSV",
    request: { query: z.object({ product: z.string().max(63).optional() }) },
    responses: {
        200: { description: "id,product,cloud,version,claimed,createdAt,lastSeenAt,attributes", ...CSV },
        default: PROBLEM,
    },
})
const exportTasks = createRoute({
    method: "get",
    path: "/exports/tasks",
    security: VIEWER,
    summary: "Tasks as CSV, newest first",
    request: { query: z.object({ rollout: z.string().max(63).optional(), release: z.string().max(63).optional() }) },
    responses: {
        200: { description: "id,device,rollout,release,version,state,attempt,status,reason,…", ...CSV },
        default: PROBLEM,
    },
})

type Cell = string | number | boolean | null

/** RFC 4180, 2.5 to 2.7; a cell that a spreadsheet would run as a formula begins with an apostrophe. */
function cellOf(value: Cell): string {
    const text = value === null ? "" : String(value)
    const safe = typeof value === "string" && /^[=+@\t\r-]/.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function lineOf(cells: readonly Cell[]): string {
    return `${cells.map(cellOf).join(",")}\r\n`
}

/** A CSV answer that is read from the database as fast as the caller takes it. */
function csvResponse(file: string, headings: string[], batches: AsyncIterable<Cell[][]>): Response {
    async function* lines(): AsyncGenerator<string> {
        yield lineOf(headings)
        for await (const rows of batches) yield rows.map(lineOf).join("")
    }
    const headers = { "Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="${file}"` }
    return new Response(Readable.toWeb(Readable.from(lines(), { objectMode: false })) as ReadableStream, { headers })
}

/** All rows of a list, some at a time. */
async function* batches<Row>(
    read: (after: string | null) => Promise<Row[]>,
    keyOf: (row: Row) => string,
    cellsOf: (row: Row) => Cell[],
): AsyncGenerator<Cell[][]> {
    let after: string | null = null
    for (;;) {
        const rows: Row[] = await read(after)
        if (rows.length > 0) yield rows.map(cellsOf)
        const last = rows.at(-1)
        if (last === undefined || rows.length < EXPORT_STEP_ROWS) return
        after = keyOf(last)
    }
}

function item(row: ImportRow): z.infer<typeof importSchema> {
    const { id, product, group, rollout, state, total, created, existing, invalid: wrong, reason } = row
    const times = { createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() }
    return { id, product, group, rollout, state, total, created, existing, invalid: wrong, reason, ...times }
}

/** Plain CSV in UTF-8 (RFC 7111: the charset is UTF-8 unless it is named). */
function checkCsv(type: string, encoding: string): void {
    const [, charset = "utf-8"] = /;\s*charset="?([\w-]+)/i.exec(type) ?? []
    if (/^text\/csv\s*(;|$)/i.test(type) && /^(utf-?8|us-ascii)$/i.test(charset) && /^identity$/i.test(encoding)) return
    throw new Problem("content_type_unknown", "Send the file as Content-Type: text/csv, in UTF-8, and not compressed.")
}

function addImportRoutes(api: Api, context: Context): void {
    const { imports } = context.store.tables
    const find = async (tenant: string, id: string): Promise<ImportRow> => {
        const row = await imports.get(tenant, id)
        if (row === null) throw notFound("import")
        return row
    }
    api.openapi(create, async c => {
        checkCsv(c.req.header("content-type") ?? "", c.req.header("content-encoding") ?? "identity")
        const row = await importDevices(context, tenantOf(c), c.req.valid("query"), c.env.incoming)
        return c.json(item(row), 201)
    })
    api.openapi(list, async c => {
        const query = c.req.valid("query")
        const rows = await imports.list(tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, item),
            200,
        )
    })
    api.openapi(get, async c => c.json(item(await find(tenantOf(c), c.req.valid("param").id)), 200))
    api.openapi(invalid, async c => {
        const { tenant, id } = await find(tenantOf(c), c.req.valid("param").id)
        const rows = batches(
            after => imports.invalid(tenant, id, Number(after ?? "0"), EXPORT_STEP_ROWS),
            ({ line }) => String(line),
            ({ line, name, reason }) => [line, name, reason],
        )
        return csvResponse(`invalid-${id}.csv`, ["line", "name", "reason"], rows)
    })
}

function addExportRoutes(api: Api, context: Context): void {
    const { devices, tasks } = context.store.tables
    api.openapi(exportDevices, c => {
        const [tenant, { product = null }] = [tenantOf(c), c.req.valid("query")]
        const rows = batches(
            after => devices.list(tenant, product, { after, limit: EXPORT_STEP_ROWS }),
            ({ id }) => id,
            ({ id, product: home, cloud, version, claimed, createdAt, lastSeenAt, attributes }) => {
                const times = [createdAt.toISOString(), lastSeenAt?.toISOString() ?? null]
                return [id, home, cloud, version, claimed, ...times, JSON.stringify(attributes)]
            },
        )
        const headings = ["id", "product", "cloud", "version", "claimed", "createdAt", "lastSeenAt", "attributes"]
        return csvResponse("devices.csv", headings, rows)
    })
    api.openapi(exportTasks, c => {
        const [tenant, { rollout, release }] = [tenantOf(c), c.req.valid("query")]
        const rows = batches(
            after => tasks.list(tenant, { rollout, release }, { after, limit: EXPORT_STEP_ROWS }),
            ({ id }) => id,
            row => {
                const { id, device, version, state, attempt, status, reason } = row
                const times = [row.createdAt.toISOString(), row.updatedAt.toISOString()]
                return [id, device, row.rollout, row.release, version, state, attempt, status, reason, ...times]
            },
        )
        const headings = ["id", "device", "rollout", "release", "version", "state", "attempt", "status", "reason"]
        return csvResponse("tasks.csv", [...headings, "createdAt", "updatedAt"], rows)
    })
}

/** Routes of CSV. */
export function transferRoutes(context: Context): Api {
    const api = newApi()
    addImportRoutes(api, context)
    addExportRoutes(api, context)
    return api
}
