// The agent: keeps the board alive, commits a good image and leaves a bad one, and checks in for updates when it is time.

import { quarantineAdd, quarantineHas, state, stateCheckedIn, stateLoad, stateSave } from "./agent-state"
import { applyReady } from "./apply-window"
import { attemptBegin, attemptEnd, attemptMayGoOn, attemptRest } from "./attempts"
import { checkinOffer, checkinSend, cloudToken, registerSend, type Offer } from "./checkin"
import { planCancel, planFirst, planIn, planNext, planRetry } from "./checkin-time"
import { WATCHDOG_FEED_MS, WATCHDOG_TIMEOUT_S } from "./constants"
import { downloadPlace, downloadStart } from "./download"
import { ports } from "./ports"
import { reportIsFresh, reportQueue, reportSend } from "./report"
import { runningProductInstall } from "./running"
import { deviceProperties, settings, settingsLoad, textIn } from "./settings"
import { rSignal, rSignalSync, SIGNAL_CHECKIN, SIGNAL_ERROR } from "./signals"
import * as status from "./status"
import { outcomeIs, trialCommit, trialIsOn, trialStart } from "./trial"
import { updaterAbort, updaterContextCreate, updaterIsBusy, updaterResumeOffset, updaterSame, updaterVersion } from "./updater"

// What the packer builds into every image.
declare const __OTARY_CONFIG__: unknown
declare const __OTARY_DEVICE__: unknown

/** Whether a check-in, and what follows from it, is under way. */
let isBusy = false
/** Whether the cloud has refused the device: no more check-ins until the next start. */
let isStopped = false
/** Whether the last answer named an update, but not in a way that can be used. */
let offerIsBad = false
/** The cloud's id of the update that is downloaded, or ready. */
let update = ""

function errorNote(code: number, what: string): void {
    ports.board.log("agent: " + what + ", status " + code)
    rSignalSync(SIGNAL_ERROR, { status: code })
}

/**
 * Whether the same image would fail again. It may not where network or flash failed, where the files may be fewer next time, and
 * where another version may run by then.
 */
function isLasting(code: number): boolean {
    if (code > status.STATUS_ZIP_FORMAT || code === status.STATUS_REQUIRES || code === status.STATUS_DELTA_BASE) return false
    if (code === status.STATUS_FLASH || code === status.STATUS_NO_BOOT_RECORD || code === status.STATUS_FILES_FULL) return false
    return code > status.STATUS_NET || code <= status.STATUS_SKIPPED_BY_APP
}

function updateFailed(code: number, message: string): void {
    attemptEnd()
    if (isLasting(code)) quarantineAdd(update)
    reportQueue(update, code, message)
    errorNote(code, "update " + update + " failed: " + message)
}

/** An image that was ready is not applied after all. */
function applyFailed(code: number): void {
    updateFailed(code, "not applied")
    reportNow()
}

/**
 * A delta that does not do is no reason to give the update up: the full image is fetched instead. One that is broken is not tried again;
 * another base may run next time.
 */
function fallBack(code: number): boolean {
    const offer = checkinOffer()
    if (offer.fullUrl === "" || (code !== status.STATUS_DELTA_BASE && !isLasting(code))) return false
    if (code !== status.STATUS_DELTA_BASE && offer.checksum !== "") {
        quarantineAdd(offer.checksum)
        stateSave()
    }
    ports.board.log("agent: delta of update " + offer.update + " failed, status " + code + ": fetching the full image")
    offerTakeFull(offer)
    updateStart(offer)
    return true
}

function offerTakeFull(offer: Offer): void {
    offer.url = offer.fullUrl
    offer.checksum = offer.fullChecksum
    offer.fullUrl = ""
}

function downloadDone(code: number): void {
    if (code < 0 && fallBack(code)) return
    if (code < 0) updateFailed(code, downloadPlace())
    else if (updaterSame()) {
        updaterAbort()
        attemptRest()
        answerOnce(update, status.STATUS_OK, "is running already")
    } else applyReady(updaterVersion(), update, checkinOffer().checksum, applyFailed)
    cycleEnd()
}

/** Reports on an offer that is not applied. Offered again, it has its report already; and a report that waits says more than this one. */
function answerOnce(offered: string, code: number, message: string): void {
    if (state().answered === offered || state().report !== undefined || outcomeIs(offered, code)) return
    state().answered = offered
    reportQueue(offered, code, message)
}

function offerTake(): void {
    const offer = checkinOffer()
    if (offer.update === "" || updaterIsBusy()) return cycleEnd()
    if (trialIsOn()) {
        ports.board.log("agent: update " + offer.update + " must wait until the running image is committed")
        return cycleEnd()
    }
    if (quarantineHas(offer.update)) {
        answerOnce(offer.update, status.STATUS_QUARANTINED, "failed on this board before")
        return cycleEnd()
    }
    update = offer.update
    if (offer.fullUrl !== "" && quarantineHas(offer.checksum)) offerTakeFull(offer)
    updateStart(offer)
}

