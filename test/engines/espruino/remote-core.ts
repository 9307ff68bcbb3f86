// The built core on the real Espruino, its functions callable from a test as if they were here: each call waits for its answer.

import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs"
import { join, resolve } from "node:path"
import { bundleEspruinoScript } from "../../../build/bundle-espruino"
import { projectRoot } from "../../../build/root"
import type { Region } from "../../../firmware/ports"
import { engine, type Core, type Rig } from "../../firmware/core"
import { ESPRUINO } from "./real"

const MODULES = ["boot-record", "boot", "commit", "files", "files-log", "running", "signals", "updater"]
const FLASH_BYTES = 262144
const STORAGE_ADDRESS = 0x10000000
const PAGE_BYTES = 1024
/** Longest time in ms that a call may take. */
const CALL_MS_MAX = 20_000
const SLEEP = new Int32Array(new SharedArrayBuffer(4))
/** Ends an answer on the console. */
const MARK = "\x02"

const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

function functionsOf(name: string): string[] {
    const text = readFileSync(resolve(projectRoot(), `firmware/${name}.ts`), "utf8")
    return [...text.matchAll(/^export function (\w+)/gm)].map(([, run]) => run!)
}

/** The core over the shim's own ports, its functions by name in a global table. */
function entryText(): string {
    const imports = MODULES.map(name => `import * as ${camel(name)} from "./firmware/${name}"`)
    const puts = MODULES.flatMap(name => functionsOf(name).map(run => `"${camel(name)}.${run}": ${camel(name)}.${run}`))
    return `${imports.join("\n")}
import { ports } from "./firmware/ports"
import { espruinoInstall } from "./shims/espruino/main"
declare const global: any
declare function require(name: string): any
global.core = { ${puts.join(",\n")} }
global.install = function (layout: any) {
    // The suites' chips have larger pages than Espruino for Linux.
    const flash = require("Flash")
    const erase = flash.erasePage
    flash.erasePage = function (address: number) {
        for (let at = 0; at < layout.pageBytes; at += ${PAGE_BYTES}) erase(address + at)
    }
    espruinoInstall(layout)
    global.regions = [ports.boot, ports.journal, ports.app[0], ports.app[1], ports.files[0], ports.files[1]]
}`
}

/** What reads a call, makes it, and leaves its answer in a file. */
const CALLER = `global.bytes=function(x){if(typeof x=="string")return x[0]=="~"?atob(x.substr(1)):x;
if(typeof x=="object"&&x!==null)for(var k in x)x[k]=bytes(x[k]);return x};
global.go=function(){var q=JSON.parse(require("fs").readFileSync("call.json"));
var a=bytes(q[1]).map(function(x){return x&&x.region>=0?regions[x.region]:x});
var v=core[q[0]].apply(undefined,a);
require("fs").writeFileSync("answer.json",v===undefined?"":JSON.stringify(v));print("\\x02")};`

let code = ""

/** Builds the core; to be called before the suites run. */
export async function buildCore(): Promise<void> {
    const bundle = await bundleEspruinoScript(entryText(), {}, { mangle: false })
    // The suites' images are for this platform.
    code = bundle.toString("latin1").replace('"espruino"', '"host"')
}

/** JSON whose strings of bytes are in base64, marked by a tilde: an escape above \x7f would make a UTF-8 string of them. */
function inBase64(value: unknown): string {
    const marked = (_: string, one: unknown): unknown =>
        typeof one === "string" && !/^[ -}]*$/.test(one) ? `~${Buffer.from(one, "latin1").toString("base64")}` : one
    return JSON.stringify(value, marked)
}

/** An Espruino in a folder that answers calls. */
class Remote {
    private readonly child: ChildProcess
    private readonly input: number
    private readonly output: number

    constructor(private readonly folder: string) {
        mkdirSync(folder, { recursive: true })
        execFileSync("mkfifo", [join(folder, "in"), join(folder, "out")])
        writeFileSync(join(folder, "core.js"), `${code}\n${CALLER}`)
        this.child = spawn(
            "sh",
            ["-c", `exec "$0" -e 'setInterval(function(){},60000);echo(0)' <in >out 2>/dev/null`, ESPRUINO],
            {
                cwd: folder,
                stdio: "ignore",
            },
        )
        this.input = openSync(join(folder, "in"), "w")
        this.output = openSync(join(folder, "out"), constants.O_RDONLY | constants.O_NONBLOCK)
    }

