// The project's files as the tidy rules see them.

import { readdirSync, readFileSync } from "node:fs"
import { extname, join, posix, relative } from "node:path"
import ts from "typescript"

/** The project's folder. */
export const ROOT = join(__dirname, "../..")

/** A file: its path from the project's folder, with `/`, and its text. */
export interface SourceFile {
    readonly path: string
    readonly text: string
}

/** Made by tools, or not the project's own. */
const FOREIGN = new Set([".git", ".otary", "coverage", "dist", "node_modules"])
const TEXT = new Set(["", ".cjs", ".cts", ".html", ".css", ".js", ".json", ".json5", ".md", ".sql", ".ts", ".txt", ".yml"])

/** Every text file of the project, sorted by path. */
export function projectFiles(): SourceFile[] {
    const files: SourceFile[] = []
    const visit = (folder: string): void => {
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
            const path = join(folder, entry.name)
            if (FOREIGN.has(entry.name)) continue
            if (entry.isDirectory()) visit(path)
            else if (entry.isFile() && TEXT.has(extname(entry.name))) {
                files.push({ path: relative(ROOT, path).replaceAll("\\", "/"), text: readFileSync(path, "utf8") })
            }
        }
    }
    visit(ROOT)
    return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Whether a file is code. */
export function isCode({ path }: SourceFile): boolean {
    return /\.(ts|cts|cjs)$/.test(path)
}

const parsed = new WeakMap<SourceFile, ts.SourceFile>()

/** The syntax tree of a file, parsed once. */
export function treeOf(file: SourceFile): ts.SourceFile {
    const kind = file.path.endsWith("ts") ? ts.ScriptKind.TS : ts.ScriptKind.JS
    const tree = parsed.get(file) ?? ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true, kind)
    parsed.set(file, tree)
    return tree
}

/** Calls `see` with every node of a file. */
export function walk(file: SourceFile, see: (node: ts.Node) => void): void {
    const visit = (node: ts.Node): void => {
        see(node)
        ts.forEachChild(node, visit)
    }
    visit(treeOf(file))
}

/** The 1-based line of a node. */
export function lineOf(file: SourceFile, node: ts.Node): number {
    return treeOf(file).getLineAndCharacterOfPosition(node.getStart()).line + 1
}

/** An import of another module: its text as written, and for a file of the project its path without extension. */
export interface Import {
    readonly specifier: string
    readonly target?: string
}

/** All modules that a file imports, exports from or requires. */
export function importsOf(file: SourceFile): Import[] {
    const imports: Import[] = []
    walk(file, node => {
        const isRequire =
            ts.isCallExpression(node) &&
            (node.expression.getText() === "require" || node.expression.kind === ts.SyntaxKind.ImportKeyword)
        const name = isRequire
            ? node.arguments[0]
            : ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
              ? node.moduleSpecifier
              : undefined
        if (name === undefined || !ts.isStringLiteral(name)) return
        const isOwn = name.text.startsWith(".")
        imports.push({ specifier: name.text, ...(isOwn && { target: posix.join(posix.dirname(file.path), name.text) }) })
    })
    return imports
}

/** Whether the import of `target` means `path`. */
export function isTarget(target: string, path: string): boolean {
    return [target, `${target}.ts`, `${target}/index.ts`, target.replace(/\.cjs$/, ".d.cts")].includes(path)
}