function updateStart(offer: Offer): void {
    let code = offerIsBad ? status.STATUS_ANSWER : updateBegin(offer)
    let message = "not begun"
    if (code === status.STATUS_OK) {
        const offset = updaterResumeOffset()
        if (attemptMayGoOn(update, offset)) return downloadStart(offer.url, downloadDone)
        code = status.STATUS_RESTARTED
        message = "the board restarted within it again and again, at byte " + offset
        updaterAbort()
    }
    updateFailed(code, message)
    cycleEnd()
}

function updateBegin(offer: Offer): number {
    ports.board.log("agent: update " + offer.update + " to " + offer.version + " from " + offer.url)
    attemptBegin(update)
    return updaterContextCreate({
        identity: offer.checksum !== "" ? offer.checksum : offer.url,
        updateId: offer.update,
        commitTimeoutS: settings().commitTimeoutS,
        sizeBytes: 0,
        ignoreSameVersion: false,
    })
}

// ---- one check-in, step by step ----------------------------------------------------------------

/** Ends the cycle: what came up in it is reported, then the next one is planned. */
function cycleEnd(): void {
    if (reportIsFresh()) return reportSend(cycleEnd)
    isBusy = false
    if (state().report !== undefined) planRetry()
    else planNext()
}

function reportNowDone(): void {
    isBusy = false
}

/** Sends a report between two check-ins. Where that is not possible, the next one takes it along. */
function reportNow(): void {
    if (isBusy || isStopped || !settings().isEnabled || cloudToken() === "") return
    isBusy = true
    reportSend(reportNowDone)
}

function checkinFailed(code: number, what: string): void {
    errorNote(code, what)
    isBusy = false
    if (!isStopped) planRetry()
}

function checkinDone(code: number): void {
    offerIsBad = code < 0
    // A bad offer is a check-in all the same; it is refused further on.
    if (code < 0 && checkinOffer().update === "") return checkinFailed(code, "check-in failed")
    stateCheckedIn(ports.clock.nowS())
    rSignal(SIGNAL_CHECKIN)
    if (!settings().isCommittedByApp) trialCommit()
    // The outcome of the last update goes first: a download can take hours.
    reportSend(offerTake)
}

function checkinBegin(): void {
    checkinSend(checkinDone)
}

function registerDone(code: number): void {
    if (code === status.STATUS_OK) return reportSend(checkinBegin)
    if (code === status.STATUS_UNAUTHORIZED) isStopped = true
    if (code < 0) return checkinFailed(code, isStopped ? "the cloud refuses this device" : "registration failed")
    ports.board.log("agent: registered, and waits to be claimed")
    isBusy = false
    planRetry()
}

/**
 * Checks in now, schedule or not, and plans the next check-in afterwards.
 * Returns STATUS_OK, STATUS_BUSY while a check-in or download is under way, or STATUS_UNAUTHORIZED when there is no cloud to ask.
 */
export function checkinNow(): number {
    if (isBusy) return status.STATUS_BUSY
    if (!settings().isEnabled || isStopped) return status.STATUS_UNAUTHORIZED
    planCancel()
    isBusy = true
    if (cloudToken() === "") {
        const code = registerSend(registerDone)
        if (code !== status.STATUS_OK) checkinFailed(code, "no product to register with, and no token")
    } else reportSend(checkinBegin)
    return status.STATUS_OK
}

function checkinDue(): void {
    // Only a report that goes out on its own can be in the way, and not for long.
    if (checkinNow() === status.STATUS_BUSY) planIn(1)
}

// ---- start -------------------------------------------------------------------------------------

function watchdogFeed(): void {
    ports.board.watchdog(WATCHDOG_TIMEOUT_S)
    ports.clock.after(WATCHDOG_FEED_MS, watchdogFeed)
}

/**
 * Starts the agent; called once per boot, after the platform's ports are installed and before the app.
 * From then on it feeds the watchdog, so an app that blocks for WATCHDOG_TIMEOUT_S resets the board.
 */
export function agentStart(): void {
    watchdogFeed()
    settingsLoad(__OTARY_CONFIG__, __OTARY_DEVICE__)
    runningProductInstall(textIn(deviceProperties(), "product"))
    stateLoad()
    trialStart(reportNow)
    if (settings().isEnabled) return planFirst(checkinDue)
    ports.board.log("agent: no cloud, or update.enable is false: no check-ins")
    // No cloud that it could prove itself to: having run for a while is all that can be asked of it.
    if (!settings().isCommittedByApp) ports.clock.after(settings().firstS * 1000, trialCommit)
}
