// The built core on a Lua machine, its functions callable from a test as if they were here.

import { createHash } from "node:crypto"
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import ts from "typescript"
import * as tstl from "typescript-to-lua"
import { NODEMCU_CHIPS } from "../../../build/bundle-nodemcu"
import { bundleLuaSlot } from "../../../build/lua/compile"
import { projectRoot } from "../../../build/root"
import type { LuaFile, LuaSystem } from "../../../host/board/engines/lua/calls"
import type { ChipName } from "../../../host/board/engines/lua/chips"
import { createLuaMachine, type LuaMachine, type LuaSnapshot, type LuaVersion } from "../../../host/board/engines/lua/machine"
import { createModules } from "../../../host/board/engines/lua/modules"
import { EVENT_FUNCTION, preludeOf } from "../../../host/board/engines/lua/prelude"
import type { Sockets } from "../../../host/board/engines/lua/sockets"
import type { Ota } from "../../../host/board/engines/lua/ota"
import type { Clock } from "../../../firmware/ports"
import { BoardRestart } from "../../firmware/native-port"
import { pack, unpack, WIRE_LUA } from "./wire"

/** Modules whose functions tests call: name as in test/firmware/core-entry.ts → path. */
const MODULES: Readonly<Record<string, string>> = {
    bootRecord: "firmware/boot-record",
    boot: "firmware/boot",
    calendar: "firmware/calendar",
    commit: "firmware/commit",
    files: "firmware/files",
    filesLog: "firmware/files-log",
    hex: "shims/nodemcu/hex",
    ports: "firmware/ports",
    running: "firmware/running",
    schedule: "firmware/schedule",
    signals: "firmware/signals",
    lms: "firmware/lms",
    updater: "firmware/updater",
    version: "firmware/version",
}

/** Ports of the shim whose functions tests call: the stage, and the second app slot. */
const PORTS = {
    stage: { port: "ports.ports.stage", functions: { put: "a, b, c, d", place: "a, b", take: "a", sha256: "a" } },
    flash: {
        port: "ports.ports.app[1]",
        functions: { erase: "a", program: "a, b", programStaged: "a, b", matchesStaged: "a, b", read: "a, b" },
    },
}

/** A module with its functions by name. */
export type LuaModule = Record<string, (...values: unknown[]) => unknown>

/** A core that runs in Lua. */
export interface LuaCore {
    readonly modules: Readonly<Record<string, LuaModule>>
    /** Runs Lua text beside the core. */
    readonly machine: LuaMachine
}

/** What a core stands on. */
export interface HarnessOptions {
    readonly version: LuaVersion
    readonly open: (name: string) => LuaFile | undefined
    readonly clock: Clock
    readonly log: (line: string) => void
    readonly eraseBytes: number
    readonly programBytes: number
    /** The chip's partitions for native firmware; default: one that has nothing to change over to. */
    readonly ota?: Ota | undefined
    /** The chip whose modules and shim are used; default: the ESP32. */
    readonly chip?: ChipName
    /** The ESP8266's connections; default: the core's tests use no network. */
    readonly sockets?: Sockets
    /** Makes the machine, where that is not one in WebAssembly. */
    readonly createMachine?: (system: LuaSystem) => LuaMachine
}

function functionsOf(root: string, path: string): string[] {
    const text = readFileSync(resolve(root, `${path}.ts`), "utf8")
    return [...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => name!)
}

/**
 * A request whose listener is three functions: heads do not go over the wire. Calls cannot go both ways at a time, so onData returns
 * what it wants: to pause for so many milliseconds, to abort (-1), or nothing (0).
 */
const HTTP_REQUEST = `function httpRequest(
    method: string, url: string, headers: string[][], body: string,
    onHead: (this: void, statusCode: number, answer: string) => void,
    onData: (this: void, bytes: string) => number,
    onEnd: (this: void, status: number) => void,
): number {
    const { http } = ports.ports
    let handle = 0
    const listener = {
        onHead: (head: { statusCode: number; header(this: void, name: string): string }) => {
            onHead(head.statusCode, head.header("x-answer"))
        },
        onData: (bytes: string) => {
            const wish = onData(bytes)
            if (wish > 0) http.pause(handle, wish)
            if (wish < 0) http.abort(handle)
        },
        onEnd,
    }
    handle = http.request(method, url, headers, body, listener)
    return handle
}`

