// The language check: each construct that Espruino lacks is refused at its place; and the lists are what the real engine says.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleEspruinoApp } from "../../../build/bundle-espruino"
import { ESPRUINO_GLOBALS, LACKING_STATICS } from "../../../build/espruino-names"
import { findEarlyCalls, findUnsupported } from "../../../build/language-check"
import { runEspruino } from "../../../host/board/engines/espruino-process"
import { makeFolder } from "../../board/board-fixture"
import { describeEspruino, ESPRUINO } from "./real"

const home = makeFolder()
afterAll(() => home.remove())

const REFUSED: [string, string][] = [
    ["function f(a = 1) {}", "default values"],
    ["function f(...a) {}", "rest parameters"],
    ["print(...[1])", "spread"],
    ["let { a } = E", "destructuring"],
    ["let [a] = E", "destructuring"],
    ["E?.a", "optional chaining"],
    ["a: for (;;) break a", "labels"],
    ["async function f() {}", "async functions"],
    ["function* f() {}", "generators"],
    ["E = { [E]: 1 }", "computed names"],
    ["class A { x }", "class fields"],
    ["class A { #x = 1 }", "#private"],
    ["E = 1n", "BigInt"],
    ["E = print`x`", "tagged templates"],
    ["E = 2 ** 3", "the operator **"],
    ["E.a ??= 1", "the operator ??="],
    ["E.a.length = 0", "the length"],
    ["switch (E) { default: case 1: }", "a case behind default"],
    ["for (let i = 0; i < 3; i++) setTimeout(() => print(i))", "the variable of a loop"],
    ["for (const a of [1]) setTimeout(() => print(a))", "the variable of a loop"],
    ["E = /a+?/", "lazy quantifiers"],
    ["E = /(?=a)/", "lookahead"],
    ["E = /a/u", "flags u"],
    ["let of = 1", "reserved word"],
    ["E = new Map()", "the global Map"],
    ["E = Symbol.iterator", "the global Symbol"],
    ["E = Math.trunc(1)", "Math.trunc"],
    ["E = Object.freeze({})", "Object.freeze"],
    ["E = [1].flat()", "the method flat"],
    ["nothing()", "the global nothing"],
]

test.each(REFUSED)("%s is refused", (code, what) => {
    expect(
        findUnsupported(code)
            .map(({ text }) => text)
            .join("\n"),
    ).toContain(what)
})

test.each([
    "let a = x => x + 1; class B extends Error { constructor() { super(); this.b = `${a}` } get c() { return 1 } static d() {} }",
    "for (const i of [1, 2]) print(i ?? 3)",
    "if (typeof Map !== 'undefined') print(LED1, D13, A0)",
    "const o = { flat() { return 1 } }; o.flat()",
    "new Promise(run => setTimeout(run, 5)).then(() => print(new Uint8Array(3)))",
])("%s is taken", code => expect(findUnsupported(code)).toEqual([]))

test("a function that is called ahead of its line is found, also in a function", () => {
    expect(findEarlyCalls("f(); function f() {}")).toHaveLength(1)
    expect(findEarlyCalls("function g() { let a = f(); function f() {} }")).toHaveLength(1)
    expect(findEarlyCalls("function f() {} f(); function g() { h() } function h() {} g()")).toEqual([])
})

test("packing names file, line and column of the source", async () => {
    const folder = join(home.path, "bad")
    mkdirSync(folder)
    writeFileSync(join(folder, "app.ts"), `import { log } from "otary"\n\nlog("x")\nlog(String(Math.trunc(1.5)))\n`)
    const constants = { image: { name: "a", version: "1.0.0", build_id: "b", security: 0 }, device: {}, config: {} }
    const packing = bundleEspruinoApp(join(folder, "app.ts"), constants)
    await expect(packing).rejects.toMatchObject({
        code: "PACK_BUNDLE",
        message: expect.stringMatching(/app\.ts:4:12: .*Math\.trunc/),
    })
})

describeEspruino("the real engine", () => {
    test("has every global that is allowed for it, and lacks every member that is refused", async () => {
        // Those are there on some boards only.
        const onBoards =
            /^(SPI\d|I2C\d|Serial\d|USB|LoopbackA|LoopbackB|Telnet|Terminal|arguments|undefined|Uint24Array|OneWire|Waveform|Graphics)$/
        const there = [...ESPRUINO_GLOBALS].filter(name => !onBoards.test(name))
        const ask = (names: readonly string[], isWanted: boolean): string =>
            names
                .map(name => `try{v=${name}}catch(e){v=undefined};if((v!==undefined)!==${isWanted})print("@${name}");`)
                .join("\n")
        mkdirSync(join(home.path, "ask"))
        writeFileSync(
            join(home.path, "ask", "ask.js"),
            `var v;${ask(there, true)}\n${ask([...LACKING_STATICS], false)}print("@end")`,
        )
        const lines: string[] = []
        await runEspruino(ESPRUINO, ["ask.js"], join(home.path, "ask"), line => void lines.push(line)).ended
        expect(lines.filter(line => line.includes("@")).map(line => line.slice(line.indexOf("@")))).toEqual(["@end"])
    })
})
