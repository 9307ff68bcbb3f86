// Updates over a serial line: one frame at a time, each answered; the image goes the way of every update (FORMAT.md, "Serial line").

import { applyReady } from "./apply-window"
import { byteOf, bytesOfU31, u16, u31, u8 } from "./bytes"
import {
    CHECK_BYTES,
    DIGEST_BYTES,
    SERIAL_APPLY_MS,
    SERIAL_BAUD_DEFAULT,
    SERIAL_BAUD_MAX,
    SERIAL_BAUD_MIN,
    SERIAL_DATA_BYTES_MAX,
    SERIAL_FRAME_TIMEOUT_MS,
    SERIAL_UPDATE_TIMEOUT_S,
} from "./constants"
import { hexOf } from "./hex"
import { ports, type Bytes, type Uart } from "./ports"
import { runningImage } from "./running"
import { settingOf, settings, tokenIsGood } from "./settings"
import { rSignalSync, SIGNAL_ERROR } from "./signals"
import { STATUS_ARGUMENT, STATUS_DONE, STATUS_NO_UPDATE, STATUS_OK, STATUS_TRUNCATED } from "./status"
import {
    updaterAbort,
    updaterContextCreate,
    updaterPoll,
    updaterProcess,
    updaterResumeOffset,
    updaterSame,
    updaterVerifying,
    updaterVersion,
} from "./updater"

const MAGIC = "OU"
const HEAD_BYTES = 6
// Kinds of requests; an answer has 128 more.
const BEGIN = 1
const DATA = 2
const FINISH = 3
const ABORT = 4
const STATE = 5
const ANSWER = 128
const PORT_MAX = 9
const PIN_MAX = 255

// Set by serialStart.
let uart: Uart
/** What came and is no whole frame yet. */
let held = ""
let frameTimer = 0
let idleTimer = 0
/** Whether an update that this line began is under way. */
let isOpen = false
/** Whether it is whole and on its way to be applied. */
let isTaken = false
/** What became of the last update over this line: more is wanted (STATUS_OK), it is whole (STATUS_DONE), or why it failed. */
let outcome = STATUS_OK
/** SHA-256 of the image in hex, and its size. */
let checksum = ""
let imageBytes = 0
/** Kind and sequence of the request that waits for a signature check, as its frame has them. */
let waiting = ""

// ---- frames ------------------------------------------------------------------------------------

/** The check behind a frame: of everything behind its magic. */
function checkOf(bytes: Bytes): Bytes {
    return ports.digest.sha256(bytes).substring(0, CHECK_BYTES)
}

/** Answers the request of this kind and sequence. */
function answer(kind: number, sequence: number, status: number): void {
    const offset = isOpen ? wanted() : 0
    const payload = byteOf(status < 0 ? -status : 0) + bytesOfU31(offset) + runningImage().version
    const frame = byteOf(kind + ANSWER) + byteOf(sequence) + byteOf(payload.length) + byteOf(0) + payload
    uart.write(MAGIC + frame + checkOf(frame) + "\n")
}

/** Takes a frame, or rubbish ahead of one, off what is held. Returns whether there may be more. */
function frameTake(): boolean {
    const at = held.indexOf(MAGIC)
    // The last byte may be the first half of a magic.
    if (at < 0) held = held.length > 0 && u8(held, held.length - 1) === u8(MAGIC, 0) ? MAGIC.substring(0, 1) : ""
    else held = held.substring(at)
    if (held.length < HEAD_BYTES) return false
    const end = HEAD_BYTES + u16(held, 4)
    if (end <= HEAD_BYTES + 4 + SERIAL_DATA_BYTES_MAX) {
        if (held.length < end + CHECK_BYTES) return false
        const frame = held.substring(MAGIC.length, end)
        if (checkOf(frame) === held.substring(end, end + CHECK_BYTES)) {
            held = held.substring(end + CHECK_BYTES)
            requestTake(frame)
            return true
        }
    }
    held = held.substring(1)
    return true
}

function framesTake(): void {
    ports.clock.cancel(frameTimer)
    let isMore = true
    while (isMore) isMore = frameTake()
    if (held !== "") frameTimer = ports.clock.after(SERIAL_FRAME_TIMEOUT_MS, frameTimeout)
}

/** What looked like the beginning of a frame is none. */
function frameTimeout(): void {
    held = held.substring(1)
    framesTake()
}

function serialData(bytes: Bytes): void {
    held = held + bytes
    framesTake()
}

// ---- requests ----------------------------------------------------------------------------------

