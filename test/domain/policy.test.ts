// Policies: errors with their place, limits, what a trace tells, and what is kept.

import { policyErrorText, type PolicyErrorCode } from "../../host/cloud/domain/policy/error"
import * as limits from "../../host/cloud/domain/policy/limits"
import { parsePolicy, storedPolicy, type Policy } from "../../host/cloud/domain/policy/policy"
import { printPolicy } from "../../host/cloud/domain/policy/printer"
import { createVersions } from "../../host/cloud/domain/policy/versions"

const device = { id: "D1", product: "P1", version: "1.9.0", attributes: { memory: 256, model: "esp32", beta: 1 } }

function policyOf(text: string, termsMax?: number): Policy {
    const parsed = parsePolicy(text, termsMax)
    if (!parsed.ok) throw new Error(`${parsed.error.code}: ${policyErrorText(text, parsed.error)}`)
    return parsed.policy
}

function codeOf(text: string, termsMax?: number): PolicyErrorCode | "fine" {
    const parsed = parsePolicy(text, termsMax)
    return parsed.ok ? "fine" : parsed.error.code
}

/** What a condition of one text, repeated, looks like. */
const joined = (count: number): string => Array.from({ length: count }, () => "beta").join(" || ")

describe("errors", () => {
    test.each<[string, PolicyErrorCode, string]>([
        ["memory > 5 &&", "POLICY_SYNTAX", "expected a value, found the end|memory > 5 &&|             ^"],
        [
            "(a == 1",
            "POLICY_SYNTAX",
            "expected an operator or ), found the end|(a == 1|       ^|the ( at character 1 is not closed",
        ],
        ["a == 1)", "POLICY_SYNTAX", "expected an operator or the end, found )|a == 1)|      ^"],
        ["a b", "POLICY_SYNTAX", "expected an operator or the end, found b|a b|  ^"],
        ["a == \n @", "POLICY_CHARACTER", '"@" cannot stand here|a ==   @|       ^'],
        ["a == 😀", "POLICY_CHARACTER", '"😀" cannot stand here|a == 😀|     ^'],
        ['"é" == x.', "POLICY_CHARACTER", '"." cannot stand here|"é" == x.|        ^'],
        ["a == 1.2.3", "POLICY_NUMBER", "expected a number, found 1.2.3|a == 1.2.3|     ^^^^^"],
        ["2g == 1", "POLICY_NUMBER", "expected a number, found 2g|2g == 1|^^"],
        ["a == 1e999", "POLICY_NUMBER", "the number is too large|a == 1e999|     ^^^^^"],
        ['a == "x', "POLICY_TEXT", 'the text does not end|a == "x|     ^^'],
        ["a == '\\x'", "POLICY_TEXT", "unknown escape in a text|a == '\\x'|      ^^"],
        ["a == /b", "POLICY_REGEXP", "the regular expression does not end|a == /b|     ^"],
        ["a == /b/gi", "POLICY_REGEXP", "unknown flags gi|a == /b/gi|        ^^"],
        ["a == /(b/", "POLICY_REGEXP", "the regular expression is not valid: missing closing ): `(b`|a == /(b/|     ^^^^"],
        ["a == //", "POLICY_REGEXP", "the regular expression is not valid: it is empty|a == //|     ^^"],
        ["max(a) == 1", "POLICY_FUNCTION", "unknown function max|max(a) == 1|^^^"],
        [
            'semver(a, "~", b)',
            "POLICY_SYNTAX",
            'expected one of "<" "<=" ">" ">=" "==" "!=", found "~"|semver(a, "~", b)|          ^^^',
        ],
        ["semver(a)", "POLICY_SYNTAX", "expected ,, found )|semver(a)|        ^"],
        ['a && (b + "x")', "POLICY_TYPE", 'expected a boolean, found a text|a && (b + "x")|      ^^^^^^^'],
        ["major < '2'", "POLICY_TYPE", "expected a number, found a text|major < '2'|        ^^^"],
        ["a =~ b", "POLICY_TYPE", "expected a regular expression, found a property|a =~ b|     ^"],
        ["/a/ == /b/", "POLICY_TYPE", "expected a text, found a regular expression|/a/ == /b/|       ^^^"],
        ["major =~ /1/", "POLICY_TYPE", "expected a text, found a number|major =~ /1/|^^^^^"],
        ["!3", "POLICY_TYPE", "expected a boolean, found a number|!3| ^"],
        ["-(a == b) > 1", "POLICY_TYPE", "expected a number, found a boolean|-(a == b) > 1|  ^^^^^^"],
        ["null + 1 == 1", "POLICY_TYPE", "expected a number, found null|null + 1 == 1|^^^^"],
        ["semver(1, '<', version)", "POLICY_TYPE", "expected a text, found a number|semver(1, '<', version)|       ^"],
    ])("%s is %s", (text, code, lines) => {
        const parsed = parsePolicy(text)
        expect(parsed.ok ? "fine" : parsed.error.code).toBe(code)
        if (!parsed.ok) expect(policyErrorText(text, parsed.error).replaceAll("\n", "|")).toContain(lines)
    })

    test("a long text is shown around the place", () => {
        const text = `${"a && ".repeat(15)}${"b".repeat(20)} ? ${"c".repeat(80)}`
        const parsed = parsePolicy(text)
        const [, shown, carets] = parsed.ok ? [] : policyErrorText(text, parsed.error).split("\n")
        expect(shown!.length).toBeLessThan(110)
        expect(shown!.startsWith("…") && shown!.endsWith("…")).toBe(true)
        expect(shown![carets!.indexOf("^")]).toBe("?")
    })
})

