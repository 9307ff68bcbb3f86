// The last pass: reserved words and operators as the one byte that Espruino's lexer makes of them anyway (Espruino, src/jslex.h,
// LEX_TYPES). Such code is smaller, and it is read faster. Numbers and texts stay as they are: the lexer does not look whether there is a
// free cell for those that were made beforehand.

import { parse, type Token } from "acorn"
import { isPropertyName, walk, type Tree } from "./js-tree"

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
const tokenOf = (text: string): string => TOKENS.get(text) ?? text

/** What minifiers write for constants, because it is shorter as text. */
const CONSTANTS: ReadonlyMap<string, string> = new Map([
    ["!0", tokenOf("true")],
    ["!1", tokenOf("false")],
    ["void 0", tokenOf("undefined")],
])

/** Whether two pieces would be read as one: names and numbers, signs, and a number ahead of a dot. */
function wouldJoin(last: string, next: string): boolean {
    if (/[\w$]$/.test(last)) return /^[\w$]/.test(next) || (/^\d+$/.test(last) && next === ".")
    return /[-+/]$/.test(last) && next.startsWith(last.at(-1)!)
}

/** Where pieces end that are kept, by their start: names of variables and properties, and template literals. */
function keptPieces(program: Tree): Map<number, number> {
    const kept = new Map<number, number>()
    walk(program, (node, parents) => {
        const isWord = node["name"] === "undefined" && !isPropertyName(node, parents.at(-1))
        if ((node.type === "Identifier" && !isWord) || node.type === "TemplateLiteral") kept.set(node.start, node.end)
        return node.type !== "TemplateLiteral"
    })
    return kept
}

/** Where constants end, by their start. */
function constantPieces(code: string, program: Tree): Map<number, number> {
    const found = new Map<number, number>()
    walk(program, node => {
        if (node.type === "UnaryExpression" && CONSTANTS.has(code.slice(node.start, node.end))) found.set(node.start, node.end)
    })
    return found
}

/**
 * `code`, a script or a part of one that is a script by itself, in the form that Espruino makes of functions by
 * `E.setFlags({ pretokenise: 1 })`, without comments and spaces. One character is one byte.
 */
export function tokenise(code: string): string {
    const tokens: Token[] = []
    const options = { ecmaVersion: 2022, sourceType: "script", allowReturnOutsideFunction: true } as const
    const program = parse(code, { ...options, onToken: tokens }) as unknown as Tree
    const kept = keptPieces(program)
    const constants = constantPieces(code, program)
    const pieces: string[] = []
    let at = 0
    for (const { start, end } of tokens) {
        // Within a piece that is already there.
        if (start < at) continue
        at = kept.get(start) ?? constants.get(start) ?? end
        const text = code.slice(start, at)
        const piece = kept.has(start) ? text : (CONSTANTS.get(text) ?? tokenOf(text))
        if (wouldJoin(pieces.at(-1) ?? "", piece)) pieces.push(" ")
        pieces.push(piece)
    }
    return pieces.join("")
}
