// The built core on the real Espruino, its functions callable from a test as if they were here: each call waits for its answer.

import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { bundleEspruinoScript } from "../../../build/bundle-espruino"
import { projectRoot } from "../../../build/root"
import type { Region } from "../../../firmware/ports"
import { createRig, engine, type Core, type Rig } from "../../firmware/core"
import { RemoteProcess } from "./remote-process"

const MODULES = ["boot-record", "boot", "commit", "files", "files-log", "lms", "running", "signals", "updater", "version"]
const FLASH_BYTES = 262144
const FLASH_ADDRESS = 0x10000000
const PAGE_BYTES = 1024

const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

function functionsOf(name: string): string[] {
    const text = readFileSync(resolve(projectRoot(), `firmware/${name}.ts`), "utf8")
    return [...text.matchAll(/^export function (\w+)/gm)].map(([, run]) => run!)
}

/** A function of the core, to be found in the finished bundle. */
const put = (run: string): string => `core["${run}"] = function () { return ${run}.apply(undefined, arguments) }`
/** The same there, minified, with the tokens of function, return and undefined: its name, and what stands for it. */
const PUT = /\b\w+\["(\w+\.\w+)"\]=\xaa\(\)\{\xab([\w$]+|[\w$]+\(\d+\))\.apply\(\xb7,arguments\)\}/g

/**
 * The core over the shim's own ports, its functions by name in a global table. A chip that a test has made to fail is asked, operation by
 * operation; else the flash is Espruino's own.
 */
function entryText(): string {
    const imports = MODULES.map(name => `import * as ${camel(name)} from "./firmware/${name}"`)
    const puts = MODULES.flatMap(name => functionsOf(name).map(run => put(`${camel(name)}.${run}`)))
    return `${imports.join("\n")}
import { ports } from "./firmware/ports"
import { espruinoInstall } from "./shims/espruino/main"
declare const global: any
declare function require(name: string): any
declare function btoa(data: any): string
const core = global.core
global.otary = { file: "core", at: 0 }
const flash = require("Flash")
const natives = global.natives || { erasePage: flash.erasePage, write: flash.write, read: flash.read }
global.natives = natives
global.getTime = function () { return global.clockS }
// Of whichever boot is called.
flash.erasePage = function (address: number) {
    const at = global.core.at, pageBytes = global.core.pageBytes, isAsked = global.core.isAsked
    if (isAsked) return global.ask(["erase", address - at])
    global.writes++
    // The suites' chips have larger pages than Espruino for Linux.
    for (let page = 0; page < pageBytes; page += ${PAGE_BYTES}) natives.erasePage(address + page)
}
flash.write = function (data: any, address: number) {
    if (global.core.isAsked) global.ask(["program", address - global.core.at, btoa(data)])
    else {
        global.writes++
        natives.write(data, address)
    }
}
flash.read = function (length: number, address: number) {
    if (!global.core.isAsked) return natives.read(length, address)
    const bytes = global.ask(["read", address - global.core.at, length])
    return bytes === "" ? undefined : bytes
}
${puts.join("\n")}
core.run = function (code: string, values: any) { return eval(code).apply(undefined, values) }
core.install = function (layout: any, programBytes: number, isAsked: boolean) {
    core.at = layout.address
    core.pageBytes = layout.pageBytes
    core.isAsked = isAsked
    espruinoInstall(layout)
    core.regions = [ports.boot, ports.journal, ports.app[0], ports.app[1], ports.files[0], ports.files[1]]
    Object.getPrototypeOf(ports.boot).programBytes = programBytes
}`
}

let code = ""
/** What stands for each function in the code. */
const places = new Map<string, string>()

