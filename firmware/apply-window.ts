// Between a verified image and its first boot: the app may ask to wait, agree or refuse, and the apply window decides when.

import { attemptRest } from "./attempts"
import { APPLY_WAIT_S_MAX, TIMEOUT_S_MAX } from "./constants"
import { least } from "./bytes"
import { elapsedMs } from "./elapsed"
import { ports } from "./ports"
import { scheduleNextS } from "./schedule"
import { settings } from "./settings"
import { rSignalSync, SIGNAL_UPDATE } from "./signals"
import { STATUS_ARGUMENT, STATUS_BUSY, STATUS_NO_UPDATE, STATUS_OK, STATUS_SKIPPED_BY_APP } from "./status"
import { updaterAbort, updaterFinish } from "./updater"

/** Hears why an update was not applied; after success the board is reset instead. */
export type ApplyFailed = (this: void, status: number) => void

const PHASE_NONE = 0
/** Verified, and waiting for app and window. */
const PHASE_READY = 1
/** On its way: nothing stops it any more. */
const PHASE_APPLYING = 2

let phase = PHASE_NONE
let checksum = ""
let applyFailed: ApplyFailed
let timer = 0
let readyMs = 0
let isDecided = false

function applyEnd(status: number): void {
    updaterAbort()
    phase = PHASE_NONE
    applyFailed(status)
}

function applyFlip(scriptStatus: number): void {
    if (scriptStatus < 0) return applyEnd(scriptStatus)
    const status = updaterFinish()
    if (status !== STATUS_OK) return applyEnd(status)
    ports.board.log("update: applied, restarting")
    ports.board.reset()
}

function applyRun(): void {
    phase = PHASE_APPLYING
    if (ports.imageFile === undefined) applyFlip(STATUS_OK)
    else ports.imageFile.run(checksum, applyFlip)
}

function applySkip(): void {
    applyEnd(STATUS_SKIPPED_BY_APP)
}

/** Applies now if the window is open, else looks again when it opens, or after a day of waiting for it. */
function windowWait(): void {
    const nowS = ports.clock.nowS()
    // A board that does not know the time cannot keep to a window of hours; one that never applies by itself still does not.
    let nextS = scheduleNextS(settings().apply, nowS, settings().utcOffsetMin)
    if (nowS === 0 && nextS > 0) nextS = 0
    if (nextS === 0) return applyRun()
    attemptRest()
    if (nextS < 0) return ports.board.log("update: ready; the app must apply it, update.apply has no window")
    timer = ports.clock.after(least(nextS, TIMEOUT_S_MAX) * 1000, windowWait)
}

function decide(delayMs: number, run: (this: void) => void): void {
    isDecided = true
    ports.clock.cancel(timer)
    timer = ports.clock.after(delayMs, run)
}

/** A verified image: tells the app (SIGNAL_UPDATE), and unless the app asked to wait, applies it in the window. */
export function applyReady(version: string, update: string, imageChecksum: string, failed: ApplyFailed): void {
    phase = PHASE_READY
    checksum = imageChecksum
    applyFailed = failed
    readyMs = ports.clock.upMs()
    isDecided = false
    ports.board.log("update: " + version + " is ready")
    rSignalSync(SIGNAL_UPDATE, { version, update })
    if (!isDecided) decide(0, windowWait)
}

/**
 * The app asks to put the update off for `seconds` from now (1 – APPLY_WAIT_S_MAX); may be called again. Then the window decides.
 * Returns STATUS_OK (the wait ends APPLY_WAIT_S_MAX after the image was ready at the latest), STATUS_BUSY when that time is over,
 * STATUS_NO_UPDATE or STATUS_ARGUMENT.
 */
export function updateWait(seconds: number): number {
    if (phase !== PHASE_READY) return STATUS_NO_UPDATE
    if (seconds < 1 || seconds > APPLY_WAIT_S_MAX || seconds % 1 !== 0) return STATUS_ARGUMENT
    const leftMs = APPLY_WAIT_S_MAX * 1000 - elapsedMs(readyMs)
    if (leftMs <= 0) return STATUS_BUSY
    attemptRest()
    decide(least(seconds * 1000, leftMs), windowWait)
    return STATUS_OK
}

/** The app agrees: the update is applied at once, window or not. Returns STATUS_OK or STATUS_NO_UPDATE. */
export function updateApply(): number {
    if (phase !== PHASE_READY) return STATUS_NO_UPDATE
    decide(0, applyRun)
    return STATUS_OK
}

/** The app refuses the update; the cloud hears STATUS_SKIPPED_BY_APP. Returns STATUS_OK or STATUS_NO_UPDATE. */
export function updateSkip(): number {
    if (phase !== PHASE_READY) return STATUS_NO_UPDATE
    decide(0, applySkip)
    return STATUS_OK
}
