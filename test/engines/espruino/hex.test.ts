// Hex texts on the real Espruino: its natives say what the core's own functions say. And what its builds treat apart exists.

import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { bundleEspruinoScript } from "../../../build/bundle-espruino"
import { nestFunctions } from "../../../build/espruino-nest"
import { APART, RESIDENT } from "../../../build/espruino-resident"
import { projectRoot } from "../../../build/root"
import { makeFolder } from "../../board/board-fixture"
import { runScript } from "./measure"
import { describeEspruino } from "./real"

const home = makeFolder()
afterAll(() => home.remove())

const SCRIPT = `
import * as native from "./shims/espruino/hex"
import * as core from "./firmware/hex"
declare const print: any
let seed = 7, different = 0, wrong = 0
for (let round = 0; round < 300; round++) {
    let bytes = ""
    for (let i = 0; i < 32; i++) {
        seed = (seed * 1103515 + 12345) & 0x7fffffff
        // Zeros and 0xff as often as all others together.
        bytes = bytes + String.fromCharCode([0, 255, seed >> 8, seed >> 16][(seed >> 24) & 3] & 255)
    }
    if (native.hexOf(bytes) !== core.hexOf(bytes)) different++
    if (native.bytesOfHex(native.hexOf(bytes)) !== bytes || !native.isHexOf(native.hexOf(bytes), 32)) different++
}
for (let code = 0; code < 256; code++) {
    for (const at of [0, 2, 3]) {
        const text = "00ff".substring(0, at) + String.fromCharCode(code) + "00ff".substring(at + 1, 4)
        if (native.isHexOf(text, 2) !== core.isHexOf(text, 2)) wrong++
    }
}
if (native.isHexOf("00ff", 1) || native.isHexOf("00f", 2) || !native.isHexOf("", 0) || native.hexOf("") !== "") wrong++
print("@different " + different)
print("@wrong " + wrong)
`

describeEspruino("on Espruino", () => {
    test("natives make and check the same texts", async () => {
        const folder = join(home.path, "hex")
        mkdirSync(folder)
        const code = (await bundleEspruinoScript(SCRIPT, {})).toString("latin1")
        expect(await runScript(folder, `${code}\nclearTimeout();quit()`)).toEqual({ different: 0, wrong: 0 })
    }, 30_000)
})

test("functions that are treated apart exist, each once", () => {
    const folder = join(projectRoot(), "firmware")
    const text = readdirSync(folder)
        .filter(name => name.endsWith(".ts") && name !== "unsigned.ts")
        .map(name => readFileSync(join(folder, name), "utf8"))
        .join("\n")
    for (const name of [...RESIDENT, ...APART]) expect([name, text.split(`function ${name}(`).length]).toEqual([name, 2])
})

test("a function that stays apart is not moved into the only one that calls it", () => {
    const code = "function a() { return b() }\nfunction b() { return c() }\nfunction c() { return 1 }\nvar result = a()"
    expect(nestFunctions(code, new Set())).not.toMatch(/^function [bc]\b/m)
    const apart = nestFunctions(code, new Set(), ["b"])
    expect(apart).toMatch(/^function b\b/m)
    expect(apart).not.toMatch(/^function c\b/m)
})
