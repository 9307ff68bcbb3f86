// The last pass: reserved words and operators as the one byte that Espruino's lexer makes of them anyway (Espruino, src/jslex.h,
// LEX_TYPES). Such code is smaller, and it is read faster. Numbers and texts stay as they are: the lexer does not look whether there is a
// free cell for those that were made beforehand.

import { isPropertyName, parseTokens, walk, type Tree } from "./js-tree"

/** Value of the first token in LEX_TYPES. */
const FIRST = 138
/** In the order of LEX_TYPES, which Espruino promises to keep. */
const OPERATORS = "== === != !== <= << <<= >= >> >>> >>= >>>= += -= ++ -- *= /= %= &= && |= || ^= =>"
const WORDS =
    "if else do while for break continue function return var let const this throw try catch finally true false null undefined new in" +
    " instanceof switch case default delete typeof void debugger class extends super static of"

const TOKENS: ReadonlyMap<string, string> = new Map(
    `${OPERATORS} ${WORDS}`.split(" ").map((text, index) => [text, String.fromCharCode(FIRST + index)]),
)

/** What minifiers write for constants, because it is shorter as text. */
const CONSTANTS: ReadonlyMap<string, string> = new Map([
    ["!0", TOKENS.get("true")!],
    ["!1", TOKENS.get("false")!],
    ["void 0", TOKENS.get("undefined")!],
])

/** Whether two pieces would be read as one: names and numbers, signs, and a number ahead of a dot. */
function wouldJoin(last: string, next: string): boolean {
    if (/[\w$]$/.test(last)) return /^[\w$]/.test(next) || (/^\d+$/.test(last) && next === ".")
    return /[-+/]$/.test(last) && next.startsWith(last.at(-1)!)
}

/** Pieces that are no tokens of their own, by their start: names, but for `undefined`; template literals; and constants. */
function fixedPieces(code: string, tree: Tree): Map<number, { end: number; text: string }> {
    const fixed = new Map<number, { end: number; text: string }>()
    walk(tree, (node, parents) => {
        const text = code.slice(node.start, node.end)
        const constant = node.type === "UnaryExpression" ? CONSTANTS.get(text) : undefined
        const isWord = node["name"] === "undefined" && !isPropertyName(node, parents.at(-1))
        const isKept = (node.type === "Identifier" && !isWord) || node.type === "TemplateLiteral"
        if (isKept || constant !== undefined) fixed.set(node.start, { end: node.end, text: constant ?? text })
        return node.type !== "TemplateLiteral"
    })
    return fixed
}

/**
 * `code`, a script or a part of one that is a script by itself, in the form that Espruino makes of functions by
 * `E.setFlags({ pretokenise: 1 })`, without comments and spaces. One character is one byte.
 */
export function tokenise(code: string): string {
    const { tree, tokens } = parseTokens(code)
    const fixed = fixedPieces(code, tree)
    let result = ""
    let last = ""
    let at = 0
    for (const { start, end } of tokens) {
        // Within a piece that is already there.
        if (start < at) continue
        const word = code.slice(start, end)
        const piece = fixed.get(start) ?? { end, text: TOKENS.get(word) ?? word }
        result += (wouldJoin(last, piece.text) ? " " : "") + piece.text
        last = piece.text
        at = piece.end
    }
    return result
}
