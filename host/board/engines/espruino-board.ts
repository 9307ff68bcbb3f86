// An Espruino board: the real Espruino in the board's folder, started anew at every reset. What its console tells becomes messages.

import { createBackoff } from "../backoff"
import type { Board, BoardState, ResetCause } from "../board"
import { runEspruino, type EspruinoRun } from "./espruino-process"

/** What an Espruino board is made of, and who watches it. */
export interface EspruinoBoardOptions {
    /** Holds espruino.flash. */
    readonly folder: string
    /** Path of Espruino for Linux. */
    readonly binary: string
    readonly log: (this: void, line: string) => void
    readonly notify: (this: void, name: string, value: string | number) => void
    readonly onBoot: (this: void, cause: ResetCause) => void
    readonly onReset: (this: void, cause: ResetCause, delayMs: number) => void
    /** The watchdog was armed or fed: `timeoutS` > 0; 0 after a reset. */
    readonly onWatchdog: (this: void, timeoutS: number) => void
}

/** Shortest time between a reset and the next boot. */
const RESET_MS = 10
/** Begins the lines that are not for people. */
const TOLD = "\x01"

/**
 * `.bootPowerOn` of an emulated board, which runs before everything else: Espruino for Linux has no watchdog, so its calls are
 * told to the supervisor, which is one; and the image's signals are told to whoever watches.
 */
export const ESPRUINO_HOOKS = [
    `E.enableWatchdog=function(s){global.otaryWatchdogS=s;print("\\x01w"+s)}`,
    `E.kickWatchdog=function(){print("\\x01w"+otaryWatchdogS)}`,
    `global.otaryNotify=function(n,v){print("\\x01e"+JSON.stringify([n,v]))}`,
].join(";")

/** A line for programs, taken apart. Returns whether it was one. */
function takeTold(line: string, options: EspruinoBoardOptions): boolean {
    const at = line.indexOf(TOLD)
    if (at < 0) return false
    const text = line.slice(at + 2)
    if (line[at + 1] === "w") options.onWatchdog(Number(text) || 0)
    if (line[at + 1] === "e") {
        const [name, value] = JSON.parse(text) as [string, string | number]
        options.notify(name, value)
    }
    return true
}

/** Creates a board, switched off. */
export function createEspruinoBoard(options: EspruinoBoardOptions): Board {
    const backoff = createBackoff(RESET_MS)
    let state: BoardState = "off"
    let run: EspruinoRun | undefined
    let timer: NodeJS.Timeout | undefined
    let boots = 0

    const start = (cause: ResetCause): void => {
        const startMs = performance.now()
        let next: ResetCause = "software"
        boots += 1
        state = "running"
        options.onBoot(cause)
        const own = runEspruino(options.binary, ["-e", ""], options.folder, line => {
            if (takeTold(line, options)) return
            if (line.startsWith("panic: ")) next = "panic"
            options.log(line)
        })
        run = own
        void own.ended.then(status => {
            if (run !== own) return
            options.onWatchdog(0)
            // Status 1 is E.reboot; 0 is a board with nothing left to do, not even a timer.
            if (status === 0) {
                state = "halted"
                return options.log("halted: nothing runs any more")
            }
            state = "resetting"
            const delayMs = backoff.next(performance.now() - startMs)
            timer = setTimeout(() => start(next), delayMs)
            options.log(`reset (${next})`)
            options.onReset(next, delayMs)
        })
    }
    const stop = (): void => {
        clearTimeout(timer)
        run?.kill()
        run = undefined
        state = "off"
    }
    return {
        powerOn(cause = "power") {
            if (state === "off") start(cause)
        },
        powerOff() {
            stop()
            backoff.clear()
        },
        reset() {
            if (state === "off") return
            const old = run
            stop()
            void (old?.ended ?? Promise.resolve(0)).then(() => {
                if (state === "off" && run === undefined) start("software")
            })
        },
        state: () => state,
        boots: () => boots,
    }
}
