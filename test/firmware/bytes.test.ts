// firmware/bytes.ts: texts and numbers out of files and answers, which may hold anything.

import { isVisibleText, NUMBER_MAX, numberIn } from "../../firmware/bytes"

test.each([
    ["a", true],
    ["!~", true],
    ["x".repeat(5), true],
    ["x".repeat(6), false],
    ["", false],
    ["a b", false],
    ["a\x7f", false],
    ["\xe9", false],
    [5, false],
    [undefined, false],
    [["a"], false],
])("%j is visible text of at most 5 characters: %s", (value, wanted) => expect(isVisibleText(value, 5)).toBe(wanted))

test.each([
    ["0", 0, 1, 0],
    ["x042y", 1, 4, 42],
    ["200000000", 0, 9, 200_000_000],
    ["99999999999999999999", 0, 20, NUMBER_MAX],
    ["", 0, 0, -1],
    ["12", 1, 1, -1],
    ["12", 2, 1, -1],
    ["12", 0, 3, -1],
    ["1/", 0, 2, -1],
    ["1:", 0, 2, -1],
    ["-1", 0, 2, -1],
])("the number in %j from %i to %i is %i", (text, from, to, wanted) => expect(numberIn(text, from, to)).toBe(wanted))
