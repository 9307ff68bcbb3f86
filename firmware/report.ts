// How an update went, told to the cloud: kept in flash until the cloud has taken it, and told once.

import { state, stateSave } from "./agent-state"
import { apiPost } from "./api-call"
import { cloudToken, cloudUrl, deviceId } from "./checkin"
import { ports } from "./ports"
import { runningImage } from "./running"
import { STATUS_HTTP_STATUS, STATUS_OK } from "./status"

/** Hears whether the cloud has the report: STATUS_OK also when there was none, or when the cloud does not want it. */
export type ReportDone = (this: void, status: number) => void

let reportDone: ReportDone
let isFresh = false

/** Queues the outcome of an update. One report waits at most; a newer one takes its place. */
export function reportQueue(update: string, status: number, message: string): void {
    state().report = { update, status, message }
    isFresh = true
    stateSave()
}

/** Whether a report waits that has not been sent once since it was queued. */
export function reportIsFresh(): boolean {
    return isFresh
}

/** Whether an answer means that sending the same again would change nothing (unknown update, malformed for this cloud). */
function isFinal(statusCode: number): boolean {
    if (statusCode === 401 || statusCode === 403 || statusCode === 408 || statusCode === 429) return false
    return statusCode >= 400 && statusCode < 500
}

function reportAnswered(status: number, statusCode: number): void {
    if (status !== STATUS_OK) return reportDone(status)
    if (statusCode !== 200 && !isFinal(statusCode)) return reportDone(STATUS_HTTP_STATUS)
    if (statusCode !== 200) ports.board.log("report: the cloud does not take it, HTTP status " + statusCode)
    state().report = undefined
    stateSave()
    reportDone(STATUS_OK)
}

/**
 * Sends the report that waits, if any: POST <api>/tok/provision/updateReport, the body of Embedthis Updater with status, message
 * and version beside it.
 * `done` is called once, at once when there is nothing to send; after a failure the report waits on.
 */
export function reportSend(done: ReportDone): void {
    isFresh = false
    const report = state().report
    if (report === undefined) return done(STATUS_OK)
    reportDone = done
    const body = {
        success: report.status === STATUS_OK,
        id: deviceId(),
        update: report.update,
        status: report.status,
        message: report.message,
        version: runningImage().version,
    }
    apiPost(cloudUrl() + "/tok/provision/updateReport", cloudToken(), body, reportAnswered)
}