/** Builds the core; to be called before the suites run. */
export async function buildCore(): Promise<void> {
    const bundle = await bundleEspruinoScript(entryText(), {}, { mangle: false, isFromSlot: true })
    // The suites' images are for this platform. What follows keeps its place: it is found by that.
    code = bundle.toString("latin1").replace('"espruino"', '"host"    ')
    // A table of functions would take memory for each of them.
    code = code.replace(PUT, (text, name: string, place: string) => {
        places.set(name, place)
        return "0".padEnd(text.length)
    })
    if (places.size === 0) throw new Error("the bundle holds no function of the core in the form in which they are put")
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

/** Espruino's flash, with the regions of a rig. */
class RemoteFlash {
    private last = Buffer.alloc(0)

    constructor(private readonly path: string) {}

    /** Puts the regions of a rig into it. */
    put(regions: Buffer): void {
        if (this.last.equals(regions)) return
        this.last = Buffer.from(regions)
        writeFileSync(this.path, Buffer.concat([regions, Buffer.alloc(FLASH_BYTES - regions.length, 0xff)]))
    }

    /** Takes them out again. */
    take(regions: Buffer): void {
        readFileSync(this.path).copy(regions, 0, 0, regions.length)
        this.last = Buffer.from(regions)
    }
}

/** All that the core writes on a rig's chip. */
function regionsOf({ flash, layout }: Rig): Buffer {
    return flash.array.subarray(layout.regions.boot.offsetBytes)
}

let running: { readonly process: RemoteProcess; readonly flash: RemoteFlash } | undefined
let boots = 0
/** What the chip of an array could do when it was seen first. */
const whole = new WeakMap<Buffer, { readonly program: unknown; readonly erase: unknown; readonly read: unknown }>()

/** Ends the Espruino that runs. */
export function endCore(): void {
    running?.process.end()
    running = undefined
}

/** Whether a test has put something before the chip that Espruino's own flash cannot do. */
function isChanged({ flash }: Rig): boolean {
    const first = whole.get(flash.array)
    if (first === undefined) whole.set(flash.array, { program: flash.program, erase: flash.erase, read: flash.read })
    return first !== undefined && (first.program !== flash.program || first.erase !== flash.erase || first.read !== flash.read)
}

/** What was written by Espruino's own flash counts as programmed from now on. */
function settle({ flash }: Rig): void {
    for (let unit = 0; unit < flash.programmed.length; unit++) {
        const at = unit * flash.programBytes
        flash.programmed[unit] = flash.array.subarray(at, at + flash.programBytes).every(byte => byte === 0xff) ? 0 : 1
    }
}

function answerOf({ flash, layout }: Rig, [kind, at, value]: any[]): string {
    const address = layout.regions.boot.offsetBytes + at
    if (kind === "read") return flash.read(address, value)
    if (kind === "erase") flash.erase(address)
    else flash.program(address, Buffer.from(value, "base64").toString("latin1"))
    return ""
}

/** A call that finds the rig's flash on Espruino, and leaves there what Espruino made of it. */
function callOn(rig: Rig, boot: number, isAsked: boolean, name: string, values: readonly unknown[]): unknown {
    const { process, flash } = running!
    const regions = regionsOf(rig)
    if (!isAsked) flash.put(regions)
    const { writes } = process
    const result = process.call(
        boot,
        places.get(name) ?? name,
        values.map(value => argumentOf(rig, value)),
        rig.clock.nowS(),
        question => answerOf(rig, question),
    )
    if (process.writes !== writes) flash.take(regions)
    return result
}

function layoutOf({ layout }: Rig): object {
    const { boot, journal, app0, app1, files0, files1 } = layout.regions
    const sizes = [boot, journal, app0, app1, files0, files1].map(region => region.sizeBytes)
    return { file: "core", address: FLASH_ADDRESS, offsetBytes: 0, pageBytes: layout.eraseBytes, sizes }
}

/** Functions of a module of the core, each a call of the boot `boot`. */
function moduleOf(name: string, call: (name: string, values: unknown[]) => unknown): object {
    return new Proxy(
        {},
        {
            get:
                (_, run: string) =>
                (...values: unknown[]) =>
                    call(`${name}.${run}`, values),
        },
    )
}

function start(home: string): NonNullable<typeof running> {
    return { process: new RemoteProcess(home, code), flash: new RemoteFlash(join(home, "espruino.flash")) }
}

/** From now on test/firmware/core.ts runs the built core on Espruino, over the same flash. `home` is for its files. */
export function runOnEspruino(home: string): void {
    engine.hasCrc32 = false
    engine.stride = 61
    engine.evaluate = (rig: Rig): Core => {
        running ??= start(join(home, `espruino-${++boots}`))
        const isAsked = isChanged(rig) || regionsOf(rig).length > FLASH_BYTES
        const own = ++boots
        if (isAsked) settle(rig)
        const call = (name: string, values: unknown[]): unknown => {
            return callOn(rig, own, isAsked, name, values)
        }
        call("boot", [])
        call("install", [layoutOf(rig), rig.layout.programBytes, isAsked])
        return Object.fromEntries(MODULES.map(name => [camel(name), moduleOf(camel(name), call)])) as unknown as Core
    }
}

/** A module of the core on Espruino that needs no flash, in the place of the TypeScript one: its functions beside its constants. */
export function remoteModule(name: string): Record<string, unknown> {
    const actual = jest.requireActual<Record<string, unknown>>(`../../../firmware/${name}`)
    const call = (run: string, values: unknown[]): unknown => {
        if (running === undefined) engine.evaluate(createRig())
        return running!.process.call(boots, places.get(`${name}.${run}`)!, values, 0, () => "")
    }
    const functions = Object.keys(actual).filter(key => typeof actual[key] === "function")
    return {
        ...actual,
        ...Object.fromEntries(functions.map(key => [key, (...values: unknown[]) => call(key, values)])),
    }
}
