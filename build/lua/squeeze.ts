// Takes every blank and line end out of Lua text that no two tokens need between them.

/** A string, a number, a name, an operator; blanks and comments in between. The compiler writes no long strings. */
const TOKEN =
    /\s+|--[^\n]*|("(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')|(0[xX][\da-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?)|(\w+)|(\.\.\.?|[=~<>]=|\S)/g

/** Whether two tokens would become another one if they touched. */
function mustPart(left: string, right: string): boolean {
    if (/\w$/.test(left) && /^\w/.test(right)) return true
    if (/^\d/.test(left) && right.startsWith(".")) return true
    return (left === "-" && right === "-") || (left.endsWith(".") && right.startsWith(".")) || (left === "[" && right === "[")
}

/** Longest line: some editors and serial consoles cut what is longer. */
const LINE_CHARS = 120

/** A piece of Lua text: blanks and comments have none of the others. */
export interface LuaToken {
    readonly token: string
    /** A string or a number. */
    readonly literal: string | undefined
    /** A name or a keyword. */
    readonly word: string | undefined
    readonly sign: string | undefined
}

/** Takes Lua text apart; the pieces together are the text. */
export function* luaTokens(text: string): Generator<LuaToken> {
    for (const [token, quoted, number, word, sign] of text.matchAll(TOKEN)) yield { token, literal: quoted ?? number, word, sign }
}

/** Squeezes Lua text. Lines are broken between statements' tokens, so that messages still say roughly where something is. */
export function squeezeLua(text: string): string {
    let result = ""
    let lineStart = 0
    let last = ""
    for (const { token, literal, word, sign } of luaTokens(text)) {
        if ((literal ?? word ?? sign) === undefined) continue
        if (result.length - lineStart > LINE_CHARS && word !== undefined && /^\w/.test(token)) {
            result += "\n"
            lineStart = result.length
        } else if (mustPart(last, token)) result += " "
        result += token
        last = token
    }
    return `${result}\n`
}
