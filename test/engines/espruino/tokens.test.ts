// Words and operators as single bytes: what the pass makes, and what the real engine makes of the same code and reads out of it.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleEspruinoApp } from "../../../build/bundle-espruino"
import { tokenise } from "../../../build/espruino-tokens"
import { runEspruino } from "../../../host/board/engines/espruino-process"
import { makeFolder } from "../../board/board-fixture"
import { describeEspruino, ESPRUINO } from "./real"

const home = makeFolder()
afterAll(() => home.remove())

/** Code and its tokens, with a byte above 127 written as <number>. */
const written = (code: string): string => tokenise(code).replace(/[\x80-\xff]/g, byte => `<${byte.charCodeAt(0)}>`)

test.each([
    ["var a = 1; if (a === 2) a += 3", "<172>a=1;<163>(a<139>2)a<150>3"],
    ["let f = (a, b) => { return a && !b }", "<173>f=(a,b)<162>{<171>a<158>!b}"],
    ["a = x ? !0 : !1; b = void 0; c = void 1", "a=x?<180>:<181>;b=<183>;c=<192>1"],
    // Names, also those of properties, stay what they are; so do texts, numbers, regular expressions and templates.
    ["a.delete(b.in, { default: 1, new: 2 })", "a.delete(b.in,{default:1,new:2})"],
    ["returned = ifs + elsewhere", "returned=ifs+elsewhere"],
    ["a = 'if (a == b) return' + \"\\xff\"", "a='if (a == b) return'+\"\\xff\""],
    ["a = /if==/.test(`if ${a == b} else ${`${c}`} x`)", "a=/if==/.test(`if ${a == b} else ${`${c}`} x`)"],
    // Comments and spaces go; those without which two pieces would be one stay.
    ["a = b // if\n /* else */ ;c = a - -b + +d - --e", "a=b;c=a- -b+ +d-<153>e"],
    ["a = 1 .b + 1.5.c + a1.b + 1..d", "a=1 .b+1.5.c+a1.b+1..d"],
    ["a = b / /c/.source.length", "a=b/ /c/.source.length"],
    ["for (var k in o) if (k instanceof K) continue; else break", "<167>(<172>k <185>o)"],
    [
        "class A extends B { static f() { super.f() } get x() { return this } }",
        "<194>A <195>B{<197>f(){<196>.f()}get x(){<171><175>}}",
    ],
])("%s", (code, wanted) => {
    // The lexer ends a name at any byte that is none of a name: no space is needed between a name and a word.
    const close = wanted.replace(/(\w) </g, "$1<")
    expect(written(code).startsWith(close)).toBe(true)
    // A second time nothing is left to do but what stands in texts.
    expect(tokenise(code).length).toBeLessThanOrEqual(code.length)
})

/** Runs a script in a folder of its own; returns what it printed behind "@". */
async function printed(name: string, script: string): Promise<string[]> {
    const folder = join(home.path, name)
    mkdirSync(folder)
    writeFileSync(join(folder, "script.js"), script, "latin1")
    const lines: string[] = []
    const { ended } = runEspruino(ESPRUINO, ["script.js"], folder, line => void lines.push(line))
    expect(await ended).toBe(0)
    return lines.filter(line => line.includes("@")).map(line => line.slice(line.indexOf("@") + 1))
}

/** Bodies that hold every operator and word that has a token, and no number and no text: those the engine would turn, too. */
const BODIES = [
    "let q = a == b, r = a === b, s = a != b, t = a !== b, u = a <= b, v = a >= b;",
    "a <<= b << a; a >>= b >> a; a >>>= b >>> a; a += b; a -= b; a *= b; a /= b; a %= b; a &= b; a |= b; a ^= b;",
    "a++; --b; a = a && b || c; var f = x => x;",
    "if (a) b(); else c(); do b(); while (a); for (const k in o) { if (k) continue; break }",
    "for (let x of y) delete x.z; switch (a) { case b: break; default: c() }",
    "try { throw new E } catch (e) { } finally { b() } debugger;",
    "a = [true, false, null, undefined, this, typeof a, void b, a instanceof B]; var g = function () { return a };",
    "class A extends B { static f() { super.f() } }",
]

describeEspruino("the real engine", () => {
    test("makes the same bytes of the same functions", async () => {
        const lines = BODIES.map(body => `print("@"+btoa((function(a){${body}})["\\xffcod"]))`)
        const found = await printed("same", `E.setFlags({pretokenise:1});${lines.join(";")};quit()`)
        expect(found.map(text => Buffer.from(text, "base64").toString("latin1"))).toEqual(BODIES.map(tokenise))
    })

    test("reads out of the agent's functions what went in", async () => {
        writeFileSync(join(home.path, "app.js"), "")
        const constants = { image: { name: "a", version: "1.0.0", build_id: "b", security: 0 }, device: {}, config: {} }
        const bundle = (await bundleEspruinoApp(join(home.path, "app.js"), constants)).toString("latin1")
        // With what lies behind its end, the cold functions.
        const body = bundle.slice(bundle.indexOf("{"), bundle.lastIndexOf(")()"))
        expect(body.length).toBeGreaterThan(30_000)
        writeFileSync(join(home.path, "main.js"), `(function()${body})`, "latin1")
        const text = `eval(require("fs").readFileSync("../main.js")).toString()`
        const script = `var t=btoa(${text});for(var i=0;i<t.length;i+=400)print("@"+t.substr(i,400));quit()`
        const shown = Buffer.from((await printed("agent", script)).join(""), "base64").toString("latin1")
        // Where it shows code, the engine takes no dollar for the start of a name, and puts no space before it.
        const code = shown.replace(/\b(let|var|const|return|typeof|case|in|new|throw|else|void|delete)\$/g, "$1 $")
        expect(code).toContain("return")
        expect(tokenise(`(${code})`)).toBe(readFileSync(join(home.path, "main.js"), "latin1").replace("function", "\xaa"))
    })
})
