// Device names from CSV, into a product, a group or a rollout: read as a stream, written by the thousand, invalid lines kept.

import { CsvError, parse } from "csv-parse"
import type { Readable } from "node:stream"
import { eventOf, nowOf, type Context } from "./context"
import { newId } from "./ids"
import { importTarget, type ImportPlace, type ImportTarget } from "./import-target"
import { createSeen } from "./import-seen"
import { IMPORT_BYTES_MAX, IMPORT_NAMES_MAX, IMPORT_SILENT_MAX_S, IMPORT_STEP_NAMES, IMPORTS_MAX } from "./limits"
import { Problem } from "./problems"
import { DEVICE_ID } from "./services/device-access"
import type { ImportRow, InvalidLine } from "./store/access"

/** Longest part of an invalid name that is kept, in characters. */
const NAME_CHARS_KEPT = 64
/** Longest line in characters: what is longer is no list of names. */
const LINE_CHARS_MAX = 4096

/** What a step of an import writes: names with the numbers of their lines. */
interface Step {
    names: Map<string, number>
    invalid: InvalidLine[]
}

/** Whether a file begins with the byte order mark of UTF-16, as spreadsheets write it (RFC 2781, 3.2). */
function isUtf16(chunk: Buffer): boolean {
    const mark = chunk.length < 2 ? 0 : chunk.readUInt16BE(0)
    return mark === 0xfeff || mark === 0xfffe
}

/** Bytes of a stream, counted: Problem `body_too_large` above the limit. */
async function* bounded(content: Readable): AsyncGenerator<Buffer> {
    let sizeBytes = 0
    for await (const chunk of content as AsyncIterable<Buffer>) {
        if (sizeBytes === 0 && isUtf16(chunk))
            throw new Problem("field_invalid", "The file is UTF-16. Save it as CSV in UTF-8, and send that.")
        sizeBytes += chunk.length
        if (sizeBytes > IMPORT_BYTES_MAX)
            throw new Problem("body_too_large", `The file may have at most ${IMPORT_BYTES_MAX} bytes.`)
        yield chunk
    }
}

function parser(): ReturnType<typeof parse> {
    return parse({
        bom: true,
        relax_column_count: true,
        relax_quotes: true,
        skip_empty_lines: true,
        trim: true,
        info: true,
        max_record_size: LINE_CHARS_MAX,
    })
}

interface CsvLine {
    record: string[]
    info: { lines: number }
}

/** What is wrong with a name; "" when nothing is. */
function reasonOf(name: string, isSeen: (name: string) => boolean): string {
    if (!DEVICE_ID.test(name)) return "1 to 63 letters, digits and _ - . : (the first no . or :)"
    return isSeen(name) ? "the name came before" : ""
}

/** The names of a CSV file in steps: the first column, or the one that a heading calls `id`, `device` or `name`. */
async function* steps(content: Readable): AsyncGenerator<Step> {
    const isSeen = createSeen()
    let step: Step = { names: new Map(), invalid: [] }
    let column: number | null = null
    let total = 0
    const source = parser()
    const feeding = feed(content, source)
    for await (const { record, info } of source as AsyncIterable<CsvLine>) {
        const heading = column === null ? record.findIndex(cell => /^(id|device|device_?name|name)$/i.test(cell)) : -1
        column ??= Math.max(0, heading)
        if (heading >= 0) continue
        total += 1
        if (total > IMPORT_NAMES_MAX) throw new Problem("body_too_large", `An import may have at most ${IMPORT_NAMES_MAX} names.`)
        const name = record[column] ?? ""
        const reason = reasonOf(name, isSeen)
        if (reason === "") step.names.set(name, info.lines)
        else step.invalid.push({ line: info.lines, name: printable(name), reason })
        if (step.names.size + step.invalid.length < IMPORT_STEP_NAMES) continue
        yield step
        step = { names: new Map(), invalid: [] }
    }
    await feeding
    yield step
}

/** Waits until a parser takes more, or has ended. */
function roomIn(source: ReturnType<typeof parse>): Promise<void> {
    return new Promise(resolve => {
        const go = (): void => {
            source.off("drain", go).off("close", go)
            resolve()
        }
        source.on("drain", go).on("close", go)
    })
}

