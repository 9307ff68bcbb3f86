// Calls that cost nothing: on Espruino a call takes as long as ten assignments, so hot functions are put into those that call them.

import { applyEdits, boundNames, isFunction, parseScript, type Edit, type Tree, walk, walkNames } from "./js-tree"

/** A function of the outermost scope that may be put in the place of its calls. */
interface Callee {
    readonly name: string
    readonly params: readonly string[]
    /** What takes the place of a call: one expression, or, for `return f(…)`, all statements. */
    readonly value: Tree | undefined
    readonly body: Tree
    /** Names that it binds, and outer names that it speaks of. */
    readonly binds: ReadonlySet<string>
    readonly uses: ReadonlySet<string>
}

/** Rounds: one inlines into what the last one inlined. */
const ROUNDS_MAX = 4
/** Longest function that is put in the place of a call, in bytes of readable code. */
const BYTES_MAX = 900

function calleeOf(node: Tree): Callee | undefined {
    const params = (node["params"] as Tree[]).map(param => String(param["name"]))
    const body = node["body"] as Tree
    const statements = body["body"] as Tree[]
    const last = statements.at(-1)
    let isPlain = last?.type === "ReturnStatement" && last["argument"] !== null && body.end - body.start <= BYTES_MAX
    const uses = new Set<string>()
    walk(body, inner => {
        if (isFunction(inner) || /^(This|Try|Yield|Super)/.test(inner.type)) isPlain = false
        const target = inner.type === "AssignmentExpression" ? inner["left"] : inner["argument"]
        if (/^(Assignment|Update)Expression$/.test(inner.type) && params.includes(String((target as Tree)["name"])))
            isPlain = false
    })
    walkNames(body, (_, name) => void uses.add(name))
    const name = String((node["id"] as Tree)["name"])
    if (!isPlain || uses.has(name)) return undefined
    const binds = boundNames(body)
    const value = statements.length === 1 ? (last!["argument"] as Tree) : undefined
    return { name, params, value, body, binds, uses: new Set([...uses].filter(one => !binds.has(one) && !params.includes(one))) }
}

/** Whether an expression does nothing but look. */
function isPure(node: Tree): boolean {
    let pure = true
    walk(node, inner => void (pure &&= !/Call|New|Assignment|Update|Function|Await|Yield/.test(inner.type)))
    return pure
}

/** Places in `body` that speak of a parameter; undefined when one lies behind something that could change what the parameter was. */
function placesOf(body: Tree, param: string): { places: Tree[]; isEarly: boolean } {
    const places: Tree[] = []
    let changedAt = Infinity
    let isLooped = false
    walk(body, inner => {
        if (/^(Call|New|Assignment|Update)Expression$/.test(inner.type)) changedAt = Math.min(changedAt, inner.end)
    })
    walkNames(body, (node, name, parents) => {
        if (name !== param) return
        places.push(node)
        isLooped ||= parents.some(({ type }) => /^(For|While|DoWhile)/.test(type))
    })
    return { places, isEarly: !isLooped && places.every(({ start }) => start < changedAt) }
}

/** The text of `target` with the call's values for the parameters; undefined where that would mean something else. */
function substituted(code: string, callee: Callee, call: Tree, target: Tree, home: ReadonlySet<string>): string | undefined {
    const values = call["arguments"] as Tree[]
    const edits: Edit[] = []
    for (const [index, param] of callee.params.entries()) {
        const value = values[index]
        if (value === undefined || !isPure(value)) return undefined
        const { places, isEarly } = placesOf(callee.body, param)
        const isFixed = value.type === "Literal" || (value.type === "Identifier" && home.has(String(value["name"])))
        const isNamed = value.type === "Identifier" || isFixed
        if (!isFixed && !(isEarly && (isNamed || places.length <= 1))) return undefined
        let isHidden = false
        walkNames(value, (_, name) => void (isHidden ||= callee.binds.has(name)))
        if (isHidden) return undefined
        const text = code.slice(value.start, value.end)
        edits.push(...places.map(({ start, end }) => ({ start, end, text: isNamed ? text : `(${text})` })))
    }
    const inner = edits.map(edit => ({ ...edit, start: edit.start - target.start, end: edit.end - target.start }))
    return applyEdits(code.slice(target.start, target.end), inner)
}

