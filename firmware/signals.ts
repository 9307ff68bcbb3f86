// Named signals and their watchers, as in Ioto's rWatch family: fixed tables, called in the order of registration.

import { SIGNALS_QUEUED_MAX, WATCHERS_MAX } from "./constants"
import { ports } from "./ports"

/** A check-in reached the cloud. Argument: none. */
export const SIGNAL_CHECKIN = "device:checkin"
/** An image is in flash, whole and verified. Argument: {version, update}. The watcher may put its apply off. */
export const SIGNAL_UPDATE = "device:update"
/** The download went on. Argument: percent of the image, 0–100. */
export const SIGNAL_PROGRESS = "device:progress"
/** The running image was committed. Argument: none. */
export const SIGNAL_COMMIT = "device:commit"
/** The board came back from an image that failed. Argument: none. */
export const SIGNAL_ROLLBACK = "device:rollback"
/** Something failed. Argument: {status}. */
export const SIGNAL_ERROR = "device:error"

/** A watcher: gets the `data` that it was registered with, and the signal's argument if it has one. */
export type SignalProc = (this: void, data: unknown, arg?: unknown) => void

// Watchers in the order of registration. A serial number names a watcher for ever, its index only until one is taken out.
const watchNames: string[] = []
const watchProcs: SignalProc[] = []
const watchData: unknown[] = []
const watchSerials: number[] = []
let watchCount = 0
let serialNext = 1

// Serials of the watchers whose calls are queued, as a ring.
const queue: number[] = []
let queueHead = 0
let queueCount = 0

/**
 * Index of the first watcher of `name` registered after `serial`, or -1.
 * @hot
 */
function watcherAfter(name: string, serial: number): number {
    for (let index = 0; index < watchCount; index += 1) {
        if (watchSerials[index] > serial && watchNames[index] === name) return index
    }
    return -1
}

function watcherFind(name: string, proc: SignalProc, data: unknown): number {
    for (let index = 0; index < watchCount; index += 1) {
        if (watchNames[index] === name && watchProcs[index] === proc && watchData[index] === data) return index
    }
    return -1
}

/**
 * Has `proc(data, arg)` called whenever `name` is signalled. The same name, proc and data are held once.
 * Returns false when the table is full (WATCHERS_MAX); the watcher is not held then.
 */
export function rWatch(name: string, proc: SignalProc, data: unknown): boolean {
    if (watcherFind(name, proc, data) >= 0) return true
    if (watchCount >= WATCHERS_MAX) {
        ports.board.log("signals: no room for a watcher of " + name + "; take one off with rWatchOff first")
        return false
    }
    watchNames[watchCount] = name
    watchProcs[watchCount] = proc
    watchData[watchCount] = data
    watchSerials[watchCount] = serialNext
    watchCount += 1
    serialNext += 1
    return true
}

/** Takes a watcher off; name, proc and data must match. None that matches is no error. Its queued calls are dropped. */
export function rWatchOff(name: string, proc: SignalProc, data: unknown): void {
    const found = watcherFind(name, proc, data)
    if (found < 0) return
    watchCount -= 1
    for (let index = found; index < watchCount; index += 1) {
        watchNames[index] = watchNames[index + 1]
        watchProcs[index] = watchProcs[index + 1]
        watchData[index] = watchData[index + 1]
        watchSerials[index] = watchSerials[index + 1]
    }
    watchData[watchCount] = undefined
}

/**
 * Calls every watcher of `name` at once, with `arg`. One that is registered meanwhile is not called; one that is taken off
 * meanwhile is not called any more, and no other is skipped.
 * @hot
 */
export function rSignalSync(name: string, arg: unknown): void {
    const serialEnd = serialNext
    let index = watcherAfter(name, 0)
    while (index >= 0 && watchSerials[index] < serialEnd) {
        const serial = watchSerials[index]
        const proc = watchProcs[index]
        proc(watchData[index], arg)
        index = watcherAfter(name, serial)
    }
}

function queuedRun(): void {
    const serial = queue[queueHead]
    queueHead = (queueHead + 1) % SIGNALS_QUEUED_MAX
    queueCount -= 1
    for (let index = 0; index < watchCount; index += 1) {
        if (watchSerials[index] === serial) {
            const proc = watchProcs[index]
            proc(watchData[index])
            return
        }
    }
}

/**
 * Queues one call, without argument, for each watcher of `name` that is registered now.
 * Returns false, and queues none, when the queue lacks room for all of them (SIGNALS_QUEUED_MAX).
 */
export function rSignal(name: string): boolean {
    let wanted = 0
    let index = watcherAfter(name, 0)
    while (index >= 0) {
        wanted += 1
        index = watcherAfter(name, watchSerials[index])
    }
    if (queueCount + wanted > SIGNALS_QUEUED_MAX) {
        ports.board.log("signals: no room to queue " + name + "; it is dropped")
        return false
    }
    index = watcherAfter(name, 0)
    while (index >= 0) {
        queue[(queueHead + queueCount) % SIGNALS_QUEUED_MAX] = watchSerials[index]
        queueCount += 1
        ports.clock.after(0, queuedRun)
        index = watcherAfter(name, watchSerials[index])
    }
    return true
}
