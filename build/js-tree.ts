// JavaScript as a tree (ESTree, by acorn): walking it, and which names a function binds.

import { parse, type Node, type Token } from "acorn"

/** A node with whatever fields its type has. */
export type Tree = Node & { readonly [field: string]: unknown }

const OPTIONS = { ecmaVersion: 2022, sourceType: "script", allowReturnOutsideFunction: true } as const

/** What was parsed last: a pass often begins with the text that the one before it ended with. */
let parsed: { readonly code: string; readonly tree: Tree } | undefined

/** Parses a script. Throws acorn's SyntaxError. */
export function parseScript(code: string): Tree {
    if (parsed?.code !== code) {
        parsed = { code, tree: parse(code, OPTIONS) as unknown as Tree }
    }
    return parsed.tree
}

/** A script with its tokens, in their order. Throws as above. */
export function parseTokens(code: string): { readonly tree: Tree; readonly tokens: readonly Token[] } {
    const tokens: Token[] = []
    return { tree: parse(code, { ...OPTIONS, onToken: tokens }) as unknown as Tree, tokens }
}

function isTree(value: unknown): value is Tree {
    return typeof value === "object" && value !== null && typeof (value as Tree).type === "string"
}

/**
 * Where a node keeps its children: passes walk the same tree again and again. With a WeakMap of nodes, every few of the bundles made
 * in one process took ten to thirty times as long.
 */
const CHILDREN = Symbol("children")
const { isArray } = Array

/** The children of a node. */
export function childrenOf(node: Tree): readonly Tree[] {
    const known = (node as { [CHILDREN]?: readonly Tree[] })[CHILDREN]
    if (known !== undefined) return known
    const found: Tree[] = []
    for (const key in node) {
        const value = node[key]
        if (isArray(value)) found.push(...value.filter(isTree))
        else if (isTree(value)) found.push(value)
    }
    return Object.assign(node, { [CHILDREN]: found })[CHILDREN]
}

/** Is called with a node and the chain of its parents, the nearest last (one array for all calls). False skips the children. */
export type Visit = (node: Tree, parents: readonly Tree[]) => boolean | void

/** Visits every node, parents first. */
export function walk(node: Tree, visit: Visit): void {
    const parents: Tree[] = []
    const go = (current: Tree): void => {
        if (visit(current, parents) === false) return
        parents.push(current)
        for (const child of childrenOf(current)) go(child)
        parents.pop()
    }
    go(node)
}

/** Whether a node is a function of any kind. */
export function isFunction(node: Tree): boolean {
    return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
}

/** Whether an Identifier is the name of a property or label, and not a variable. */
export function isPropertyName(node: Tree, parent: Tree | undefined): boolean {
    if (parent === undefined) return false
    if (parent.type === "MemberExpression") return parent["property"] === node && parent["computed"] !== true
    if (/^(Property|MethodDefinition|PropertyDefinition)$/.test(parent.type)) {
        return parent["key"] === node && parent["computed"] !== true && parent["shorthand"] !== true
    }
    return /^(LabeledStatement|BreakStatement|ContinueStatement|MetaProperty)$/.test(parent.type)
}

/** The names that a binding pattern binds. */
export function namesOf(pattern: Tree): string[] {
    if (pattern.type === "Identifier") return [pattern["name"] as string]
    if (pattern.type === "AssignmentPattern") return namesOf(pattern["left"] as Tree)
    if (pattern.type === "Property") return namesOf(pattern["value"] as Tree)
    if (/^(ObjectPattern|ArrayPattern|RestElement)$/.test(pattern.type)) return childrenOf(pattern).flatMap(namesOf)
    return []
}

/** Every name that is bound anywhere in a tree: variables, functions, classes, parameters, caught errors. */
export function boundNames(tree: Tree): Set<string> {
    const names = new Set<string>()
    walk(tree, node => {
        const patterns: Tree[] = []
        if (node.type === "VariableDeclarator" || /^(Function|Class)/.test(node.type)) patterns.push(node["id"] as Tree)
        if (isFunction(node)) patterns.push(...(node["params"] as Tree[]))
        if (node.type === "CatchClause") patterns.push(node["param"] as Tree)
        for (const pattern of patterns.filter(isTree)) namesOf(pattern).forEach(name => names.add(name))
    })
    return names
}

/** What a node assigns to; undefined where it assigns nothing. */
export function targetOf(node: Tree): Tree | undefined {
    if (node.type === "AssignmentExpression") return node["left"] as Tree
    if (node.type === "UpdateExpression") return node["argument"] as Tree
    return /^For(In|Of)Statement$/.test(node.type) ? (node["left"] as Tree) : undefined
}

/** A piece of a script and what takes its place. */
export interface Edit {
    readonly start: number
    readonly end: number
    readonly text: string
}

/** `code` with edits made; no two may overlap but those that are the same. */
export function applyEdits(code: string, edits: readonly Edit[]): string {
    // The name of a short property, `{ a }`, is met twice: as its key and as its value.
    const once = new Map(edits.map(edit => [edit.start, edit]))
    const sorted = [...once.values()].sort((a, b) => b.start - a.start)
    return sorted.reduce((text, { start, end, text: value }) => text.slice(0, start) + value + text.slice(end), code)
}

/** Every Identifier that is a variable, with the chain of its parents as `walk` gives it. */
export function walkNames(program: Tree, visit: (node: Tree, name: string, parents: readonly Tree[]) => void): void {
    walk(program, (node, parents) => {
        if (node.type === "Identifier" && !isPropertyName(node, parents.at(-1))) visit(node, node["name"] as string, parents)
    })
}

/** Names that functions of a script bind inside themselves: a text that speaks of one of these may mean another one there. */
export function innerNames(program: Tree): Set<string> {
    const names = new Set<string>()
    walk(program, (node, parents) => {
        if (!isFunction(node)) return
        const own = parents.length === 1 && node["id"] ? ((node["id"] as Tree)["name"] as string) : ""
        for (const name of boundNames(node)) if (name !== own) names.add(name)
        return false
    })
    return names
}
