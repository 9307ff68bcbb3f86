// Constants of a bundle in their places: on Espruino each variable costs memory for good, and time whenever it is looked up.

import { applyEdits, innerNames, parseScript, targetOf, type Edit, type Tree, walk, walkNames } from "./js-tree"

/** Longest text that is repeated wherever it is used; a longer one stays a variable unless it is used once. */
const TEXT_BYTES_MAX = 16

/** The text of a value that can stand in the place of its variable; undefined for everything that is not one literal. */
function literalText(code: string, value: Tree | null | undefined): string | undefined {
    if (value === null || value === undefined) return undefined
    const isSigned = value.type === "UnaryExpression" && (value["argument"] as Tree).type === "Literal"
    if (isSigned) return `(${code.slice(value.start, value.end)})`
    if (value.type !== "Literal" || value["regex"] !== undefined) return undefined
    return code.slice(value.start, value.end)
}

/** Variables of the outermost scope that begin with a literal: name → its text. */
function candidates(code: string, program: Tree): Map<string, string> {
    const found = new Map<string, string>()
    for (const node of program["body"] as Tree[]) {
        if (node.type !== "VariableDeclaration") continue
        for (const one of node["declarations"] as Tree[]) {
            const text = literalText(code, one["init"] as Tree | null)
            if (text !== undefined && (one["id"] as Tree).type === "Identifier")
                found.set((one["id"] as Tree)["name"] as string, text)
        }
    }
    return found
}

/** The value that `name = value` gives where nothing else is made of it; undefined for every other way to assign. */
function plainValue(node: Tree, parents: readonly Tree[]): Tree | undefined {
    const [parent, outer] = [parents.at(-1)!, parents.at(-2)]
    const isInRow = parent.type === "SequenceExpression"
    const isDropped = isInRow && (parent["expressions"] as Tree[]).at(-1) !== node
    const isAlone = (isInRow ? outer : parent)?.type === "ExpressionStatement"
    const isPlain = node.type === "AssignmentExpression" && node["operator"] === "=" && (isAlone || isDropped)
    return isPlain ? (node["right"] as Tree) : undefined
}

/**
 * Puts the values of constants where their names are: of variables of the outermost scope that are never given another value than
 * their first. `code` is a flat script; names that something inside a function hides stay.
 * The declarations stay as well: nothing uses them any more.
 */
export function inlineConstants(code: string): string {
    const program = parseScript(code)
    const constants = candidates(code, program)
    const repeats: Edit[] = []
    walk(program, (node, parents) => {
        const name = String(targetOf(node)?.["name"])
        if (!constants.has(name)) return
        const value = plainValue(node, parents)
        if (value !== undefined && literalText(code, value) === constants.get(name)) repeats.push({ ...node, text: name })
        else constants.delete(name)
    })
    for (const name of innerNames(program)) constants.delete(name)
    const again = repeats.filter(({ text }) => constants.has(text)).map(({ start, end }) => ({ start, end, text: "0" }))
    const isRepeat = (start: number): boolean => again.some(edit => edit.start === start)
    const uses = new Map<string, Edit[]>()
    walkNames(program, (node, name, parents) => {
        const text = constants.get(name)
        const parent = parents.at(-1)!
        if (text === undefined || isRepeat(node.start) || (parent.type === "VariableDeclarator" && parent["id"] === node)) return
        const value = parent.type === "Property" && parent["shorthand"] === true ? `${name}: ${text}` : text
        uses.set(name, [...(uses.get(name) ?? []), { start: node.start, end: node.end, text: value }])
    })
    const edits = [...uses].filter(([name, all]) => all.length === 1 || constants.get(name)!.length <= TEXT_BYTES_MAX + 2)
    return applyEdits(code, [...again, ...edits.flatMap(([, all]) => all)])
}
