// Time on a host board: the real clock, and one that tests turn by hand.

import type { Clock } from "../../firmware/ports"

/** A clock whose timers die with the board. */
export interface HostClock extends Clock {
    /** Takes every timer back. */
    stop(this: void): void
}

/** A clock that stands still until it is told to advance. */
export interface VirtualClock extends HostClock {
    /** Lets `ms` (>= 0) pass: runs what is due in the order of time, then of registration, timers set meanwhile included. */
    advance(this: void, ms: number): void
    /** Milliseconds until the next timer is due; -1 when there is none. */
    nextMs(this: void): number
    /** Number of timers that wait. */
    pending(this: void): number
}

/** What the port promises: upMs and delays stay below 2^31. */
const MS_LIMIT = 0x80000000
/** Most timers that one virtual advance runs: a board that sets timers of 0 ms for ever is a bug, not a long test. */
const RUNS_MAX = 10_000_000

function checkDelay(delayMs: number): void {
    if (Number.isInteger(delayMs) && delayMs >= 0 && delayMs < MS_LIMIT) return
    throw new RangeError(`clock: a delay of ${delayMs} ms is not a whole number of 0 to 2^31-1`)
}

/** The time of the host. A timer that waits keeps the process alive. */
export function createRealClock(): HostClock {
    const bootMs = performance.now()
    const timers = new Map<number, NodeJS.Timeout>()
    let lastId = 0
    return {
        nowS: () => Math.floor(Date.now() / 1000),
        upMs: () => Math.floor(performance.now() - bootMs) % MS_LIMIT,
        after(delayMs, run) {
            checkDelay(delayMs)
            const id = ++lastId
            const fire = (): void => {
                timers.delete(id)
                run()
            }
            timers.set(id, setTimeout(fire, delayMs))
            return id
        },
        cancel(id) {
            clearTimeout(timers.get(id))
            timers.delete(id)
        },
        stop() {
            for (const timer of timers.values()) clearTimeout(timer)
            timers.clear()
        },
    }
}

interface Timer {
    readonly id: number
    readonly dueMs: number
    readonly run: (this: void) => void
}

function isEarlier(a: Timer, b: Timer | undefined): boolean {
    if (b === undefined || a.dueMs < b.dueMs) return true
    return a.dueMs === b.dueMs && a.id < b.id
}

function earliest(timers: Map<number, Timer>): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers.values()) {
        if (isEarlier(timer, first)) first = timer
    }
    return first
}

/** A clock for tests. `startS` is the Unix time of its start in seconds, 0 for a board that does not know the time. */
export function createVirtualClock(startS = 1_750_000_000): VirtualClock {
    const timers = new Map<number, Timer>()
    let lastId = 0
    let elapsedMs = 0
    return {
        nowS: () => (startS === 0 ? 0 : startS + Math.floor(elapsedMs / 1000)),
        upMs: () => elapsedMs % MS_LIMIT,
        after(delayMs, run) {
            checkDelay(delayMs)
            const id = ++lastId
            timers.set(id, { id, dueMs: elapsedMs + delayMs, run })
            return id
        },
        cancel: id => void timers.delete(id),
        stop: () => timers.clear(),
        pending: () => timers.size,
        nextMs() {
            const next = earliest(timers)
            return next === undefined ? -1 : next.dueMs - elapsedMs
        },
        advance(ms) {
            const endMs = elapsedMs + ms
            for (let runs = 0; ; runs++) {
                const next = earliest(timers)
                if (next === undefined || next.dueMs > endMs) break
                if (runs === RUNS_MAX)
                    throw new Error(`clock: ${RUNS_MAX} timers ran within ${ms} ms; one sets itself again without end`)
                timers.delete(next.id)
                elapsedMs = Math.max(elapsedMs, next.dueMs)
                next.run()
            }
            elapsedMs = Math.max(elapsedMs, endMs)
        },
    }
}