/** A module that puts every function where the wire finds it. */
function entryText(root: string): string {
    const imports = Object.entries(MODULES).map(([name, path]) => `import * as ${name} from "./${path}"`)
    const puts = Object.entries(MODULES).flatMap(([name, path]) =>
        functionsOf(root, path).map(run => `__exports["${name}.${run}"] = ${name}.${run}`),
    )
    const shim = 'import { nodemcuPorts } from "./shims/nodemcu/main"\n__exports["shim.ports"] = nodemcuPortsInstall'
    const install = `function nodemcuPortsInstall(eraseBytes: number, programBytes: number): void {
    const own = nodemcuPorts(eraseBytes, programBytes)
    own.platform = "host"
    ports.portsInstall(own)
}`
    const http = [
        '__exports["http.request"] = httpRequest',
        '__exports["http.abort"] = (handle) => ports.ports.http.abort(handle)',
    ]
    const portPuts = Object.entries(PORTS).flatMap(([name, { port, functions }]) =>
        Object.entries(functions).map(
            ([run, values]) => `__exports["${name}.${run}"] = (${values}) => ${port}.${run}(${values})`,
        ),
    )
    const declared = "declare const __exports: Record<string, unknown>"
    return [...imports, declared, install, HTTP_REQUEST, shim, ...http, ...puts, ...portPuts].join("\n")
}

const bundles = new Map<ChipName, string>()
/** Machines with the core loaded and nothing done yet: to start from there is what makes thousands of boots possible. */
const snapshots = new Map<string, LuaSnapshot>()

/** What the bundle is made of: while that stays as it is, suites and runs share one. */
function sourceKey(root: string, text: string): string {
    const hash = createHash("sha256").update(text).update(`${tstl.version} ${ts.version}`)
    for (const folder of ["firmware", "shims/nodemcu", "build/lua"]) {
        for (const name of readdirSync(resolve(root, folder)).sort()) hash.update(readFileSync(resolve(root, folder, name)))
    }
    return hash.digest("hex")
}

/** The text that `make` makes, kept under `dist/` from suite to suite: each has a process of its own, and compiling takes seconds. */
function keptText(root: string, chip: ChipName, key: string, make: () => string): string {
    const path = resolve(root, "dist", `test-lua-core-${chip}.json`)
    const kept = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { key: string; text: string }) : undefined
    if (kept?.key === key) return kept.text
    const text = make()
    writeFileSync(`${path}.${process.pid}`, JSON.stringify({ key, text }))
    renameSync(`${path}.${process.pid}`, path)
    return text
}

/** The core with its functions exported, built once. */
export function coreBundle(chip: ChipName = "esp32"): string {
    const known = bundles.get(chip)
    if (known !== undefined) return known
    const root = projectRoot()
    const path = resolve(root, "otary-core.ts")
    const text = entryText(root)
    const input = { root, entries: [path], virtual: [{ path, text }], ...NODEMCU_CHIPS[chip] }
    const bundle = keptText(root, chip, sourceKey(root, text), () => bundleLuaSlot(input, {}))
    bundles.set(chip, bundle)
    return bundle
}

/** What the core takes for the file of its slot. */
const SLOT_FILE = "app-core.bin"

function bundleFile(chip: ChipName): LuaFile {
    const bytes = Buffer.from(coreBundle(chip))
    return { size: () => bytes.length, read: (offset, target) => bytes.copy(target, 0, offset), write: () => -1 }
}

/** A core that was started. */
interface Boot {
    readonly machine: LuaMachine
    isOver: boolean
}

/** The last boots, the oldest first: its machine is the next one to be renewed, since a new one costs more than a boot. */
const boots = new Map<string, Boot[]>()
/** Cores of one version that can be used at a time. */
const BOOTS_MAX = 8

/**
 * Cold functions are compiled once a boot: suites call them thousands of times, and boards lose them to the collector. A suite that
 * measures sets `__forget`, and has what boards have.
 */
const KEEP_COLD = `
local fetch, kept = _cold, {}
function _cold(n)
  if __forget then
    kept = nil
    return fetch(n)
  end
  local run = kept[n] or fetch(n)
  kept[n] = run
  return run
end
`

