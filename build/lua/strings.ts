// A plugin of typescript-to-lua: the string functions that firmware uses become Lua's own, without a library of helpers.

import ts from "typescript"
import * as tstl from "typescript-to-lua"

/** Lua's functions, as the bundle's first lines name them. */
const BYTE = "_byte"
const SUB = "_sub"
const FIND = "_find"

type Mapping = (text: tstl.Expression, values: tstl.Expression[], node: ts.Node) => tstl.Expression

function call(name: string, values: tstl.Expression[], node: ts.Node): tstl.Expression {
    return tstl.createCallExpression(tstl.createIdentifier(name), values, node)
}

/** `value + 1`, folded where value is a literal. */
function next(value: tstl.Expression): tstl.Expression {
    if (tstl.isNumericLiteral(value)) return tstl.createNumericLiteral(value.value + 1)
    if (
        tstl.isBinaryExpression(value) &&
        value.operator === tstl.SyntaxKind.AdditionOperator &&
        tstl.isNumericLiteral(value.right)
    ) {
        return tstl.createBinaryExpression(value.left, next(value.right), tstl.SyntaxKind.AdditionOperator)
    }
    return tstl.createBinaryExpression(value, tstl.createNumericLiteral(1), tstl.SyntaxKind.AdditionOperator)
}

/**
 * Method of a JavaScript string → an expression over Lua's. Firmware keeps to what both agree on: charCodeAt looks inside the text
 * only (Lua answers nil elsewhere, JavaScript NaN), and substring gets its indices in order.
 */
const MAPPINGS: Readonly<Record<string, Mapping>> = {
    charCodeAt: (text, [at], node) => call(BYTE, [text, next(at!)], node),
    charAt: (text, [at], node) => call(SUB, [text, next(at!), next(at!)], node),
    substring: (text, [from, to], node) => call(SUB, to === undefined ? [text, next(from!)] : [text, next(from!), to], node),
    indexOf(text, [wanted, from], node) {
        const start = from === undefined ? tstl.createNumericLiteral(1) : next(from)
        const found = call(FIND, [text, wanted!, start, tstl.createBooleanLiteral(true)], node)
        const orZero = tstl.createBinaryExpression(found, tstl.createNumericLiteral(0), tstl.SyntaxKind.OrOperator)
        const paren = tstl.createParenthesizedExpression(orZero)
        return tstl.createBinaryExpression(paren, tstl.createNumericLiteral(1), tstl.SyntaxKind.SubtractionOperator)
    },
}

function isText(context: tstl.TransformationContext, node: ts.Expression): boolean {
    return (context.checker.getTypeAtLocation(node).flags & ts.TypeFlags.StringLike) !== 0
}

/** The plugin. It applies to the first `endChar` characters of the text: behind them is the app, which gets the whole language. */
export function stringsPlugin(endChar: number): tstl.Plugin {
    return {
        visitors: {
            [ts.SyntaxKind.CallExpression](node, context) {
                const { expression } = node
                if (node.getStart() >= endChar || !ts.isPropertyAccessExpression(expression)) {
                    return context.superTransformExpression(node)
                }
                const mapping = MAPPINGS[expression.name.text]
                if (expression.name.text === "sort" && node.arguments.length === 0) {
                    return call("table.sort", [context.transformExpression(expression.expression)], node)
                }
                if (mapping === undefined || !isText(context, expression.expression))
                    return context.superTransformExpression(node)
                const values = node.arguments.map(value => context.transformExpression(value))
                return mapping(context.transformExpression(expression.expression), values, node)
            },
        },
    }
}
