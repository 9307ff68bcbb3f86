// A boot of a Lua board: a fresh machine runs init.lua out of flash, and hears timers and the network until the boot ends.

import { readLoader, type RomBoot, type RomPorts } from "../../boot-rom"
import { BootOver, createSession, type Session } from "../../session"
import type { LuaFile, LuaSystem } from "./calls"
import type { Device } from "./device"
import { createLuaMachine, type LuaMachine, type LuaVersion } from "./machine"
import { createModules } from "./modules"
import type { Ota } from "./ota"
import { EVENT_FUNCTION, preludeOf } from "./prelude"

/** What makes the boots of a Lua board. */
export interface LuaBootOptions {
    readonly version: LuaVersion
    /** Opens a file of the board's file system; undefined when there is none of this name. */
    open(this: void, name: string): LuaFile | undefined
    /** Partitions for native firmware; default: none. */
    readonly ota?: Ota | undefined
}

/** The chip's own watchdog: the system feeds it for as long as Lua gives it the time (ESP-IDF's default timeout). */
const TASK_WATCHDOG_S = 5
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

/** Makes a boot, not started yet. */
export function createLuaBoot(rom: RomPorts, options: LuaBootOptions): RomBoot {
    let machine: LuaMachine | undefined
    let feedTimer = 0
    const session = createSession(rom, rom.clock.upMs(), error => {
        end()
        rom.onPanic(error)
    })
    const end = (): void => {
        rom.clock.cancel(feedTimer)
        session.end()
        machine = undefined
    }
    const must = (message: string): void => {
        if (message === "") return
        const error = new Error(message)
        // Where the host stood says nothing about the board's code.
        error.stack = message
        throw error
    }
    const feed = (): void => {
        rom.clock.cancel(feedTimer)
        rom.onWatchdog(TASK_WATCHDOG_S)
        feedTimer = rom.clock.after(FEED_MS, feed)
    }
    const device = createModules({
        clock: session.clock,
        http: session.http,
        createMqtt: session.createMqtt,
        uart: session.uart,
        random: rom.random,
        ota: options.ota,
        feed: () => rom.onWatchdog(TASK_WATCHDOG_S),
        restart() {
            end()
            rom.onReset()
            throw new BootOver()
        },
        deliver: () => must(machine?.call(EVENT_FUNCTION) ?? ""),
    })
    return {
        start() {
            const loader = readLoader(rom.flash, rom.layout)
            if (loader === "") return false
            const firmware = options.ota?.boot() ?? ""
            feed()
            session.enter(code => {
                machine = createLuaMachine(
                    options.version,
                    systemOf(rom, options.open, () => session, device),
                )
                must(machine.run(preludeOf(options.version, options.ota !== undefined)))
                must(machine.run(firmware))
                must(machine.run(code))
            }, loader)
            return true
        },
        end,
    }
}
