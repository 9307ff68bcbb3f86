// The updater: takes an image in chunks of any length, and makes it the one that boots next.

import { applyImage, type ApplyOptions } from "./apply"
import { blocksLeft, blocksPlace, blocksRoom, blocksSkip, blocksTake } from "./blocks"
import { bootRecordRead } from "./boot-record"
import { least, percentOf } from "./bytes"
import { COMMIT_TIMEOUT_S_DEFAULT, COMMIT_TIMEOUT_S_MAX, IMAGE_BYTES_MAX, UPDATE_ID_BYTES_MAX } from "./constants"
import {
    entriesMissing,
    entriesSame,
    entriesStart,
    entriesVerify,
    entriesVerifying,
    entryBegin,
    entryEnd,
    entryTake,
} from "./entries"
import { filesFreeze, filesOtherTaken } from "./files"
import { manifestVersion } from "./manifest"
import { ports, type Bytes } from "./ports"
import { signaturePolicy } from "./signature"
import * as status from "./status"
import { zipHasEnded, zipLeftBytes, ZIP_END, ZIP_ENTRY, zipOffset, zipPhase, zipRead, zipTaken } from "./zip"

/** What an update is started with. */
export interface UpdaterOptions {
    /**
     * What makes this image itself: the checksum that the cloud names, or its URL. The same identity goes on where it stopped;
     * "" never does.
     */
    identity: string
    /** The cloud's id of the update, at most UPDATE_ID_BYTES_MAX bytes; "" when there is none. */
    updateId: string
    /** Seconds in which the new image must commit, at most COMMIT_TIMEOUT_S_MAX; 0 = COMMIT_TIMEOUT_S_DEFAULT. */
    commitTimeoutS: number
    /** Size of the image in bytes where it is known, for progress; 0 otherwise. */
    sizeBytes: number
    /** Whether an image of the running version and build_id is written all the same. */
    ignoreSameVersion: boolean
}

const STATE_IDLE = 0
const STATE_RUNNING = 1
const STATE_DONE = 2
const STATE_APPLIED = 3

let state = STATE_IDLE
/** Bytes that came behind the signatures while these are being checked. */
let held = ""
let sizeBytes = 0
let apply: ApplyOptions

/**
 * Starts an update, or goes on with the one of the same identity; updaterResumeOffset then says which byte is wanted first.
 * Returns STATUS_OK, STATUS_BUSY, STATUS_NOT_COMMITTED (commit the running image first), STATUS_NO_BOOT_RECORD or STATUS_ARGUMENT.
 */
export function updaterContextCreate(options: UpdaterOptions): number {
    if (state !== STATE_IDLE) return status.STATUS_BUSY
    if (options.updateId.length > UPDATE_ID_BYTES_MAX || options.sizeBytes > IMAGE_BYTES_MAX) return status.STATUS_ARGUMENT
    if (options.commitTimeoutS < 0 || options.commitTimeoutS > COMMIT_TIMEOUT_S_MAX) return status.STATUS_ARGUMENT
    const record = bootRecordRead()
    if (record === undefined) return status.STATUS_NO_BOOT_RECORD
    if (!record.isCommitted) return status.STATUS_NOT_COMMITTED
    const appSlot = 1 - record.activeApp
    const filesArea = 1 - record.activeFiles
    let identity = ""
    if (options.identity !== "") identity = ports.digest.sha256(options.identity + signaturePolicy())
    let commitTimeoutS = COMMIT_TIMEOUT_S_DEFAULT
    if (options.commitTimeoutS > 0) commitTimeoutS = options.commitTimeoutS
    sizeBytes = options.sizeBytes
    apply = { appSlot, filesArea, updateId: options.updateId, commitTimeoutS }
    entriesStart({
        appSlot,
        filesArea,
        identity,
        security: record.security,
        ignoreSameVersion: options.ignoreSameVersion,
        baseDigest: record.appDigests[record.activeApp],
        baseBytes: record.appBytes[record.activeApp],
    })
    held = ""
    state = STATE_RUNNING
    filesOtherTaken(true)
    return status.STATUS_OK
}

/** Offset in the image of the next byte that is wanted. */
export function updaterResumeOffset(): number {
    catchUp()
    return zipOffset() + held.length
}

/**
 * Takes the next bytes of the image; any length, any split.
 * Returns STATUS_OK (more is wanted), STATUS_DONE (complete, every block verified; or the running image, see updaterSame), or a
 * negative status, which ends the update. What boots is not touched either way.
 * @hot
 */
export function updaterProcess(bytes: Bytes): number {
    const count = bytes.length
    // Most of an image is the inside of a block, and the rest the inside of a part: both are left at once.
    if (count < blocksRoom()) return blocksPlace(bytes, count)
    if (count < blocksLeft()) return inside(bytes, count)
    return anywhere(bytes)
}

/** @hot */
function inside(bytes: Bytes, count: number): number {
    const result = blocksTake(bytes, 0, count)
    if (result < 0) return fail(result)
    return status.STATUS_OK
}

