// What otary pack does to a bundle for Espruino, step by step: none of it may change what the code does.

import { inlineConstants } from "../../../build/espruino-constants"
import { inlineHot } from "../../../build/espruino-inline"
import { assembleCold, splitCold } from "../../../build/espruino-lazy"
import { shortenedProperties } from "../../../build/espruino-mangle"
import { inlinePorts } from "../../../build/espruino-ports"
import { projectRoot } from "../../../build/root"

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

describe("cold functions", () => {
    const text = `function cold(a) { if (a > 1) { return hot(a) + cold(a - 1) } return "long enough to be fetched when it is called" }
        function hot(a) { return "hot" + a }
        function late() { out(cold(1) + "; and this one is handed to a timer, not called") }
        later(late); out(cold(3))`

    test("are fetched from the slot when they are called, and not made before", () => {
        const code = assembleCold(`(()=>{${splitCold(text, new Set(["hot"]), () => true)}})();`)
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

    test("are none of the app's own, and none that asks for `this`", () => {
        expect(splitCold(text, new Set(), name => name !== "late")).toMatch(/^function late/m)
        const asks = "function f() { return this.something + 'long enough to be fetched' } f()"
        expect(splitCold(asks, new Set(), () => true)).toMatch(/^function f/m)
    })
})

test("nothing that travels, that apps see or that natives have is shortened", () => {
    const names = shortenedProperties(projectRoot())
    expect(names).toEqual(expect.arrayContaining(["sizeBytes", "programStaged", "activeApp", "listSrc", "onData"]))
    const kept = ["version", "lastS", "isCommitted", "cs_sha256", "read", "length", "offsetBytes", "at"]
    expect(names.filter(name => kept.includes(name))).toEqual([])
})