/** Which functions go where: those of `callees` in the place of their calls in those of `homes`. */
interface Choice {
    readonly isCallee: (name: string) => boolean
    readonly isHome: (name: string) => boolean
}

/** One round. Of calls within each other the outer one comes first. */
function inlineOnce(code: string, { isCallee, isHome }: Choice): string {
    const functions = (parseScript(code)["body"] as Tree[]).filter(({ type }) => type === "FunctionDeclaration")
    const nameOf = (node: Tree): string => String((node["id"] as Tree)["name"])
    const movable = functions.filter(node => isCallee(nameOf(node))).flatMap(node => calleeOf(node) ?? [])
    const callees = new Map(movable.map(callee => [callee.name, callee]))
    const edits: Edit[] = []
    for (const home of functions.filter(node => isHome(nameOf(node)))) {
        const binds = boundNames(home)
        walk(home["body"] as Tree, (node, parents) => {
            const isTail = node.type === "ReturnStatement" && (node["argument"] as Tree | null)?.type === "CallExpression"
            const call = isTail ? (node["argument"] as Tree) : node
            const callee = call.type === "CallExpression" ? callees.get(String((call["callee"] as Tree)["name"])) : undefined
            if (callee === undefined || [...callee.uses].some(name => binds.has(name)) || parents.some(isFunction)) return
            if (!isTail && callee.value === undefined) return
            const target = callee.value ?? callee.body
            const text = substituted(code, callee, call, target, binds)
            if (text === undefined) return
            const place = callee.value === undefined ? node : call
            edits.push({ start: place.start, end: place.end, text: callee.value === undefined ? text : `(${text})` })
            return false
        })
    }
    return applyEdits(code, edits)
}

function inlineAll(code: string, choose: (code: string) => Choice): string {
    let text = code
    for (let round = 0; round < ROUNDS_MAX; round++) {
        const next = inlineOnce(text, choose(text))
        if (next === text) return text
        text = next
    }
    return text
}

/**
 * Puts functions of `hot` in the place of their calls in others of `hot`: those of one expression anywhere, others where their value is
 * returned as it is. `code` is a flat script; what a call's values are made of must mean the same in the other function.
 */
export function inlineHot(code: string, hot: ReadonlySet<string>): string {
    return inlineAll(code, () => ({ isCallee: name => hot.has(name), isHome: name => hot.has(name) }))
}

/** Nodes of an expression that is not longer than a call. */
const NODES_MAX = 3

/** Functions that are shorter where they are called: those that one place calls, and those of a few words. */
function shortCallees(code: string): Set<string> {
    const program = parseScript(code)
    const counts = new Map<string, number>()
    walkNames(program, (_, name) => void counts.set(name, (counts.get(name) ?? 0) + 1))
    const found = new Set<string>()
    for (const node of program["body"] as Tree[]) {
        if (node.type !== "FunctionDeclaration") continue
        const name = String((node["id"] as Tree)["name"])
        let nodes = 0
        walk(calleeOf(node)?.value ?? node, () => void nodes++)
        if (nodes <= NODES_MAX || counts.get(name) === 2) found.add(name)
    }
    return found
}

/** Puts functions in the place of their calls in others where that is shorter, as inlineHot does, among those that `isSeldom` knows. */
export function inlineSeldom(code: string, isSeldom: (name: string) => boolean): string {
    return inlineAll(code, text => {
        const short = shortCallees(text)
        return { isCallee: name => isSeldom(name) && short.has(name), isHome: isSeldom }
    })
}
