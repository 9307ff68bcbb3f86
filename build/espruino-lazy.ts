// Functions that exist only while they run: a bundle's cold functions stay text in flash, and are evaluated from there when one is called.
// On Espruino a function that exists costs six to nine JsVars whether or not it ever runs again.

import { applyEdits, parseScript, type Edit, type Tree, walk, walkNames } from "./js-tree"

/** Where the running slot begins. */
const SLOT = "global.otary.file,global.otary.at"
/** Stand for what is known, or may be spoken of, only when the code has its final form: minifiers leave a scope with `eval` as it is. */
const LIST = "__otary_cold__"
const EVAL = "__otary_eval__"
const TABLE_AT = "__otary_table__"
const DIGITS = "__otary_digits__"
/** Gives a cold function by its number. */
const ONE = "__otary_code__"
/** Places are written in this base. */
const BASE = 36

/** A function of the outermost scope. */
interface Candidate {
    readonly name: string
    readonly node: Tree
    /** Places outside itself that speak of it; those in a loop count LOOP_WEIGHT times. */
    uses: number
}

const LOOP_WEIGHT = 3
/** A function stays in memory when it is this short for each place that uses it: to fetch it costs some 50 µs on a desktop. */
const BYTES_PER_USE = 14

function candidates(program: Tree, isOwn: (name: string) => boolean): Map<string, Candidate> {
    const found = new Map<string, Candidate>()
    for (const node of program["body"] as Tree[]) {
        if (node.type !== "FunctionDeclaration") continue
        const name = (node["id"] as Tree)["name"] as string
        let usesThis = false
        walk(node, inner => void (usesThis ||= inner.type === "ThisExpression"))
        if (isOwn(name) && !usesThis) found.set(name, { name, node, uses: 0 })
    }
    return found
}

function countUses(program: Tree, found: ReadonlyMap<string, Candidate>): void {
    walkNames(program, (node, name, parents) => {
        const used = found.get(name)
        if (used === undefined || node === used.node["id"]) return
        used.uses += parents.some(parent => /^(For|While|DoWhile)/.test(parent.type)) ? LOOP_WEIGHT : 1
    })
}

/** An arrow function where that means the same: it is shorter. */
function expressionOf(code: string, node: Tree): string {
    const params = (node["params"] as Tree[]).map(param => code.slice(param.start, param.end)).join(", ")
    const body = node["body"] as Tree
    return `(${params}) => ${code.slice(body.start, body.end)}`
}

/** The function ONE. A place counts from the start of the slot. */
function fetcher(): string {
    return `var ${ONE} = index => {
        let read = require("Storage").read, places = read(${SLOT} + ${TABLE_AT} + index * ${DIGITS}, ${DIGITS} * 2)
        index = parseInt(places.substr(0, ${DIGITS}), ${BASE})
        return ${EVAL}(read(${SLOT} + index, parseInt(places.substr(${DIGITS}), ${BASE}) - index - 1))
    }`
}

/**
 * Takes the cold functions out of a flat script that is not minified yet, and leaves marks for assembleCold. `hot` stay, and what `isOwn`
 * does not know: an app's functions are as the app wrote them. A cold function that is handed around is another object each
 * time, so nothing may compare those. They are fetched from the running slot.
 */
export function splitCold(code: string, hot: ReadonlySet<string>, isOwn: (name: string) => boolean): string {
    const program = parseScript(code)
    const found = candidates(program, name => isOwn(name) && !hot.has(name))
    countUses(program, found)
    const cold = [...found.values()].filter(({ node, uses }) => node.end - node.start > uses * BYTES_PER_USE)
    cold.sort((a, b) => b.uses - a.uses)
    const places = new Map(cold.map(({ name }, index) => [name, index]))
    const edits: Edit[] = []
    walkNames(program, (node, name, parents) => {
        const index = places.get(name)
        if (index === undefined || parents.at(-1)!["id"] === node) return
        const parent = parents.at(-1)!
        const text = `${ONE}(${index})`
        const isShort = parent.type === "Property" && parent["shorthand"] === true
        edits.push({ start: node.start, end: node.end, text: isShort ? `${name}: ${text}` : text })
    })
    const within = (node: Tree): Edit[] =>
        edits
            .filter(edit => edit.start >= node.start && edit.end <= node.end)
            .map(edit => ({ ...edit, start: edit.start - node.start, end: edit.end - node.start }))
    const texts = cold.map(({ node }) => {
        const text = applyEdits(code.slice(node.start, node.end), within(node))
        return expressionOf(text, (parseScript(text)["body"] as Tree[])[0]!)
    })
    const isCold = new Set(cold.map(({ node }) => node))
    const rest = (program["body"] as Tree[]).filter(node => !isCold.has(node))
    const kept = rest.map(node => applyEdits(code.slice(node.start, node.end), within(node)))
    return `${fetcher()}\n${kept.join("\n")}\n${LIST}([${texts.join(",\n")}]);`
}

/** `LIST([…])` in a minified script: the whole expression, and its functions. */
function findList(program: Tree): { node: Tree; functions: Tree[] } {
    let found: Tree | undefined
    walk(program, node => {
        if (node.type === "CallExpression" && (node["callee"] as Tree)["name"] === LIST) found = node
        return found === undefined
    })
    if (found === undefined) throw new Error("the list of cold functions is gone")
    return { node: found, functions: (found["arguments"] as Tree[])[0]!["elements"] as Tree[] }
}

/** The script between its outer braces, without the list. */
function bodyOf(code: string, list: Tree): string {
    const [before, after] = [code.slice(0, list.start), code.slice(list.end)]
    // A statement of its own, or one of several expressions in a row.
    const rest = before.endsWith(",") ? before.slice(0, -1) + after : before + after.replace(/^[;,]/, "")
    const body = rest.slice(rest.indexOf("{") + 1, rest.lastIndexOf("})()"))
    return body.endsWith(";") ? body : `${body};`
}

/** `code` with what stands for names and numbers replaced. */
function filled(code: string, values: Readonly<Record<string, string>>): string {
    const edits: Edit[] = []
    walkNames(parseScript(code), ({ start, end }, name) => {
        if (values[name] !== undefined) edits.push({ start, end, text: values[name] })
    })
    return applyEdits(code, edits)
}

/**
 * The final form of a minified script `(()=>{…})();` out of splitCold: behind all that runs, where control never comes, a table of places
 * and the cold functions. `form` gives code the form in which Espruino reads it, and keeps what it means.
 */
export function assembleCold(minified: string, form: (code: string) => string): string {
    const { node, functions } = findList(parseScript(minified))
    const texts = functions.map(one => form(minified.slice(one.start, one.end)))
    const body = bodyOf(minified, node)
    const digits = (minified.length + 8 * texts.length).toString(BASE).length
    // Where the table lies depends on how long the number is that says so.
    let tableAt = 0
    for (;;) {
        const code = filled(body, { [EVAL]: "eval", [TABLE_AT]: String(tableAt), [DIGITS]: String(digits) })
        const main = `(${form(`()=>{${code}return;}`).slice(0, -1)}"`
        if (main.length === tableAt) return `${main}${tableOf(texts, tableAt, digits)}";[${texts.join(",")}]})();`
        tableAt = main.length
    }
}

/** Places of all functions and of the end, each `digits` long. What is read for one ends with a comma, or with the closing bracket. */
function tableOf(texts: readonly string[], tableAt: number, digits: number): string {
    let at = tableAt + (texts.length + 1) * digits + 3
    const places = [at, ...texts.map(text => (at += text.length + 1))]
    return places.map(place => place.toString(BASE).padStart(digits, "0")).join("")
}
