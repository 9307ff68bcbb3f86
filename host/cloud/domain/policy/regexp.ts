// Regular expressions without backtracking (RE2's): time grows with the text's length, whatever the expression.

import { RE2JS } from "re2js"
import { POLICY_REGEXP_CHARS_MAX } from "./limits"
import type { RegexpNode } from "./tree"

const FLAGS: Readonly<Record<string, number>> = { i: RE2JS.CASE_INSENSITIVE, m: RE2JS.MULTILINE, s: RE2JS.DOTALL }

/** Flags that may follow a regular expression: case does not count, ^ and $ at every line, the dot takes line ends too. */
export const REGEXP_FLAGS = "ims"

/** A compiled regular expression. */
export interface Regexp {
    /** Whether it matches anywhere in the text. */
    test(this: void, text: string): boolean
    /** Size of its program: matching visits each instruction at most once per character. */
    readonly instructions: number
}

/** Compiles; a text says what is wrong with it. */
export function compileRegexp({ source, flags }: Pick<RegexpNode, "source" | "flags">): Regexp | string {
    if (source === "") return "it is empty"
    if (source.length > POLICY_REGEXP_CHARS_MAX) return `it has more than ${POLICY_REGEXP_CHARS_MAX} characters`
    try {
        const bits = [...flags].reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0)
        const compiled = RE2JS.compile(source, bits)
        return { test: text => compiled.test(text), instructions: compiled.programSize() }
    } catch (error) {
        return (error as Error).message.replace(/^error parsing regexp: /, "")
    }
}
