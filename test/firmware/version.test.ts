// firmware/version.ts against npm's semver, by property, and against the order that SemVer 2.0.0 prints.

import fc from "fast-check"
import semver from "semver"
import { VERSION_BYTES_MAX, versionCompare, versionRangeValid, versionSatisfies, versionValid } from "../../firmware/version"

const number = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 31 })).map(String)
const identifier = fc.oneof(
    number,
    fc.stringMatching(/^[0-9A-Za-z-]{1,4}$/),
    fc.constantFrom("alpha", "beta", "rc", "0", "00", "-"),
)
const identifiers = fc.array(identifier, { maxLength: 3 }).map(list => list.join("."))

/** Mostly valid versions; leading zeros and empty identifiers slip in. */
const candidate = fc
    .tuple(number, number, number, identifiers, identifiers)
    .map(([major, minor, patch, pre, build]) => `${major}.${minor}.${patch}${pre && "-" + pre}${build && "+" + build}`)
const version = candidate.filter(text => semver.valid(text) !== null)
const anyText = fc.oneof(candidate, fc.stringMatching(/^[0-9.+a-]{0,12}$/), fc.string({ maxLength: 12 }))

describe("versionValid", () => {
    test("agrees with npm's semver", () => {
        // npm also takes blanks around a version and a leading v; SemVer does not.
        const strict = (text: string) => semver.valid(text) !== null && /^\d/.test(text) && text.trim() === text
        fc.assert(
            fc.property(anyText, text => versionValid(text) === strict(text)),
            { numRuns: 2000 },
        )
    })
    test.each([
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "01.2.3",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-a..b",
        "1.2.3-01",
        "1.2.3+a+b",
        "v1.2.3",
        " 1.2.3",
        "1.a.3",
        "1.-2.3",
    ])("refuses %j", text => expect(versionValid(text)).toBe(false))
    test.each(["0.0.0", "1.2.3-0", "1.2.3--", "1.2.3-01a", "1.2.3+001.-", "1.2.3-a-b.7+c", "99999999999999999999.0.0"])(
        "takes %j",
        text => expect(versionValid(text)).toBe(true),
    )
    test("has a limit", () => {
        const longest = "1.2.3-" + "a".repeat(VERSION_BYTES_MAX - 6)
        expect([versionValid(longest), versionValid(longest + "a")]).toEqual([true, false])
    })
})

describe("versionCompare", () => {
    test("agrees with npm's semver", () => {
        fc.assert(
            fc.property(version, version, (a, b) => versionCompare(a, b) === semver.compare(a, b)),
            { numRuns: 5000 },
        )
    })
    test("orders the example of SemVer 2.0.0, item 11", () => {
        const ordered =
            "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 2.0.0 2.1.0 2.1.1".split(
                " ",
            )
        for (const [i, a] of ordered.entries()) {
            for (const [j, b] of ordered.entries()) expect([a, b, versionCompare(a, b)]).toEqual([a, b, Math.sign(i - j)])
        }
    })
    test("compares numbers of any length without overflow", () => {
        expect(versionCompare("1.0.9007199254740993", "1.0.9007199254740992")).toBe(1)
        expect(versionCompare("1.0.0-99999999999999999999", "1.0.0-100000000000000000000")).toBe(-1)
    })
    test("puts what is not a version below every version", () => {
        expect([versionCompare("x", "0.0.0-0"), versionCompare("0.0.0-0", ""), versionCompare("x", "")]).toEqual([-1, 1, 0])
    })
})

describe("versionSatisfies", () => {
    const comparison = fc.tuple(fc.constantFrom("<", "<=", ">", ">=", "=", ""), version).map(parts => parts.join(""))
    const range = fc.array(comparison, { minLength: 1, maxLength: 3 }).map(list => list.join(" "))

    test("agrees with npm's semver when that counts pre-releases", () => {
        fc.assert(
            fc.property(version, range, (v, r) => versionSatisfies(v, r) === semver.satisfies(v, r, { includePrerelease: true })),
            { numRuns: 5000 },
        )
    })
    test("follows precedence for pre-releases", () => {
        expect(versionSatisfies("2.0.0-rc.1", ">=1.0.0 <2.0.0")).toBe(true)
        expect(versionSatisfies("2.0.0-rc.1", ">=2.0.0")).toBe(false)
        expect(versionSatisfies("1.2.3+b", "=1.2.3+a")).toBe(true)
    })
    test.each(["x", ">", ">= 1.0.0", "^1.0.0", "1.x", "<1.0.0 || >2.0.0", ">=1.0.0,<2.0.0", "=>1.0.0"])(
        "refuses the range %j",
        text => {
            expect([versionRangeValid(text), versionSatisfies("1.0.0", text)]).toEqual([false, false])
        },
    )
    test("takes blanks and the empty range, and no invalid version", () => {
        expect(versionSatisfies("1.0.0", "  >=1.0.0   <2.0.0 ")).toBe(true)
        expect([versionRangeValid(""), versionSatisfies("1.0.0-0", ""), versionSatisfies("1.0", "")]).toEqual([true, true, false])
    })
})
