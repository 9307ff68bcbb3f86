// Semantic versions as text (SemVer 2.0.0): validity, precedence, and the comparisons of a manifest's `requires`.

import { numberIn } from "./bytes"

/** Longest version, and longest range, that is looked at; anything longer is invalid. */
export const VERSION_BYTES_MAX = 256

const CODE_PLUS = 43
const CODE_MINUS = 45
const CODE_DOT = 46
const CODE_0 = 48

/** 0-9, A-Z, a-z and the hyphen: what an identifier may hold (SemVer 2.0.0, items 9 and 10). */
function isIdentifierCode(code: number): boolean {
    return code === CODE_MINUS || (code >= CODE_0 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}

/** Index of the first `code` in text[from, to), or `to`. */
function indexOfCode(text: string, code: number, from: number, to: number): number {
    let index = from
    while (index < to && text.charCodeAt(index) !== code) index += 1
    return index
}

/** Where build metadata begins, or the end: what lies before decides precedence. */
function precedenceEnd(version: string): number {
    return indexOfCode(version, CODE_PLUS, 0, version.length)
}

/** Where major.minor.patch ends. */
function coreEnd(version: string): number {
    return indexOfCode(version, CODE_MINUS, 0, precedenceEnd(version))
}

function isNumeric(identifier: string): boolean {
    return numberIn(identifier, 0, identifier.length) >= 0
}

function identifierValid(identifier: string, zerosMayLead: boolean): boolean {
    if (identifier === "") return false
    for (let index = 0; index < identifier.length; index += 1) {
        if (!isIdentifierCode(identifier.charCodeAt(index))) return false
    }
    return zerosMayLead || identifier.length === 1 || identifier.charCodeAt(0) !== CODE_0 || !isNumeric(identifier)
}

/** Number of valid identifiers, all numbers if they must be, in text[from, to), which dots part; -1 when one of them is not valid. */
function identifierCount(text: string, from: number, to: number, mustBeNumbers: boolean, zerosMayLead: boolean): number {
    let count = 0
    let start = from
    while (start <= to) {
        const end = indexOfCode(text, CODE_DOT, start, to)
        const identifier = text.substring(start, end)
        if (!identifierValid(identifier, zerosMayLead) || (mustBeNumbers && !isNumeric(identifier))) return -1
        count += 1
        start = end + 1
    }
    return count
}

/**
 * Whether `text` is a version by SemVer 2.0.0 (items 2, 9, 10), numbers of any length.
 * At most VERSION_BYTES_MAX long.
 */
export function versionValid(text: string): boolean {
    const length = text.length
    if (length > VERSION_BYTES_MAX) return false
    const core = coreEnd(text)
    const precedence = precedenceEnd(text)
    if (identifierCount(text, 0, core, true, false) !== 3) return false
    if (core < precedence && identifierCount(text, core + 1, precedence, false, false) < 0) return false
    return precedence === length || identifierCount(text, precedence + 1, length, false, true) > 0
}

/** Precedence of two identifiers (SemVer 2.0.0, item 11.4); numbers compare as text, so none is too long. */
function identifierCompare(a: string, b: string): number {
    const aNumeric = isNumeric(a)
    if (aNumeric !== isNumeric(b)) return aNumeric ? -1 : 1
    if (aNumeric && a.length !== b.length) return a.length < b.length ? -1 : 1
    if (a === b) return 0
    return a < b ? -1 : 1
}

/** Compares identifiers one by one; where all are equal, fewer of them come first. */
function identifiersCompare(a: string, b: string): number {
    let aStart = 0
    let bStart = 0
    while (aStart <= a.length && bStart <= b.length) {
        const aEnd = indexOfCode(a, CODE_DOT, aStart, a.length)
        const bEnd = indexOfCode(b, CODE_DOT, bStart, b.length)
        const order = identifierCompare(a.substring(aStart, aEnd), b.substring(bStart, bEnd))
        if (order !== 0) return order
        aStart = aEnd + 1
        bStart = bEnd + 1
    }
    if (aStart > a.length && bStart > b.length) return 0
    return aStart > a.length ? -1 : 1
}

/**
 * Precedence of two versions (SemVer 2.0.0, item 11): -1 when `a` is lower, 0 when equal, 1 when `a` is higher.
 * Build metadata does not count. What is not a version is lower than every version.
 */
export function versionCompare(a: string, b: string): number {
    const aValid = versionValid(a)
    const bValid = versionValid(b)
    if (!aValid && !bValid) return 0
    if (aValid !== bValid) return aValid ? 1 : -1
    const aCore = coreEnd(a)
    const bCore = coreEnd(b)
    const order = identifiersCompare(a.substring(0, aCore), b.substring(0, bCore))
    if (order !== 0) return order
    const aEnd = precedenceEnd(a)
    const bEnd = precedenceEnd(b)
    // Without a pre-release it is the final version.
    if (aCore === aEnd) return bCore === bEnd ? 0 : 1
    if (bCore === bEnd) return -1
    return identifiersCompare(a.substring(aCore + 1, aEnd), b.substring(bCore + 1, bEnd))
}

/** The operator that begins a comparison: "<", "<=", ">", ">=", "=", or "" for none. */
function operatorOf(comparison: string): string {
    const first = comparison.charAt(0)
    if (first === "=") return first
    if (first !== "<" && first !== ">") return ""
    return comparison.charAt(1) === "=" ? first + "=" : first
}

/** 1 when `version` meets one comparison, 0 when not, -1 when the comparison is not valid. */
function comparisonMet(version: string, comparison: string): number {
    const operator = operatorOf(comparison)
    const bound = comparison.substring(operator.length)
    if (!versionValid(bound)) return -1
    const order = versionCompare(version, bound)
    let isMet = operator !== "<" && operator !== ">"
    if (order < 0) isMet = operator.charAt(0) === "<"
    if (order > 0) isMet = operator.charAt(0) === ">"
    return isMet ? 1 : 0
}

/** 1 when `version` meets all comparisons of the range, 0 when not, -1 when the range is not valid. */
function rangeMet(version: string, range: string): number {
    if (range.length > VERSION_BYTES_MAX) return -1
    let met = 1
    let start = 0
    while (start <= range.length) {
        const end = indexOfCode(range, 32, start, range.length)
        if (end > start) {
            const result = comparisonMet(version, range.substring(start, end))
            if (result < 0) return -1
            if (result === 0) met = 0
        }
        start = end + 1
    }
    return met
}

/**
 * Whether `range` can be used with versionSatisfies: comparisons `<V`, `<=V`, `>V`, `>=V`, `=V` or `V`, joined by blanks.
 * The empty range is valid: every version meets it. At most VERSION_BYTES_MAX long.
 */
export function versionRangeValid(range: string): boolean {
    return rangeMet("0.0.0", range) >= 0
}

/**
 * Whether `version` meets every comparison of `range`; false when either is not valid.
 * Order is SemVer 2.0.0 precedence and nothing else: 2.0.0-rc.1 meets `<2.0.0` and `>1.0.0`. (npm refuses pre-releases here so
 * that nobody installs one by accident; `requires` speaks of versions that already run.)
 */
export function versionSatisfies(version: string, range: string): boolean {
    return versionValid(version) && rangeMet(version, range) === 1
}
