// Shorter words for the same, where TypeScript's types allow them: `==` for `===`, or no comparison at all, `+=`, and `slice`.
// A minifier does not know types.

import { readdirSync } from "node:fs"
import { join, resolve } from "node:path"
import ts from "typescript"
import { applyEdits, type Edit } from "./js-tree"

/** Folders whose types can be relied on; what an app passes in may be anything, and is compared with nothing but its like. */
const FOLDERS = ["firmware", "shims/espruino"]

const OPTIONS: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2020,
    lib: ["lib.es5.d.ts"],
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
}

const NOTHING = ts.TypeFlags.Undefined | ts.TypeFlags.Null
const PRIMITIVES = [ts.TypeFlags.NumberLike, ts.TypeFlags.StringLike, ts.TypeFlags.BooleanLike]
const ANY_PRIMITIVE = PRIMITIVES[0]! | PRIMITIVES[1]! | PRIMITIVES[2]!

/** Whether every member of a type has one of `flags`. */
function isAll(type: ts.Type, flags: ts.TypeFlags): boolean {
    return type.isUnion() ? type.types.every(one => isAll(one, flags)) : (type.flags & flags) !== 0
}

/** Whether only the truth of an expression counts, and not its value. */
function isCondition(node: ts.Node): boolean {
    const { parent } = node
    if (ts.isParenthesizedExpression(parent)) return isCondition(parent)
    if (ts.isPrefixUnaryExpression(parent)) return parent.operator === ts.SyntaxKind.ExclamationToken
    if (ts.isIfStatement(parent) || ts.isWhileStatement(parent) || ts.isDoStatement(parent)) return parent.expression === node
    if (ts.isForStatement(parent) || ts.isConditionalExpression(parent)) return parent.condition === node
    if (!ts.isBinaryExpression(parent)) return false
    const { kind } = parent.operatorToken
    const isLogical = kind === ts.SyntaxKind.AmpersandAmpersandToken || kind === ts.SyntaxKind.BarBarToken
    return isLogical && isCondition(parent)
}

/**
 * Whether an expression's type is what it has: elements of arrays may be missing, and arithmetic of unchecked numbers may give NaN, which
 * is false and yet not 0.
 */
function isSure(node: ts.Expression): boolean {
    if (ts.isParenthesizedExpression(node)) return isSure(node.expression)
    if (ts.isElementAccessExpression(node)) return false
    return !ts.isBinaryExpression(node) || node.operatorToken.kind === ts.SyntaxKind.AmpersandToken
}

/** Whether `left`, which is compared with `right`, is false exactly where both are equal. */
function isFalseAlone(checker: ts.TypeChecker, left: ts.Expression, right: ts.Type): boolean {
    const type = checker.getTypeAtLocation(left)
    if (isAll(right, NOTHING)) return isAll(type, ts.TypeFlags.Object | ts.TypeFlags.NonPrimitive | right.flags)
    const isZero = right.isNumberLiteral() && right.value === 0 && isAll(type, ts.TypeFlags.NumberLike)
    const isEmpty = right.isStringLiteral() && right.value === "" && isAll(type, ts.TypeFlags.StringLike)
    return (isZero || isEmpty) && isSure(left)
}

function shortened(checker: ts.TypeChecker, file: ts.SourceFile, node: ts.BinaryExpression): Edit[] {
    const isEqual = node.operatorToken.kind === ts.SyntaxKind.EqualsEqualsEqualsToken
    if (!isEqual && node.operatorToken.kind !== ts.SyntaxKind.ExclamationEqualsEqualsToken) return []
    const [left, right] = [checker.getTypeAtLocation(node.left), checker.getTypeAtLocation(node.right)]
    if (isFalseAlone(checker, node.left, right)) {
        const start = node.left.getStart(file)
        const not = isEqual ? "!" : isCondition(node) ? "" : "!!"
        return [
            { start, end: start, text: `${not}(` },
            { start: node.left.end, end: node.end, text: ")" },
        ]
    }
    const isNullNever = isAll(left, ts.TypeFlags.Undefined | ts.TypeFlags.Object | ts.TypeFlags.NonPrimitive | ANY_PRIMITIVE)
    if (isAll(right, ts.TypeFlags.Undefined) && isNullNever)
        return [{ start: node.left.end, end: node.end, text: isEqual ? " == null" : " != null" }]
    const isAlike = PRIMITIVES.some(flags => isAll(left, flags | NOTHING) && isAll(right, flags))
    if (!isAlike) return []
    return [{ start: node.operatorToken.getStart(file), end: node.operatorToken.end, text: isEqual ? "==" : "!=" }]
}

