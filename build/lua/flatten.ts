// Makes one TypeScript text out of many modules: no imports, every top-level name unique and short, constants in place.

import { basename } from "node:path"
import ts from "typescript"
import type { LuaProgram } from "./program"
import { RESIDENT } from "./resident"

/** A top-level name that Lua code will hold: a function or a variable. */
export interface FlatName {
    /** Its name in the flat text. */
    readonly name: string
    /** Index of the module that declares it. */
    readonly module: number
    /** Indices of the modules that use it. */
    readonly users: Set<number>
    /** Uses in all. */
    uses: number
    /** A function of firmware that no comment marks as @hot or @resident: it need not be in memory while it does not run. */
    readonly mayBeCold: boolean
    /** A `const`: set once, by a statement of its module. */
    readonly isConst: boolean
}

/** The flat text. */
export interface FlatText {
    readonly text: string
    readonly names: readonly FlatName[]
}

/** What the flat text holds at the start of each module; the compiler's output is cut there again. */
export const MODULE_MARK = "__module"

type Constant = number | string | boolean

/** Evaluates what can be known at build time; undefined for everything else. */
function evaluate(node: ts.Expression, known: (name: ts.Identifier) => Constant | undefined): Constant | undefined {
    if (ts.isNumericLiteral(node)) return Number(node.text)
    if (ts.isStringLiteral(node)) return node.text
    if (node.kind === ts.SyntaxKind.TrueKeyword) return true
    if (node.kind === ts.SyntaxKind.FalseKeyword) return false
    if (ts.isIdentifier(node)) return known(node)
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.name)) return known(node.name)
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken) {
        const value = evaluate(node.operand, known)
        return typeof value === "number" ? -value : undefined
    }
    if (!ts.isBinaryExpression(node)) return undefined
    const left = evaluate(node.left, known)
    const right = evaluate(node.right, known)
    if (typeof left !== "number" || typeof right !== "number") return undefined
    if (node.operatorToken.kind === ts.SyntaxKind.PlusToken) return left + right
    if (node.operatorToken.kind === ts.SyntaxKind.MinusToken) return left - right
    if (node.operatorToken.kind === ts.SyntaxKind.AsteriskToken) return left * right
    return undefined
}

/** Lua's words, and a module of NodeMCU's, that are as short as the names made here. */
const RESERVED = new Set(["do", "if", "in", "or", "io"])
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Letters in base 52. */
function plainName(index: number): string {
    return index < 52 ? LETTERS[index]! : `${LETTERS[Math.floor(index / 52) - 1]}${LETTERS[index % 52]}`
}

/** Names that no Lua keyword or global can be: an underscore and letters, but for Lua's own `_G`. */
function shortName(index: number): string {
    return `_${plainName(index < LETTERS.indexOf("G") ? index : index + 1)}`
}

function isAmbient(node: ts.Statement): boolean {
    return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword)
}

/** Whether a statement declares functions or variables that take place in the bundle. */
function isValue(node: ts.Node): boolean {
    return (ts.isFunctionDeclaration(node) || ts.isVariableStatement(node)) && !isAmbient(node)
}

