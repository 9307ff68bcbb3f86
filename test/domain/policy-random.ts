// Random policies and devices from a seed: trees of every kind, typed or not, and texts made of a policy's pieces.

import { BINARY_OPERATORS, SEMVER_OPERATORS } from "../../host/cloud/domain/policy/operators"
import type { BinaryOperator, PolicyNode, UnaryOperator } from "../../host/cloud/domain/policy/tree"
import type { PolicyDevice } from "../../host/cloud/domain/policy/names"

/** Numbers in [0, 1) that depend on the seed alone (Park–Miller). */
export function seededRandom(seed: number): () => number {
    let state = (seed % 2147483646) + 1
    return () => {
        state = (state * 48271) % 2147483647
        return state / 2147483647
    }
}

const NAMES = [
    "version",
    "newVersion",
    "major",
    "memory",
    "try-beta-features",
    "value.x",
    "tags",
    "a",
    "b",
    "a-b",
    "2g",
    "true",
    "semver",
    "ü x",
    "__proto__",
]
const TEXTS = ["", "esp32", "1.2.3", "it's", 'a "b"', "back\\slash\n\t\u2028", "\ud800", "é😀", "\b\f/"]
const REGEXPS = ["^esp", "[a/]b", "a\\/b", "(a|b)*c", "\\d+$", "x{3}"]
const SYMBOLS = [
    ...Object.keys(BINARY_OPERATORS),
    "!",
    "-",
    "(",
    ")",
    ",",
    "=",
    "&",
    "`",
    '"',
    "'",
    "/",
    "\\",
    ".",
    "@",
    " ",
    "\n",
]
const WORDS = [
    "semver(",
    "semver(version, '<', newVersion)",
    "1.2.3",
    "1e999",
    "0x1",
    "/a+/i",
    '"\\u00e9"',
    '"\\q"',
    "null",
    "1e3",
    "/(?=/",
]

/** What random policies are made with. */
export interface Source {
    random: () => number
    pick<One>(from: readonly One[]): One
}

/** A source for one seed. */
export function sourceOf(seed: number): Source {
    const random = seededRandom(seed)
    return { random, pick: from => from[Math.floor(random() * from.length)]! }
}

const NOWHERE = { start: 0, end: 0 }

function leaf({ random, pick }: Source): PolicyNode {
    const kind = random()
    if (kind < 0.4) return { kind: "name", name: pick(NAMES), ...NOWHERE }
    if (kind < 0.5) return { kind: "regexp", source: pick(REGEXPS), flags: pick(["", "i", "ms", "ims"]), ...NOWHERE }
    const value = pick([null, true, false, 0, 1, 512, 0.5, 1e21, 1e-7, 2 ** 31, ...TEXTS])
    return { kind: "literal", value, ...NOWHERE }
}

/** A random tree of at most `terms` terms, any operand anywhere. */
export function randomTree(source: Source, terms: number): PolicyNode {
    const { random, pick } = source
    if (terms === 1) return leaf(source)
    const kind = random()
    if (kind < 0.1)
        return { kind: "unary", operator: pick<UnaryOperator>(["!", "-"]), operand: randomTree(source, terms - 1), ...NOWHERE }
    const left = 1 + Math.floor(random() * (terms - 1))
    const sides = { left: randomTree(source, left), right: randomTree(source, terms - left), ...NOWHERE }
    if (kind < 0.2) return { kind: "semver", operator: pick(SEMVER_OPERATORS), ...sides }
    return { kind: "binary", operator: pick(Object.keys(BINARY_OPERATORS) as BinaryOperator[]), ...sides }
}

/** Families by what they make and take, for trees that pass the type check. */
const TYPED = {
    boolean: [
        ...["&&", "||", "==", "!="].map(operator => [operator, "boolean"] as const),
        ...["<", "<=", ">", ">=", "==", "!="].map(operator => [operator, "number"] as const),
        ...["^=", "^!=", "$=", "$!=", "><", "<>", "<", "=="].map(operator => [operator, "text"] as const),
    ],
    number: ["+", "-", "*", "/", "%", "^", "<<", ">>"].map(operator => [operator, "number"] as const),
    text: [["+", "text"] as const],
}

/** A random tree of at most `terms` terms that the type check lets through. */
export function typedTree(source: Source, terms: number, type: keyof typeof TYPED = "boolean"): PolicyNode {
    const { random, pick } = source
    if (terms === 1) {
        if (random() < 0.6) return { kind: "name", name: pick(["memory", "a", "b", "tags", "value.x", "2g"]), ...NOWHERE }
        const values = { boolean: [true, false], number: [0, 1, 2, 31, 512, 0.5], text: TEXTS }
        return { kind: "literal", value: pick<string | number | boolean>(values[type]), ...NOWHERE }
    }
    if (type !== "text" && random() < 0.1) {
        const operator = type === "number" ? "-" : "!"
        return { kind: "unary", operator, operand: typedTree(source, terms - 1, type), ...NOWHERE }
    }
    const [operator, operands] = pick<readonly [string, string]>(TYPED[type])
    const split = 1 + Math.floor(random() * (terms - 1))
    const of = (count: number): PolicyNode => typedTree(source, count, operands as keyof typeof TYPED)
    return { kind: "binary", operator: operator as BinaryOperator, left: of(split), right: of(terms - split), ...NOWHERE }
}

/** A text of pieces that policies are made of, in any order. */
export function randomText({ random, pick }: Source): string {
    const pieces = Array.from({ length: 1 + Math.floor(random() * 24) }, () => pick(pick([NAMES, SYMBOLS, SYMBOLS, WORDS])))
    return pieces.join(random() < 0.5 ? " " : "")
}

/** A device whose properties have any type. */
export function randomDevice({ random, pick }: Source): PolicyDevice {
    const value = (): unknown =>
        pick<unknown>([
            undefined,
            null,
            true,
            false,
            0,
            -1,
            512,
            0.5,
            1e308,
            NaN,
            ...TEXTS,
            [],
            ["a", 1, null],
            { x: 1 },
            "x".repeat(2000),
        ])
    const names = ["memory", "a", "b", "a-b", "tags", "value", "2g", "true", "try-beta-features", "value.x"]
    const attributes = Object.fromEntries(names.filter(() => random() < 0.8).map(name => [name, value()]))
    return { id: "D", product: "", version: pick(["", "1.2.3", "1.2.3-rc.1+7", "one", "1"]), attributes }
}
