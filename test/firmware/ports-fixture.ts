// Small pieces of a platform for tests of the agent: a virtual clock, a board that writes down what is asked of it.

import type { Board, Clock } from "../../firmware/ports"

/** A clock that stands still until the test moves it. */
export interface VirtualClock extends Clock {
    /** Lets `ms` pass and runs what is due, in order of time, then of registration. */
    advance(ms: number): void
    /** Timers that wait. */
    pending(): number
}

/** Makes a virtual clock; `startS` is Unix time at the boot, 0 = unknown. */
export function virtualClock(startS: number): VirtualClock {
    const timers = new Map<number, { atMs: number; run: () => void }>()
    let upMs = 0
    let idLast = 0
    const dueFirst = (endMs: number) => {
        let first = 0
        for (const [id, timer] of timers) {
            if (timer.atMs <= endMs && (first === 0 || timer.atMs < timers.get(first)!.atMs)) first = id
        }
        return first
    }
    return {
        nowS: () => (startS === 0 ? 0 : startS + Math.floor(upMs / 1000)),
        upMs: () => upMs,
        after(delayMs, run) {
            if (!(delayMs >= 0 && delayMs < 2 ** 31) || !Number.isInteger(delayMs))
                throw new Error(`delayMs ${delayMs} breaks the contract`)
            idLast += 1
            timers.set(idLast, { atMs: upMs + delayMs, run })
            return idLast
        },
        cancel: id => void timers.delete(id),
        advance(ms) {
            const endMs = upMs + ms
            for (let id = dueFirst(endMs); id !== 0; id = dueFirst(endMs)) {
                const timer = timers.get(id)!
                timers.delete(id)
                upMs = Math.max(upMs, timer.atMs)
                timer.run()
            }
            upMs = endMs
        },
        pending: () => timers.size,
    }
}

/** A board that records. */
export interface RecordingBoard extends Board {
    readonly lines: string[]
    resets: number
    feeds: number
    /** What random() gives next. */
    randomNext: number
}

/** Makes a recording board. */
export function recordingBoard(): RecordingBoard {
    const board: RecordingBoard = {
        lines: [],
        resets: 0,
        feeds: 0,
        randomNext: 0,
        reset: () => void (board.resets += 1),
        watchdog: () => void (board.feeds += 1),
        random: () => board.randomNext,
        log: line => void board.lines.push(line),
    }
    return board
}