/** Whether a statement does something when its module is loaded, so that it stays even if nothing refers to it. */
function hasEffect(node: ts.Statement): boolean {
    if (ts.isVariableStatement(node)) return !isAmbient(node) && /\bnew |\(/.test(initializersOf(node))
    return !ts.isFunctionDeclaration(node) && !ts.isImportDeclaration(node) && !ts.isExportDeclaration(node) && !isType(node)
}

function initializersOf(node: ts.VariableStatement): string {
    const { declarations } = node.declarationList
    return declarations.map(({ initializer }) => (initializer === undefined ? "" : initializer.getText())).join(";")
}

function isType(node: ts.Statement): boolean {
    return ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
}

/** The top-level statement that a declaration belongs to. */
function statementOf(declaration: ts.Node): ts.Node | undefined {
    let node: ts.Node | undefined = declaration
    while (node !== undefined && !(node.parent !== undefined && ts.isSourceFile(node.parent))) node = node.parent
    return node !== undefined && isValue(node) ? node : undefined
}

/** One run over a program. */
class Flattener {
    private readonly names = new Map<ts.Symbol, FlatName>()
    private readonly types = new Map<ts.Symbol, string>()
    private readonly constants = new Map<ts.Symbol, Constant>()
    private readonly dropped = new Set<ts.Node>()
    /** Names within the statement that is being rewritten. */
    private readonly locals = new Map<ts.Symbol, string>()
    /** Declarations of functions and variables that something needs. */
    private readonly live = new Set<ts.Node>()

    constructor(private readonly program: LuaProgram) {}

    flatten(): FlatText {
        this.program.modules.forEach((file, module) => this.declare(file, module))
        for (const file of this.program.modules) {
            for (const node of file.statements) if (hasEffect(node)) this.keep(node)
        }
        const texts = this.program.modules.map((file, module) => `${MODULE_MARK}()\n${this.rewrite(file, module)}`)
        const text = `declare function ${MODULE_MARK}(this: void): void\n${texts.join("\n")}\n`
        return { text, names: [...this.names.values()].filter(({ uses }) => uses > 0) }
    }

    /** Keeps a statement, and everything that it needs. */
    private keep(statement: ts.Node): void {
        if (this.live.has(statement)) return
        this.live.add(statement)
        const visit = (node: ts.Node): void => {
            if (ts.isIdentifier(node)) {
                for (const declaration of this.symbolOf(node)?.declarations ?? []) {
                    const owner = statementOf(declaration)
                    if (owner !== undefined) this.keep(owner)
                }
            }
            ts.forEachChild(node, visit)
        }
        visit(statement)
    }

    // ---- declarations --------------------------------------------------------------------------

    private declare(file: ts.SourceFile, module: number): void {
        for (const node of file.statements) {
            if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) this.declareType(node.name)
            else if (isAmbient(node)) continue
            else if (ts.isFunctionDeclaration(node) && node.name !== undefined) this.declareValue(node.name, module)
            else if (ts.isVariableStatement(node)) {
                for (const { name, initializer } of node.declarationList.declarations) {
                    if (!ts.isIdentifier(name)) continue
                    const isConst = (node.declarationList.flags & ts.NodeFlags.Const) !== 0
                    const value = isConst && initializer ? evaluate(initializer, id => this.constantOf(id)) : undefined
                    if (value === undefined) this.declareValue(name, module)
                    else {
                        this.constants.set(this.program.checker.getSymbolAtLocation(name)!, value)
                        this.dropped.add(node)
                    }
                }
            }
        }
    }

    private declareType(name: ts.Identifier): void {
        const symbol = this.program.checker.getSymbolAtLocation(name)!
        this.types.set(symbol, `${name.text}_${this.types.size}`)
    }

    private declareValue(name: ts.Identifier, module: number): void {
        const symbol = this.program.checker.getSymbolAtLocation(name)!
        if (this.names.has(symbol)) return
        const { parent } = name
        const file = parent.getSourceFile()
        const { isOwn, isSmall } = this.program
        const mayBeCold = ts.isFunctionDeclaration(parent) && isOwn(file) && (isSmall || !isResident(parent, file.text))
        const isConst = ts.isVariableDeclaration(parent) && (parent.parent.flags & ts.NodeFlags.Const) !== 0
        this.names.set(symbol, { name: shortName(this.names.size), module, users: new Set(), uses: 0, mayBeCold, isConst })
    }

    // ---- uses ----------------------------------------------------------------------------------

    private symbolOf(node: ts.Identifier): ts.Symbol | undefined {
        const { checker } = this.program
        const { parent } = node
        let symbol = checker.getSymbolAtLocation(node)
        if (ts.isShorthandPropertyAssignment(parent)) symbol = checker.getShorthandAssignmentValueSymbol(parent)
        if (symbol === undefined) return undefined
        return (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol
    }

    private constantOf(node: ts.Identifier): Constant | undefined {
        const symbol = this.symbolOf(node)
        return symbol === undefined ? undefined : this.constants.get(symbol)
    }

    /** What takes the place of an identifier; undefined when it stays. */
    private replacement(node: ts.Identifier, module: number): string | undefined {
        const symbol = this.symbolOf(node)
        if (symbol === undefined) return undefined
        const constant = this.constants.get(symbol)
        if (constant !== undefined) {
            const literal = JSON.stringify(constant)
            return typeof constant === "number" && constant < 0 ? `(${literal})` : literal
        }
        const value = this.names.get(symbol)
        if (value === undefined) return this.types.get(symbol) ?? this.localName(symbol)
        value.users.add(module)
        value.uses += 1
        return value.name
    }

    /** A short name for a parameter or variable of a function, unique within its top-level statement. */
    private localName(symbol: ts.Symbol): string | undefined {
        const known = this.locals.get(symbol)
        const declaration = symbol.valueDeclaration
        if (known !== undefined || declaration === undefined || symbol.name === "this") return known
        if (!ts.isParameter(declaration) && !ts.isVariableDeclaration(declaration) && !ts.isBindingElement(declaration)) return
        if (!this.program.modules.includes(declaration.getSourceFile()) || ts.isSourceFile(scopeOf(declaration))) return
        const names = new Set(this.locals.values())
        let index = names.size
        while (names.has(plainName(index)) || RESERVED.has(plainName(index))) index++
        this.locals.set(symbol, plainName(index))
        return plainName(index)
    }

    private rewrite(file: ts.SourceFile, module: number): string {
        const source = file.text
        const edits: { start: number; end: number; text: string }[] = []
        const put = (node: ts.Node, text: string): void => void edits.push({ start: node.getStart(), end: node.end, text })
        const visit = (node: ts.Node): void => {
            if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || this.dropped.has(node)) return put(node, "")
            if (node.kind === ts.SyntaxKind.ExportKeyword) return put(node, "")
            if (node.parent === file && isValue(node) && !this.live.has(node)) return put(node, "")
            if (ts.isPropertyAccessExpression(node) && this.isNamespace(node.expression)) {
                return put(node, this.replacement(node.name as ts.Identifier, module) ?? node.name.text)
            }
            if (ts.isIdentifier(node)) {
                const text = this.replacement(node, module)
                if (text === undefined) return
                return put(node, isShorthand(node) ? `${node.text}: ${text}` : text)
            }
            ts.forEachChild(node, visit)
            for (const modifier of ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []) {
                if (modifier.kind === ts.SyntaxKind.ExportKeyword) put(modifier, "")
            }
        }
        for (const statement of file.statements) {
            this.locals.clear()
            visit(statement)
        }
        return applyEdits(source, edits)
    }

    private isNamespace(node: ts.Expression): boolean {
        if (!ts.isIdentifier(node)) return false
        return (this.program.checker.getSymbolAtLocation(node)?.declarations ?? []).some(ts.isNamespaceImport)
    }
}

