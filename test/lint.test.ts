// The project's own lint rules: what they let pass, and what they report. Type information comes from a folder made for the test.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as parser from "@typescript-eslint/parser"
import { RuleTester } from "eslint"
import otary from "../build/eslint/index.cjs"

const folder = mkdtempSync(join(tmpdir(), "otary-lint-"))
writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { strict: true, types: [] }, files: ["sample.ts"] }),
)
writeFileSync(join(folder, "sample.ts"), "")
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const typed = new RuleTester({
    languageOptions: { parser, parserOptions: { project: "tsconfig.json", tsconfigRootDir: folder } },
})
const filename = join(folder, "sample.ts")

/** Cases by their code: what passes, and what must be reported once (or as often as said). */
function check(name: keyof typeof otary.rules, valid: readonly string[], invalid: readonly (string | [string, number])[]): void {
    typed.run(name, otary.rules[name], {
        valid: valid.map(code => ({ code, filename })),
        invalid: invalid.map(sample => {
            const [code, errors] = typeof sample === "string" ? [sample, 1] : sample
            return { code, filename, errors }
        }),
    })
}

const hot = (body: string): string => `/** @hot */\nfunction f(a: number, s: string, list: number[]) { ${body} }`

check(
    "hot-allocates-nothing",
    [
        hot("a = a + 1; list[0] = s.charCodeAt(a)"),
        "function cold() { return [1, 2] }",
        "/** Not hot. */\nfunction cold() { return {} }\n/** @hot */\nfunction f() { return 0 }",
        "/** @hot */\nexport const f = (a: number) => a + 1",
    ],
    [
        hot("return [a]"),
        hot("return { a }"),
        hot("return () => 1"),
        hot("function g() { return 1 }"),
        hot("return class {}"),
        hot("return `x`"),
        hot("return /x/"),
        hot("return 1n"),
        hot("return new Date()"),
        [hot("return [...list]"), 2],
        hot("return s + 'x'"),
        hot("return s + s"),
        hot("s += s"),
        hot("return s.substring(1)"),
        hot("list.push(a)"),
        hot("return list.map(Number)"),
        hot("try { a = 1 } finally { a = 2 }"),
        "/** @hot */\nexport function f() { return [] }",
        "/** @hot */\nexport const f = () => ({})",
        "/**\n * Long.\n * @hot\n */\nconst f = function () { return [] }",
    ],
)

check(
    "engine-subset",
    [
        "export function f(a: number, s: string): boolean { return a > 0 && s !== '' }",
        "function f(a: number) { return a >>> 8 }",
        "function f(a?: number) { if (a === undefined) { return 0 } return a }",
        "function f(list: number[]) { let sum = 0; for (const n of list) { sum = sum + n } return sum }",
        "function f() { return g() }\nfunction g() { return 1 }",
        "const big = 2147483647",
        "function f(run: () => void) {\n    // why: a broken app must not stop the agent\n    try { run() } catch (e) { return e }\n}",
        "interface Later { date: Date }\nlet later: Later",
        "function f(o: { static: number }) { return o.static }",
        "function f(n: number) { switch (n) { case 1: return 1; default: return 0 } }",
    ],
    [
        "function f(a = 1) { return a }",
        "function f(...a: number[]) { return a }",
        "function f(a: number[]) { return Math.max(...a) }",
        "const o = { a: 1 }; const p = { ...o }",
        "const { a } = { a: 1 }",
        "const [a] = [1]",
        "function f(o?: { a: number }) { return o?.a }",
        "function f(a?: number) { return a ?? 1 }",
        "const a = 2 ** 3",
        "let a = 2; a **= 3",
        ["let a: number | undefined; a ??= 3", 1],
        "a: while (true) { break a }",
        "while (true) { continue }",
        "async function f() {}",
        "function* f() {}",
        "const k = 'a'; const o = { [k]: 1 }",
        "class A {}",
        "const a = { f() { return this } }",
        ["const m = new Map()", 2],
        "const s: unknown = Symbol",
        "const a = JSON.parse('1')",
        "const now = Date.now()",
        "const a = 1n",
        "const a = /x/",
        "const a = `x`",
        ["const a = String.raw`x`", 2],
        "function f(a: number) { return a >> 1 }",
        "function f(a: number) { return a >>> 0 }",
        "function f(a: number, b: number) { return a >>> b }",
        "function f(a: number) { a >>>= 1; return a }",
        "function f(a: number) { return a / 2 }",
        "function f(run: () => void) { try { run() } catch (e) { return e } }",
        "const a = 2147483648",
        "const a = Math.imul(2, 3)",
        "const a = Number.isInteger(2)",
        "const of = 1",
        "function f(list: number[]) { list.length = 0 }",
        "function f(s: string) { for (const c of s) { f(c) } }",
        "function f(s: string) { if (s) { return 1 } return 0 }",
        "function f(n: number) { while (n) { n = n - 1 } }",
        "function f(n: number) { return !n }",
        "function f(n: number) { return n ? 1 : 2 }",
        "function f(s: string) { return s || 'default' }",
        "const list: (() => number)[] = []; for (let i = 0; i < 2; i++) { list.push(() => i) }",
        "f()\nfunction f() { return 1 }",
        "const a = b\nconst b = 1",
        "enum E { A }",
        "function f(n: number) { switch (n) { default: return 0; case 1: return 1 } }",
    ],
)

typed.run("engine-subset in bytes.ts", otary.rules["engine-subset"], {
    valid: [{ code: "function f(a: number) { return Math.floor(a / 2) }", filename, options: [{ divides: true }] }],
    invalid: [{ code: "function f(a: number) { return a ** 2 }", filename, options: [{ divides: true }], errors: 1 }],
})