describe("limits", () => {
    test("terms: 20, or what is set, up to 50", () => {
        expect([20, 21].map(count => codeOf(joined(count)))).toEqual(["fine", "POLICY_TERMS"])
        expect([50, 51].map(count => codeOf(joined(count), 50))).toEqual(["fine", "POLICY_TERMS"])
        expect([50, 51].map(count => codeOf(joined(count), 1000))).toEqual(["fine", "POLICY_TERMS"])
        expect(policyOf("").terms).toBe(3)
        expect(policyOf("a =~ /x/ && -b < 3 || !true").terms).toBe(5)
    })

    test("characters, depth", () => {
        const { POLICY_CHARS_MAX, POLICY_DEPTH_MAX } = limits
        expect([0, 1].map(more => codeOf("a".padEnd(POLICY_CHARS_MAX + more)))).toEqual(["fine", "POLICY_LENGTH"])
        const nested = (levels: number): string => `${"(".repeat(levels)}a${")".repeat(levels)}`
        expect([0, 1].map(more => codeOf(nested(POLICY_DEPTH_MAX + more)))).toEqual(["fine", "POLICY_DEPTH"])
        expect([0, 1].map(more => codeOf(`${"!".repeat(POLICY_DEPTH_MAX + more)}a`))).toEqual(["fine", "POLICY_DEPTH"])
        expect(codeOf("(a) && ".repeat(limits.POLICY_TERMS_MAX - 1) + "(a)", 50)).toBe("fine")
    })

    test("regular expressions: characters, and instructions of all together", () => {
        const { POLICY_REGEXP_CHARS_MAX, POLICY_REGEXP_INSTRUCTIONS_MAX } = limits
        expect(codeOf(`a == /${"a".repeat(POLICY_REGEXP_CHARS_MAX + 1)}/`)).toBe("POLICY_REGEXP")
        const half = `a == /x{${Math.floor(POLICY_REGEXP_INSTRUCTIONS_MAX / 2) - 10}}/`
        expect([half, `${half} || ${half}`, `${half} || ${half} || ${half}`].map(text => codeOf(text))).toEqual([
            "fine",
            "fine",
            "POLICY_REGEXP",
        ])
    })

    test("texts and lists of a device", () => {
        const long = {
            ...device,
            attributes: {
                text: "x".repeat(limits.POLICY_TEXT_CHARS_MAX + 1),
                list: Array(limits.POLICY_LIST_ITEMS_MAX + 1).fill(1),
            },
        }
        for (const text of ['text ^= "x"', '"x" $= text', "text =~ /x/", 'text + "" != null', "list >< 1", "list <> 1"]) {
            expect(policyOf(text).trace(long, "").failure?.message).toMatch(/more than 10\d\d /)
        }
        expect(policyOf('text > "x" && text != null').holds(long, "")).toBe(true)
    })

    test("the worst regular expressions that the limits let through stay within their bound", () => {
        const letters = Array.from({ length: limits.POLICY_TEXT_CHARS_MAX }, (_, i) =>
            (i * i * 7919) % 13 < 6 ? "a" : "b",
        ).join("")
        for (const source of ["(a*)*(a|aa)+$c", "[ab]*a[ab]{150}[^ab]", "(a?){30}a{30}c", "(.*)(.*)(.*)(.*)(.*)x"]) {
            const { holds } = policyOf(`text =~ /${source}/`)
            const start = process.hrtime.bigint()
            expect(holds({ ...device, attributes: { text: letters } }, "")).toBe(false)
            // 200 instructions × 1,024 characters take some ms; one that backtracks would take years.
            expect(Number(process.hrtime.bigint() - start) / 1e6).toBeLessThan(2000)
        }
    })
})

