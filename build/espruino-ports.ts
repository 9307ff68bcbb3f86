// The ports of a bundle made one with the core: what `ports.clock.after` stands for is known when a bundle is built.

import { applyEdits, innerNames, parseScript, type Edit, type Tree, walk, walkNames } from "./js-tree"

/** The name of the core's variable, and of the function that sets it (firmware/ports.ts). */
const PORTS = "ports"
const INSTALL = "portsInstall"

/** Leaves of the table of ports by path, such as "clock.after": the text that stands for it. */
type Leaves = Map<string, string>

/** `portsInstall({ … })`: the call, where a bundle has it in this form. */
function findInstall(program: Tree): Tree | undefined {
    let found: Tree | undefined
    walk(program, node => {
        const isCall = node.type === "CallExpression" && (node["callee"] as Tree)["name"] === INSTALL
        if (isCall && (node["arguments"] as Tree[])[0]?.type === "ObjectExpression") found = node
    })
    return found
}

/** Whether a value is the same wherever and whenever it is asked for: a function, a native, a literal. */
function isFixed(value: Tree): boolean {
    if (value.type === "MemberExpression") return value["computed"] !== true && isFixed(value["object"] as Tree)
    return value.type === "Identifier" || value.type === "Literal"
}

function propertiesOf(table: Tree): [string, Tree][] {
    return (table["properties"] as Tree[]).map(one => [(one["key"] as Tree)["name"] as string, one["value"] as Tree])
}

/** The variable that holds a port which is made when the program starts. */
function variableOf(path: string): string {
    return `${PORTS}$${path.replace(".", "$")}`
}

function leavesOf(code: string, table: Tree): { leaves: Leaves; groups: Set<string>; made: [string, Tree][] } {
    const leaves: Leaves = new Map()
    const groups = new Set<string>()
    const made: [string, Tree][] = []
    const leaf = (path: string, value: Tree): void => {
        if (isFixed(value)) leaves.set(path, code.slice(value.start, value.end))
        else {
            leaves.set(path, variableOf(path))
            made.push([variableOf(path), value])
        }
    }
    for (const [name, value] of propertiesOf(table)) {
        if (value.type !== "ObjectExpression") leaf(name, value)
        else {
            groups.add(name)
            for (const [inner, one] of propertiesOf(value)) leaf(`${name}.${inner}`, one)
        }
    }
    return { leaves, groups, made }
}

/** `ports.a` or `ports.a.b` around the Identifier `ports`: its path, and the whole expression. */
function pathOf(parents: readonly Tree[], groups: ReadonlySet<string>): { path: string; node: Tree } {
    const [outer, inner] = [parents.at(-2), parents.at(-1)]
    if (inner?.type !== "MemberExpression" || inner["computed"] === true) throw new Error("a bundle hands its ports around")
    const group = (inner["property"] as Tree)["name"] as string
    if (!groups.has(group)) return { path: group, node: inner }
    const isDeeper = outer?.type === "MemberExpression" && outer["object"] === inner && outer["computed"] !== true
    if (!isDeeper) throw new Error(`a bundle hands ports.${group} around`)
    return { path: `${group}.${String((outer["property"] as Tree)["name"])}`, node: outer }
}

/**
 * Replaces every `ports.x.y` of a flat script by what the one call `portsInstall({ … })` gives for it, so that neither the tables
 * exist on the board nor anything is looked up in them; a port that the table lacks is undefined. A script without such a call is
 * left alone. Errors: throws when a table is handed around, or when an inner name hides a port's.
 */
export function inlinePorts(code: string): string {
    const program = parseScript(code)
    const install = findInstall(program)
    if (install === undefined) return code
    const { leaves, groups, made } = leavesOf(code, (install["arguments"] as Tree[])[0]!)
    const inner = innerNames(program)
    for (const text of [PORTS, ...leaves.values()]) {
        const name = text.split(".")[0]!
        if (inner.has(name)) throw new Error(`an inner name hides the port ${name}`)
    }
    const edits: Edit[] = []
    walkNames(program, (_, name, parents) => {
        if (name !== PORTS || parents.some(parent => (parent["id"] as Tree | undefined)?.["name"] === INSTALL)) return
        if (parents.at(-1)!.type === "VariableDeclarator") return
        const { path, node } = pathOf(parents, groups)
        edits.push({ start: node.start, end: node.end, text: leaves.get(path) ?? "(void 0)" })
    })
    const values = made.map(([name, value]) => `${name} = ${code.slice(value.start, value.end)}`)
    edits.push({ start: install.start, end: install.end, text: `(${values.join(", ")})` })
    const names = made.map(([name]) => name)
    return `var ${names.join(", ")};\n${applyEdits(code, edits)}`
}
