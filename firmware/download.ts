// Fetches an image over HTTP and feeds it to the updater: continues with Range, takes broken connections up again, bounded in time.

import { httpStatus } from "./api-call"
import { least, numberIn, percentOf } from "./bytes"
import { DOWNLOAD_PAUSE_MS_FIRST, DOWNLOAD_RETRIES_MAX, IMAGE_BYTES_MAX } from "./constants"
import { elapsedMs } from "./elapsed"
import { ports, type Bytes, type HttpHead, type HttpListener } from "./ports"
import { settings } from "./settings"
import { rSignalSync, SIGNAL_PROGRESS } from "./signals"
import {
    STATUS_DONE,
    STATUS_HTTP_RANGE,
    STATUS_MEMORY,
    STATUS_NET,
    STATUS_NO_ROOM,
    STATUS_OK,
    STATUS_STALLED,
    STATUS_TIMEOUT,
    STATUS_TRAILING_DATA,
    STATUS_TRUNCATED,
} from "./status"
import { updaterAbort, updaterPoll, updaterProcess, updaterResumeOffset, updaterSame, updaterVerifying } from "./updater"

/** Hears how a download ended: STATUS_DONE (whole and verified, or the running image: see updaterSame) or why it failed. */
export type DownloadDone = (this: void, status: number) => void

/** Milliseconds for which the sender is held back between two steps of a signature check: the next step renews them. */
const VERIFY_PAUSE_MS = 1000
/** Not known yet, for lengths. */
const UNKNOWN = -1

let downloadDone: DownloadDone
// Where no first value stands, downloadStart gives it.
let url: string
let isConnected: boolean
let isWhole: boolean
/** Offset in the image of the next byte for the updater. */
let position = 0
/** Bytes of this answer's body to drop, and bytes of it still to come. */
let skipLeft = 0
let bodyLeft = UNKNOWN
let imageBytes: number
let statusCode: number
let percent: number
let attempts: number
let handle = 0
let lastDataMs = 0
let throttleMs = 0
let stallTimer = 0
let pauseTimer = 0
let totalTimer = 0
let verifyTimer = 0

// ---- the end -----------------------------------------------------------------------------------

function disconnect(): void {
    if (isConnected) ports.http.abort(handle)
    isConnected = false
    ports.clock.cancel(stallTimer)
}

function downloadEnd(status: number): void {
    disconnect()
    ports.clock.cancel(pauseTimer)
    ports.clock.cancel(totalTimer)
    ports.clock.cancel(verifyTimer)
    // Nothing but a whole image keeps the updater open; its journal stays, so that the next download continues.
    if (status < 0) updaterAbort()
    downloadDone(status)
}

function downloadTimeout(): void {
    downloadEnd(isWhole ? STATUS_DONE : STATUS_TIMEOUT)
}

/** The connection is gone or silent: takes the download up again behind the last byte that came, or ends it with `status`. */
function downloadBroken(status: number): void {
    disconnect()
    if (isWhole) return downloadEnd(STATUS_DONE)
    if (attempts >= DOWNLOAD_RETRIES_MAX) return downloadEnd(status)
    let pauseMs = DOWNLOAD_PAUSE_MS_FIRST
    for (let count = 0; count < attempts; count += 1) pauseMs = pauseMs * 2
    attempts += 1
    pauseTimer = ports.clock.after(pauseMs, downloadConnect)
}

function stallCheck(): void {
    const limitMs = settings().stallTimeoutS * 1000 + throttleMs
    const idleMs = elapsedMs(lastDataMs)
    if (idleMs >= limitMs) downloadBroken(STATUS_STALLED)
    else stallTimer = ports.clock.after(limitMs - idleMs, stallCheck)
}

// ---- the head of an answer ---------------------------------------------------------------------

/** The image's length as this answer states it; UNKNOWN when it does not. It must not change between answers. */
function imageBytesTake(stated: number): number {
    if (stated === UNKNOWN) return STATUS_OK
    if (stated > IMAGE_BYTES_MAX) return STATUS_NO_ROOM
    if (imageBytes !== UNKNOWN && imageBytes !== stated) return STATUS_HTTP_RANGE
    imageBytes = stated
    return STATUS_OK
}

/** A whole body, even where the rest was asked for: what the updater has is dropped. */
function wholeTake(head: HttpHead): number {
    const length = head.header("content-length")
    bodyLeft = numberIn(length, 0, length.length)
    skipLeft = position
    return imageBytesTake(bodyLeft)
}

/** `Content-Range: bytes FIRST-LAST/LENGTH` (RFC 9110, 14.4) must begin at the byte that was asked for. */
function rangeTake(head: HttpHead): number {
    const range = head.header("content-range")
    const dash = range.indexOf("-")
    const slash = range.indexOf("/")
    if (range.substring(0, 6) !== "bytes " || dash < 0 || slash < dash) return STATUS_HTTP_RANGE
    const first = numberIn(range, 6, dash)
    const last = numberIn(range, dash + 1, slash)
    if (first !== position || last < first) return STATUS_HTTP_RANGE
    bodyLeft = last - first + 1
    skipLeft = 0
    return imageBytesTake(numberIn(range, slash + 1, range.length))
}

