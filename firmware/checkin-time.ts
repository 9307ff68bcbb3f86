// When the next check-in is due: period, schedule, jitter, and growing pauses after failures.

import { state } from "./agent-state"
import { least } from "./bytes"
import { CHECKIN_TRIAL_RETRY_S_MAX, TIMEOUT_S_MAX } from "./constants"
import { ports } from "./ports"
import { scheduleNextS } from "./schedule"
import { settings } from "./settings"
import { trialIsOn } from "./trial"

let planRun: (this: void) => void
let hasRun = false
let timer = 0
/** Seconds of the wait beyond the timer that runs. */
let waitS = 0
/** The last pause after a failure; 0 after a success. */
let pauseS = 0

/** Seconds until `delayS` have passed and the schedule allows it, with jitter; -1 when it never does. */
function slotAfter(delayS: number): number {
    const nowS = ports.clock.nowS()
    let wait = delayS
    const slotS = scheduleNextS(settings().schedule, nowS + delayS, settings().utcOffsetMin)
    if (slotS < 0) return -1
    // A board that does not know the time cannot keep to a slot.
    if (nowS !== 0) wait = wait + slotS
    if (wait > 0) wait = wait + (ports.board.random() % (settings().jitterS + 1))
    return wait
}

/** What is left of the period since the last check-in. */
function periodLeftS(): number {
    const nowS = ports.clock.nowS()
    if (nowS === 0) return hasRun ? settings().periodS : 0
    if (state().lastS === 0 || state().lastS > nowS) return 0
    const passedS = nowS - state().lastS
    return passedS >= settings().periodS ? 0 : settings().periodS - passedS
}

/** Waits `waitS` in steps that a timer can hold. */
function waitStep(): void {
    const stepS = least(waitS, TIMEOUT_S_MAX)
    waitS -= stepS
    timer = ports.clock.after(stepS * 1000, waitS > 0 ? waitStep : planRun)
}

/** Plans the next check-in in `seconds`, in place of any that is planned; never when negative. */
export function planIn(seconds: number): void {
    ports.clock.cancel(timer)
    if (seconds < 0) return
    waitS = seconds
    waitStep()
}

function planPeriod(): void {
    planIn(slotAfter(periodLeftS()))
}

/** Plans the check-in after one that went well. */
export function planNext(): void {
    hasRun = true
    pauseS = 0
    planPeriod()
}

/** Plans the check-in after one that failed: the pause doubles each time, up to the period, and stays short during a trial. */
export function planRetry(): void {
    pauseS = least(pauseS === 0 ? settings().retryS : pauseS * 2, settings().periodS)
    if (trialIsOn()) planIn(least(pauseS, CHECKIN_TRIAL_RETRY_S_MAX))
    else planIn(slotAfter(pauseS))
}

/**
 * Plans the first check-in after a start; `run` is called whenever one is due. An image on trial checks in soon, so that it is
 * committed in time, but not at once: what crashes in its first seconds must not be committed. A report that waits goes out after
 * `first` seconds; otherwise the period and the schedule count from then on.
 */
export function planFirst(run: (this: void) => void): void {
    planRun = run
    const firstS = settings().firstS
    if (trialIsOn()) {
        const jitterS = least(settings().jitterS, CHECKIN_TRIAL_RETRY_S_MAX)
        planIn(least(firstS, CHECKIN_TRIAL_RETRY_S_MAX) + (ports.board.random() % (jitterS + 1)))
    } else if (state().report !== undefined) planIn(firstS)
    else timer = ports.clock.after(firstS * 1000, planPeriod)
}

/** Takes back the check-in that is planned. */
export function planCancel(): void {
    ports.clock.cancel(timer)
}