/** Pours the file into the parser; an error of either side ends both. */
async function feed(content: Readable, source: ReturnType<typeof parse>): Promise<void> {
    try {
        for await (const chunk of bounded(content)) {
            if (source.destroyed) return
            if (!source.write(chunk)) await roomIn(source)
        }
        source.end()
    } catch (error) {
        source.destroy(error as Error)
    }
}

/** A name as it can be kept and shown: without control characters and half surrogate pairs. */
function printable(name: string): string {
    return name.slice(0, NAME_CHARS_KEPT).replace(/[\p{Cc}\p{Cs}]/gu, "?")
}

/** What csv-parse says of a file is the sender's business; everything else is passed on. */
function csvProblem(error: unknown): unknown {
    if (!(error instanceof CsvError)) return error
    const issues = [{ path: `line ${String(error["lines"] ?? "")}`, message: error.message }]
    return new Problem("field_invalid", "The file is no CSV that can be read; see issues.", issues)
}

/** Writes one step and how far the import is. */
async function writeStep(context: Context, row: ImportRow, target: ImportTarget, step: Step): Promise<ImportRow> {
    return context.store.transaction(async tables => {
        const names = [...step.names.keys()]
        const { created, unknown } = await target.add(tables, row, names)
        const left = unknown.map(name => ({ line: step.names.get(name) ?? 0, name, reason: target.unknownReason }))
        const invalid = [...step.invalid, ...left]
        await tables.imports.addInvalid(row, invalid)
        const after = {
            ...row,
            total: row.total + names.length + step.invalid.length,
            created: row.created + created,
            existing: row.existing + names.length - unknown.length - created,
            invalid: row.invalid + invalid.length,
            updatedAt: nowOf(context),
        }
        await tables.imports.update(after)
        return after
    })
}

async function finish(context: Context, row: ImportRow, error: unknown): Promise<ImportRow> {
    const detail = error instanceof Problem ? error.detail : "The file could not be read to its end."
    const end = error === null ? { state: "done" as const, reason: "" } : { state: "failed" as const, reason: detail }
    const after: ImportRow = { ...row, ...end, updatedAt: nowOf(context) }
    await context.store.transaction(async tables => {
        await tables.imports.update(after)
        const { id, product, group, rollout, total, created, invalid, state } = after
        const data = { import: id, product, group, rollout, total, created, invalid, state }
        await tables.events.append([eventOf(row.tenant, nowOf(context), "device.imported", data)])
    })
    return after
}

let importsUnderWay = 0

async function begin(context: Context, tenant: string, target: ImportTarget): Promise<ImportRow> {
    const at = nowOf(context)
    const counts = { total: 0, created: 0, existing: 0, invalid: 0 }
    const life = { state: "running" as const, reason: "", createdAt: at, updatedAt: at }
    const row: ImportRow = { tenant, id: newId(context.nowMs()), ...target.place, ...counts, ...life }
    await context.store.transaction(async tables => {
        await target.check(tables, tenant)
        await tables.imports.abandon(
            new Date(at.getTime() - IMPORT_SILENT_MAX_S * 1000),
            "The cloud ended while it read the file.",
        )
        await tables.imports.insert(row)
    })
    return row
}

/**
 * Takes the device names of a CSV file into a product, a group or a draft of a rollout. Steps that are written stay when a later one
 * fails; the same file can be sent again. Throws Problem `not_found`, `rollout_state`, `overloaded`, `body_too_large`, `field_invalid`,
 * or what broke the stream.
 */
export async function importDevices(
    context: Context,
    tenant: string,
    wanted: ImportPlace,
    content: Readable,
): Promise<ImportRow> {
    const target = importTarget(wanted)
    if (importsUnderWay >= IMPORTS_MAX)
        throw new Problem("overloaded", `${IMPORTS_MAX} imports are under way here. Try again when one has ended.`)
    importsUnderWay += 1
    try {
        let row = await begin(context, tenant, target)
        try {
            for await (const step of steps(content)) row = await writeStep(context, row, target, step)
        } catch (error) {
            const problem = csvProblem(error)
            await finish(context, row, problem)
            throw problem
        }
        row = await finish(context, row, null)
        if (row.created >= IMPORT_STEP_NAMES) await context.store.tables.imports.settle()
        return row
    } finally {
        importsUnderWay -= 1
    }
}
