// Signatures on the real Espruino: every width and both lengths of hash, good ones and bent ones, hashed by its own natives.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundleEspruinoScript } from "../../../build/bundle-espruino"
import { LMS_WIDTHS, lmsParams } from "../../../build/lms-params"
import { LMS_VALID } from "../../../firmware/lms"
import { STATUS_SIGNATURE_INVALID } from "../../../firmware/status"
import { ESPRUINO_MODELS, espruinoLayout } from "../../../host/board/engines/espruino-layout"
import { findEspruino } from "../../../host/board/engines/espruino-process"
import { quickCase } from "../../firmware/lms-rig"
import { installEmpty, runScript } from "./measure"

// skipped: without an Espruino (ESPRUINO, or `espruino` on the PATH)
const testReal = findEspruino() === "" ? test.skip : test

const SCRIPT = `
import { espruinoInstall } from "./shims/espruino/main"
import { lmsStart, lmsStep } from "./firmware/lms"
declare const LAYOUT: any, COUNT: number, print: any
declare function require(name: string): any
const fs = require("fs")
espruinoInstall(LAYOUT)
for (let i = 0; i < COUNT; i++) {
    let result = lmsStart(fs.readFileSync("key" + i), "message", fs.readFileSync("signature" + i))
    while (result === 0) result = lmsStep()
    print("@result" + i + " " + result)
}
`

testReal(
    "Espruino verifies every width and both lengths of hash, and refuses bent signatures",
    async () => {
        const folder = mkdtempSync(join(tmpdir(), "otary-signature-"))
        try {
            await installEmpty(folder)
            const board = join(folder, "board")
            const sets = [24, 32].flatMap(hashBytes => LMS_WIDTHS.map(width => lmsParams(hashBytes, 10, width)))
            const wanted: Record<string, number> = {}
            for (const [at, params] of sets.entries()) {
                const { publicKey, signature } = quickCase(params, at + 1, Buffer.from("message"))
                const bent = Buffer.from(signature)
                bent[60 + at * 50]! ^= 1
                for (const [k, bytes] of [signature, bent].entries()) {
                    writeFileSync(join(board, `key${at * 2 + k}`), publicKey)
                    writeFileSync(join(board, `signature${at * 2 + k}`), bytes)
                    wanted[`result${at * 2 + k}`] = k === 0 ? LMS_VALID : STATUS_SIGNATURE_INVALID
                }
            }
            const define = { LAYOUT: JSON.stringify(espruinoLayout(ESPRUINO_MODELS.linux)), COUNT: String(sets.length * 2) }
            const code = (await bundleEspruinoScript(SCRIPT, define)).toString("latin1")
            const values = await runScript(board, `E.enableWatchdog=E.kickWatchdog=function(){};${code}\nclearTimeout();quit()`)
            expect(values).toEqual(wanted)
        } finally {
            rmSync(folder, { recursive: true, force: true })
        }
    },
    60_000,
)
