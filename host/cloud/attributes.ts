// Attributes of a device as they come in: checked, bounded, merged.

import { ATTRIBUTES_MAX, ATTRIBUTE_CHARS_MAX, ATTRIBUTE_DEPTH_MAX, ATTRIBUTE_NAME_CHARS_MAX, MODULES_MAX } from "./limits"
import { Problem, type ProblemIssue } from "./problems"
import type { Attributes } from "./domain/types"

/** Escapes that JSON.stringify makes of what PostgreSQL's jsonb does not take: zero characters and halves of surrogate pairs. */
const NOT_STORABLE = /\\u0000|\\ud[89a-f]/

/** Whether a JSON value can be kept in the database. */
export function storable(value: unknown): boolean {
    return !NOT_STORABLE.test(JSON.stringify(value))
}

function valueIssue(value: unknown, depth: number): string {
    if (value === null || typeof value === "number" || typeof value === "boolean") return ""
    if (typeof value === "string") return value.length > ATTRIBUTE_CHARS_MAX ? `at most ${ATTRIBUTE_CHARS_MAX} characters` : ""
    if (typeof value !== "object") return "a JSON value"
    if (depth === ATTRIBUTE_DEPTH_MAX) return `at most ${ATTRIBUTE_DEPTH_MAX} levels deep`
    const values = Object.values(value)
    if (values.length > ATTRIBUTES_MAX) return `at most ${ATTRIBUTES_MAX} values`
    return values.map(one => valueIssue(one, depth + 1)).find(issue => issue !== "") ?? ""
}

function issuesOf(attributes: Record<string, unknown>): ProblemIssue[] {
    const issues: ProblemIssue[] = []
    const names = Object.keys(attributes)
    if (names.length > ATTRIBUTES_MAX) issues.push({ path: "", message: `at most ${ATTRIBUTES_MAX} attributes` })
    for (const name of names) {
        const path = name.slice(0, ATTRIBUTE_NAME_CHARS_MAX)
        const long = name === "" || name.length > ATTRIBUTE_NAME_CHARS_MAX
        const message = long ? `a name of 1 to ${ATTRIBUTE_NAME_CHARS_MAX} characters` : valueIssue(attributes[name], 1)
        if (message !== "") issues.push({ path, message })
    }
    return issues
}

/** The attributes as given. Throws Problem `attributes_invalid` with every name that is wrong. */
export function checkAttributes(attributes: Record<string, unknown>): Attributes {
    const issues = issuesOf(attributes)
    if (issues.length === 0 && !storable(attributes))
        issues.push({ path: "", message: "no zero characters, no half surrogate pairs" })
    if (issues.length > 0)
        throw new Problem("attributes_invalid", "Some attributes are too long, too many or too deep; see issues.", issues)
    return attributes as Attributes
}

/**
 * New attributes over old ones. A device does not have to report all of them each time, and what an operator set stays until
 * the device reports the same name. Both have been checked. Throws Problem `attributes_invalid` when there would be too many.
 */
export function mergeAttributes(old: Attributes, fresh: Attributes): Attributes {
    const merged = { ...old, ...fresh }
    return Object.keys(merged).length > ATTRIBUTES_MAX ? checkAttributes(merged) : merged
}

/** Attributes after a change; those set to null are gone. Throws Problem `attributes_invalid`. */
export function changedAttributes(before: Attributes, change: Attributes): Attributes {
    const all = Object.entries({ ...before, ...change })
    return checkAttributes(Object.fromEntries(all.filter(([name, value]) => !(value === null && Object.hasOwn(change, name)))))
}

/** Versions of modules, new ones over old ones. Throws Problem `attributes_invalid` when there would be too many. */
export function mergeVersions(old: Record<string, string>, fresh: Record<string, string> = {}): Record<string, string> {
    const merged = { ...old, ...fresh }
    if (Object.keys(merged).length <= MODULES_MAX) return merged
    throw new Problem("attributes_invalid", `A device has ${MODULES_MAX} modules at most.`, [
        { path: "versions", message: `${MODULES_MAX} at most` },
    ])
}
