// From a policy's text to tokens, one at a time.

import { fault } from "./error"
import { SYMBOLS } from "./operators"
import { REGEXP_FLAGS } from "./regexp"
import type { Place } from "./tree"

/** A piece of a policy. A name in back quotes is `quoted`: it is never a word such as `true`. */
export type Token = Place &
    (
        | { readonly kind: "number"; readonly value: number }
        | { readonly kind: "text"; readonly value: string }
        | { readonly kind: "regexp"; readonly source: string; readonly flags: string }
        | { readonly kind: "name"; readonly name: string; readonly quoted: boolean }
        | { readonly kind: "symbol"; readonly symbol: string }
        | { readonly kind: "end" }
    )

/** A hyphen or a dot belongs to a name when a letter, digit or underscore follows at once: `a-b` is a name, `a - b` a difference. */
const NAME = /[A-Za-z_][A-Za-z0-9_]*(?:[-.][A-Za-z0-9_]+)*/y
const NUMBER = /[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
/** A dot or word right behind a number: an unquoted version, a unit, a property that begins with a digit. */
const NUMBER_TAIL = /[A-Za-z0-9_.]+/y
/** A slash within a class `[…]` does not end the expression. */
const REGEXP = /\/((?:\[(?:\\.|[^\]\\\n])*\]|\\.|[^/\\[\n])*)\/([A-Za-z]*)/y
const QUOTED_NAME = /`([^`\n]+)`/y
const BLANKS = /\s*/y
/** JSON's, and the single quote. */
const ESCAPES: Readonly<Record<string, string>> = {
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "\t",
    "/": "/",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
/** Symbols of other languages, and what they are called here. */
const STRANGERS: readonly (readonly [RegExp, string])[] = [
    [/===/y, "write == to compare"],
    [/=/y, "write == to compare"],
    [/&/y, "write && for and"],
    [/\|/y, "write || for or"],
    [/~/y, "write =~ to match a regular expression"],
    [/\./y, "write 0.5 for a number, and names as `a.b` without blanks"],
]

/** Whether a name can stand by itself, without back quotes. */
export function namePlain(name: string): boolean {
    return matchAt(NAME, name, 0)?.[0] === name
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
    pattern.lastIndex = at
    return pattern.exec(text)
}

function numberAt(text: string, start: number, raw: string): Token {
    const end = start + raw.length
    const tail = matchAt(NUMBER_TAIL, text, end)
    if (tail !== null) {
        const place = { start, end: end + tail[0].length }
        const hint = 'write a version in quotes, such as "1.2.3", and a property that begins with a digit in back quotes: `2g`'
        throw fault("POLICY_NUMBER", place, `expected a number, found ${raw}${tail[0]}`, hint)
    }
    const value = Number(raw)
    if (Number.isFinite(value)) return { kind: "number", value, start, end }
    throw fault("POLICY_NUMBER", { start, end }, "the number is too large", "numbers go up to about 1.8e308")
}

/** One escape behind a backslash at `at`: its character and its end. */
function escapeAt(text: string, at: number): { char: string; end: number } {
    const code = text[at + 1] ?? ""
    const hex = /^[0-9A-Fa-f]{4}$/.exec(text.slice(at + 2, at + 6))
    if (code === "u" && hex !== null) return { char: String.fromCharCode(parseInt(hex[0], 16)), end: at + 6 }
    if (Object.hasOwn(ESCAPES, code)) return { char: ESCAPES[code]!, end: at + 2 }
    const place = { start: at, end: Math.min(at + 2, text.length) }
    throw fault("POLICY_TEXT", place, "unknown escape in a text", "write \\\\ for a backslash; others are those of JSON, and \\'")
}

function textAt(text: string, start: number): Token {
    const quote = text[start]
    let value = ""
    let at = start + 1
    while (at < text.length && text[at] !== "\n") {
        const char = text[at]!
        if (char === quote) return { kind: "text", value, start, end: at + 1 }
        const next = char === "\\" ? escapeAt(text, at) : { char, end: at + 1 }
        value += next.char
        at = next.end
    }
    throw fault("POLICY_TEXT", { start, end: at }, "the text does not end", `expected ${quote} at its end, on the same line`)
}

function regexpAt(text: string, start: number): Token {
    const found = matchAt(REGEXP, text, start)
    if (found === null) {
        const hint = "expected / at its end, on the same line; a division needs a value on its left"
        throw fault("POLICY_REGEXP", { start, end: start + 1 }, "the regular expression does not end", hint)
    }
    const [all, source = "", flags = ""] = found
    const end = start + all.length
    const sorted = [...REGEXP_FLAGS].filter(flag => flags.includes(flag)).join("")
    if (sorted.length === flags.length) return { kind: "regexp", source, flags: sorted, start, end }
    const place = { start: end - flags.length, end }
    throw fault(
        "POLICY_REGEXP",
        place,
        `unknown flags ${flags}`,
        "known are i (case), m (lines) and s (dot takes all), each once",
    )
}

function symbolAt(text: string, start: number): Token {
    const symbol = SYMBOLS.find(one => text.startsWith(one, start))
    if (symbol !== undefined) return { kind: "symbol", symbol, start, end: start + symbol.length }
    const char = String.fromCodePoint(text.codePointAt(start)!)
    const stranger = STRANGERS.find(([pattern]) => matchAt(pattern, text, start) !== null)
    const hint =
        stranger?.[1] ?? "write a text in quotes, and a property with other characters than A-Z a-z 0-9 _ - . in back quotes"
    throw fault("POLICY_CHARACTER", { start, end: start + char.length }, `${JSON.stringify(char)} cannot stand here`, hint)
}

/**
 * The token at or behind `at`, blanks skipped. `valueExpected`: a slash begins a regular expression; else it divides.
 * Throws PolicyFault.
 */
export function tokenAt(text: string, at: number, valueExpected: boolean): Token {
    const start = at + matchAt(BLANKS, text, at)![0].length
    if (start >= text.length) return { kind: "end", start, end: start }
    const char = text[start]!
    if (char === '"' || char === "'") return textAt(text, start)
    if (char === "/" && valueExpected) return regexpAt(text, start)
    const quoted = char === "`" ? matchAt(QUOTED_NAME, text, start) : null
    if (quoted !== null) return { kind: "name", name: quoted[1]!, quoted: true, start, end: start + quoted[0].length }
    const number = matchAt(NUMBER, text, start)
    if (number !== null) return numberAt(text, start, number[0])
    const name = matchAt(NAME, text, start)
    if (name !== null) return { kind: "name", name: name[0], quoted: false, start, end: start + name[0].length }
    return symbolAt(text, start)
}