/** A request: kind, sequence, length, payload. While a signature is checked, the answer to the one before is still to come. */
function requestTake(frame: Bytes): void {
    if (waiting !== "") return
    const kind = u8(frame, 0)
    const payload = frame.substring(4)
    ports.clock.cancel(idleTimer)
    const status = requestStatus(kind, payload)
    if (isOpen) idleTimer = ports.clock.after(SERIAL_UPDATE_TIMEOUT_S * 1000, idleTimeout)
    if (updaterVerifying() && isOpen) {
        waiting = frame.substring(0, 2)
        ports.clock.after(0, verify)
    } else answer(kind, u8(frame, 1), status)
}

function requestStatus(kind: number, payload: Bytes): number {
    if (kind === BEGIN) return begin(payload)
    if (kind === DATA) return take(payload)
    if (kind === FINISH) return finish()
    if (kind === ABORT) return abort()
    return kind === STATE ? outcome : STATUS_ARGUMENT
}

/** Size and SHA-256 of an image: goes on where an earlier attempt at the same one stopped, over whatever way that came. */
function begin(payload: Bytes): number {
    if (payload.length !== 4 + DIGEST_BYTES || u31(payload, 0) < 0) return STATUS_ARGUMENT
    abort()
    imageBytes = u31(payload, 0)
    checksum = hexOf(payload.substring(4))
    const status = updaterContextCreate({
        identity: checksum,
        updateId: "",
        commitTimeoutS: settings().commitTimeoutS,
        sizeBytes: imageBytes,
        ignoreSameVersion: false,
    })
    if (status !== STATUS_OK) return status
    ports.board.log("serial: an update from byte " + updaterResumeOffset())
    isOpen = true
    outcome = STATUS_OK
    return STATUS_OK
}

/** Notes what the updater said. Returns it. */
function outcomeNote(status: number): number {
    outcome = status
    if (status >= 0) return status
    isOpen = false
    ports.board.log("serial: update failed, status " + status)
    rSignalSync(SIGNAL_ERROR, { status })
    return status
}

/** What a request for an update that is not under way is answered: why it ended, if it failed. */
function notOpen(): number {
    return outcome < 0 ? outcome : STATUS_NO_UPDATE
}

/** Offset of the byte that is wanted next; of the running image nothing is wanted as soon as it is known. */
function wanted(): number {
    return outcome === STATUS_DONE ? imageBytes : updaterResumeOffset()
}

/** Bytes of the image with their offset; others than those that are wanted are left, and the answer says which are. */
function take(payload: Bytes): number {
    if (!isOpen) return notOpen()
    if (payload.length <= 4) return STATUS_ARGUMENT
    const offset = u31(payload, 0)
    if (offset !== wanted()) return STATUS_OK
    const bytes = payload.substring(4)
    if (ports.imageFile !== undefined) ports.imageFile.write(offset, bytes)
    return outcomeNote(updaterProcess(bytes))
}

function verify(): void {
    const status = outcomeNote(updaterPoll())
    if (updaterVerifying()) {
        ports.clock.after(0, verify)
        return
    }
    const request = waiting
    waiting = ""
    answer(u8(request, 0), u8(request, 1), status)
}

function finish(): number {
    // The answer to the first one was lost.
    if (isTaken) return STATUS_OK
    if (!isOpen) return notOpen()
    if (outcome !== STATUS_DONE) {
        updaterAbort()
        return outcomeNote(STATUS_TRUNCATED)
    }
    isOpen = false
    isTaken = true
    ports.clock.after(SERIAL_APPLY_MS, apply)
    return STATUS_OK
}

function apply(): void {
    if (!updaterSame()) return applyReady(updaterVersion(), "", checksum, applyFailed)
    updaterAbort()
    isTaken = false
}

function applyFailed(status: number): void {
    isTaken = false
    outcomeNote(status)
}

function abort(): number {
    if (!isOpen) return STATUS_NO_UPDATE
    updaterAbort()
    isOpen = false
    return STATUS_OK
}

function idleTimeout(): void {
    ports.board.log("serial: the update is given up, nothing comes")
    abort()
}

function pathIsGood(path: unknown): boolean {
    return tokenIsGood(path) && u8(path as string, 0) === 47
}

/** Starts to listen on the board's serial line; called once per boot, after agentStart, by images whose configuration has `uart`. */
export function serialStart(port: Uart): void {
    uart = port
    const options = {
        port: settingOf("uart.port", 0, 1, PORT_MAX) as number,
        baud: settingOf("uart.baud", SERIAL_BAUD_DEFAULT, SERIAL_BAUD_MIN, SERIAL_BAUD_MAX) as number,
        tx: settingOf("uart.tx", -1, 0, PIN_MAX) as number,
        rx: settingOf("uart.rx", -1, 0, PIN_MAX) as number,
        path: settingOf("uart.path", "", 0, 0, pathIsGood, "a device such as /dev/ttyS1") as string,
    }
    uart.open(options, serialData)
}