    /** Runs a line that ends with the mark. Errors: throws when Espruino ends, or raises an error. */
    run(line: string): void {
        writeSync(this.input, `\x10${line}\n`)
        const endMs = performance.now() + CALL_MS_MAX
        let text = ""
        while (!text.includes(MARK)) {
            const piece = this.read()
            text += piece
            if (/Uncaught[^\n]*\n/.test(text)) throw new Error(`Espruino: ${text.slice(-500)}`)
            if (performance.now() > endMs) throw new Error(`Espruino: no answer to ${line.slice(0, 200)}: ${text.slice(-500)}`)
            if (piece === "") Atomics.wait(SLEEP, 0, 0, 1)
        }
    }

    /** What has come; "" for nothing. */
    private read(): string {
        const piece = Buffer.alloc(4096)
        try {
            return piece.toString("latin1", 0, readSync(this.output, piece))
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code === "EAGAIN") return ""
            throw error
        }
    }

    call(name: string, values: readonly unknown[]): unknown {
        writeFileSync(join(this.folder, "call.json"), inBase64([name, values]), "latin1")
        this.run("go()")
        const answer = readFileSync(join(this.folder, "answer.json"), "latin1")
        return answer === "" ? undefined : JSON.parse(answer)
    }

    end(): void {
        this.child.kill("SIGKILL")
        closeSync(this.input)
        closeSync(this.output)
    }
}

/** A region that a test hands over, as its number; anything else as it is. Which region it is shows in the address that it reads. */
function argumentOf(rig: Rig, value: unknown): unknown {
    if (typeof value !== "object" || value === null || !("programStaged" in value)) return value
    const flash = rig.flash as unknown as { read: (address: number) => string }
    const { read } = flash
    let address = -1
    flash.read = at => {
        address = at
        return ""
    }
    ;(value as Region).read(0, 1)
    flash.read = read
    const { boot, journal, app0, app1, files0, files1 } = rig.layout.regions
    return { region: [boot, journal, app0, app1, files0, files1].findIndex(({ offsetBytes }) => offsetBytes === address) }
}

let count = 0
let running: Remote | undefined

/** Ends the Espruino that runs last. */
export function endCore(): void {
    running?.end()
    running = undefined
}

/** From now on test/firmware/core.ts runs the built core on Espruino, over the same flash. `home` is for its files. */
export function runOnEspruino(home: string): void {
    engine.hasCrc32 = false
    // A boot is a process here, and takes a third of a second.
    engine.stride = 1000
    engine.evaluate = (rig: Rig): Core => {
        endCore()
        const folder = join(home, String(++count))
        const remote = (running = new Remote(folder))
        const { regions, eraseBytes } = rig.layout
        const path = join(folder, "espruino.flash")
        const base = regions.boot.offsetBytes
        const put = (): void => {
            const flash = Buffer.alloc(FLASH_BYTES, 0xff)
            rig.flash.array.copy(flash, PAGE_BYTES, base)
            writeFileSync(path, flash)
        }
        const take = (): void =>
            void readFileSync(path).copy(rig.flash.array, base, PAGE_BYTES, PAGE_BYTES + rig.flash.array.length - base)
        const { boot, journal, app0, app1, files0, files1 } = regions
        const sizes = [boot, journal, app0, app1, files0, files1].map(region => region.sizeBytes)
        const layout = { file: "otary", address: STORAGE_ADDRESS + PAGE_BYTES, offsetBytes: 0, pageBytes: eraseBytes, sizes }
        put()
        remote.run(`eval(require("fs").readFileSync("core.js"));install(${JSON.stringify(layout)});print("\\x02")`)
        const module = (name: string): object =>
            new Proxy(
                {},
                {
                    get:
                        (_, run: string) =>
                        (...values: unknown[]) => {
                            if (running !== remote) throw new Error("this boot is over")
                            put()
                            const answer = remote.call(
                                `${name}.${run}`,
                                values.map(value => argumentOf(rig, value)),
                            )
                            take()
                            return answer
                        },
                },
            )
        return Object.fromEntries(MODULES.map(name => [camel(name), module(camel(name))])) as unknown as Core
    }
}
