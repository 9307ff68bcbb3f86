// One call to the cloud: a JSON body out, a short answer back, bounded in size and time.

import { ANSWER_BYTES_MAX } from "./constants"
import { ports, type Bytes, type HttpHead, type HttpListener } from "./ports"
import { settings } from "./settings"
import { STATUS_ANSWER, STATUS_HTTP_REDIRECT, STATUS_HTTP_STATUS, STATUS_OK, STATUS_TIMEOUT } from "./status"

/**
 * Hears how a call ended. `status`: STATUS_OK after any whole answer, STATUS_NET, STATUS_TIMEOUT, or STATUS_ANSWER when it was
 * longer than ANSWER_BYTES_MAX. `statusCode` is HTTP's, 0 where none came.
 */
export type CallDone = (this: void, status: number, statusCode: number, answer: string) => void

let handle = 0
let timer = 0
let statusCode = 0
let answer = ""
let callDone: CallDone

function callEnd(status: number): void {
    ports.clock.cancel(timer)
    const text = answer
    answer = ""
    callDone(status, statusCode, text)
}

function callGiveUp(status: number): void {
    ports.http.abort(handle)
    callEnd(status)
}

function callHead(head: HttpHead): void {
    statusCode = head.statusCode
}

function callData(bytes: Bytes): void {
    if (answer.length + bytes.length > ANSWER_BYTES_MAX) callGiveUp(STATUS_ANSWER)
    else answer = answer + bytes
}

function callTimeout(): void {
    callGiveUp(STATUS_TIMEOUT)
}

/**
 * Posts `body` (JSON) to `url`. `token` goes into an Authorization header as the lower-case `bearer` that Ioto uses.
 * `done` is called once, later. One call at a time: the agent's.
 */
export function apiPost(url: string, token: string, body: unknown, done: CallDone): void {
    statusCode = 0
    answer = ""
    callDone = done
    const headers = [
        ["Authorization", "bearer " + token],
        ["Content-Type", "application/json"],
    ]
    timer = ports.clock.after(settings().apiTimeoutS * 1000, callTimeout)
    const listener: HttpListener = { onHead: callHead, onData: callData, onEnd: callEnd }
    handle = ports.http.request("POST", url, headers, ports.json.stringify(body), listener)
}

/** The status for an HTTP status code other than 200: STATUS_HTTP_REDIRECT or STATUS_HTTP_STATUS; STATUS_OK for 200. */
export function httpStatus(code: number): number {
    if (code === 200) return STATUS_OK
    if (code >= 300 && code < 400 && code !== 304) return STATUS_HTTP_REDIRECT
    return STATUS_HTTP_STATUS
}
