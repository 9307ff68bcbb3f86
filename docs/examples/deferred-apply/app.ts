// Does a job that must not be interrupted: an update waits until the job is done, but for an hour at most.

import { after, log, rWatch, SIGNAL_UPDATE, updateApply, updateWait, version } from "otary"

/** Longest time that the job may hold an update back. */
const HOLD_S_MAX = 3600
const JOB_MS = 2000
const REST_MS = 500

let isWorking = false
let isReady = false

function rest(): void {
    isWorking = false
    log("job: done")
    if (isReady) updateApply()
    else after(REST_MS, work)
}

function work(): void {
    isWorking = true
    after(JOB_MS, rest)
}

// An update is in flash and verified. Between two jobs it is applied at once.
function hold(): void {
    isReady = true
    if (!isWorking) return
    log("job: the update waits")
    updateWait(HOLD_S_MAX)
}

rWatch(SIGNAL_UPDATE, hold, undefined)
log("deferred " + version())
work()
