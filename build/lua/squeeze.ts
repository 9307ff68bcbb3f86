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

/** Squeezes Lua text. Lines are broken between statements' tokens, so that messages still say roughly where something is. */
export function squeezeLua(text: string): string {
    let result = ""
    let lineStart = 0
    let last = ""
    for (const [token, quoted, number, word, sign] of text.matchAll(TOKEN)) {
        if ((quoted ?? number ?? word ?? sign) === undefined) continue
        if (result.length - lineStart > LINE_CHARS && word !== undefined && /^\w/.test(token)) {
            result += "\n"
            lineStart = result.length
        } else if (mustPart(last, token)) result += " "
        result += token
        last = token
    }
    return `${result}\n`
}
