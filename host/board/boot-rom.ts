// The boot ROM: evaluates the boot loader out of flash, in a context of its own that knows nothing but the hardware.

import { format } from "node:util"
import { createContext, runInContext } from "node:vm"
import { BLOCK_BYTES } from "../../firmware/constants"
import type { Bytes, Clock } from "../../firmware/ports"
import type { Flash, FlashLayout, Hardware, Start } from "../../shims/host/hardware"
import { ecdsaVerify } from "../../shims/host/ecdsa"
import { sha256 } from "../../shims/host/stage"
import { BootOver, createSession } from "./session"
import type { Session, SessionPorts } from "./session"

/** What the ROM connects with the code that it evaluates. */
export interface RomPorts extends SessionPorts {
    readonly flash: Flash
    readonly layout: FlashLayout
    random(this: void): number
    log(this: void, line: string): void
    notify(this: void, name: string, value: string | number): void
    /** The running code asks for a reset; the ROM has ended its boot. */
    onReset(this: void): void
    /** An exception came out of the running code; the ROM has ended its boot. */
    onPanic(this: void, error: unknown): void
    /** The running code arms or feeds the watchdog. */
    onWatchdog(this: void, timeoutS: number): void
}

/** Bytes of the length ahead of the loader's code in the region `loader`: little-endian. */
export const LOADER_HEAD_BYTES = 4
/** Longest line on a board's console, in characters; what is longer is cut. */
export const LOG_LINE_CHARS_MAX = 1000
/** Longest time that the watchdog takes. */
const WATCHDOG_S_MAX = 86400

/** The loader's code in flash; "" when there is none. */
export function readLoader(flash: Flash, layout: FlashLayout): string {
    const { offsetBytes, sizeBytes } = layout.loader
    const head = Buffer.from(flash.read(offsetBytes, LOADER_HEAD_BYTES), "latin1")
    if (head.length < LOADER_HEAD_BYTES) return ""
    const lengthBytes = head.readUInt32LE(0)
    // Erased flash reads as a length far beyond the region.
    if (lengthBytes > sizeBytes - LOADER_HEAD_BYTES) return ""
    return flash.read(offsetBytes + LOADER_HEAD_BYTES, lengthBytes)
}

/** The bytes of the region `loader` for this code, unpadded. */
export function encodeLoader(code: Bytes): Bytes {
    const head = Buffer.alloc(LOADER_HEAD_BYTES)
    head.writeUInt32LE(code.length)
    return head.toString("latin1") + code
}

/** One boot. */
export interface RomBoot {
    /** Evaluates the loader, which calls hardware.run for the slot that it chose. Returns false when flash holds no loader. */
    start(this: void): boolean
    /** Ends it: nothing that it started goes on. */
    end(this: void): void
}

/**
 * Makes a boot, not started yet.
 * Its contexts are apart from one another and from the process by their globals; they are no wall against hostile code.
 */
export function createRomBoot(rom: RomPorts): RomBoot {
    const bootMs = rom.clock.upMs()
    let session: Session | undefined
    const evaluateIn = (name: string, source: string, start: Start | undefined): void => {
        const own = createSession(rom, bootMs, error => {
            own.end()
            rom.onPanic(error)
        })
        session = own
        const run: Hardware["run"] = (address, lengthBytes, handed) => {
            own.check()
            const slot = rom.flash.read(address, lengthBytes)
            own.end()
            evaluateIn(`app-${address}.js`, slot, { ...handed })
            throw new BootOver()
        }
        const hardware = createHardware(rom, own, start === undefined ? run : refuseRun, start)
        own.enter(evaluate, { name, source, globals: createGlobals(hardware) })
    }
    return {
        start() {
            const code = readLoader(rom.flash, rom.layout)
            if (code === "") return false
            scrambleRam(rom.flash)
            evaluateIn("loader.js", code, undefined)
            return true
        },
        end: () => session?.end(),
    }
}

/** RAM holds nothing of use after a reset; a board that counts on it must be found out. */
function scrambleRam(flash: Flash): void {
    flash.stage.put(0, "\xa5".repeat(BLOCK_BYTES), 0, BLOCK_BYTES)
}

function refuseRun(): void {
    throw new Error("only the boot loader may run a slot")
}

interface Program {
    readonly name: string
    readonly source: string
    readonly globals: object
}

function evaluate({ name, source, globals }: Program): void {
    runInContext(source, createContext(globals, { name }), { filename: name })
}

function createHardware(rom: RomPorts, session: Session, run: Hardware["run"], start: Start | undefined): Hardware {
    const { flash, layout } = rom
    return {
        layout,
        flash: {
            ...flash,
            erase(address) {
                session.check()
                return flash.erase(address)
            },
            program(address, bytes) {
                session.check()
                return flash.program(address, bytes)
            },
            programStaged(address, lengthBytes) {
                session.check()
                return flash.programStaged(address, lengthBytes)
            },
        },
        clock: session.clock,
        http: session.http,
        imageFile: session.imageFile,
        mqtt: session.createMqtt(),
        uart: session.uart,
        sha256,
        ecdsaVerify,
        random: rom.random,
        reset() {
            session.check()
            session.end()
            rom.onReset()
            throw new BootOver()
        },
        watchdog(timeoutS) {
            session.check()
            if (!Number.isInteger(timeoutS) || timeoutS < 1 || timeoutS > WATCHDOG_S_MAX) {
                throw new RangeError(`watchdog: ${timeoutS} is not a number of seconds of 1 to ${WATCHDOG_S_MAX}`)
            }
            rom.onWatchdog(timeoutS)
        },
        log: line => rom.log(String(line).slice(0, LOG_LINE_CHARS_MAX)),
        notify: rom.notify,
        run,
        start,
    }
}

/** What a script finds beside the language itself. */
function createGlobals(hardware: Hardware): object {
    const { clock } = hardware
    const print = (...values: unknown[]): void => hardware.log(format(...values))
    return {
        hardware,
        console: { log: print, info: print, warn: print, error: print },
        setTimeout: (run: () => void, delayMs?: number) => clock.after(wholeMs(delayMs), () => run()),
        clearTimeout: clock.cancel,
        ...createIntervals(clock),
    }
}

function wholeMs(delayMs: number | undefined): number {
    return Math.min(Math.max(Math.floor(Number(delayMs)) || 0, 0), 0x7fffffff)
}

function createIntervals(clock: Clock): object {
    /** Public id → id of the timer that runs next. */
    const timers = new Map<number, number>()
    return {
        setInterval(run: () => void, periodMs?: number): number {
            const delayMs = Math.max(wholeMs(periodMs), 1)
            const tick = (): void => {
                timers.set(id, clock.after(delayMs, tick))
                run()
            }
            const id = clock.after(delayMs, tick)
            timers.set(id, id)
            return id
        },
        clearInterval(id: number): void {
            clock.cancel(timers.get(id) ?? 0)
            timers.delete(id)
        },
    }
}
