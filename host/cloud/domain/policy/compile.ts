// From a tree to functions: one closure per node. Nothing throws; the first failure makes the policy false.

import { POLICY_LIST_ITEMS_MAX, POLICY_TEXT_CHARS_MAX } from "./limits"
import { lookupOf, type PolicyDevice } from "./names"
import { BINARY_OPERATORS } from "./operators"
import type { Regexp } from "./regexp"
import { showValue, typeOf, type PolicyValue } from "./values"
import { createVersions, type Versions } from "./versions"
import type { BinaryNode, BinaryOperator, PolicyNode, RegexpNode, SemverNode, SemverOperator, UnaryNode } from "./tree"

/** What goes wrong while a policy is evaluated: where, and in words. */
export interface Failure {
    readonly node: PolicyNode
    readonly message: string
}

/** One evaluation. */
export interface Run {
    device: PolicyDevice
    newVersion: string
    /** The first failure. What is computed after it has no meaning. */
    failure: Failure | null
}

/** A compiled node. */
export type Evaluate = (this: void, run: Run) => PolicyValue

/** What compilation needs. `watch` may put itself around a node's function; it is called for inner nodes first. */
export interface Parts {
    readonly regexps: ReadonlyMap<RegexpNode, Regexp>
    readonly watch: (node: PolicyNode, evaluate: Evaluate) => Evaluate
}

type Compiler = Parts & { readonly versions: Versions }

function fail(run: Run, node: PolicyNode, message: string): null {
    run.failure ??= { node, message }
    return null
}

function failTypes(run: Run, node: BinaryNode, needs: string, left: PolicyValue, right: PolicyValue): null {
    const found = typeOf(left) === typeOf(right) ? `two of type ${typeOf(left)}` : `${typeOf(left)} and ${typeOf(right)}`
    return fail(run, node, `${node.operator} needs ${needs}, found ${found}: ${showValue(left)} and ${showValue(right)}`)
}

/** A condition as it counts: null is false. */
function condition(run: Run, node: PolicyNode, value: PolicyValue): boolean {
    if (typeof value === "boolean") return value
    if (value !== null) fail(run, node, `expected true or false, found ${showValue(value)}`)
    return false
}

function compileLogic(node: BinaryNode, left: Evaluate, right: Evaluate): Evaluate {
    const settles = node.operator === "||"
    return run => {
        const first = condition(run, node.left, left(run))
        return first === settles || run.failure !== null ? first : condition(run, node.right, right(run))
    }
}

function compileEquality(node: BinaryNode, left: Evaluate, right: Evaluate): Evaluate {
    const negated = node.operator === "!="
    return run => {
        const a = left(run)
        const b = right(run)
        const structured = (typeof a === "object" && a !== null) || (typeof b === "object" && b !== null)
        if (structured && a !== null && b !== null) return failTypes(run, node, "numbers, texts, booleans or null", a, b)
        return (a === b) !== negated
    }
}

/** A regular expression and the text on the other side; no text does not match. */
function compileMatch(node: BinaryNode, regexp: Regexp, other: PolicyNode, text: Evaluate): Evaluate {
    const negated = node.operator === "!="
    return run => {
        const value = text(run)
        if (value === null) return negated
        if (typeof value !== "string") return fail(run, other, `a regular expression needs a text, found ${showValue(value)}`)
        if (value.length > POLICY_TEXT_CHARS_MAX) return failLong(run, other)
        return regexp.test(value) !== negated
    }
}

function failLong(run: Run, node: PolicyNode): null {
    return fail(run, node, `the text has more than ${POLICY_TEXT_CHARS_MAX} characters`)
}

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
    "<": order => order < 0,
    "<=": order => order <= 0,
    ">": order => order > 0,
    ">=": order => order >= 0,
    "==": order => order === 0,
    "!=": order => order !== 0,
}

/** NaN, which a device cannot report in JSON, is neither lower, equal nor higher. */
function orderOf(a: number | string, b: number | string): number {
    return a < b ? -1 : a > b ? 1 : a === b ? 0 : NaN
}

function compileOrder(node: BinaryNode, left: Evaluate, right: Evaluate): Evaluate {
    const holds = ORDERS[node.operator]!
    return run => {
        const a = left(run)
        const b = right(run)
        if (typeof a === "number" && typeof b === "number") return holds(orderOf(a, b))
        if (typeof a === "string" && typeof b === "string") return holds(orderOf(a, b))
        if (a === null || b === null) return false
        return failTypes(run, node, "two numbers or two texts", a, b)
    }
}

const PARTS: Readonly<Record<string, (text: string, part: string) => boolean>> = {
    "^=": (text, part) => text.startsWith(part),
    "$=": (text, part) => text.endsWith(part),
    "><": (text, part) => text.includes(part),
}
/** Operators that say the opposite of another one. */
const OPPOSITES: Readonly<Record<string, string>> = { "^!=": "^=", "$!=": "$=", "<>": "><" }

