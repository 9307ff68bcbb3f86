// docs/policies.md: its examples have the values that it says, and it explains every error code.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import JSON5 from "json5"
import { storedPolicy, parsePolicy, BLANK_POLICY } from "../../host/cloud/domain/policy/policy"
import * as limits from "../../host/cloud/domain/policy/limits"
import { BINARY_OPERATORS, UNARY_PRECEDENCE } from "../../host/cloud/domain/policy/operators"
import type { PolicyDevice } from "../../host/cloud/domain/policy/names"

const text = readFileSync(join(__dirname, "../../docs/policies.md"), "utf8")
const section = (name: string): string => text.split(/^## /m).find(part => part.startsWith(`${name}\n`))!
const attributes = JSON5.parse<Record<string, unknown>>(/```json5\n([^`]*)```/.exec(section("Examples"))![1]!)
const device = { id: "D1", product: "P1", version: "1.9.0", attributes } satisfies PolicyDevice

/** Cells of a table's rows, the heading left out; `\|` is a pipe, and back quotes around a cell are not part of it. */
function rows(of: string): string[][] {
    const lines = of.split("\n").filter(line => line.startsWith("| "))
    const cells = (line: string): string[] =>
        line
            .split(/(?<!\\)\|/)
            .slice(1, -1)
            .map(cell => cell.trim().replaceAll("\\|", "|"))
    return lines.slice(2).map(cells)
}

const unquoted = (cell: string): string => cell.replace(/^`` (.*) ``$/, "$1").replace(/^`([^`]*)`$/, "$1")

function outcome(expression: string): string {
    const parsed = parsePolicy(expression)
    if (!parsed.ok) return parsed.error.code
    const { result, failure } = parsed.policy.trace(device, "1.10.0")
    expect(parsed.policy.holds(device, "1.10.0")).toBe(result)
    return failure === null ? String(result) : "fails"
}

const examples = rows(section("Examples")).map(([expression, value]) => [unquoted(expression!), value!] as const)

test("there are at least 30 examples, of every outcome", () => {
    expect(examples.length).toBeGreaterThanOrEqual(30)
    expect([...new Set(examples.map(([, value]) => value))]).toEqual(
        expect.arrayContaining(["true", "false", "fails", "POLICY_TYPE"]),
    )
})

test.each(examples)("%s is %s", (expression, value) => {
    expect(outcome(expression)).toBe(value)
})

test("every operator has an example", () => {
    const all = examples.map(([expression]) => expression).join("\n")
    for (const operator of Object.keys(BINARY_OPERATORS)) expect(all).toContain(` ${operator} `)
})

test("the table of operators is in the order of their precedence", () => {
    const listed = rows(section("Operators")).map(([cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, one]) => one!))
    const precedences = listed.slice(1).flatMap(row => {
        const levels = row.map(one => (row.includes("!") ? UNARY_PRECEDENCE : BINARY_OPERATORS[one as "+"].precedence))
        expect(new Set(levels).size).toBe(1)
        return levels.slice(0, 1)
    })
    expect(precedences).toEqual([...precedences].sort((a, b) => b - a))
    expect(listed.flat()).toEqual(expect.arrayContaining(Object.keys(BINARY_OPERATORS)))
})

test("the limits are those of the code", () => {
    const numbers = rows(section("Limits")).flatMap(([, cell]) => [...cell!.replaceAll(",", "").matchAll(/\d+/g)].map(Number))
    const { POLICY_TERMS_DEFAULT, POLICY_TERMS_MAX, POLICY_CHARS_MAX, POLICY_DEPTH_MAX, POLICY_REGEXP_CHARS_MAX } = limits
    const first = [POLICY_TERMS_DEFAULT, POLICY_TERMS_MAX, POLICY_CHARS_MAX, POLICY_DEPTH_MAX, POLICY_REGEXP_CHARS_MAX]
    const { POLICY_REGEXP_INSTRUCTIONS_MAX, POLICY_TEXT_CHARS_MAX, POLICY_LIST_ITEMS_MAX } = limits
    expect(numbers).toEqual([...first, POLICY_REGEXP_INSTRUCTIONS_MAX, POLICY_TEXT_CHARS_MAX, POLICY_LIST_ITEMS_MAX])
})

test("every code has an entry", () => {
    const source = readFileSync(join(__dirname, "../../host/cloud/domain/policy/error.ts"), "utf8")
    const codes = [...source.matchAll(/\| "(POLICY_\w+)"/g)].map(([, code]) => `\`${code}\``)
    expect(codes.length).toBeGreaterThanOrEqual(10)
    expect(rows(section("Errors")).map(([code]) => code)).toEqual(codes)
})

test("a blank policy is the one that the document names", () => {
    expect(text).toContain(`A blank policy is exactly \`${BLANK_POLICY}\``)
    for (const blank of ["", "  \n"]) {
        const parsed = storedPolicy(blank)
        expect(parsed.ok && parsed.policy.text).toBe(BLANK_POLICY)
    }
})
