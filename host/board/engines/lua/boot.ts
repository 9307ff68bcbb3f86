// A boot of a Lua board: a fresh machine runs init.lua out of flash, and hears timers and the network until the boot ends.

import { readLoader, type RomBoot, type RomPorts } from "../../boot-rom"
import { BootOver, createSession, type Session } from "../../session"
import type { LuaFile, LuaSystem } from "./calls"
import { CHIPS, type ChipName } from "./chips"
import type { Device } from "./device"
import type { LuaHeap } from "./heap"
import { createLuaMachine, type LuaMachine, type LuaVersion } from "./machine"
import { createModules } from "./modules"
import type { Ota } from "./ota"
import { EVENT_FUNCTION, preludeOf } from "./prelude"
import { createSockets } from "./sockets"

/** What makes the boots of a Lua board. */
export interface LuaBootOptions {
    readonly version: LuaVersion
    /** Opens a file of the board's file system; undefined when there is none of this name. */
    open(this: void, name: string): LuaFile | undefined
    /** Partitions for native firmware; default: none. */
    readonly ota?: Ota | undefined
    /** Default: "esp32". */
    readonly chip?: ChipName
    /** Heap in bytes that the board's code has; default: as much as it wants. */
    readonly heapBytesMax?: number | undefined
    /** The heap of a boot, from its first line of code on. */
    readonly onHeap?: ((this: void, heap: LuaHeap) => void) | undefined
}

/** The system feeds its own watchdog for as long as Lua gives it the time. */
const FEED_MS = 1000
/** What the shim prints for programs: `otary: NAME VALUE`. */
const NOTICE = /^otary: (\S+) ?(.*)$/

/** Cuts what the machine prints into lines; notices go to `notify`. */
function createConsole({ log, notify }: Pick<RomPorts, "log" | "notify">): (text: string) => void {
    let held = ""
    return text => {
        const lines = (held + text).split("\n")
        held = lines.pop()!
        for (const line of lines) {
            const [, name, value = ""] = NOTICE.exec(line) ?? []
            if (name === undefined) log(line)
            else notify(name, /^-?\d+$/.test(value) ? Number(value) : value)
        }
    }
}

/** Files of a board that is still powered; after its end nothing reaches the flash any more. */
function systemOf(rom: RomPorts, open: LuaBootOptions["open"], session: () => Session, device: Device): LuaSystem {
    const whileOn = <T>(run: () => T): T => {
        session().check()
        return run()
    }
    return {
        open: name =>
            whileOn(() => {
                const file = open(name)
                if (file === undefined) return undefined
                return { ...file, write: (offset, source) => whileOn(() => file.write(offset, source)) }
            }),
        remove: () => false,
        rename: () => false,
        console: createConsole(rom),
        device: device.file,
    }
}

/** Throws what a machine says of an error. */
function must(message: string): void {
    if (message === "") return
    const error = new Error(message)
    // Where the host stood says nothing about the board's code.
    error.stack = message
    throw error
}

/** Makes a boot, not started yet. */
export function createLuaBoot(rom: RomPorts, options: LuaBootOptions): RomBoot {
    const { version, chip = "esp32", ota } = options
    let machine: LuaMachine | undefined
    let feedTimer = 0
    let softTimer = 0
    let heap: LuaHeap | undefined
    const session = createSession(rom, rom.clock.upMs(), error => {
        end()
        rom.onPanic(error)
    })
    const sockets = createSockets(run => session.enter(run, undefined))
    const end = (): void => {
        rom.clock.cancel(feedTimer)
        sockets.stop()
        session.end()
        machine = undefined
    }
    const feed = (): void => {
        rom.clock.cancel(feedTimer)
        rom.onWatchdog(CHIPS[chip].watchdogS)
        feedTimer = rom.clock.after(FEED_MS, feed)
    }
    const restart = (): never => {
        end()
        rom.onReset()
        throw new BootOver()
    }
    const device = createModules({
        clock: session.clock,
        http: session.http,
        createMqtt: session.createMqtt,
        uart: session.uart,
        sockets,
        random: rom.random,
        ota,
        feed: () => rom.onWatchdog(CHIPS[chip].watchdogS),
        softWatchdog(timeoutS) {
            session.clock.cancel(softTimer)
            if (timeoutS >= 0) softTimer = session.clock.after(timeoutS * 1000, restart)
        },
        strip: address => heap?.strip(address),
        restart,
        deliver: () => must(machine?.call(EVENT_FUNCTION) ?? ""),
    })
    return {
        start() {
            const loader = readLoader(rom.flash, rom.layout)
            if (loader === "") return false
            const firmware = ota?.boot() ?? ""
            feed()
            session.enter(code => {
                machine = createLuaMachine(
                    version,
                    systemOf(rom, options.open, () => session, device),
                )
                must(machine.run(preludeOf(version, { chip, hasOta: ota !== undefined }), "modules"))
                if (options.heapBytesMax !== undefined) {
                    must(machine.run("collectgarbage() collectgarbage()"))
                    heap = machine.countHeap(options.heapBytesMax)
                    options.onHeap?.(heap)
                }
                must(machine.run(firmware))
                must(machine.run(code, "init.lua"))
            }, loader)
            return true
        },
        end,
    }
}
