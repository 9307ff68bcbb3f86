// The TypeScript program of a Lua bundle: its modules in the order in which they run, types and all.

import { statSync } from "node:fs"
import { dirname, resolve, sep } from "node:path"
import ts from "typescript"
import { PackError } from "../errors"

/** A module that exists in memory only, such as a step of the start. */
export interface VirtualModule {
    /** Path beside real ones, so that relative imports resolve. */
    readonly path: string
    readonly text: string
}

/** What goes into a bundle. */
export interface LuaInput {
    readonly root: string
    /** Paths of the modules to run, in this order, after those that they import. */
    readonly entries: readonly string[]
    readonly virtual: readonly VirtualModule[]
    /** Modules that take the place of others, by what imports say: `./signature` → `./unsigned`. */
    readonly instead?: Readonly<Record<string, string>>
    /** For boards with little memory: nothing stays there that can be fetched, not even what each chunk of a download needs. */
    readonly isSmall?: boolean
}

/** Modules in the order in which they run, with the checker that knows them. */
export interface LuaProgram {
    readonly modules: readonly ts.SourceFile[]
    readonly checker: ts.TypeChecker
    readonly isSmall: boolean
    /** Whether a module belongs to the project, not to an app. */
    isOwn(this: void, file: ts.SourceFile): boolean
}

/** Options of the type checker; apps in plain JavaScript are checked by what can be inferred. */
export function compilerOptions(root: string): ts.CompilerOptions {
    return {
        target: ts.ScriptTarget.ES2022,
        lib: ["lib.es2022.d.ts"],
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
        strict: true,
        noImplicitAny: false,
        allowJs: true,
        types: [],
        skipLibCheck: true,
        noEmit: true,
        removeComments: true,
        paths: { otary: [resolve(root, "firmware/api.ts")] },
    }
}

/** TypeScript's declarations of the language and the project's own sources, parsed once; with the time when a source was changed. */
const parsed = new Map<string, { readonly changedMs: number; readonly file: ts.SourceFile | undefined }>()

function parsedOnce(path: string, parse: () => ts.SourceFile | undefined): ts.SourceFile | undefined {
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    const known = parsed.get(path)
    if (known?.changedMs === changedMs) return known.file
    const file = parse()
    parsed.set(path, { changedMs, file })
    return file
}

/** Whether a file belongs to the project: tests and builds check its types, packing an app need not do it again. */
function isOfProject(root: string, path: string): boolean {
    return ["firmware", "shims"].some(room => path.startsWith(resolve(root, room) + sep))
}

/** A compiler host that knows some files beside those on disk. */
export function virtualHost(root: string, options: ts.CompilerOptions, files: ReadonlyMap<string, string>): ts.CompilerHost {
    const host = ts.createCompilerHost(options, true)
    const { readFile, fileExists, getSourceFile } = host
    host.fileExists = path => files.has(path) || fileExists.call(host, path)
    host.readFile = path => files.get(path) ?? readFile.call(host, path)
    host.getSourceFile = (path, ...rest) => {
        const text = files.get(path)
        if (text === undefined) {
            const parse = (): ts.SourceFile | undefined => getSourceFile.call(host, path, ...rest)
            const isKept = /[\\/]typescript[\\/]lib[\\/]lib\./.test(path) || isOfProject(root, resolve(path))
            return isKept ? parsedOnce(path, parse) : parse()
        }
        return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
    }
    return host
}

/**
 * Puts modules in the place of others where firmware and shims import them: natives for hex texts, and what `instead` says. An app's
 * files are its own, whatever they are called.
 */
function exchangeModules(host: ts.CompilerHost, { root, instead }: LuaInput): void {
    const own = ["firmware", "shims"].map(folder => resolve(root, folder) + sep)
    const replaced: Readonly<Record<string, string>> = { "./hex": resolve(root, "shims/nodemcu/hex"), ...instead }
    host.resolveModuleNameLiterals = (literals, containing, redirected, options) =>
        literals.map(({ text }) => {
            const isOwn = own.some(folder => resolve(containing).startsWith(folder))
            const name = isOwn ? (replaced[text] ?? text) : text
            return ts.resolveModuleName(name, containing, options, host, undefined, redirected)
        })
}

/** The first errors of a compilation as lines of `file:line:column: what`. */
export function diagnosticText(root: string, diagnostics: readonly ts.Diagnostic[]): string {
    const format = { getCanonicalFileName: (path: string) => path, getCurrentDirectory: () => root, getNewLine: () => "\n" }
    return ts.formatDiagnostics(diagnostics.slice(0, 5), format).trimEnd()
}

/**
 * Reads the modules of a bundle and checks them. Throws PackError PACK_BUNDLE, naming file, line and column, when an import does not
 * resolve or a module does not type-check.
 */
export function readProgram(input: LuaInput): LuaProgram {
    const options = compilerOptions(input.root)
    const virtual = new Map(input.virtual.map(({ path, text }) => [path, text]))
    const host = virtualHost(input.root, options, virtual)
    exchangeModules(host, input)
    const program = ts.createProgram({ rootNames: [...input.entries], options, host })
    const checker = program.getTypeChecker()
    const modules: ts.SourceFile[] = []
    const seen = new Set<ts.SourceFile>()
    const visit = (file: ts.SourceFile | undefined): void => {
        if (file === undefined || seen.has(file) || file.isDeclarationFile) return
        seen.add(file)
        for (const specifier of importsOf(file)) visit(moduleOf(checker, specifier))
        modules.push(file)
    }
    for (const path of input.entries) visit(program.getSourceFile(path))
    const isOwn = ({ fileName }: ts.SourceFile): boolean => isOfProject(input.root, resolve(fileName))
    const errors = modules
        .filter(file => !isOwn(file))
        .flatMap(file => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    if (errors.length > 0) {
        const hint = 'mend the app; an app for Lua boards imports from "otary" and from its own folder'
        throw new PackError("PACK_BUNDLE", diagnosticText(dirname(input.entries.at(-1)!), errors), hint)
    }
    return { modules, checker, isSmall: input.isSmall === true, isOwn }
}

/** The specifiers of a module's imports and re-exports that have values behind them. */
function importsOf(file: ts.SourceFile): ts.Expression[] {
    return file.statements.flatMap(node => {
        if (ts.isImportDeclaration(node) && !isTypeOnly(node)) return [node.moduleSpecifier]
        if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && !node.isTypeOnly) return [node.moduleSpecifier]
        return []
    })
}

function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
    return importClause?.isTypeOnly === true
}

function moduleOf(checker: ts.TypeChecker, specifier: ts.Expression): ts.SourceFile | undefined {
    const declaration = checker.getSymbolAtLocation(specifier)?.valueDeclaration
    return declaration !== undefined && ts.isSourceFile(declaration) ? declaration : undefined
}
