// Shorter ways to say the same: functions that others hold as arrow functions in one declaration, and `let` for `const`.

import { applyEdits, isFunction, isPropertyName, parseScript, type Edit, type Tree, walk } from "./js-tree"

/** Whether a function asks how it was called, which an arrow function cannot tell. */
function asksForCall(node: Tree): boolean {
    let asks = false
    walk(node, inner => {
        const isName = inner.type === "Identifier" && inner["name"] === "arguments"
        asks ||= isName || /^(ThisExpression|Super|MetaProperty)$/.test(inner.type)
    })
    return asks || node["generator"] === true || node["async"] === true
}

/** Whether a statement calls nothing: it declares a function, or variables without a value or with one that is there already. */
function callsNothing(statement: Tree): boolean {
    if (statement.type === "FunctionDeclaration") return true
    if (statement.type !== "VariableDeclaration") return false
    const values = (statement["declarations"] as Tree[]).map(one => one["init"] as Tree | null)
    return values.every(value => value === null || value.type === "Literal" || isFunction(value))
}

/** Functions that stand ahead of all that could have called them, in the script or in a function. */
function leadingFunctions(program: Tree): Tree[] {
    const found: Tree[] = []
    walk(program, (node, parents) => {
        if (node !== program && !(node.type === "BlockStatement" && isFunction(parents.at(-1)!))) return
        const statements = node["body"] as Tree[]
        const end = statements.findIndex(statement => !callsNothing(statement))
        const first = end < 0 ? statements : statements.slice(0, end)
        found.push(...first.filter(({ type }) => type === "FunctionDeclaration"))
    })
    return found
}

/** Names of functions that are only called, and never with `new`, and are declared once. */
function calledNames(program: Tree): Set<string> {
    const names = new Set<string>()
    const others = new Set<string>()
    walk(program, (node, parents) => {
        const parent = parents.at(-1)
        if (node.type !== "Identifier" || isPropertyName(node, parent)) return
        const name = String(node["name"])
        const isDeclared = parent!.type === "FunctionDeclaration" && parent!["id"] === node
        const isCalled = parent!.type === "CallExpression" && parent!["callee"] === node
        if ((isDeclared && names.has(name)) || !(isDeclared || isCalled)) others.add(name)
        if (isDeclared) names.add(name)
    })
    return new Set([...names].filter(name => !others.has(name)))
}

/**
 * Makes `let name = (…) => …` of functions at the start of the script or of another function, and `let` of `const`. `code` is a script
 * that is minified afterwards. Functions that `isOwn` does not know must be called by name only; none may be called with `new`.
 */
export function shorten(code: string, isOwn: (name: string) => boolean): string {
    const program = parseScript(code)
    const called = calledNames(program)
    const edits: Edit[] = []
    for (const node of leadingFunctions(program)) {
        const { name, start, end } = node["id"] as Tree as Tree & { name: string }
        if (asksForCall(node) || !(called.has(name) || isOwn(name))) continue
        const params = node["params"] as Tree[]
        const body = node["body"] as Tree
        edits.push({ start: node.start, end: start, text: "let " })
        edits.push({
            start: end,
            end: body.start,
            text: ` = (${params.map(one => code.slice(one.start, one.end)).join(", ")}) => `,
        })
        edits.push({ start: node.end - 1, end: node.end, text: "};" })
    }
    walk(program, node => {
        if (node.type === "VariableDeclaration" && node["kind"] === "const")
            edits.push({ start: node.start, end: node.start + 5, text: "let" })
    })
    return applyEdits(code, edits)
}
