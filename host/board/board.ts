// An emulated board: power, reset and watchdog around the boot ROM. Hundreds fit into a process.

import { randomInt } from "node:crypto"
import type { Clock, Http } from "../../firmware/ports"
import type { Flash, FlashLayout } from "../../shims/host/hardware"
import type { HostImageFile } from "../../shims/host/image-file"
import type { HostUart } from "../../shims/host/uart"
import { createBackoff } from "./backoff"
import { createRomBoot, LOG_LINE_CHARS_MAX } from "./boot-rom"
import type { RomBoot, RomPorts } from "./boot-rom"

/** Why a board started. */
export type ResetCause = "power" | "software" | "watchdog" | "panic"

/** Off; running; between two boots; or on, but without a loader in flash. */
export type BoardState = "off" | "running" | "resetting" | "halted"

/** What a board is made of, and who watches it. */
export interface BoardOptions {
    readonly flash: Flash
    readonly layout: FlashLayout
    readonly clock: Clock
    readonly http: Http
    readonly imageFile?: HostImageFile
    readonly uart?: HostUart
    /** Makes a boot of the code in flash; default: the boot ROM that evaluates JavaScript. */
    readonly createBoot?: (this: void, rom: RomPorts) => RomBoot
    /** An integer of 0 to 2^31-1; default: unpredictable. */
    readonly random?: (this: void) => number
    /** A line of the board's console, at most LOG_LINE_CHARS_MAX characters. */
    readonly log?: (this: void, line: string) => void
    /** Something that the running code tells about itself, such as its signals. */
    readonly notify?: (this: void, name: string, value: string | number) => void
    /** The board starts, for the given cause. */
    readonly onBoot?: (this: void, cause: ResetCause) => void
    /** A boot ended by `cause`; the next one follows in `delayMs`. */
    readonly onReset?: (this: void, cause: ResetCause, delayMs: number) => void
    /** An exception came out of the running code. */
    readonly onPanic?: (this: void, error: unknown) => void
    /** The watchdog was armed or fed: `timeoutS` > 0; or it was disarmed by a reset: 0. */
    readonly onWatchdog?: (this: void, timeoutS: number) => void
}

/** A board. */
export interface Board {
    /** Switches it on; one that is on stays as it is. */
    powerOn(this: void, cause?: ResetCause): void
    /** Cuts its power: at once, wherever it stands. */
    powerOff(this: void): void
    /** Presses its reset button. */
    reset(this: void): void
    state(this: void): BoardState
    /** Boots since it was made. */
    boots(this: void): number
}

/** Shortest time between a reset and the next boot. */
const RESET_MS = 10
/** Lines of an exception that reach the console. */
const STACK_LINES_MAX = 6
const RANDOM_LIMIT = 0x80000000

/** The message and the innermost frames of what was thrown: anything, and no instance of this context's Error. */
function describe(error: unknown): string {
    try {
        const stack = (error as { stack?: unknown } | null | undefined)?.stack
        const text = typeof stack === "string" ? stack : String(error)
        return text.split("\n", STACK_LINES_MAX).join("\n").slice(0, LOG_LINE_CHARS_MAX)
    } catch {
        return "an exception that cannot be printed"
    }
}

/** Creates a board, switched off. */
export function createBoard(options: BoardOptions): Board {
    const { clock, createBoot = createRomBoot } = options
    const backoff = createBackoff(RESET_MS)
    const log = options.log ?? (() => undefined)
    let state: BoardState = "off"
    let boot: RomBoot | undefined
    let boots = 0
    let bootMs = 0
    let bootTimer = 0
    let watchdogTimer = 0

    const endBoot = (): void => {
        boot?.end()
        boot = undefined
        clock.cancel(bootTimer)
        clock.cancel(watchdogTimer)
        options.onWatchdog?.(0)
    }
    const reset = (cause: ResetCause): void => {
        if (state === "off") return
        endBoot()
        state = "resetting"
        const delayMs = backoff.next(clock.upMs() - bootMs)
        bootTimer = clock.after(delayMs, () => start(cause))
        log(`reset (${cause})`)
        options.onReset?.(cause, delayMs)
    }
    const watchdog = (timeoutS: number): void => {
        clock.cancel(watchdogTimer)
        watchdogTimer = clock.after(timeoutS * 1000, () => reset("watchdog"))
        options.onWatchdog?.(timeoutS)
    }
    const start = (cause: ResetCause): void => {
        boots += 1
        bootMs = clock.upMs()
        state = "running"
        options.onBoot?.(cause)
        boot = createBoot({
            ...options,
            log,
            random: options.random ?? (() => randomInt(RANDOM_LIMIT)),
            notify: options.notify ?? (() => undefined),
            onReset: () => reset("software"),
            onPanic(error) {
                log(`panic: ${describe(error)}`)
                options.onPanic?.(error)
                reset("panic")
            },
            onWatchdog: watchdog,
        })
        if (boot.start()) return
        state = "halted"
        log("halted: no boot loader in flash")
    }
    return {
        powerOn(cause = "power") {
            if (state === "off") start(cause)
        },
        powerOff() {
            endBoot()
            state = "off"
            backoff.clear()
        },
        reset: () => reset("software"),
        state: () => state,
        boots: () => boots,
    }
}
