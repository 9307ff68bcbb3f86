// A new image's trial: committed in time or left, and the outcome of the last update turned into a report, once.

import { quarantineAdd, state } from "./agent-state"
import { least } from "./bytes"
import { bootState, commit, revert } from "./commit"
import { TIMEOUT_S_MAX } from "./constants"
import { ports } from "./ports"
import { reportQueue } from "./report"
import { runningImage } from "./running"
import { rSignalSync, rWatch, SIGNAL_COMMIT, SIGNAL_ROLLBACK } from "./signals"
import { STATUS_COMMIT_TIMEOUT, STATUS_OK } from "./status"

let isOn = false
let trialDone: (this: void) => void

/** Whether this is the outcome of the last update, reported already. */
export function outcomeIs(update: string, status: number): boolean {
    return state().reported === update + " " + status
}

function rollbackTell(): void {
    rSignalSync(SIGNAL_ROLLBACK, undefined)
}

/** Turns what the boot record says of the last update into a report, once. */
function outcomeNote(): void {
    const boot = bootState()
    if (boot === undefined || !boot.isCommitted || boot.updateId === "") return
    if (outcomeIs(boot.updateId, boot.lastResult)) return
    state().reported = boot.updateId + " " + boot.lastResult
    if (boot.cameBack) {
        quarantineAdd(boot.updateId)
        reportQueue(boot.updateId, boot.lastResult, "went back to " + runningImage().version)
        // Later: the app, which may want to hear it, starts after the agent.
        ports.clock.after(0, rollbackTell)
    } else reportQueue(boot.updateId, boot.lastResult, "")
}

function trialTimeout(): void {
    if (!isOn) return
    const status = revert(STATUS_COMMIT_TIMEOUT)
    if (status === STATUS_OK) ports.board.reset()
    else ports.board.log("agent: not committed in time, and cannot go back: status " + status)
}

/** The image was committed, by the agent or by the app. */
function trialOver(): void {
    if (!isOn) return
    isOn = false
    ports.board.log("agent: " + runningImage().version + " is committed")
    outcomeNote()
    // Whoever committed may be inside a watcher or a call to the cloud.
    ports.clock.after(0, trialDone)
}

/**
 * Looks at the boot record after a start. An image that is not committed is given its time, then left for the one before
 * (STATUS_COMMIT_TIMEOUT) and the board reset. `done` is called once it is committed, with a report queued.
 */
export function trialStart(done: (this: void) => void): void {
    trialDone = done
    const boot = bootState()
    isOn = boot !== undefined && !boot.isCommitted
    if (boot === undefined || !isOn) return outcomeNote()
    rWatch(SIGNAL_COMMIT, trialOver, undefined)
    ports.board.log("agent: " + runningImage().version + " is on trial for " + boot.commitTimeoutS + " s")
    ports.clock.after(least(boot.commitTimeoutS, TIMEOUT_S_MAX) * 1000, trialTimeout)
}

/** Whether the running image has still to be committed. */
export function trialIsOn(): boolean {
    return isOn
}

/** Commits the running image, if it is on trial. */
export function trialCommit(): void {
    if (!isOn) return
    const status = commit()
    if (status !== STATUS_OK) ports.board.log("agent: commit failed, status " + status)
}
