// What is wrong with a policy's text: a stable code, the place, what was expected, what to do.

import type { Place } from "./tree"

/** Stable codes; docs/policies.md explains each. */
export type PolicyErrorCode =
    | "POLICY_LENGTH"
    | "POLICY_CHARACTER"
    | "POLICY_NUMBER"
    | "POLICY_TEXT"
    | "POLICY_REGEXP"
    | "POLICY_SYNTAX"
    | "POLICY_FUNCTION"
    | "POLICY_TERMS"
    | "POLICY_DEPTH"
    | "POLICY_TYPE"

/** An error in a policy's text. */
export interface PolicyError extends Place {
    readonly code: PolicyErrorCode
    /** What happened: what was found, and what was expected. */
    readonly message: string
    /** What to do. */
    readonly hint: string
}

/** Carries an error out of the parser; it does not leave this folder. */
export class PolicyFault extends Error {
    constructor(readonly error: PolicyError) {
        super(error.message)
    }
}

/** The fault of a place. */
export function fault(code: PolicyErrorCode, { start, end }: Place, message: string, hint: string): PolicyFault {
    return new PolicyFault({ code, start, end, message, hint })
}

/** Characters of the text that are shown before and after the place. */
const CONTEXT_CHARS = 50

/** The text of a policy on one line: each control character becomes one blank, so that places stay where they are. */
export function oneLine(text: string): string {
    // eslint-disable-next-line no-control-regex -- they are what is looked for
    return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ")
}

/** Columns of a text on a terminal, near enough: code points. */
function columnsOf(text: string): number {
    return [...text].length
}

/** A policy's text with carets under a place: two lines. Of a long text only what lies around the place is shown. */
export function pointAt(text: string, { start, end }: Place): string {
    const from = Math.max(0, start - CONTEXT_CHARS)
    const to = Math.min(text.length, Math.max(start + 1, Math.min(end, start + CONTEXT_CHARS)) + CONTEXT_CHARS)
    const before = `${from > 0 ? "…" : ""}${oneLine(text.slice(from, start))}`
    const shown = `${before}${oneLine(text.slice(start, to))}${to < text.length ? "…" : ""}`
    const width = Math.max(1, columnsOf(text.slice(start, Math.min(end, to))))
    return `${shown}\n${" ".repeat(columnsOf(before))}${"^".repeat(width)}`
}

/** An error for people: what happened, the text with carets under the place, what to do. */
export function policyErrorText(text: string, error: PolicyError): string {
    return `${error.message}\n${pointAt(text, error)}\n${error.hint}`
}
