// Functions that one place alone calls, put there: a function costs its head, its name and its call.

import { applyEdits, boundNames, isFunction, parseScript, targetOf, type Edit, type Tree, walk, walkNames } from "./js-tree"

/** A function of the outermost scope, and the one call of it. */
interface Single {
    readonly name: string
    readonly node: Tree
    readonly call: Tree
    /** The statement that is the call, or holds it as its whole value. */
    readonly place: Tree
    readonly home: Tree
}

const nameOf = (node: Tree): string => String((node["id"] as Tree)["name"])

/** How a statement uses the value of a call that is all it does: by `return`, as the value of a variable, or not at all. */
function usedBy(statement: Tree, call: Tree): "return" | "variable" | "nothing" | undefined {
    if (statement.type === "ReturnStatement" && statement["argument"] === call) return "return"
    if (statement.type === "VariableDeclaration") {
        const [only, more] = statement["declarations"] as Tree[]
        return more === undefined && only!["init"] === call ? "variable" : undefined
    }
    if (statement.type !== "ExpressionStatement") return undefined
    const expression = statement["expression"] as Tree
    if (expression === call) return "nothing"
    const isPlain = expression.type === "AssignmentExpression" && (expression["left"] as Tree).type === "Identifier"
    return isPlain && expression["right"] === call ? "variable" : undefined
}

/** Whether a function's statements can stand elsewhere: whether it returns at its end only, or not at all, matters for some places. */
function bodyOf(node: Tree): { statements: Tree[]; isPlain: boolean; returns: number } {
    const statements = (node["body"] as Tree)["body"] as Tree[]
    let isPlain = node["async"] !== true && node["generator"] !== true
    let returns = 0
    walk(node["body"] as Tree, inner => {
        if (isFunction(inner) || /^(ThisExpression|Super|MetaProperty)$/.test(inner.type)) isPlain = false
        if (inner.type === "Identifier" && inner["name"] === "arguments") isPlain = false
        if (inner.type === "ReturnStatement") returns += 1
    })
    return { statements, isPlain, returns }
}

function fits({ node, call, place, home }: Single): boolean {
    const { statements, isPlain, returns } = bodyOf(node)
    const use = usedBy(place, call)
    if (!isPlain || use === undefined) return false
    const params = node["params"] as Tree[]
    if (params.some(({ type }) => type !== "Identifier") || (call["arguments"] as Tree[]).length > params.length) return false
    const bound = boundNames(home)
    let isHidden = false
    const own = boundNames(node)
    walkNames(node["body"] as Tree, (_, name) => void (isHidden ||= bound.has(name) && !own.has(name)))
    if (isHidden) return false
    const endsWell = statements.at(-1)?.type === "ReturnStatement" && statements.at(-1)!["argument"] !== null
    if (use === "return") return true
    return use === "variable" ? returns === 1 && endsWell : returns === 0 || (returns === 1 && endsWell)
}

/** Functions with one reference, which is a call in another function of the outermost scope. */
function findSingles(program: Tree, isMovable: (name: string) => boolean, isHome: (name: string) => boolean): Single[] {
    const functions = new Map(
        (program["body"] as Tree[]).filter(({ type }) => type === "FunctionDeclaration").map(node => [nameOf(node), node]),
    )
    const counts = new Map<string, number>()
    const found: Single[] = []
    walkNames(program, (node, name, parents) => {
        const own = functions.get(name)
        const parent = parents.at(-1)!
        if (own === undefined || parent === own) return
        counts.set(name, (counts.get(name) ?? 0) + 1)
        const isCall = parent.type === "CallExpression" && parent["callee"] === node
        const place = [...parents].reverse().find(one => /Statement$|^VariableDeclaration$/.test(one.type))
        const home = parents[1]!
        const isApart = home.type === "FunctionDeclaration" && home !== own && isHome(nameOf(home)) && isMovable(name)
        const isInner = parents.slice(2).some(isFunction)
        const isHead =
            place !== undefined && /^For/.test(parents[parents.indexOf(place) - 1]!.type) && place.type === "VariableDeclaration"
        if (!isCall || !isApart || isInner || isHead) return
        found.push({ name, node: own, call: parent, place: place!, home })
    })
    return found.filter(one => counts.get(one.name) === 1 && fits(one))
}