/** Whether the comment ahead of a function marks it as one that stays in memory. */
function isResident(node: ts.FunctionDeclaration, text: string): boolean {
    const module = basename(node.getSourceFile().fileName, ".ts")
    if (RESIDENT[module]?.some(name => name === "*" || name === node.name?.text) === true) return true
    return /@(hot|resident)\b/.test(text.slice(node.getFullStart(), node.getStart()))
}

/** Whether an identifier stands for a property and a value at once: `{ name }`, made or taken apart. */
function isShorthand({ parent }: ts.Identifier): boolean {
    if (ts.isBindingElement(parent)) return ts.isObjectBindingPattern(parent.parent) && parent.propertyName === undefined
    return ts.isShorthandPropertyAssignment(parent)
}

/** The function or file around a declaration. */
function scopeOf(declaration: ts.Node): ts.Node {
    let node = declaration.parent
    while (!ts.isFunctionLike(node) && !ts.isBlock(node) && !ts.isForStatement(node) && !ts.isSourceFile(node)) node = node.parent
    return node
}

function applyEdits(source: string, edits: { start: number; end: number; text: string }[]): string {
    const unique = new Map(edits.map(edit => [edit.start, edit]))
    let result = ""
    let at = 0
    for (const { start, end, text } of [...unique.values()].sort((a, b) => a.start - b.start)) {
        if (start < at) continue
        result += source.slice(at, start) + text
        at = end
    }
    return result + source.slice(at)
}

/** Flattens a program. */
export function flatten(program: LuaProgram): FlatText {
    return new Flattener(program).flatten()
}
