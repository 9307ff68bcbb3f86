// The values of policies, and how people are told of them.

/** A value while a policy is evaluated. An absent property is null. Lists and objects are told apart from nothing but null. */
export type PolicyValue = number | string | boolean | null | object

/** Types as people call them; "unknown" for a property before a device is asked. */
export type PolicyType = "number" | "text" | "boolean" | "null" | "regular expression" | "list" | "object" | "unknown"

/** Characters of a text that are shown. */
const SHOWN_CHARS_MAX = 60

/** Anything that a device may hold, as a value: what is neither JSON nor an object counts as absent. */
export function valueOf(held: unknown): PolicyValue {
    switch (typeof held) {
        case "string":
        case "number":
        case "boolean":
            return held
        case "object":
            return held
        default:
            return null
    }
}

/** The type of a value. */
export function typeOf(value: PolicyValue): PolicyType {
    if (value === null) return "null"
    if (typeof value === "string") return "text"
    if (typeof value === "number" || typeof value === "boolean") return typeof value as "number" | "boolean"
    return Array.isArray(value) ? "list" : "object"
}

/** A value for people, short: `"1.0.0"`, `512`, `null`, `a list`. */
export function showValue(value: PolicyValue): string {
    if (value === null) return "null"
    if (typeof value === "string") {
        return JSON.stringify(value.length > SHOWN_CHARS_MAX ? `${value.slice(0, SHOWN_CHARS_MAX)}…` : value)
    }
    if (typeof value !== "object") return String(value)
    return Array.isArray(value) ? "a list" : "an object"
}
