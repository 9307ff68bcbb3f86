// From a tree to its canonical text: one blank around operators, double quotes, only the parentheses that are needed.

import { namePlain } from "./lexer"
import { BINARY_OPERATORS, POWER, UNARY_PRECEDENCE } from "./operators"
import { isWord } from "./parser"
import type { BinaryNode, LiteralNode, PolicyNode } from "./tree"

/** Higher than any operator's. */
const TERM_PRECEDENCE = 10

function precedenceOf(node: PolicyNode): number {
    if (node.kind === "binary") return BINARY_OPERATORS[node.operator].precedence
    return node.kind === "unary" ? UNARY_PRECEDENCE : TERM_PRECEDENCE
}

/** The lexer knows all of JSON's escapes. */
function literalText({ value }: LiteralNode): string {
    return JSON.stringify(value)
}

/** A node that is to bind at least as tightly as `least`. */
function operandText(node: PolicyNode, least: number): string {
    const text = printPolicy(node)
    return precedenceOf(node) < least ? `(${text})` : text
}

function binaryText({ operator, left, right }: BinaryNode): string {
    const { precedence } = BINARY_OPERATORS[operator]
    const [leftLeast, rightLeast] = operator === POWER ? [precedence + 1, precedence] : [precedence, precedence + 1]
    return `${operandText(left, leftLeast)} ${operator} ${operandText(right, rightLeast)}`
}

/** The canonical text of a tree. Parsed again, it gives the same tree, places apart. */
export function printPolicy(node: PolicyNode): string {
    switch (node.kind) {
        case "literal":
            return literalText(node)
        case "regexp":
            return `/${node.source}/${node.flags}`
        case "name":
            return namePlain(node.name) && !isWord(node.name) ? node.name : `\`${node.name}\``
        case "unary":
            return `${node.operator}${operandText(node.operand, UNARY_PRECEDENCE)}`
        case "semver":
            return `semver(${printPolicy(node.left)}, "${node.operator}", ${printPolicy(node.right)})`
        case "binary":
            return binaryText(node)
    }
}
