// Fewer functions in RAM: on Espruino every function that exists costs about six JsVars, whether or not it ever runs again.
// A function that only one other one needs is moved into it, where it exists while that one runs; its code stays in flash.

import { boundNames, isPropertyName, parseScript, type Tree, walk } from "./js-tree"

/** A function of the outermost scope. */
interface Func {
    readonly name: string
    readonly node: Tree
    /** Names that it, and what is in it, refers to. */
    readonly uses: Set<string>
    /** Names that it, and what is in it, binds. */
    readonly binds: Set<string>
    /** Whether it must stay where it is: code outside functions calls it, or its identity counts (it is handed around). */
    isRoot: boolean
}

type Funcs = ReadonlyMap<string, Func>

function collect(program: Tree): Map<string, Func> {
    const funcs = new Map<string, Func>()
    for (const node of program["body"] as Tree[]) {
        if (node.type !== "FunctionDeclaration") continue
        const name = (node["id"] as Tree)["name"] as string
        const binds = boundNames(node)
        binds.delete(name)
        funcs.set(name, { name, node, uses: new Set(), binds, isRoot: false })
    }
    return funcs
}

/** Notes who uses whom. A use that is no call makes a function stay: where functions are compared, each must exist once. */
function connect(program: Tree, funcs: Funcs): void {
    const owners = new Map([...funcs.values()].map(func => [func.node, func]))
    walk(program, (node, parents) => {
        if (node.type !== "Identifier") return
        const parent = parents.at(-1)
        if (isPropertyName(node, parent)) return
        const name = node["name"] as string
        const owner = parents.length > 1 ? owners.get(parents[1]!) : undefined
        owner?.uses.add(name)
        const used = funcs.get(name)
        if (used === undefined || node === used.node["id"]) return
        const isCall = parent?.type === "CallExpression" && parent["callee"] === node
        if (owner === undefined || !isCall) used.isRoot = true
    })
}

/** For every function the functions that all ways to it lead through, itself included (Allen and Cocke's dominators). */
function dominators(funcs: Funcs): Map<string, Set<string>> {
    const callers = new Map<string, string[]>([...funcs.keys()].map(name => [name, []]))
    for (const func of funcs.values()) for (const used of func.uses) callers.get(used)?.push(func.name)
    const all = new Set(funcs.keys())
    const result = new Map([...funcs.values()].map(func => [func.name, func.isRoot ? new Set([func.name]) : all]))
    for (let isSettled = false; !isSettled;) {
        isSettled = true
        for (const func of funcs.values()) {
            if (func.isRoot) continue
            const sets = callers
                .get(func.name)!
                .filter(name => name !== func.name)
                .map(name => result.get(name)!)
            const common = [...(sets[0] ?? [])].filter(name => sets.every(set => set.has(name)))
            const next = new Set([...common, func.name])
            if (next.size === result.get(func.name)!.size) continue
            result.set(func.name, next)
            isSettled = false
        }
    }
    return result
}

/** The nearest function that all ways to `name` lead through; "" for none. */
function homeOf(name: string, dominating: Map<string, Set<string>>): string {
    let home = ""
    for (const candidate of dominating.get(name)!) {
        if (candidate === name) continue
        if (home === "" || dominating.get(candidate)!.size > dominating.get(home)!.size) home = candidate
    }
    return home
}

function isClear(func: Func, home: Func): boolean {
    return !home.binds.has(func.name) && [...func.uses].every(name => !home.binds.has(name) || func.binds.has(name))
}

/** Every movable function with its home. What cannot move stays, and the ways are looked at anew. */
function homesOf(funcs: Funcs, isHot: (name: string) => boolean): Map<string, string> {
    for (;;) {
        const dominating = dominators(funcs)
        const homes = new Map<string, string>()
        let isSettled = true
        for (const func of funcs.values()) {
            const home = func.isRoot ? "" : homeOf(func.name, dominating)
            if (home !== "" && !isHot(home) && isClear(func, funcs.get(home)!)) homes.set(func.name, home)
            else if (!func.isRoot) {
                func.isRoot = true
                isSettled = false
            }
        }
        if (isSettled) return homes
    }
}

/** The hot functions, and all that call them on the way from the outermost code: they run for every piece of an image. */
function hotNames(funcs: Funcs, marked: ReadonlySet<string>): Set<string> {
    const hot = new Set([...marked].filter(name => funcs.has(name)))
    return hot
}

/**
 * Moves functions into the only function that needs them, and puts those that stay at the start of their scope, because
 * Espruino knows a function from its line on. `code` is a flat script whose inner names do not hide outer ones (esbuild sees
 * to that; what does hide one, stays). Functions in `hot` take none in: they run for every piece of an image.
 */
export function nestFunctions(code: string, hot: ReadonlySet<string>): string {
    const program = parseScript(code)
    const funcs = collect(program)
    connect(program, funcs)
    const marked = hotNames(funcs, hot)
    const homes = homesOf(funcs, name => marked.has(name))
    const textOf = (func: Func): string => {
        const body = func.node["body"] as Tree
        const inner = [...funcs.values()].filter(other => homes.get(other.name) === func.name)
        return `${code.slice(func.node.start, body.start)}{${inner.map(textOf).join("\n")}${code.slice(body.start + 1, func.node.end)}`
    }
    const first = [...funcs.values()].filter(func => !homes.has(func.name)).map(textOf)
    const rest = (program["body"] as Tree[]).filter(node => node.type !== "FunctionDeclaration")
    return [...first, ...rest.map(node => code.slice(node.start, node.end))].join("\n")
}