/** A function's own name with something behind it that no other name has. */
function newName({ name }: Single, own: string): string {
    return `${own}$${name}`
}

/** The body of a function with its own names renamed, and others replaced. */
function renamed(code: string, single: Single, replaced: ReadonlyMap<string, string>): string {
    const own = boundNames(single.node)
    const body = single.node["body"] as Tree
    const edits: Edit[] = []
    walkNames(body, (inner, one, parents) => {
        if (!own.has(one)) return
        const text = replaced.get(one) ?? newName(single, one)
        const isShort = parents.at(-1)?.type === "Property" && parents.at(-1)!["shorthand"] === true
        edits.push({ start: inner.start - body.start, end: inner.end - body.start, text: isShort ? `${one}: ${text}` : text })
    })
    return applyEdits(code.slice(body.start, body.end), edits)
}

/** Names that something is assigned to behind their declaration. */
function assignedNames(tree: Tree): Set<string> {
    const names = new Set<string>()
    walk(tree, node => {
        const target = targetOf(node)
        if (target?.type === "Identifier") names.add(String(target["name"]))
    })
    return names
}

/** What takes the place of the statement that calls the function. */
function replacement(code: string, single: Single, assigned: ReadonlySet<string>): string {
    const values = single.call["arguments"] as Tree[]
    // What stays what it is need not be kept in a variable of its own.
    const isSteady = (index: number): boolean => {
        const value = values[index]
        const isName = value?.type === "Identifier" && !assigned.has(String(value["name"]))
        const param = String((single.node["params"] as Tree[])[index]!["name"])
        return (isName || value?.type === "Literal") && !assigned.has(param)
    }
    const steady = new Map<string, string>()
    const heads: string[] = []
    for (const [index, param] of (single.node["params"] as Tree[]).entries()) {
        const value = values[index]
        const text = value === undefined ? "" : code.slice(value.start, value.end)
        if (isSteady(index)) steady.set(String(param["name"]), text)
        else heads.push(`let ${newName(single, String(param["name"]))}${text === "" ? "" : ` = ${text}`};`)
    }
    const text = renamed(code, single, steady)
    const statements = ((parseScript(`function f() ${text}`)["body"] as Tree[])[0]!["body"] as Tree)["body"] as Tree[]
    const shift = "function f() ".length
    const lines = statements.map(one => text.slice(one.start - shift, one.end - shift))
    const last = statements.at(-1)
    const use = usedBy(single.place, single.call)!
    if (use === "return" && last?.type !== "ReturnStatement") lines.push("return;")
    if (use !== "return" && last?.type === "ReturnStatement") {
        const value = last["argument"] as Tree
        const [before, after] = [code.slice(single.place.start, single.call.start), code.slice(single.call.end, single.place.end)]
        lines[lines.length - 1] = `${before}(${text.slice(value.start - shift, value.end - shift)})${after}`
    }
    const all = [...heads, ...lines].join("\n")
    return single.place.type === "VariableDeclaration" ? all : `{ ${all} }`
}

/** One round: no function is moved while another one is moved into it. */
function moveOnce(code: string, isMovable: (name: string) => boolean, isHome: (name: string) => boolean): string {
    const edits: Edit[] = []
    const moved = new Set<string>()
    const homes = new Set<string>()
    const taken = new Set<Tree>()
    const program = parseScript(code)
    const assigned = assignedNames(program)
    for (const single of findSingles(program, isMovable, isHome)) {
        const home = nameOf(single.home)
        if (moved.has(home) || homes.has(single.name) || taken.has(single.place)) continue
        moved.add(single.name)
        homes.add(home)
        taken.add(single.place)
        edits.push({ start: single.place.start, end: single.place.end, text: replacement(code, single, assigned) })
        edits.push({ start: single.node.start, end: single.node.end, text: "" })
    }
    return applyEdits(code, edits)
}

/**
 * Puts functions into the statement that alone calls them, where that statement returns their value, keeps it in a variable, or drops it;
 * those that return early only into `return f(…)`. `code` is a flat script.
 */
export function moveSingles(code: string, isMovable: (name: string) => boolean, isHome: (name: string) => boolean): string {
    let text = code
    for (;;) {
        const next = moveOnce(text, isMovable, isHome)
        if (next === text) return text
        text = next
    }
}