function compilePart(node: BinaryNode, left: Evaluate, right: Evaluate): Evaluate {
    const { operator } = node
    const negated = Object.hasOwn(OPPOSITES, operator)
    const positive = OPPOSITES[operator] ?? operator
    const holds = PARTS[positive]!
    return run => {
        const a = left(run)
        const b = right(run)
        if (typeof a === "string" && typeof b === "string") {
            if (a.length > POLICY_TEXT_CHARS_MAX || b.length > POLICY_TEXT_CHARS_MAX) return failLong(run, node)
            return holds(a, b) !== negated
        }
        if (a === null || b === null) return negated
        if (positive !== "><" || !Array.isArray(a)) return failTypes(run, node, "two texts", a, b)
        if (a.length > POLICY_LIST_ITEMS_MAX) return fail(run, node, `the list has more than ${POLICY_LIST_ITEMS_MAX} items`)
        return a.includes(b) !== negated
    }
}

const ARITHMETIC: Readonly<Partial<Record<BinaryOperator, (a: number, b: number) => number>>> = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
    "%": (a, b) => a % b,
    "^": (a, b) => a ** b,
}

function compileArithmetic(node: BinaryNode, left: Evaluate, right: Evaluate): Evaluate {
    const { operator } = node
    const compute = ARITHMETIC[operator]!
    const sums = operator === "+"
    return run => {
        const a = left(run)
        const b = right(run)
        if (typeof a === "number" && typeof b === "number") {
            const result = compute(a, b)
            return Number.isFinite(result) ? result : fail(run, node, `${a} ${operator} ${b} is not a number`)
        }
        if (!sums) return failTypes(run, node, "two numbers", a, b)
        if (typeof a !== "string" || typeof b !== "string") return failTypes(run, node, "two numbers or two texts", a, b)
        return a.length + b.length > POLICY_TEXT_CHARS_MAX ? failLong(run, node) : a + b
    }
}

/** Shifts take whole numbers of 32 bits, with their sign, by 0 to 31. */
function compileShift(node: BinaryNode, left: Evaluate, right: Evaluate): Evaluate {
    const isLeft = node.operator === "<<"
    return run => {
        const a = left(run)
        const b = right(run)
        if (typeof a !== "number" || typeof b !== "number") return failTypes(run, node, "two numbers", a, b)
        if ((a | 0) !== a || (b & 31) !== b) {
            return fail(run, node, `${node.operator} needs a whole number of 32 bits and 0 to 31, found ${a} and ${b}`)
        }
        return isLeft ? a << b : a >> b
    }
}

function compileBinary(node: BinaryNode, compiler: Compiler): Evaluate {
    const { left, right, operator } = node
    if (left.kind === "regexp") return compileMatch(node, compiler.regexps.get(left)!, right, compileNode(right, compiler))
    const a = compileNode(left, compiler)
    if (right.kind === "regexp") return compileMatch(node, compiler.regexps.get(right)!, left, a)
    const b = compileNode(right, compiler)
    const { family } = BINARY_OPERATORS[operator]
    if (family === "logic") return compileLogic(node, a, b)
    if (family === "equality") return compileEquality(node, a, b)
    if (family === "order") return compileOrder(node, a, b)
    if (family === "part") return compilePart(node, a, b)
    return family === "shift" ? compileShift(node, a, b) : compileArithmetic(node, a, b)
}

function compileUnary(node: UnaryNode, compiler: Compiler): Evaluate {
    const operand = compileNode(node.operand, compiler)
    if (node.operator === "!") return run => !condition(run, node.operand, operand(run))
    return run => {
        const value = operand(run)
        return typeof value === "number" ? -value : fail(run, node.operand, `- needs a number, found ${showValue(value)}`)
    }
}

function compileSemver(node: SemverNode, compiler: Compiler): Evaluate {
    const [left, right] = [compileNode(node.left, compiler), compileNode(node.right, compiler)]
    const { compare, coreOf } = compiler.versions
    const holds: (order: number) => boolean = ORDERS[node.operator satisfies SemverOperator]!
    return run => {
        const a = left(run)
        const b = right(run)
        if (a === null || b === null) return node.operator === "!=" && a !== b
        const order = typeof a === "string" && typeof b === "string" ? compare(a, b) : NaN
        if (!Number.isNaN(order)) return holds(order)
        const [wrong, value] = typeof a === "string" && coreOf(a) !== null ? [node.right, b] : [node.left, a]
        return fail(run, wrong, `semver() needs semantic versions, found ${showValue(value)}`)
    }
}

function compileName(name: string, versions: Versions): Evaluate {
    const lookup = lookupOf(name, versions)
    return run => lookup(run.device, run.newVersion)
}

/** The function of a node as such; what watches it comes on top. */
function compileBare(node: PolicyNode, compiler: Compiler): Evaluate {
    switch (node.kind) {
        case "literal":
            return () => node.value
        case "name":
            return compileName(node.name, compiler.versions)
        case "unary":
            return compileUnary(node, compiler)
        case "binary":
            return compileBinary(node, compiler)
        case "semver":
            return compileSemver(node, compiler)
        case "regexp":
            throw new Error("a regular expression has no value of its own; checkTypes lets none through")
    }
}

function compileNode(node: PolicyNode, compiler: Compiler): Evaluate {
    return compiler.watch(node, compileBare(node, compiler))
}

/** Compiles a tree that checkTypes has let through. The function tells whether the policy holds; it never throws. */
export function compileTree(tree: PolicyNode, parts: Parts): (this: void, run: Run) => boolean {
    const evaluate = compileNode(tree, { ...parts, versions: createVersions() })
    return run => {
        const holds = condition(run, tree, evaluate(run))
        return holds && run.failure === null
    }
}