/** Tells the reader what was taken without it. */
function catchUp(): void {
    if (blocksLeft() >= 0) zipTaken(zipLeftBytes() - blocksLeft())
}

function anywhere(bytes: Bytes): number {
    catchUp()
    if (state === STATE_DONE) return behindEnd(bytes)
    if (state !== STATE_RUNNING) return status.STATUS_NO_UPDATE
    if (entriesVerifying()) return hold(bytes, 0)
    let at = 0
    while (at < bytes.length) {
        let result = 0
        if (zipLeftBytes() > 0) {
            const count = least(zipLeftBytes(), bytes.length - at)
            result = payload(bytes, at, at + count)
            at = at + count
        } else {
            const taken = zipRead(bytes, at, bytes.length)
            if (taken < 0) result = taken
            else {
                at = at + taken
                if (zipPhase() === ZIP_ENTRY) result = entryStart()
            }
        }
        if (result < 0) return fail(result)
        if (entriesSame()) return done()
        if (entriesVerifying()) return hold(bytes, at)
    }
    if (zipHasEnded() && zipPhase() === ZIP_END) return imageEnd()
    return status.STATUS_OK
}

/** Keeps bytes[from, …) until the signatures have been checked; a caller that does not wait for that has it done at once. */
function hold(bytes: Bytes, from: number): number {
    held = held + bytes.substring(from, bytes.length)
    if (from > 0) return updaterPoll()
    return verify(0)
}

/**
 * Goes on with the check of signatures, in steps that leave the board its time (ports.signatureStepsMax); see updaterVerifying.
 * Returns what updaterProcess returns.
 */
export function updaterPoll(): number {
    let stepsMax = 0
    if (!updaterVerifying()) return status.STATUS_OK
    if (ports.signatureStepsMax !== undefined) stepsMax = ports.signatureStepsMax
    return verify(stepsMax)
}

/** Whether signatures are being checked: hold the sender back and call updaterPoll until they are. */
export function updaterVerifying(): boolean {
    return state === STATE_RUNNING && entriesVerifying()
}

/** At most `stepsMax` steps, 0 = all; then the bytes that were held. */
function verify(stepsMax: number): number {
    let left = stepsMax
    while (updaterVerifying()) {
        const result = entriesVerify()
        if (result !== status.STATUS_OK) return fail(result)
        left = left - 1
        if (left === 0 && updaterVerifying()) return status.STATUS_OK
    }
    if (entriesSame()) return done()
    const rest = held
    held = ""
    return updaterProcess(rest)
}

/** @hot */
function payload(bytes: Bytes, from: number, to: number): number {
    const result = entryTake(bytes, from, to)
    if (result !== status.STATUS_OK) return result
    zipTaken(to - from)
    if (zipLeftBytes() === 0) return entryEnd()
    return status.STATUS_OK
}

function entryStart(): number {
    const result = entryBegin()
    if (result === status.STATUS_OK && zipLeftBytes() === 0) return entryEnd()
    return result
}

function imageEnd(): number {
    const missing = entriesMissing()
    if (missing !== status.STATUS_OK) return fail(missing)
    return done()
}

function done(): number {
    state = STATE_DONE
    return status.STATUS_DONE
}

/** Of the running image the rest is of no interest; of any other, nothing may follow its end. */
function behindEnd(bytes: Bytes): number {
    if (bytes.length === 0 || entriesSame()) return status.STATUS_DONE
    return fail(status.STATUS_TRAILING_DATA)
}

function fail(result: number): number {
    updaterAbort()
    return result
}

/** Whether the image turned out to be the running one: nothing was written, and there is nothing to finish. */
export function updaterSame(): boolean {
    return state === STATE_DONE && entriesSame()
}

/**
 * Verifies once more what is in flash, completes the files area, and makes the image the one that boots next, on trial: the
 * board must then be reset. Returns STATUS_OK, or a negative status after which the running image stays the one that boots.
 */
export function updaterFinish(): number {
    if (state === STATE_RUNNING) return fail(status.STATUS_TRUNCATED)
    if (state !== STATE_DONE) return status.STATUS_NO_UPDATE
    if (entriesSame()) {
        updaterAbort()
        return status.STATUS_OK
    }
    filesFreeze(true)
    const result = applyImage(apply)
    if (result !== status.STATUS_OK) {
        filesFreeze(false)
        return fail(result)
    }
    state = STATE_APPLIED
    return status.STATUS_OK
}

/** Ends an update that was not finished. The journal stays: an update of the same identity goes on where this one stopped. */
export function updaterAbort(): void {
    if (state === STATE_APPLIED) return
    state = STATE_IDLE
    held = ""
    blocksSkip()
    filesOtherTaken(false)
}

/** Whether an update is under way or waits for the reset. */
export function updaterIsBusy(): boolean {
    return state !== STATE_IDLE
}

/** Version of the image under way, "" before its manifest was read. */
export function updaterVersion(): string {
    return manifestVersion()
}

/** How far the image was read, 0–100; 0 where its size is not known. */
export function updaterProgressPercent(): number {
    if (state >= STATE_DONE) return 100
    catchUp()
    return percentOf(zipOffset(), sizeBytes)
}
