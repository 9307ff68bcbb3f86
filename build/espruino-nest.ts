// Fewer functions in RAM: on Espruino every function that exists costs about six JsVars, whether or not it ever runs again.
// A function that only one other one needs is moved into it, where it exists while that one runs; its code stays in flash.

import { boundNames, isFunction, isPropertyName, parseScript, type Tree, walk } from "./js-tree"

/** A function of the outermost scope. */
interface Func {
    readonly name: string
    readonly node: Tree
    /** Names that it, and what is in it, refers to. */
    readonly uses: Set<string>
    /** Names that it, and what is in it, binds. */
    readonly binds: Set<string>
    /** Whether it makes functions of its own: they keep its scope, with all that was moved there, for as long as they live. */
    readonly makesFunctions: boolean
    /** Whether it must stay where it is: code outside functions calls it, or its identity counts (it is handed around). */
    isRoot: boolean
}

type Funcs = ReadonlyMap<string, Func>

function makesFunctions(func: Tree): boolean {
    let count = 0
    walk(func, node => void (isFunction(node) && (count += 1)))
    return count > 1
}

function collect(program: Tree): Map<string, Func> {
    const funcs = new Map<string, Func>()
    for (const node of program["body"] as Tree[]) {
        if (node.type !== "FunctionDeclaration") continue
        const name = (node["id"] as Tree)["name"] as string
        const binds = boundNames(node)
        binds.delete(name)
        funcs.set(name, { name, node, uses: new Set(), binds, makesFunctions: makesFunctions(node), isRoot: false })
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

/** Stands for the code outside functions. */
const OUTSIDE = ""

/** The functions in an order in which, loops apart, each comes behind all that use it; code outside functions comes first. */
function usersFirst(funcs: Funcs): string[] {
    const order: string[] = []
    const seen = new Set<string>()
    const visit = (name: string): void => {
        seen.add(name)
        const used =
            name === OUTSIDE ? [...funcs.values()].filter(func => func.isRoot).map(func => func.name) : funcs.get(name)!.uses
        for (const next of used) if (funcs.has(next) && !seen.has(next)) visit(next)
        order.push(name)
    }
    visit(OUTSIDE)
    return order.reverse()
}

/**
 * For every function the nearest one that all ways to it lead through: its immediate dominator (Cooper, Harvey and Kennedy, "A Simple,
 * Fast Dominance Algorithm").
 */
function dominators(funcs: Funcs): Map<string, string> {
    const order = usersFirst(funcs)
    const rank = new Map(order.map((name, index) => [name, index]))
    const users = new Map<string, string[]>(order.map(name => [name, funcs.get(name)?.isRoot === true ? [OUTSIDE] : []]))
    for (const name of order) for (const used of funcs.get(name)?.uses ?? []) users.get(used)?.push(name)
    const nearest = new Map([[OUTSIDE, OUTSIDE]])
    const meet = (first: string, second: string): string => {
        let [a, b] = [first, second]
        while (a !== b) {
            if (rank.get(a)! > rank.get(b)!) a = nearest.get(a)!
            else b = nearest.get(b)!
        }
        return a
    }
    for (let isSettled = false; !isSettled;) {
        isSettled = true
        for (const name of order.slice(1)) {
            const known = users.get(name)!.filter(user => nearest.has(user))
            const next = known.reduce(meet)
            if (nearest.get(name) === next) continue
            nearest.set(name, next)
            isSettled = false
        }
    }
    return nearest
}

/** Whether `func` can live in `home` and means the same there. */
function fits(func: Func, home: Func): boolean {
    if (home.makesFunctions) return false
    return !home.binds.has(func.name) && [...func.uses].every(name => !home.binds.has(name) || func.binds.has(name))
}

/** Every movable function with its home. What cannot move stays, and the ways are looked at anew. */
function homesOf(funcs: Funcs, hot: ReadonlySet<string>, apart: readonly string[]): Map<string, string> {
    for (;;) {
        const nearest = dominators(funcs)
        const homes = new Map<string, string>()
        let isSettled = true
        for (const func of funcs.values()) {
            const home = nearest.get(func.name) ?? OUTSIDE
            const canMove = home !== OUTSIDE && !hot.has(home) && !apart.includes(func.name)
            if (canMove && fits(func, funcs.get(home)!)) homes.set(func.name, home)
            else if (!func.isRoot) {
                func.isRoot = true
                isSettled = false
            }
        }
        if (isSettled) return homes
    }
}

/** Functions of the outermost scope that only return one of its variables: name → variable. What a function inside binds is left out. */
function findGetters(program: Tree): Map<string, string> {
    const getters = new Map<string, string>()
    const inner = new Set<string>()
    for (const node of program["body"] as Tree[]) {
        if (node.type !== "FunctionDeclaration") continue
        const [only, more] = (node["body"] as Tree)["body"] as Tree[]
        const value = only?.type === "ReturnStatement" && more === undefined ? (only["argument"] as Tree | null) : null
        const isGetter = (node["params"] as Tree[]).length === 0 && value?.type === "Identifier"
        const name = (node["id"] as Tree)["name"] as string
        if (isGetter) getters.set(name, value["name"] as string)
        else boundNames(node["body"] as Tree).forEach(bound => inner.add(bound))
    }
    for (const [name, variable] of getters) if (inner.has(variable)) getters.delete(name)
    return getters
}

/** Puts variables in the place of calls to functions that only return them. */
function inlineGetters(code: string): string {
    const program = parseScript(code)
    const getters = findGetters(program)
    const edits: { start: number; end: number; text: string }[] = []
    const kept = new Set<string>()
    walk(program, (node, parents) => {
        const name = node.type === "Identifier" ? getters.get(node["name"] as string) : undefined
        const parent = parents.at(-1)!
        if (name === undefined || isPropertyName(node, parent) || parent.type === "FunctionDeclaration") return
        const isCall = parent.type === "CallExpression" && parent["callee"] === node
        if (isCall) edits.push({ start: parent.start, end: parent.end, text: name })
        else kept.add(node["name"] as string)
    })
    for (const node of program["body"] as Tree[]) {
        const name = node.type === "FunctionDeclaration" ? ((node["id"] as Tree)["name"] as string) : ""
        if (getters.has(name) && !kept.has(name)) edits.push({ start: node.start, end: node.end, text: "" })
    }
    edits.sort((a, b) => b.start - a.start)
    return edits.reduce((text, { start, end, text: value }) => text.slice(0, start) + value + text.slice(end), code)
}

/**
 * What runs for every piece of an image: hot functions, then what they call, then the variables of the outermost scope that these use,
 * each by how early it should be found. Espruino looks a name up from the start of its scope.
 */
function findHot(program: Tree, funcs: Funcs, hot: ReadonlySet<string>): { functions: Func[]; variables: string[] } {
    const marked = [...funcs.values()].filter(func => hot.has(func.name))
    const called = marked.flatMap(func => [...func.uses].flatMap(name => funcs.get(name) ?? []))
    const functions = [...new Set([...marked, ...called])]
    const declared = new Set<string>()
    for (const node of program["body"] as Tree[]) {
        if (node.type === "VariableDeclaration") boundNames({ ...node, init: null }).forEach(name => declared.add(name))
    }
    const counts = new Map<string, number>()
    for (const name of functions.flatMap(func => [...func.uses])) {
        if (declared.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return { functions, variables: [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name) }
}

/**
 * Moves functions into the only function that needs them, and puts those that stay at the start of their scope, because
 * Espruino knows a function from its line on; a call of one that only returns a variable becomes the variable.
 * `source` is a flat script whose inner names do not hide outer ones (esbuild sees to that; what does hide one, stays).
 * Functions in `hot` take none in: they run for every piece of an image. Those in `apart` move nowhere.
 */
export function nestFunctions(source: string, hot: ReadonlySet<string>, apart: readonly string[] = []): string {
    const code = inlineGetters(source)
    const program = parseScript(code)
    const funcs = collect(program)
    connect(program, funcs)
    const homes = homesOf(funcs, hot, apart)
    const textOf = (func: Func): string => {
        const body = func.node["body"] as Tree
        const inner = [...funcs.values()].filter(other => homes.get(other.name) === func.name)
        return `${code.slice(func.node.start, body.start)}{${inner.map(textOf).join("\n")}${code.slice(body.start + 1, func.node.end)}`
    }
    const early = findHot(program, funcs, hot)
    const order = new Set([...early.functions, ...funcs.values()])
    const functions = [...order].filter(func => !homes.has(func.name)).map(textOf)
    const rest = (program["body"] as Tree[]).filter(node => node.type !== "FunctionDeclaration")
    const { first, others } = variablesFirst(code, rest, early.variables)
    return [...first, ...functions, ...others].join("\n")
}

/** Statements of the outermost scope with some variables declared first of all, together with their values where those are literals. */
function variablesFirst(
    code: string,
    statements: readonly Tree[],
    names: readonly string[],
): { first: string[]; others: string[] } {
    const texts = new Map(names.map(name => [name, name]))
    const others = statements.flatMap(node => {
        if (node.type !== "VariableDeclaration") return code.slice(node.start, node.end)
        const kept = (node["declarations"] as Tree[]).filter(one => {
            const [name, value] = [String((one["id"] as Tree)["name"]), one["init"] as Tree | null]
            const isFixed = value === null || value.type === "Literal"
            if (texts.has(name) && isFixed) texts.set(name, code.slice(one.start, one.end))
            return !(texts.has(name) && isFixed)
        })
        return kept.length === 0 ? [] : `${String(node["kind"])} ${kept.map(one => code.slice(one.start, one.end)).join(", ")};`
    })
    return { first: texts.size === 0 ? [] : [`var ${[...texts.values()].join(", ")};`], others }
}
