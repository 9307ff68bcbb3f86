// What otary pack does to a bundle for Espruino, step by step: none of it may change what the code does.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { inlineConstants } from "../../../build/espruino-constants"
import { inlineHot, inlineSeldom } from "../../../build/espruino-inline"
import { assembleCold, splitCold } from "../../../build/espruino-lazy"
import { shortenedProperties } from "../../../build/espruino-mangle"
import { nestFunctions } from "../../../build/espruino-nest"
import { inlinePorts } from "../../../build/espruino-ports"
import { shorten } from "../../../build/espruino-short"
import { moveSingles } from "../../../build/espruino-single"
import { shortSources } from "../../../build/espruino-types"
import { projectRoot } from "../../../build/root"
import { makeFolder } from "../../board/board-fixture"

const home = makeFolder()
afterAll(() => home.remove())

/** Runs a script that ends with the value of `result`. */
function valueOf(code: string): unknown {
    return new Function(`${code}; return result`)()
}

describe("ports", () => {
    const text = `var result = [], ports; function portsInstall(table) { ports = table }
        function sayHello() { result.push("hello") }
        function made() { return [7] }
        function install() { portsInstall({ app: made(), board: { say: sayHello, reset: Math.max }, json: { has: false } }) }
        install(); ports.board.say(); result.push(ports.app[0], ports.board.reset(1, 2), ports.json.has, ports.script === undefined)`

    test("are called without a table", () => {
        const code = inlinePorts(text)
        expect(valueOf(code)).toEqual(["hello", 7, 2, false, true])
        expect(valueOf(text)).toEqual(["hello", 7, 2, false, true])
        expect(code).toContain("sayHello(); result.push(ports$app[0], Math.max(1, 2), false, (void 0) === undefined)")
    })

    test("that are handed around, or hidden by a name, are refused", () => {
        expect(() => inlinePorts(`${text}; var all = ports.board`)).toThrow("hands ports.board around")
        expect(() => inlinePorts(`${text}; result = ports`)).toThrow("hands its ports around")
        expect(() => inlinePorts(`${text}; function f(sayHello) { return sayHello }`)).toThrow("hides the port sayHello")
    })

    test("that are not given as a table are left alone", () => {
        expect(inlinePorts("var ports; portsInstall(other)")).toBe("var ports; portsInstall(other)")
    })
})

describe("constants", () => {
    test.each([
        ["var A = 5; var result = A + A", "var result = 5 + 5"],
        ["var A = -1; var result = 3 - A", "var result = 3 - (-1)"],
        ["var A = 'x', result = { A }", "{ A: 'x' }"],
        ["var A = 5; A++; var result = A", "var result = A"],
        ["var A = 5; function f(A) { return A } var result = f(1) + A", "f(1) + A"],
        ["var A = 'a text that is long enough', result = A + A", "A + A"],
        ["var A = { b: 1 }, result = A.b", "A.b"],
        // Given again what it is already, it stays what it is.
        ["var A = 0; function f() { A = 0; return A } var result = f() + A", "{ 0; return 0 } var result = f() + 0"],
        ["var A = 0, b; function f() { b = 1, A = 0 } f(); var result = A", "b = 1, 0 } f(); var result = 0"],
        ["var A = 0; function f() { A = 0; A = 1 } f(); var result = A", "result = A"],
        ["var A = 0; function f() { return A = 0 } var result = f()", "return A = 0"],
    ])("%s", (text, wanted) => {
        const code = inlineConstants(text)
        expect(code).toContain(wanted)
        expect(valueOf(code)).toEqual(valueOf(text))
    })
})

describe("hot functions", () => {
    const start = "var count = 1, seen = [], result; function bump() { count++; return count }"

    test.each([
        ["function f(a) { return a + 1 } function g(b) { return f(b) * f(2) } result = g(3)", "return (b + 1) * (2 + 1)"],
        ["function f(a, b) { count = a; seen.push(b); return b } function g(c) { return f(c, 4) } result = g(5)", "count = c;"],
        // What a variable is when the call is made, it need not be later on.
        ["function f(a) { bump(); return a } function g() { return f(count) } result = g()", "return f(count)"],
        ["function f(a) { return bump() + a } function g() { return 1 + f(count) } result = g()", "1 + f(count)"],
        ["function f(a) { return a + a } function g(b) { return f(b + count) } result = g(1)", "f(b + count)"],
        ["function f(a) { a = a + 1; return a } function g(b) { return f(b) + b } result = g(1)", "f(b)"],
        ["function f(a) { return a + count } function g(count) { return f(count) } result = g(7)", "f(count)"],
        ["function f(a) { const b = 2; return a * b } function g(b) { return f(b) } result = g(7)", "f(b)"],
        ["function f(a) { return a < 1 ? 0 : f(a - 1) } function g(b) { return f(b) } result = g(7)", "f(b)"],
        ["function f(a) { return bump() } function g(b) { return f(bump()) } result = g(7)", "f(bump())"],
        ["function f(a) { if (a) return 1 } function g(b) { if (b) return f(b); return 3 } result = g(0)", "return f(b)"],
    ])("%s", (text, wanted) => {
        const code = inlineHot(`${start} ${text}`, new Set(["f", "g"]))
        expect(code).toContain(wanted)
        expect(valueOf(code)).toEqual(valueOf(`${start} ${text}`))
        expect(inlineHot(`${start} ${text}`, new Set())).toBe(`${start} ${text}`)
    })
})

