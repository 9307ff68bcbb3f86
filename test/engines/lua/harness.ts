// The built core on a Lua machine, its functions callable from a test as if they were here.

import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { bundleLua } from "../../../build/lua/compile"
import { projectRoot } from "../../../build/root"
import type { LuaFile } from "../../../host/board/engines/lua/calls"
import { createLuaMachine, type LuaMachine, type LuaSnapshot, type LuaVersion } from "../../../host/board/engines/lua/machine"
import { createModules } from "../../../host/board/engines/lua/modules"
import { EVENT_FUNCTION, preludeOf } from "../../../host/board/engines/lua/prelude"
import type { Clock } from "../../../firmware/ports"
import { pack, unpack, WIRE_LUA } from "./wire"

/** Modules whose functions tests call: name as in test/firmware/core-entry.ts → path. */
const MODULES: Readonly<Record<string, string>> = {
    bootRecord: "firmware/boot-record",
    boot: "firmware/boot",
    calendar: "firmware/calendar",
    commit: "firmware/commit",
    files: "firmware/files",
    filesLog: "firmware/files-log",
    ports: "firmware/ports",
    running: "firmware/running",
    schedule: "firmware/schedule",
    signals: "firmware/signals",
    lms: "firmware/lms",
    updater: "firmware/updater",
    version: "firmware/version",
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
}

function functionsOf(root: string, path: string): string[] {
    const text = readFileSync(resolve(root, `${path}.ts`), "utf8")
    return [...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => name!)
}

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
    return [...imports, "declare const __exports: Record<string, unknown>", install, shim, ...puts].join("\n")
}

let bundle: string | undefined
/** Machines with the core loaded and nothing done yet: to start from there is what makes thousands of boots possible. */
const snapshots = new Map<LuaVersion, LuaSnapshot>()

/** The core with its functions exported, built once. */
export function coreBundle(): string {
    const root = projectRoot()
    const path = resolve(root, "otary-core.ts")
    return (bundle ??= bundleLua({ root, entries: [path], virtual: [{ path, text: entryText(root) }] }, {}))
}

/** Starts a machine with the core on it; RAM is new. */
export function startLuaCore(options: HarnessOptions): LuaCore {
    const functions: ((...values: unknown[]) => unknown)[] = []
    const functionId = (run: (...values: unknown[]) => unknown): number =>
        functions.includes(run) ? functions.indexOf(run) : functions.push(run) - 1
    let answer = ""
    const refuse = (): never => {
        throw new Error("the core's tests use no network")
    }
    const device = createModules(
        {
            clock: options.clock,
            http: { request: refuse, abort: refuse, pause: refuse },
            random: () => 7,
            restart: refuse,
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
        device.event("k", 0, values.length, Buffer.from(text, "latin1"))
        must(machine.call(EVENT_FUNCTION))
        return unpack(answer)[0]
    }
    const system = {
        open: options.open,
        remove: () => false,
        rename: () => false,
        console: (text: string) => text.split("\n").forEach(line => line !== "" && options.log(line)),
        device: device.file,
    }
    const known = snapshots.get(options.version)
    const machine = createLuaMachine(options.version, system, known)
    if (known === undefined) {
        must(machine.run(preludeOf(options.version).replace("os, package", `${WIRE_LUA}\nos, package`)))
        must(machine.run(coreBundle()))
        snapshots.set(options.version, machine.snapshot())
    }
    call("shim.ports", [options.eraseBytes, options.programBytes])
    const module = (name: string): LuaModule =>
        new Proxy(
            {},
            {
                get:
                    (_, run: string) =>
                    (...values: unknown[]) =>
                        call(`${name}.${run}`, values),
            },
        )
    return { modules: Object.fromEntries(Object.keys(MODULES).map(name => [name, module(name)])), machine }
}