function downloadHead(head: HttpHead): void {
    lastDataMs = ports.clock.upMs()
    statusCode = head.statusCode
    let status = httpStatus(statusCode)
    if (statusCode === 200) status = wholeTake(head)
    else if (statusCode === 206) status = rangeTake(head)
    else if (statusCode === 416) status = STATUS_HTTP_RANGE
    if (status !== STATUS_OK) downloadEnd(status)
}

// ---- the body ----------------------------------------------------------------------------------

function progressNote(): void {
    percent = percentOf(position, imageBytes)
    rSignalSync(SIGNAL_PROGRESS, percent)
}

function skip(bytes: Bytes): Bytes {
    const count = least(skipLeft, bytes.length)
    skipLeft -= count
    return bytes.substring(count)
}

/**
 * What the updater made of the bytes. Returns false when the download has ended. While signatures are being checked, the sender is
 * held back and the board gets its turns.
 * @hot
 */
function downloadTook(status: number): boolean {
    if (status < 0 || updaterSame()) {
        downloadEnd(status)
        return false
    }
    if (status === STATUS_DONE) isWhole = true
    if (updaterVerifying()) {
        ports.http.pause(handle, VERIFY_PAUSE_MS)
        ports.clock.cancel(verifyTimer)
        verifyTimer = ports.clock.after(0, downloadVerify)
    }
    return true
}

function downloadVerify(): void {
    lastDataMs = ports.clock.upMs()
    if (downloadTook(updaterPoll()) && !updaterVerifying()) ports.http.pause(handle, throttleMs)
}

/** @hot */
function downloadFeed(bytes: Bytes): void {
    if (ports.imageFile !== undefined) ports.imageFile.write(position, bytes)
    position += bytes.length
    if (!downloadTook(updaterProcess(bytes))) return
    if (percentOf(position, imageBytes) !== percent) progressNote()
    if (throttleMs > 0) ports.http.pause(handle, throttleMs)
}

/** @hot */
function downloadData(bytes: Bytes): void {
    lastDataMs = ports.clock.upMs()
    if (bodyLeft !== UNKNOWN) {
        if (bytes.length > bodyLeft) {
            downloadEnd(STATUS_TRAILING_DATA)
            return
        }
        bodyLeft -= bytes.length
    }
    if (skipLeft === 0) downloadFeed(bytes)
    else if (skipLeft >= bytes.length) skipLeft -= bytes.length
    else downloadFeed(skip(bytes))
}

function downloadBodyEnd(status: number): void {
    isConnected = false
    // The piece is half taken: only what is in flash can be gone on from.
    if (status === STATUS_MEMORY) return downloadEnd(status)
    if (updaterVerifying() && !downloadTook(updaterProcess(""))) return
    if (isWhole) return downloadEnd(STATUS_DONE)
    if (status === STATUS_OK && bodyLeft === 0 && position >= imageBytes) return downloadEnd(STATUS_TRUNCATED)
    // Without a length, the end of the body looks like a connection that broke.
    downloadBroken(status === STATUS_OK && bodyLeft === UNKNOWN ? STATUS_TRUNCATED : STATUS_NET)
}

function downloadConnect(): void {
    position = updaterResumeOffset()
    skipLeft = 0
    bodyLeft = UNKNOWN
    isConnected = true
    lastDataMs = ports.clock.upMs()
    const headers: string[][] = []
    if (position > 0) headers[0] = ["Range", "bytes=" + position + "-"]
    stallTimer = ports.clock.after(settings().stallTimeoutS * 1000 + throttleMs, stallCheck)
    const listener: HttpListener = { onHead: downloadHead, onData: downloadData, onEnd: downloadBodyEnd }
    handle = ports.http.request("GET", url, headers, "", listener)
}

/**
 * Fetches `imageUrl` into the update that updaterContextCreate began. `done` is called once, later; after a failure the update has ended.
 * Connections that break or stall are taken up again DOWNLOAD_RETRIES_MAX times, with growing pauses.
 */
export function downloadStart(imageUrl: string, done: DownloadDone): void {
    url = imageUrl
    downloadDone = done
    isWhole = false
    imageBytes = UNKNOWN
    statusCode = 0
    percent = 0
    attempts = 0
    throttleMs = settings().throttleMs
    totalTimer = ports.clock.after(settings().downloadTimeoutS * 1000, downloadTimeout)
    downloadConnect()
}

/** Where the last download stood, for people: byte, size, HTTP status code. */
export function downloadPlace(): string {
    if (statusCode !== 200 && statusCode !== 206) return "HTTP status " + statusCode
    const size = imageBytes === UNKNOWN ? "" : " of " + imageBytes
    return "byte " + position + size
}