const COMPOUND: ReadonlySet<ts.SyntaxKind> = new Set([
    ts.SyntaxKind.PlusToken,
    ts.SyntaxKind.MinusToken,
    ts.SyntaxKind.AsteriskToken,
])

/** Whether nothing is called or set: what it is made of is the same before and after. */
function isCalm(node: ts.Node): boolean {
    const operator = ts.isBinaryExpression(node) ? node.operatorToken.kind : ts.SyntaxKind.Unknown
    const isSet = operator >= ts.SyntaxKind.FirstAssignment && operator <= ts.SyntaxKind.LastAssignment
    if (isSet || ts.isCallExpression(node) || ts.isNewExpression(node)) return false
    return ts.forEachChild(node, child => (isCalm(child) ? undefined : true)) === undefined
}

/** `name += value` of `name = name + value`, and `++name` where that is a statement of numbers. */
function compound(checker: ts.TypeChecker, file: ts.SourceFile, node: ts.BinaryExpression): Edit[] {
    const { left, right, operatorToken, parent } = node
    const isNumber = isAll(checker.getTypeAtLocation(left), ts.TypeFlags.NumberLike)
    const isAlone = ts.isExpressionStatement(parent) || (ts.isForStatement(parent) && parent.incrementor === node)
    if (!ts.isIdentifier(left)) return []
    const start = left.getStart(file)
    if (operatorToken.kind === ts.SyntaxKind.PlusEqualsToken)
        return isAlone && isNumber && right.getText(file) === "1" ? [{ start, end: node.end, text: `++${left.text}` }] : []
    if (operatorToken.kind !== ts.SyntaxKind.EqualsToken || !ts.isBinaryExpression(right) || !isCalm(right)) return []
    const isSame = ts.isIdentifier(right.left) && right.left.text === left.text
    const operator = right.operatorToken.kind
    if (!isSame || !COMPOUND.has(operator)) return []
    if (isAlone && isNumber && operator === ts.SyntaxKind.PlusToken && right.right.getText(file) === "1")
        return [{ start, end: node.end, text: `++${left.text}` }]
    return [{ start: operatorToken.getStart(file), end: right.operatorToken.end, text: `${ts.tokenToString(operator)!}=` }]
}

/** `slice` of `substring`: firmware gives their indices in order (build/lua/strings.ts), and then they are the same. */
function slice(file: ts.SourceFile, { name }: ts.PropertyAccessExpression): Edit[] {
    return name.text === "substring" ? [{ start: name.getStart(file), end: name.end, text: "slice" }] : []
}

function rewritten(checker: ts.TypeChecker, file: ts.SourceFile): string {
    const edits: Edit[] = []
    const visit = (node: ts.Node): void => {
        if (ts.isBinaryExpression(node)) edits.push(...shortened(checker, file, node), ...compound(checker, file, node))
        if (ts.isPropertyAccessExpression(node)) edits.push(...slice(file, node))
        ts.forEachChild(node, visit)
    }
    visit(file)
    return applyEdits(file.text, edits)
}

const known = new Map<string, ReadonlyMap<string, string>>()

/**
 * The sources of firmware and shim in the project in `root`, by path, with shorter words that mean the same. Line numbers stay.
 * Read once in the life of the process.
 */
export function shortSources(root: string): ReadonlyMap<string, string> {
    const before = known.get(root)
    if (before !== undefined) return before
    const paths = FOLDERS.flatMap(folder =>
        readdirSync(join(root, folder))
            .filter(name => name.endsWith(".ts"))
            .map(name => resolve(root, folder, name)),
    )
    const program = ts.createProgram(paths, OPTIONS)
    const checker = program.getTypeChecker()
    const texts = new Map(paths.map(path => [path, rewritten(checker, program.getSourceFile(path)!)]))
    known.set(root, texts)
    return texts
}
