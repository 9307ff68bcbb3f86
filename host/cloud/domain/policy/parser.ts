// From a policy's text to its tree: precedence climbing over the table of operators.

import { fault, type PolicyFault } from "./error"
import { tokenAt, type Token } from "./lexer"
import { POLICY_CHARS_MAX, POLICY_DEPTH_MAX } from "./limits"
import { operatorRow, POWER, SEMVER_OPERATORS, UNARY_PRECEDENCE } from "./operators"
import type { BinaryOperator, Place, PolicyNode, SemverOperator, UnaryOperator } from "./tree"

/** Where the parser stands: at `token`. `terms` are those seen so far, `depth` the levels that are open. */
interface Parser {
    readonly text: string
    readonly termsMax: number
    token: Token
    /** The end of the token before. */
    end: number
    terms: number
    depth: number
}

/** Words that are values. */
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null }

/** Whether a name means a value when it is written without back quotes. */
export function isWord(name: string): boolean {
    return Object.hasOwn(WORDS, name)
}

function advance(parser: Parser, valueExpected: boolean): Token {
    const { token } = parser
    parser.end = token.end
    parser.token = tokenAt(parser.text, token.end, valueExpected)
    return token
}

function found({ text, token }: Parser): string {
    return token.kind === "end" ? "the end" : text.slice(token.start, token.end)
}

function unexpected(parser: Parser, expected: string, hint: string): PolicyFault {
    return fault("POLICY_SYNTAX", parser.token, `expected ${expected}, found ${found(parser)}`, hint)
}

function isSymbol(token: Token, symbol: string): boolean {
    return token.kind === "symbol" && token.symbol === symbol
}

/** Goes past a symbol that must come now; `valueExpected` is about what follows it. */
function take(parser: Parser, symbol: string, valueExpected: boolean, hint: string): Token {
    if (!isSymbol(parser.token, symbol)) throw unexpected(parser, symbol, hint)
    return advance(parser, valueExpected)
}

/** Counts one more term: each name, number, text, regular expression, true, false and null that is written. */
function countTerm(parser: Parser, place: Place): void {
    parser.terms += 1
    if (parser.terms <= parser.termsMax) return
    const hint = "say it with fewer values: a regular expression can take the place of many comparisons"
    throw fault("POLICY_TERMS", place, `more than ${parser.termsMax} terms`, hint)
}

/** Runs `parse` one level deeper. */
function deeper<Result>(parser: Parser, parse: () => Result): Result {
    if (parser.depth === POLICY_DEPTH_MAX) {
        const message = `more than ${POLICY_DEPTH_MAX} levels within one another`
        throw fault("POLICY_DEPTH", parser.token, message, "take away parentheses, signs or negations that are not needed")
    }
    parser.depth += 1
    const result = parse()
    parser.depth -= 1
    return result
}

/** The second argument of semver(): one of its operators, as a text. */
function parseSemverOperator(parser: Parser): SemverOperator {
    const { token } = parser
    const operator = token.kind === "text" ? SEMVER_OPERATORS.find(one => one === token.value) : undefined
    const choice = SEMVER_OPERATORS.map(one => `"${one}"`).join(" ")
    if (operator === undefined) throw unexpected(parser, `one of ${choice}`, 'write semver(version, "<", newVersion)')
    countTerm(parser, token)
    advance(parser, false)
    return operator
}

/** `name(`: the one function that there is. */
function parseCall(parser: Parser, name: Token): PolicyNode {
    const word = parser.text.slice(name.start, name.end)
    const hint = 'the one function is semver(version, "<", newVersion)'
    if (word !== "semver") throw fault("POLICY_FUNCTION", name, `unknown function ${word}`, hint)
    return deeper(parser, () => {
        take(parser, "(", true, hint)
        const left = parseExpression(parser, 1)
        take(parser, ",", true, hint)
        const operator = parseSemverOperator(parser)
        take(parser, ",", true, hint)
        const right = parseExpression(parser, 1)
        const { end } = take(parser, ")", false, hint)
        return Object.freeze({ kind: "semver", operator, left, right, start: name.start, end })
    })
}

function parseTerm(parser: Parser): PolicyNode {
    const { token } = parser
    if (token.kind === "end" || token.kind === "symbol") {
        const hint = "a value is a property, a number, a text in quotes, a /regular expression/, true, false or null"
        throw unexpected(parser, "a value", hint)
    }
    advance(parser, false)
    const plain = token.kind === "name" && !token.quoted
    if (plain && isSymbol(parser.token, "(")) return parseCall(parser, token)
    countTerm(parser, token)
    const { start, end } = token
    if (plain && isWord(token.name)) return Object.freeze({ kind: "literal", value: WORDS[token.name]!, start, end })
    if (token.kind === "name") return Object.freeze({ kind: "name", name: token.name, start, end })
    if (token.kind !== "regexp") return Object.freeze({ kind: "literal", value: token.value, start, end })
    return Object.freeze({ kind: "regexp", source: token.source, flags: token.flags, start, end })
}

function parseGroup(parser: Parser): PolicyNode {
    return deeper(parser, () => {
        const open = advance(parser, true)
        const inner = parseExpression(parser, 1)
        if (isSymbol(parser.token, ")")) advance(parser, false)
        else throw unexpected(parser, "an operator or )", `the ( at character ${open.start + 1} is not closed`)
        return inner
    })
}

function parseUnary(parser: Parser, operator: UnaryOperator): PolicyNode {
    return deeper(parser, () => {
        const { start } = advance(parser, true)
        const operand = parseExpression(parser, UNARY_PRECEDENCE + 1)
        return Object.freeze({ kind: "unary", operator, operand, start, end: parser.end })
    })
}

function parseOperand(parser: Parser): PolicyNode {
    const { token } = parser
    if (isSymbol(token, "(")) return parseGroup(parser)
    if (isSymbol(token, "!")) return parseUnary(parser, "!")
    return isSymbol(token, "-") ? parseUnary(parser, "-") : parseTerm(parser)
}

/** A value and all operators behind it that bind at least as tightly as `least`. */
function parseExpression(parser: Parser, least: number): PolicyNode {
    const { start } = parser.token
    let left = parseOperand(parser)
    for (;;) {
        const { token } = parser
        const row = token.kind === "symbol" ? operatorRow(token.symbol) : undefined
        if (token.kind !== "symbol" || row === undefined || row.precedence < least) return left
        advance(parser, true)
        const operator = token.symbol as BinaryOperator
        const right =
            operator === POWER
                ? deeper(parser, () => parseExpression(parser, row.precedence))
                : parseExpression(parser, row.precedence + 1)
        left = Object.freeze({ kind: "binary", operator, left, right, start, end: parser.end })
    }
}

/** A tree with the number of its terms. */
export interface Parsed {
    readonly tree: PolicyNode
    readonly terms: number
}

/** Parses a text that is not blank; types are not looked at. Throws PolicyFault. */
export function parseText(text: string, termsMax: number): Parsed {
    if (text.length > POLICY_CHARS_MAX) {
        const place = { start: POLICY_CHARS_MAX, end: POLICY_CHARS_MAX + 1 }
        throw fault("POLICY_LENGTH", place, `more than ${POLICY_CHARS_MAX} characters`, "shorten the policy")
    }
    const parser: Parser = { text, termsMax, token: tokenAt(text, 0, true), end: 0, terms: 0, depth: 0 }
    const tree = parseExpression(parser, 1)
    if (parser.token.kind === "end") return { tree, terms: parser.terms }
    throw unexpected(parser, "an operator or the end", "join two conditions with && or ||; write a text in quotes")
}
