// Types that can be told before any device is asked: what can never be right is an error of the text.

import { fault, type PolicyFault } from "./error"
import { POLICY_REGEXP_INSTRUCTIONS_MAX } from "./limits"
import { BINARY_OPERATORS, type Family } from "./operators"
import { compileRegexp, type Regexp } from "./regexp"
import { typeOf, type PolicyType } from "./values"
import { nodesOf, type BinaryNode, type NameNode, type PolicyNode, type RegexpNode, type UnaryNode } from "./tree"

/** Names with a type of their own; every other name is a property of the device. */
export const BUILT_IN_TYPES: Readonly<Record<string, PolicyType>> = {
    id: "text",
    product: "text",
    version: "text",
    newVersion: "text",
    major: "number",
    minor: "number",
    patch: "number",
}

function wrong(node: PolicyNode, expected: string, type: PolicyType, hint: string): PolicyFault {
    const found = type === "unknown" ? "a property" : type === "null" ? type : `a ${type}`
    return fault("POLICY_TYPE", node, `expected ${expected}, found ${found}`, hint)
}

/** Throws unless the type is one of these, or may turn out to be. */
function expectType(node: PolicyNode, types: readonly PolicyType[], hint: string): PolicyType {
    const type = typeOfNode(node)
    if (type === "unknown" || types.includes(type)) return type
    throw wrong(node, `a ${types[0]}`, type, hint)
}

const MATCH_HINT = "a regular expression stands beside ==, != or on the right of =~, such as model == /^esp/"

const SEMVER_HINT = "semver() compares two versions, which are texts"

const HINTS: Readonly<Record<Exclude<Family, "equality" | "match" | "order" | "sum">, string>> = {
    logic: "&&, || and ! take conditions, such as beta == 1",
    part: `^= $= >< and their opposites take texts; ${MATCH_HINT}`,
    arithmetic: "- * / % ^ take numbers",
    shift: "<< and >> take whole numbers",
}

/** Both of one type among `types`, as far as is known. Answers with that type. */
function sameType({ left, right, operator }: BinaryNode, types: readonly PolicyType[]): PolicyType {
    const hint = `${operator} takes two numbers or two texts${operator === "+" ? "" : "; versions are compared by semver()"}`
    const leftType = expectType(left, types, hint)
    const rightType = expectType(right, leftType === "unknown" || leftType === "null" ? types : [leftType, "null"], hint)
    return leftType === "unknown" || leftType === "null" ? rightType : leftType
}

function equalityType({ left, right, operator }: BinaryNode): PolicyType {
    const [a, b] = [typeOfNode(left), typeOfNode(right)]
    const other = a === "regular expression" ? right : b === "regular expression" ? left : undefined
    if (other !== undefined) expectType(other, ["text", "null"], MATCH_HINT)
    else if (a !== b && ![a, b].some(type => type === "unknown" || type === "null")) {
        throw wrong(right, `a ${a}`, b, `values of different types are never equal, so ${operator} always says the same`)
    }
    return "boolean"
}

function matchType({ left, right }: BinaryNode): PolicyType {
    if (right.kind !== "regexp") throw wrong(right, "a regular expression", typeOfNode(right), MATCH_HINT)
    expectType(left, ["text", "null"], MATCH_HINT)
    return "boolean"
}

/** Two texts; a property on the left of `><` and `<>` may be a list, of anything. */
function partType({ left, right, operator }: BinaryNode): PolicyType {
    const leftType = expectType(left, ["text", "null"], HINTS.part)
    const listed = leftType === "unknown" && (operator === "><" || operator === "<>")
    expectType(right, listed ? ["text", "number", "boolean", "null"] : ["text", "null"], HINTS.part)
    return "boolean"
}

function binaryType(node: BinaryNode): PolicyType {
    const { left, right, operator } = node
    const { family } = BINARY_OPERATORS[operator]
    if (family === "equality") return equalityType(node)
    if (family === "match") return matchType(node)
    if (family === "sum") return sameType(node, ["number", "text"])
    if (family === "order") {
        sameType(node, ["number", "text", "null"])
        return "boolean"
    }
    if (family === "part") return partType(node)
    const numeric = family === "arithmetic" || family === "shift"
    for (const side of [left, right]) expectType(side, numeric ? ["number"] : ["boolean", "null"], HINTS[family])
    return numeric ? "number" : "boolean"
}

function unaryType({ operator, operand }: UnaryNode): PolicyType {
    const negates = operator === "!"
    expectType(operand, negates ? ["boolean", "null"] : ["number"], HINTS[negates ? "logic" : "arithmetic"])
    return negates ? "boolean" : "number"
}

/** The type of a name: a property's is unknown. */
function nameType({ name }: NameNode): PolicyType {
    return Object.hasOwn(BUILT_IN_TYPES, name) ? BUILT_IN_TYPES[name]! : "unknown"
}

/** The type of a node, "unknown" where it depends on the device. Throws PolicyFault `POLICY_TYPE`. */
function typeOfNode(node: PolicyNode): PolicyType {
    switch (node.kind) {
        case "literal":
            return typeOf(node.value)
        case "regexp":
            return "regular expression"
        case "name":
            return nameType(node)
        case "unary":
            return unaryType(node)
        case "semver":
            for (const side of [node.left, node.right]) expectType(side, ["text", "null"], SEMVER_HINT)
            return "boolean"
        case "binary":
            return binaryType(node)
    }
}

/** Throws PolicyFault `POLICY_TYPE` unless the tree can be true or false. */
export function checkTypes(tree: PolicyNode): void {
    expectType(tree, ["boolean"], "a policy says true or false of a device, such as memory >= 512")
}

/** All regular expressions of a tree, compiled. Throws PolicyFault `POLICY_REGEXP`. */
export function compileRegexps(tree: PolicyNode): ReadonlyMap<RegexpNode, Regexp> {
    const compiled = new Map<RegexpNode, Regexp>()
    let instructions = 0
    for (const node of nodesOf(tree)) {
        if (node.kind !== "regexp") continue
        const regexp = compileRegexp(node)
        const hint = "the syntax is RE2's: no back references, no looking around"
        if (typeof regexp === "string") throw fault("POLICY_REGEXP", node, `the regular expression is not valid: ${regexp}`, hint)
        instructions += regexp.instructions
        if (instructions > POLICY_REGEXP_INSTRUCTIONS_MAX) {
            const message = `the policy's regular expressions take more than ${POLICY_REGEXP_INSTRUCTIONS_MAX} steps per character`
            throw fault("POLICY_REGEXP", node, message, "repeat less: each {n} counts n times")
        }
        compiled.set(node, regexp)
    }
    return compiled
}