describe("comparisons", () => {
    /** What the bundler makes of a function's text in firmware/. */
    function shortened(text: string): string {
        for (const folder of ["firmware", "shims/espruino"]) mkdirSync(join(home.path, text, folder), { recursive: true })
        const path = join(home.path, text, "firmware/a.ts")
        const types =
            "n: number, s: string, b: boolean, o: { n: number } | undefined, x: unknown, a: number[], t: string | undefined"
        writeFileSync(path, `export function f(${types}, m: object | null) { ${text} }`)
        return shortSources(join(home.path, text))
            .get(path)!
            .replace(/^.*?\) \{ | \}$/g, "")
    }

    test.each([
        ["return n === 1", "return n == 1"],
        ["return n !== a[0]", "return n != a[0]"],
        ["return n === 0", "return !(n)"],
        ["if (n !== 0) return", "if ((n)) return"],
        ["return n !== 0", "return !!(n)"],
        ['return b && s === ""', "return b && !(s)"],
        ['if (b || s !== "") return', "if (b || (s)) return"],
        ["return o === undefined", "return !(o)"],
        ["while (o !== undefined) return o.n === 0", "while ((o)) return !(o.n)"],
        ["return m !== null", "return !!(m)"],
        ["return t === undefined", "return t == null"],
        ["return t !== s", "return t != s"],
        ["return b === true", "return b == true"],
        ["return typeof x === s", "return typeof x == s"],
        // Nothing says what these are, or what they hold need not be there, or may be no number.
        ["return x === 1", "return x === 1"],
        ["return x === undefined", "return x === undefined"],
        ["return m === x", "return m === x"],
        ["return a[0] === 0", "return a[0] == 0"],
        ["return n % 1 === 0", "return n % 1 == 0"],
        // Sums and texts.
        ["n = n + 1; return n", "++n; return n"],
        ["n += 1; return (n = n + 1)", "++n; return (n += 1)"],
        ["s = s + 1", "s += 1"],
        ["n = n - a[n] * 2", "n -= a[n] * 2"],
        ["n = n + f(n)", "n = n + f(n)"],
        ["n = n + 1 + a[0]", "n = n + 1 + a[0]"],
        ["return s.substring(1, n)", "return s.slice(1, n)"],
    ])("%s", (text, wanted) => expect(shortened(text)).toBe(wanted))
})

