// What one check of an LMS signature costs on every engine that is here: hashes, time and peak memory, for the table of `npm run size`.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundleEspruinoScript } from "../../build/bundle-espruino"
import { lmsParams } from "../../build/lms-params"
import { LMS_MORE, LMS_VALID, lmsStart, lmsStep } from "../../firmware/lms"
import { createDisk, openFile } from "../../host/board/engines/lua/disk"
import { ESPRUINO_MODELS, espruinoLayout } from "../../host/board/engines/espruino-layout"
import { findEspruino } from "../../host/board/engines/espruino-process"
import { installEmpty, runScript } from "../engines/espruino/measure"
import { startLuaCore } from "../engines/lua/harness"
import { createRig } from "../firmware/core"
import { check, installHashes, quickCase, type LmsCase } from "../firmware/lms-rig"

const ROUNDS = 15

/** The cost of one check on one engine. */
export interface Verification {
    readonly engine: string
    readonly ms: number
    /** Most bytes in use within the check beyond those before it. */
    readonly peakBytes: number
}

/** One check's hashes, and what they cost on each engine. */
export interface Verifications {
    readonly name: string
    readonly signatureBytes: number
    readonly hashes: number
    readonly engines: readonly Verification[]
}

/** The least: what a machine that is shared adds is not the engine's. */
const least = (values: readonly number[]): number => Math.min(...values)

const latin1 = ({ publicKey, message, signature }: LmsCase): [string, string, string] => [
    publicKey.toString("latin1"),
    message.toString("latin1"),
    signature.toString("latin1"),
]

/** On Node; memory is what V8's heap grows by at most between two steps, collected before (run with --expose-gc). */
function onHost(one: LmsCase): Verification {
    const [key, message, signature] = latin1(one)
    const times: number[] = []
    const peaks: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
        globalThis.gc?.()
        const before = process.memoryUsage().heapUsed
        const started = performance.now()
        lmsStart(key, message, signature)
        let result = lmsStep()
        while (result === LMS_MORE) result = lmsStep()
        times.push(performance.now() - started)
        peaks.push(process.memoryUsage().heapUsed - before)
        if (result !== LMS_VALID) throw new Error(`host: ${one.name} is refused`)
    }
    return { engine: `host (Node ${process.versions.node}), nothing collected`, ms: least(times), peakBytes: least(peaks) }
}

const LUA_STEPS = (look: string): string => `
local step, count = __exports["lms.lmsStep"], collectgarbage
count() count()
local before, peak, result = count("count"), 0, 0
while result == 0 do
  result = step()
  ${look}
  local used = count("count")
  if used > peak then peak = used end
end
print(result .. " " .. (peak - before) * 1024)
`

/** On NodeMCU's Lua; memory as Lua itself counts it, collected behind each step, as NodeMCU does by itself when memory is short. */
function onLua(one: LmsCase): Verification {
    const rig = createRig({ appBytes: 8192, filesBytes: 8192, journalBytes: 8192 })
    const disk = createDisk(rig.flash)
    const core = startLuaCore({
        version: "5.1",
        open: name => openFile(disk, rig.layout.regions, name),
        clock: rig.clock,
        log: line => void rig.lines.push(line),
        eraseBytes: rig.layout.eraseBytes,
        programBytes: rig.layout.programBytes,
    })
    const times: number[] = []
    const peaks: number[] = []
    const run = (look: string): { ms: number; peak: number } => {
        core.modules.lms!.lmsStart!(...latin1(one))
        rig.lines.length = 0
        const started = performance.now()
        const message = core.machine.run(LUA_STEPS(look))
        const ms = performance.now() - started
        const [result, peak] = rig.lines.join(" ").split(" ").map(Number)
        if (message !== "" || result !== LMS_VALID) throw new Error(`Lua: ${one.name} is refused: ${message}`)
        return { ms, peak: peak! }
    }
    for (let round = 0; round < ROUNDS; round++) {
        times.push(run("").ms)
        peaks.push(run("count()").peak)
    }
    return { engine: "Lua 5.1", ms: least(times), peakBytes: least(peaks) }
}

/** Bytes of a JsVar on Espruino for Linux, as its process.memory() counts them. */
const JSVAR_BYTES = 16

const ESPRUINO_SCRIPT = `
import { espruinoInstall } from "./shims/espruino/main"
import { lmsStart, lmsStep } from "./firmware/lms"
declare const LAYOUT: any, ROUNDS: number, E: any, process: any, getTime: any, print: any
declare function require(name: string): any
const fs = require("fs")
espruinoInstall(LAYOUT)
const key = fs.readFileSync("key"), message = fs.readFileSync("message"), signature = fs.readFileSync("signature")
for (let round = 0; round < ROUNDS; round++) {
    const start = getTime()
    let result = lmsStart(key, message, signature)
    do result = lmsStep()
    while (result === 0)
    print("@ms" + round + " " + (getTime() - start) * 1000)
    if (result !== 1) print("Uncaught result " + result)
}
const before = process.memory().usage
let peak = before, last = lmsStart(key, message, signature)
do {
    last = lmsStep()
    const used = process.memory().usage
    if (used > peak) peak = used
} while (last === 0)
print("@peak " + (peak - before))
`

/** On the real Espruino for Linux; memory in its JsVars, all that is garbage collected before each look. */
async function onEspruino(one: LmsCase): Promise<Verification> {
    const folder = mkdtempSync(join(tmpdir(), "otary-size-"))
    try {
        await installEmpty(folder)
        const board = join(folder, "board")
        for (const name of ["key", "message", "signature"] as const)
            writeFileSync(join(board, name), { key: one.publicKey, message: one.message, signature: one.signature }[name])
        const define = { LAYOUT: JSON.stringify(espruinoLayout(ESPRUINO_MODELS.linux)), ROUNDS: String(ROUNDS) }
        const code = (await bundleEspruinoScript(ESPRUINO_SCRIPT, define)).toString("latin1")
        const values = await runScript(board, `E.enableWatchdog=E.kickWatchdog=function(){};${code}\nclearTimeout();quit()`)
        const times = Array.from({ length: ROUNDS }, (_, round) => values[`ms${round}`]!)
        return { engine: "Espruino for Linux", ms: least(times), peakBytes: values["peak"]! * JSVAR_BYTES }
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}

/** Measures the default parameters. Espruino is left out where there is none (ESPRUINO, or `espruino` on the PATH). */
export async function measureVerifications(): Promise<Verifications> {
    const one = quickCase(lmsParams(24, 10, 4), 5, Buffer.alloc(1024, 7))
    installHashes()
    const { hashes } = check(one)
    const engines = [onHost(one), onLua(one)]
    if (findEspruino() !== "") engines.push(await onEspruino(one))
    return { name: one.name, signatureBytes: one.signature.length, hashes, engines }
}
