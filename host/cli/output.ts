// What a command prints: data to stdout, everything else to stderr.

import type { ErrorReport } from "./cli-error"
import type { Io } from "./io"

/** Options that every command takes. */
export interface GlobalOptions {
    readonly json?: boolean
    readonly quiet?: boolean
    readonly yes?: boolean
}

/** Where a command prints to. */
export interface Output {
    /** The result: `value` as one line of JSON with --json, else `text`, which may have many lines. */
    result(this: void, value: unknown, text: string): void
    /** A remark for people; nothing with --quiet. */
    note(this: void, text: string): void
    /** What went wrong; always. With --json it is one line of JSON, still on stderr. */
    error(this: void, report: ErrorReport): void
}

/** A text without control characters but line breaks: what devices say of themselves must not steer a terminal. */
export function plain(text: string): string {
    return text.replace(/[^\P{Cc}\n]/gu, "?")
}

/** Creates the output of a command. */
export function createOutput({ stdout, stderr }: Io, { json = false, quiet = false }: GlobalOptions): Output {
    return {
        result(value, text) {
            if (json) stdout.write(`${JSON.stringify(value)}\n`)
            else if (text !== "") stdout.write(`${plain(text)}\n`)
        },
        note(text) {
            if (!quiet) stderr.write(`${plain(text)}\n`)
        },
        error({ code, message, hint }) {
            if (json) stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
            else stderr.write(plain(`otary: ${code}: ${message}\n  ${hint.replaceAll("\n", "\n  ")}\n`))
        },
    }
}

/** A table with a line of headings; columns are two blanks apart. Without rows: "". */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
    if (rows.length === 0) return ""
    return columns([headings, ...rows])
}

/** Names with their values, one a line. Values that are "" are left out. */
export function fields(values: Readonly<Record<string, string | number | boolean>>): string {
    return columns(Object.entries(values).flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]])))
}

/** Rows whose columns start at the same place. */
export function columns(rows: readonly (readonly string[])[]): string {
    const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? "").length)))
    const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")
    return rows.map(row => line(row).trimEnd()).join("\n")
}
