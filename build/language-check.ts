// Refuses what Espruino 2v29 cannot run: every construct and global that it lacks, with file, line and column of the source.

import { SourceMap } from "node:module"
import { PackError } from "./errors"
import { ESPRUINO_GLOBALS, ESPRUINO_PINS, LACKING_METHODS, LACKING_STATICS } from "./espruino-names"
import { boundNames, childrenOf, isFunction, isPropertyName, namesOf, parseScript, type Tree, walk } from "./js-tree"

export { ESPRUINO_MODULES } from "./espruino-names"

/** Something that Espruino cannot run. */
export interface Finding {
    /** Offset in the code. */
    readonly at: number
    readonly text: string
}

type Rule = (node: Tree, parents: readonly Tree[]) => string

const has = (node: Tree, field: string): boolean => node[field] !== null && node[field] !== undefined && node[field] !== false

/** What is wrong with a node of this type; "" for nothing. */
const RULES: Readonly<Record<string, Rule>> = {
    AssignmentPattern: () => "default values of parameters or variables",
    RestElement: () => "rest parameters",
    SpreadElement: () => "spread (...)",
    ObjectPattern: () => "destructuring",
    ArrayPattern: () => "destructuring",
    ChainExpression: () => "optional chaining (?.)",
    LabeledStatement: () => "labels",
    AwaitExpression: () => "await",
    YieldExpression: () => "generators",
    ForOfStatement: node => (has(node, "await") ? "for await" : ""),
    PrivateIdentifier: () => "#private members",
    StaticBlock: () => "static blocks of classes",
    TaggedTemplateExpression: () => "tagged templates",
    MetaProperty: () => "new.target and import.meta",
    ImportExpression: () => "import()",
    WithStatement: () => "with",
    BinaryExpression: node => (node["operator"] === "**" ? "the operator **; use Math.pow" : ""),
    AssignmentExpression: assignment,
    Property: node => (has(node, "computed") ? "computed names of properties" : ""),
    MethodDefinition: node => (has(node, "computed") ? "computed names of methods" : ""),
    PropertyDefinition: node => (has(node, "value") ? "" : "class fields without a value"),
    SwitchStatement: switchStatement,
    Literal: literal,
    FunctionDeclaration: functionKind,
    FunctionExpression: functionKind,
    ArrowFunctionExpression: functionKind,
    ForStatement: loopClosure,
    ForInStatement: loopClosure,
    ForOfStatementClosure: loopClosure,
}

function assignment(node: Tree): string {
    const operator = node["operator"] as string
    if (operator === "**=" || /^(\?\?|\|\||&&)=$/.test(operator)) return `the operator ${operator}`
    const left = node["left"] as Tree
    if (left.type !== "MemberExpression" || (left["property"] as Tree)["name"] !== "length" || has(left, "computed")) return ""
    return "setting the length of an array; use splice"
}

function switchStatement(node: Tree): string {
    const cases = node["cases"] as Tree[]
    const place = cases.findIndex(one => !has(one, "test"))
    return place >= 0 && place < cases.length - 1 ? "a case behind default" : ""
}

function literal(node: Tree): string {
    if (has(node, "bigint")) return "BigInt"
    const regex = node["regex"] as { pattern: string; flags: string } | undefined
    if (regex === undefined) return ""
    if (/[suyvd]/.test(regex.flags)) return `regular expressions with the flags ${regex.flags}`
    if (/\(\?[=!<]/.test(regex.pattern)) return "lookahead, lookbehind and named groups of regular expressions"
    return /[*+?}]\?/.test(regex.pattern.replace(/\\./g, "")) ? "lazy quantifiers of regular expressions" : ""
}

function functionKind(node: Tree): string {
    if (has(node, "async")) return "async functions"
    return has(node, "generator") ? "generators" : ""
}

/** All rounds of a loop share one variable, so a function made in it sees the last value. */
function loopClosure(node: Tree): string {
    const head = (node["init"] ?? node["left"]) as Tree | null
    if (head?.type !== "VariableDeclaration" || head["kind"] === "var") return ""
    const names = new Set((head["declarations"] as Tree[]).flatMap(one => namesOf(one["id"] as Tree)))
    let isSeen = false
    walk(node["body"] as Tree, (inner, parents) => {
        if (inner.type !== "Identifier" || !names.has(inner["name"] as string) || isPropertyName(inner, parents.at(-1))) return
        if (parents.some(isFunction)) isSeen = true
    })
    return isSeen
        ? "a function that keeps the variable of a loop (all rounds share it); call a function for each round instead"
        : ""
}

