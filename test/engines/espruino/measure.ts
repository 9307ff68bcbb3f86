// Measures on the real Espruino: a bundle laid into flash, run from there, and what it costs in JsVars.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleEspruinoApp, bundleEspruinoLoader } from "../../../build/bundle-espruino"
import { ESPRUINO_MODELS, espruinoLayout, STORAGE_HEAD_BYTES } from "../../../host/board/engines/espruino-layout"
import { requireEspruino, runEspruino } from "../../../host/board/engines/espruino-process"
import { installEspruino, packApp } from "./fixture"

const MODEL = ESPRUINO_MODELS.linux
const LAYOUT = espruinoLayout(MODEL)
/** Where the first app slot begins, as an offset in espruino.flash. */
const SLOT_AT = LAYOUT.address - MODEL.storageAddress + LAYOUT.sizes[0]! + LAYOUT.sizes[1]!
const RUN_MS_MAX = 60_000

/** Runs `script` in `folder` to its end; returns the values of its lines `@name value`. */
export async function runScript(folder: string, script: string): Promise<Record<string, number>> {
    const path = join(folder, "script.js")
    writeFileSync(path, script, "latin1")
    const values: Record<string, number> = {}
    const lines: string[] = []
    const run = runEspruino(requireEspruino(), [path], folder, line => {
        lines.push(line)
        const match = /@(\S+) (-?[\d.]+)/.exec(line)
        if (match !== null) values[match[1]!] = Number(match[2])
    })
    const timer = setTimeout(run.kill, RUN_MS_MAX)
    const status = await run.ended
    clearTimeout(timer)
    if (status !== 0 || lines.some(line => line.includes("Uncaught"))) {
        throw new Error(`Espruino ended with ${status}:\n${lines.slice(-12).join("\n")}`)
    }
    return values
}

/** A folder with an installed board whose image is an empty app, and whose boot files are gone: a measurement starts with nothing. */
export async function installEmpty(folder: string): Promise<void> {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const image = await packApp(folder, { version: "1.0.0", code: "", config: { update: { enable: false } } })
    const board = join(folder, "board")
    await installEspruino(board, image, "")
    await runScript(board, `[".boot0",".bootPowerOn"].forEach(f=>require("Storage").erase(f));clearTimeout();quit()`)
}

/** Lays `code` into the first app slot of the board in `folder`. */
function layCode(folder: string, code: string): void {
    const path = join(folder, "espruino.flash")
    const flash = readFileSync(path)
    flash.write(code.padEnd(LAYOUT.sizes[2]!, "\xff"), SLOT_AT, "latin1")
    writeFileSync(path, flash)
}

/** What a bundle costs. */
export interface Cost {
    /** Bytes of the code. */
    readonly bytes: number
    /** JsVars that everything in it takes, at its end. */
    readonly jsVars: number
}

/** Of the app slot in its Storage file. */
const SLOT_OFFSET = SLOT_AT - STORAGE_HEAD_BYTES
const TELL = `print("@after "+process.memory().usage)`

/** JsVars more in use when `after` is printed than before `code`, a bundle, was run out of the slot. */
async function measure(folder: string, code: string, after: string): Promise<number> {
    layCode(folder, code)
    // Modules and prototypes that natives make at their first use are no cost of the bundle.
    const modules = `require("Flash");require("crypto").SHA256("");require("http");require("Storage");`
    const warmUp = `${modules}[].length;"".length;JSON;new Uint8Array(1);`
    const script = `
        global.otary=${JSON.stringify(LAYOUT)};otary.at=${SLOT_OFFSET};otary.bytes=0;${warmUp}
        E.enableWatchdog=function(){};E.kickWatchdog=function(){};process.on;Math;Object;
        global.TELL=function(){${TELL}};
        print("@before "+process.memory().usage);
        eval(require("Storage").read("${LAYOUT.file}",${SLOT_OFFSET},${code.length}));
        ${after}
        clearTimeout();quit()`
    const found = await runScript(folder, script)
    return found["after"]! - found["before"]!
}

/** The loader from its slot, at whose end, where all that it made still exists, it tells. */
async function measureLoader(folder: string): Promise<number> {
    const whole = (await bundleEspruinoLoader(LAYOUT)).toString("latin1")
    const code = whole.slice(0, whole.indexOf("\nif(otary"))
    return measure(folder, code.replace(/;?\}\)\(\);$/, ";TELL()})();"), "")
}

/** The boot loader's cost while it runs, and that of core, agent and an empty app once they are started. */
export async function measureBundles(folder: string): Promise<{ loader: Cost; agent: Cost }> {
    await installEmpty(folder)
    const board = join(folder, "board")
    const constants = { image: { name: "empty", version: "0.0.0", build_id: "0", security: 0 }, device: {}, config: {} }
    const app = join(folder, "empty.js")
    writeFileSync(app, "")
    const agent = (await bundleEspruinoApp(app, constants)).toString("latin1")
    const loader = (await bundleEspruinoLoader(LAYOUT)).toString("latin1")
    return {
        agent: { bytes: agent.length, jsVars: await measure(board, agent, "TELL();") },
        loader: { bytes: loader.length, jsVars: await measureLoader(board) },
    }
}
