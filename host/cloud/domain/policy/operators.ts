// The operators as a table: how tightly they bind, and which rules their operands follow.

import type { BinaryOperator, SemverOperator } from "./tree"

/** Operators of one family take the same operands. */
export type Family = "logic" | "equality" | "match" | "order" | "part" | "sum" | "arithmetic" | "shift"

/** One operator between two values. */
export interface OperatorRow {
    /** Higher binds tighter. */
    readonly precedence: number
    readonly family: Family
}

const row = (precedence: number, family: Family): OperatorRow => ({ precedence, family })

/** Operators between two values (docs/policies.md, "Operators"). All group from the left, apart from `^`. */
export const BINARY_OPERATORS: Readonly<Record<BinaryOperator, OperatorRow>> = {
    "||": row(1, "logic"),
    "&&": row(2, "logic"),
    "==": row(3, "equality"),
    "!=": row(3, "equality"),
    "=~": row(3, "match"),
    "<": row(4, "order"),
    "<=": row(4, "order"),
    ">": row(4, "order"),
    ">=": row(4, "order"),
    "^=": row(4, "part"),
    "^!=": row(4, "part"),
    "$=": row(4, "part"),
    "$!=": row(4, "part"),
    "><": row(4, "part"),
    "<>": row(4, "part"),
    "<<": row(5, "shift"),
    ">>": row(5, "shift"),
    "+": row(6, "sum"),
    "-": row(6, "arithmetic"),
    "*": row(7, "arithmetic"),
    "/": row(7, "arithmetic"),
    "%": row(7, "arithmetic"),
    "^": row(9, "arithmetic"),
}

/** `!a` and `-a` bind tighter than every operator between two values but the power: -2 ^ 2 is -(2 ^ 2). */
export const UNARY_PRECEDENCE = 8

/** The one operator that groups from the right: 2 ^ 3 ^ 2 is 2 ^ (3 ^ 2). */
export const POWER = "^"

/** What `semver()` takes as its second argument. */
export const SEMVER_OPERATORS: readonly SemverOperator[] = ["<", "<=", ">", ">=", "==", "!="]

/** Everything that is no word, number, text or regular expression; longer ones first, so that the longest is taken. */
export const SYMBOLS: readonly string[] = [...Object.keys(BINARY_OPERATORS), "!", "(", ")", ","].sort(
    (a, b) => b.length - a.length,
)

/** The row of a symbol that stands between two values; undefined for any other text. */
export function operatorRow(symbol: string): OperatorRow | undefined {
    return Object.hasOwn(BINARY_OPERATORS, symbol) ? BINARY_OPERATORS[symbol as BinaryOperator] : undefined
}
