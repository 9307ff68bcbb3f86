// The core's code as the laboratory runs it: bundled once, with a function that gives every variable its first value, as a reset does.

import { resolve } from "node:path"
import { parse, type Node } from "acorn"
import { build, buildSync, type BuildOptions, type PluginBuild } from "esbuild"
import { projectRoot } from "../../build/root"
import type { SearchCore } from "./entry"

function bundleOptions(): BuildOptions & { write: false } {
    const root = projectRoot()
    return {
        entryPoints: [resolve(root, "test/power-loss/entry.ts")],
        absWorkingDir: root,
        bundle: true,
        write: false,
        format: "iife",
        platform: "neutral",
        target: "es2020",
        tsconfigRaw: {},
    }
}

/** The bundle of the core, as a function's body that returns the function which boots it. */
export function coreCode(): string {
    return bootable(buildSync(bundleOptions()).outputFiles[0]!.text)
}

/** The same with `text` in place of one file. */
export async function coreCodeWith(path: string, text: string): Promise<string> {
    const setup = ({ onLoad }: PluginBuild) =>
        onLoad({ filter: /\.ts$/ }, file => (file.path === path ? { contents: text, loader: "ts" } : undefined))
    const result = await build({ ...bundleOptions(), plugins: [{ name: "mutant", setup }] })
    return bootable(result.outputFiles[0]!.text)
}

/** Makes code that coreCode returned run. What it returns boots the core: RAM is lost, and every variable has its first value. */
export function coreOf(code: string): () => SearchCore {
    return (new Function(code) as () => () => SearchCore)()
}

interface Tree extends Node {
    readonly body: Tree & readonly Tree[]
    readonly expression: Tree
    readonly callee: Tree
    readonly declarations: readonly { readonly id: Tree; readonly init: Tree | null }[]
    readonly left: Tree
    readonly right: Tree
    readonly argument: Tree
    readonly name: string
}

/**
 * Turns `(() => { … give(core) })()` into code with the same functions, where the values of module variables are set by a function
 * of its own. Evaluating all of it anew for each of a million boots would cost more than what the boots do.
 */
function bootable(bundle: string): string {
    const program = parse(bundle, { ecmaVersion: 2020 }) as unknown as Tree
    const textOf = (node: Node): string => bundle.slice(node.start, node.end)
    const kept: string[] = []
    const constants = new Set<string>()
    const names: string[] = []
    const steps: string[] = []
    for (const statement of program.body[0]!.expression.callee.body.body) {
        if (statement.type === "FunctionDeclaration") kept.push(textOf(statement))
        else if (statement.type !== "VariableDeclaration") steps.push(textOf(statement))
        else
            for (const { id, init } of statement.declarations) {
                if (init !== null && /^[A-Z][A-Z0-9_]*$/.test(id.name) && isConstant(init, constants)) {
                    constants.add(id.name)
                    kept.push(`const ${id.name} = ${textOf(init)}`)
                    continue
                }
                names.push(id.name)
                steps.push(`${id.name} = ${init === null ? "undefined" : textOf(init)}`)
            }
    }
    const given = "let given; const give = core => { given = core }"
    return `"use strict"\n${given}\nlet ${names.join()}\n${kept.join("\n")}\nreturn () => {\n${steps.join("\n;")}\nreturn given }`
}

/** Whether an expression is a number or a text, the same at every boot. */
function isConstant(node: Tree, constants: ReadonlySet<string>): boolean {
    if (node.type === "UnaryExpression") return isConstant(node.argument, constants)
    if (node.type === "BinaryExpression") return isConstant(node.left, constants) && isConstant(node.right, constants)
    return node.type === "Literal" || (node.type === "Identifier" && constants.has(node.name))
}