describe("trace", () => {
    test("every part, outermost first; what was not needed is skipped", () => {
        const { result, failure, values } = policyOf("memory+1>=257 || model=='x'").trace(device, "")
        expect([result, failure]).toEqual([true, null])
        expect(values.map(({ expression, state, value }) => [expression, state, value])).toEqual([
            ['memory + 1 >= 257 || model == "x"', "value", true],
            ["memory + 1 >= 257", "value", true],
            ["memory + 1", "value", 257],
            ["memory", "value", 256],
            ['model == "x"', "skipped", null],
            ["model", "skipped", null],
        ])
    })

    test("a failure has its place, and everything behind it is skipped", () => {
        const policy = policyOf("beta == 1 && model < 3 || memory > 0")
        const { result, failure, values } = policy.trace(device, "")
        expect(result).toBe(false)
        expect(failure).toEqual({
            start: 13,
            end: 22,
            expression: "model < 3",
            message: '< needs two numbers or two texts, found text and number: "esp32" and 3',
        })
        expect(values.map(({ state }) => state)).toEqual([
            "skipped",
            "skipped",
            "value",
            "value",
            "failed",
            "value",
            "skipped",
            "skipped",
        ])
        expect(policy.holds(device, "")).toBe(false)
    })

    test.each([
        ["memory", "memory is false, because it fails at memory: expected true or false, found 256"],
        ["!model", 'fails at model: expected true or false, found "esp32"'],
        ["-model < 1", 'fails at model: - needs a number, found "esp32"'],
        ["memory =~ /x/", "fails at memory: a regular expression needs a text, found 256"],
        ["1 / 0 > 1", "fails at 1 / 0: 1 / 0 is not a number"],
        ["10 ^ 400 > 1", "fails at 10 ^ 400: 10 ^ 400 is not a number"],
        ["memory >> 0.5 > 1", "fails at memory >> 0.5: >> needs a whole number of 32 bits and 0 to 31, found 256 and 0.5"],
        ['semver(version, "<", model)', 'fails at model: semver() needs semantic versions, found "esp32"'],
        ["memory >= 512 && beta == 1", "memory >= 512 && beta == 1 is false: memory = 256, beta = 1"],
        ["", 'semver(version, "<", newVersion) is true: version = "1.9.0", newVersion = "1.10.0"'],
        ["true", "true is true"],
    ])("the sentence of %p", (text, sentence) => {
        const policy = policyOf(text)
        const explained = policy.explain(device, "1.10.0")
        expect(explained.sentence).toContain(sentence)
        expect(explained.result).toBe(policy.holds(device, "1.10.0"))
    })

    test("one policy, many devices: nothing of one is left for the next", () => {
        const { holds, trace } = policyOf("model < 3 || memory > 0")
        expect([holds(device, ""), holds({ ...device, attributes: { memory: 1 } }, ""), holds(device, "")]).toEqual([
            false,
            true,
            false,
        ])
        expect(trace(device, "").failure).not.toBeNull()
        expect(trace({ ...device, attributes: { memory: 1 } }, "").failure).toBeNull()
    })
})

describe("names", () => {
    test("what every object inherits is no property", () => {
        for (const name of ["constructor", "toString", "`__proto__`", "value.constructor", "`__proto__`.x"]) {
            const own = codeOf(`${name} == null`)
            if (own === "fine") expect(policyOf(`${name} == null`).holds({ ...device, attributes: { value: {} } }, "")).toBe(true)
            else expect([name, own]).toEqual(["`__proto__`.x", "POLICY_CHARACTER"])
        }
    })

    test("a device without a version, or with none that is semantic", () => {
        for (const version of ["", "one", "1.0"]) {
            expect(policyOf("major == null && minor == null").holds({ ...device, version }, "")).toBe(true)
            expect(policyOf("").holds({ ...device, version }, "1.0.0")).toBe(false)
        }
        expect(policyOf('semver(version, "!=", "1.0.0")').holds({ ...device, version: "" }, "")).toBe(true)
    })
})

test("canonical text: only the parentheses, quotes and blanks that are needed", () => {
    const print = (text: string): string => printPolicy(policyOf(text).tree)
    expect(print("((a)&&('x'==b))||!(!(c))")).toBe('a && "x" == b || !!c')
    expect(print("(a - b)-c==(d-(e - f))*2")).toBe("a - b - c == (d - (e - f)) * 2")
    expect(print("-(2^2)==(-2)^(2^3)^(1^2)")).toBe("-2 ^ 2 == (-2) ^ (2 ^ 3) ^ 1 ^ 2")
    expect(print("`a`==`true`&&`b c`==/x\\/[/]/smi")).toBe("a == `true` && `b c` == /x\\/[/]/ims")
})

test("stored policies are compiled once, and only so many are kept", () => {
    const first = storedPolicy("memory > 1")
    expect(storedPolicy("memory > 1")).toBe(first)
    for (let i = 0; i < limits.POLICIES_KEPT_MAX; i++) storedPolicy(`memory > 1 && ${i} > 0`)
    expect(storedPolicy("memory > 1")).not.toBe(first)
    expect(storedPolicy(joined(50)).ok && !storedPolicy(joined(51)).ok).toBe(true)
})

test("remembered versions are right, whatever their number", () => {
    const { compare, coreOf } = createVersions()
    for (let i = 0; i <= limits.VERSIONS_KEPT_MAX * 2; i++) {
        if (compare(`1.${i}.0`, "1.5.0") !== Math.sign(i - 5)) throw new Error(`1.${i}.0`)
    }
    expect([compare("1.0.0", "x"), compare("x", "1.0.0"), compare("1".repeat(300), "1.0.0")]).toEqual([NaN, NaN, NaN])
    expect([coreOf("1.2.3-rc.4+5"), coreOf("1.2"), coreOf("10.20.30+a-b")]).toEqual([[1, 2, 3], null, [10, 20, 30]])
})