describe("short forms", () => {
    test("functions ahead of all else are arrow functions, and constants variables", () => {
        const text = `function a(x) { function b(y) { return y + 1 } const z = b(x); return z } function c() { return this }
            var result = a(2)`
        const code = shorten(text, () => false)
        expect(code).toMatch(/^let a = \(x\) => \{ let b = \(y\) => \{ return y \+ 1 \};/)
        expect(code).toContain("let z = b(x)")
        expect(code).toContain("function c() { return this }")
        expect(valueOf(code)).toBe(3)
    })

    test.each([
        "var early = later(); function later() { return 1 } var result = early",
        "function Made() {} var result = typeof new Made()",
        "function f() { return arguments.length } var result = f(1, 2)",
        "function f() { return 1 } var result = [f].length",
        "function f(x) { if (x) return 1; function g() { return 2 } return g() } var result = 3",
    ])("%s: what an arrow function could not be stays", text => {
        const functions = (code: string): number => code.split("function ").length
        const isKept = text.includes("if (x)") ? 1 : 0
        expect(functions(shorten(text, () => false))).toBe(functions(text) - isKept)
        expect(valueOf(shorten(text, () => false))).toEqual(valueOf(text))
    })
})

describe("functions that are called at one place", () => {
    const start = "var seen = [], result; function note(n) { seen.push(n); return n } note(0);"

    test.each([
        ["function f(a) { if (a > 1) return 5; note(a); } function g(b) { return f(b) } result = [g(1), g(2)]", "{ if (b > 1)"],
        [
            "function f(a) { const c = note(a); return c + 1 } function g(b) { const d = f(b * 2); return d } result = g(1)",
            "let a$f = b * 2",
        ],
        ["function f(a) { const c = 1; return a + c } function g(c) { c = f(c); return c } result = g(1)", "const c$f = 1"],
        ["function f(a) { note(a); return { a } } function g(b) { if (b) f(3); return b } result = g(1)", "{ a: 3 }"],
        ["function f() { seen.push(1) } function g(b) { if (b) f(); else return 2 } result = g(1)", "if (b) { seen.push(1) }"],
        ["function f(a, b) { return [a, b] } function g() { return f(1) } result = g()", "let b$f;"],
    ])("%s is put there", (text, wanted) => {
        const code = moveSingles(
            `${start} ${text}`,
            name => name !== "note",
            () => true,
        )
        expect(code).toContain(wanted)
        expect(code).not.toContain("function f(")
        expect(valueOf(code.replace("return result", ""))).toEqual(valueOf(`${start} ${text}`))
    })

    test.each([
        // Called twice, or with a value that is used on; early returns; names that mean another thing there; loops' heads.
        "function f(a) { return note(a) } function g(b) { return f(b) + f(1) } result = g(1)",
        "function f(a) { if (a) return 1; return 2 } function g(b) { const c = f(b); return c } result = g(1)",
        "function f(a) { note(a); return seen } function g(seen) { return f(seen) } result = g(1)",
        "function f(a) { note(a); return 3 } function g(b) { for (let i = f(b); i < 4; i++) note(i); return b } result = g(1)",
        "function f(a) { return () => a } function g(b) { return f(b) } result = g(1)()",
        "function f(a) { note(a); return 1 } function g(b) { return [1].map(() => { return f(b) }) } result = g(1)",
        "function f(a) { note(a); return 1 } function g(b) { return f(b, note(2)) } result = g(1)",
    ])("%s: stays", text =>
        expect(
            moveSingles(
                `${start} ${text}`,
                name => name !== "note",
                () => true,
            ),
        ).toBe(`${start} ${text}`),
    )

    test("one expression goes anywhere, and a few words go wherever they are called", () => {
        const text =
            "function f(a) { return a + 1 } function n() { return seen } function g(b) { return f(b) * 2 + n().length + n().length }"
        const code = inlineSeldom(`${start} ${text} result = g(1)`, () => true)
        expect(code).toContain("(b + 1) * 2 + (seen).length + (seen).length")
    })
})

test("variables that are needed first are declared first, with what they begin as", () => {
    const text = "function hot() { return count + late } const other = 1, count = 2; var late = other + count; var result = hot()"
    const code = nestFunctions(text, new Set(["hot"]))
    expect(code).toMatch(/^var count = 2, late;\nfunction hot/)
    expect(valueOf(code)).toBe(5)
})

describe("cold functions", () => {
    /** The form of code in which Node reads it. */
    const plain = (code: string): string => code
    const text = `function cold(a) { if (a > 1) { return hot(a) + cold(a - 1) } return "long enough to be fetched when it is called" }
        function hot(a) { return "hot" + a }
        function late() { out(cold(1) + "; and this one is handed to a timer, not called") }
        later(late); out(cold(3))`

    test("are fetched from the slot when they are called, and not made before", () => {
        const code = assembleCold(`(()=>{${splitCold(text, new Set(["hot"]), () => true)}})();`, plain)
        const out: string[] = []
        const timers: (() => void)[] = []
        const slot = `..${code}`
        // Direct eval sees the functions around it, as Espruino's does; here they come as arguments of a function that holds them.
        const fetched: string[] = []
        const read = (_: string, at: number, bytes: number): string => {
            const piece = slot.slice(at, at + bytes)
            fetched.push(piece)
            return piece
        }
        const run = new Function("global", "require", "out", "later", code)
        run(
            { otary: { file: "otary", at: 2 } },
            () => ({ read }),
            (line: string) => out.push(line),
            (timer: () => void) => timers.push(timer),
        )
        timers[0]!()
        expect(out[0]).toBe("hot3hot2long enough to be fetched when it is called")
        expect(out[1]).toMatch(/^long enough .* not called$/)
        expect(fetched.filter(piece => piece.startsWith("("))).toHaveLength(5)
        expect(code.indexOf("return;")).toBeLessThan(code.indexOf("long enough"))
        expect(code.indexOf("function hot")).toBeLessThan(code.indexOf("return;"))
    })

    test.each(["for(;;);", "late();for(;;);", "if(late)for(;;);", "late(),", "if(late)late();"])(
        "lie behind an app that ends with %s",
        end => {
            const code = assembleCold(`(()=>{var late=()=>1;${end}__otary_cold__([()=>2])})();`, plain)
            expect(code).toContain(`${end.replace(/,$/, ";")}return;"`)
            expect(() => new Function(code)).not.toThrow()
        },
    )

    test("are none of the app's own, and none that asks for `this`", () => {
        expect(splitCold(text, new Set(), name => name !== "late")).toMatch(/^function late/m)
        const asks = "function f() { return this.something + 'long enough to be fetched' } f()"
        expect(splitCold(asks, new Set(), () => true)).toMatch(/^function f/m)
    })
})

test("nothing that travels, that apps see or that natives have is shortened", () => {
    const names = shortenedProperties(projectRoot(), "")
    expect(names).toEqual(expect.arrayContaining(["sizeBytes", "programStaged", "activeApp", "listSrc", "onData"]))
    const kept = ["version", "lastS", "cs_sha256", "read", "length", "offsetBytes", "at"]
    expect(names.filter(name => kept.includes(name))).toEqual([])
})