/** Loads the modules and the core. A suite that counts instructions finds `debug.sethook` as `__sethook`; boards have no `debug`. */
function loadCore(version: LuaVersion, chip: ChipName, machine: LuaMachine): void {
    for (const text of [
        preludeOf(version, { chip, hasOta: chip === "esp32" }).replace(
            "os, package",
            `${WIRE_LUA}\n__sethook = debug.sethook\nos, package`,
        ),
        'otarySlot = "-core"',
        coreBundle(chip),
        KEEP_COLD,
    ]) {
        const message = machine.run(text)
        if (message !== "") throw new Error(`Lua ${version}: ${message}`)
    }
}

/** A machine with the core loaded and nothing done yet. */
function machineFor(version: LuaVersion, chip: ChipName, system: LuaSystem): LuaMachine {
    const kind = `${version} ${chip}`
    const list = boots.get(kind) ?? []
    boots.set(kind, list)
    const known = snapshots.get(kind)
    if (known !== undefined && list.length >= BOOTS_MAX) {
        const oldest = list.shift()!
        const { machine } = oldest
        if (!oldest.isOver) {
            oldest.isOver = true
            machine.renew(system, known)
            return machine
        }
    }
    const machine = createLuaMachine(version, system, known)
    if (known !== undefined) return machine
    loadCore(version, chip, machine)
    snapshots.set(kind, machine.snapshot())
    return machine
}

function refuse(): never {
    throw new Error("the core's tests use no network")
}

function restart(): never {
    throw new BoardRestart()
}

const refuseOta = (): string => "no OTA partition available"

/** A chip with the partition table of stock firmware. */
const SINGLE_PARTITION: Ota = {
    boot: () => "",
    commence: refuseOta,
    write: refuseOta,
    complete: refuseOta,
    accept: refuseOta,
    rollback: refuseOta,
    info: () => ({ running: "factory", next: "factory", partitions: [] }),
}

/** Starts a machine with the core on it; RAM is new. */
export function startLuaCore(options: HarnessOptions): LuaCore {
    const { version, chip = "esp32" } = options
    const functions: ((...values: unknown[]) => unknown)[] = []
    const functionId = (run: (...values: unknown[]) => unknown): number =>
        functions.includes(run) ? functions.indexOf(run) : functions.push(run) - 1
    let answer = ""
    const device = createModules(
        {
            clock: options.clock,
            http: { request: refuse, abort: refuse, pause: refuse },
            sockets: options.sockets,
            random: () => 7,
            ota: options.ota ?? SINGLE_PARTITION,
            restart,
            feed: () => undefined,
            deliver: () => must(machine.call(EVENT_FUNCTION)),
        },
        {
            V: ({ bytes }) => void (answer = bytes.toString("latin1")),
            K({ a, bytes }) {
                const result = functions[a]!(...(unpack(bytes.toString("latin1"))[0] as unknown[]))
                const reply = Buffer.from(pack(result, functionId), "latin1")
                device.answer(reply.length)
                device.answerBytes(reply)
            },
        },
    )
    const must = (message: string): void => {
        if (message !== "") throw new Error(`Lua ${options.version}: ${message}`)
    }
    const call = (name: string, values: unknown[]): unknown => {
        const text = [name, ...values].map(value => pack(value, functionId)).join("")
        if (boot.isOver) throw new Error("this core's boot is over: a test can use the last few alone")
        device.event("k", 0, values.length, Buffer.from(text, "latin1"))
        try {
            must(machine.call(EVENT_FUNCTION))
        } catch (error) {
            // What was thrown may have left the machine where nobody can go on.
            boot.isOver = true
            throw error
        }
        return unpack(answer)[0]
    }
    const system = {
        open: (name: string) => (name === SLOT_FILE ? bundleFile(chip) : options.open(name)),
        remove: () => false,
        rename: () => false,
        console: (text: string) => text.split("\n").forEach(line => line !== "" && options.log(line)),
        device: device.file,
    }
    const boot: Boot = { machine: options.createMachine?.(system) ?? machineFor(version, chip, system), isOver: false }
    const { machine } = boot
    if (options.createMachine === undefined) boots.get(`${version} ${chip}`)!.push(boot)
    else loadCore(version, chip, machine)
    call("shim.ports", [options.eraseBytes, options.programBytes])
    const module = (name: string): LuaModule =>
        new Proxy<LuaModule>(
            {},
            {
                get: (own: LuaModule, run: string) => own[run] ?? ((...values: unknown[]) => call(`${name}.${run}`, values)),
            },
        )
    return {
        modules: Object.fromEntries([...Object.keys(MODULES), ...Object.keys(PORTS), "http"].map(name => [name, module(name)])),
        machine,
    }
}
