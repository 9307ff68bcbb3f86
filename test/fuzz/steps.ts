// Counts the turns of every loop in a bundle, so that one without an end is an error like any other.

import { parse } from "acorn"

const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"])

interface Node {
    readonly type: string
    readonly start: number
    readonly end: number
    readonly body?: Node
}

function loopBodies(node: unknown, found: Node[]): void {
    if (Array.isArray(node)) {
        for (const item of node) loopBodies(item, found)
    } else if (typeof node === "object" && node !== null && "type" in node) {
        if (LOOPS.has((node as Node).type)) found.push((node as Node).body!)
        for (const value of Object.values(node)) if (typeof value === "object") loopBodies(value, found)
    }
}

/** `code` (a script) with a call of `stepCount()` at every turn of every loop. */
export function withSteps(code: string): string {
    const bodies: Node[] = []
    loopBodies(parse(code, { ecmaVersion: 2020 }), bodies)
    const inserts = bodies.flatMap((body): [number, string][] =>
        body.type === "BlockStatement"
            ? [[body.start + 1, " stepCount();"]]
            : [
                  [body.start, "{ stepCount(); "],
                  [body.end, " }"],
              ],
    )
    let result = ""
    let from = 0
    for (const [at, text] of inserts.sort((a, b) => a[0] - b[0])) {
        result += code.slice(from, at) + text
        from = at
    }
    return result + code.slice(from)
}