function names(program: Tree): Finding[] {
    const bound = boundNames(program)
    const properties = definedProperties(program)
    const findings: Finding[] = []
    walk(program, (node, parents) => {
        const parent = parents.at(-1)
        if (node.type === "MemberExpression") findings.push(...member(node, parent, bound, properties))
        if (node.type !== "Identifier" || isPropertyName(node, parent)) return
        const name = node["name"] as string
        if (name === "of" || name === "static")
            findings.push({ at: node.start, text: `a variable named ${name}, a reserved word there` })
        if (bound.has(name) || ESPRUINO_GLOBALS.has(name) || ESPRUINO_PINS.test(name)) return
        // `typeof name` asks whether it is there.
        if (parent?.type === "UnaryExpression" && parent["operator"] === "typeof") return
        findings.push({ at: node.start, text: `the global ${name}` })
    })
    return findings
}

/** Names of methods and properties that the code itself defines: calling those is no call of the engine's. */
function definedProperties(program: Tree): Set<string> {
    const result = new Set<string>()
    walk(program, node => {
        const key = /^(Property|MethodDefinition|PropertyDefinition)$/.test(node.type) ? (node["key"] as Tree) : undefined
        const target = node.type === "AssignmentExpression" ? (node["left"] as Tree) : undefined
        const name = key?.["name"] ?? key?.["value"] ?? (target?.["property"] as Tree | undefined)?.["name"]
        if (typeof name === "string") result.add(name)
    })
    return result
}

function member(node: Tree, parent: Tree | undefined, bound: Set<string>, properties: Set<string>): Finding[] {
    if (has(node, "computed")) return []
    const object = node["object"] as Tree
    const property = (node["property"] as Tree)["name"] as string
    const owner = object.type === "Identifier" ? (object["name"] as string) : ""
    if (!bound.has(owner) && LACKING_STATICS.has(`${owner}.${property}`))
        return [{ at: node.start, text: `${owner}.${property}` }]
    const isCall = parent?.type === "CallExpression" && parent["callee"] === node
    if (!isCall || properties.has(property) || !LACKING_METHODS.has(property) || owner === "E") return []
    return [{ at: (node["property"] as Tree).start, text: `the method ${property}` }]
}

/** Everything in a script that Espruino cannot run, in the order of the code. */
export function findUnsupported(code: string): Finding[] {
    const program = parseScript(code)
    const findings: Finding[] = names(program)
    walk(program, (node, parents) => {
        const text = RULES[node.type]?.(node, parents) ?? ""
        if (text !== "") findings.push({ at: node.start, text })
        if (node.type === "ForOfStatement" && loopClosure(node) !== "") findings.push({ at: node.start, text: loopClosure(node) })
    })
    return findings.sort((a, b) => a.at - b.at)
}

/** Functions that are called ahead of their line in the code of one scope; in a finished bundle there may be none. */
export function findEarlyCalls(code: string): Finding[] {
    const findings: Finding[] = []
    const scope = (body: readonly Tree[]): void => {
        const later = new Map<string, number>()
        for (const node of body) {
            if (node.type === "FunctionDeclaration") later.set((node["id"] as Tree)["name"] as string, node.start)
        }
        for (const node of body) if (node.type !== "FunctionDeclaration") early(node, later, findings)
    }
    walk(parseScript(code), node => {
        const body = node["body"]
        if (Array.isArray(body)) scope(body as Tree[])
    })
    return findings
}

function early(node: Tree, later: ReadonlyMap<string, number>, findings: Finding[]): void {
    if (node.type === "Identifier" && node.start < (later.get(node["name"] as string) ?? -1)) {
        findings.push({ at: node.start, text: `${String(node["name"])}() ahead of its line, from where on it is known` })
    }
    for (const child of childrenOf(node)) if (!isFunction(child)) early(child, later, findings)
}

const HINT = "docs/boards.md says which JavaScript Espruino runs"
const FINDINGS_MAX = 5

function lineAndColumn(code: string, at: number): { line: number; column: number } {
    const before = code.slice(0, at)
    return { line: before.split("\n").length - 1, column: at - before.lastIndexOf("\n") - 1 }
}

/** Throws PACK_BUNDLE, naming places of the source, when Espruino cannot run the code of a bundle that is not minified yet. */
export function checkLanguage(code: string, map: string): void {
    const findings = findUnsupported(code)
    if (findings.length === 0) return
    const sourceMap = new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0])
    const lines = findings.slice(0, FINDINGS_MAX).map(({ at, text }) => {
        const { line, column } = lineAndColumn(code, at)
        const entry = sourceMap.findEntry(line, column)
        const place =
            "originalSource" in entry ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}` : "bundle"
        return `${place}: Espruino lacks ${text}`
    })
    throw new PackError("PACK_BUNDLE", lines.join("\n"), HINT)
}

/** Throws PACK_BUNDLE when a finished bundle still has something that Espruino cannot run: minifiers write code, too. */
export function checkBundle(code: string): void {
    const finding = [...findUnsupported(code), ...findEarlyCalls(code)][0]
    if (finding === undefined) return
    const excerpt = code.slice(Math.max(0, finding.at - 40), finding.at + 40)
    throw new PackError(
        "PACK_BUNDLE",
        `the finished bundle: Espruino lacks ${finding.text}: …${excerpt}…`,
        "report this as a defect of otary pack",
    )
}
