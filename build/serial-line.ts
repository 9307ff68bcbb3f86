// The sender's end of a board's serial line: frames, answers, and an image sent over (firmware/FORMAT.md, "Serial line").

import { createHash } from "node:crypto"
import { CHECK_BYTES, SERIAL_DATA_BYTES_MAX } from "../firmware/constants"
import * as status from "../firmware/status"

/** Something that carries bytes both ways, and may lose or damage them. */
export interface SerialLine {
    write(this: void, bytes: Buffer): void
    /** Called once. */
    onData(this: void, take: (bytes: Buffer) => void): void
}

/** Kinds of requests. */
export const SERIAL_KINDS = { begin: 1, data: 2, finish: 3, abort: 4, state: 5 } as const

/** A board's answer. */
export interface SerialAnswer {
    /** STATUS_OK or a negative status. */
    readonly status: number
    /** Offset of the byte that is wanted next. */
    readonly offset: number
    /** Version that runs. */
    readonly version: string
}

/** How a push ended: the board has the image and restarts with it, it refuses, it does not answer, or it was told to stop. */
export type PushOutcome =
    | { readonly kind: "taken"; readonly from: string; readonly firstOffset: number }
    | { readonly kind: "refused"; readonly status: number; readonly name: string; readonly offset: number }
    | { readonly kind: "silent" | "stopped"; readonly offset: number }

/** What a push may be given. */
export interface PushOptions {
    /** Bytes that the board has. */
    readonly onProgress?: (this: void, bytes: number) => void
    /** Ends the push; a later one goes on. */
    readonly signal?: AbortSignal
    /** Milliseconds for an answer before a request is sent again. Default 5000. */
    readonly answerMs?: number
}

const MAGIC = "OU"
const HEAD_BYTES = 6
const ANSWER = 128
const ANSWER_MS = 5000
const ATTEMPTS_MAX = 5
/** Times that a push is begun again on a board that has lost it, as by a reset. */
const BEGINS_MAX = 5

const checkOf = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest().subarray(0, CHECK_BYTES)

const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
}

/** The name of a status, such as STATUS_BLOCK_HASH. */
export function statusName(code: number): string {
    return Object.entries(status).find(([, value]) => value === code)?.[0] ?? `status ${code}`
}

/** The bytes of a frame. */
export function serialFrame(kind: number, sequence: number, payload: Buffer): Buffer {
    const body = Buffer.concat([Buffer.from([kind, sequence, payload.length & 255, payload.length >> 8]), payload])
    return Buffer.concat([Buffer.from(MAGIC), body, checkOf(body), Buffer.from("\n")])
}

/** Takes frames out of a stream; what lies between them is skipped. */
export function createSerialReader(take: (kind: number, sequence: number, payload: Buffer) => void): (bytes: Buffer) => void {
    let held = Buffer.alloc(0)
    return bytes => {
        held = Buffer.concat([held, bytes])
        for (;;) {
            const at = held.indexOf(MAGIC)
            held = held.subarray(at < 0 ? Math.max(0, held.length - 1) : at)
            if (held.length < HEAD_BYTES) return
            const end = HEAD_BYTES + held.readUInt16LE(4)
            const isLong = end > HEAD_BYTES + 4 + SERIAL_DATA_BYTES_MAX
            if (!isLong && held.length < end + CHECK_BYTES) return
            const body = held.subarray(MAGIC.length, end)
            if (isLong || !checkOf(body).equals(held.subarray(end, end + CHECK_BYTES))) held = held.subarray(1)
            else {
                held = held.subarray(end + CHECK_BYTES)
                take(body[0]!, body[1]!, body.subarray(4))
            }
        }
    }
}

type Request = (kind: number, payload?: Buffer) => Promise<SerialAnswer | undefined>

/** Sends requests one at a time, each until it is answered; undefined when it never is, or `signal` aborts. */
function createRequests(line: SerialLine, { answerMs = ANSWER_MS, signal }: PushOptions): Request {
    let heard: ((kind: number, sequence: number, payload: Buffer) => void) | undefined
    line.onData(createSerialReader((kind, sequence, payload) => heard?.(kind, sequence, payload)))
    // A sender that was here before may have used the same numbers.
    let sequence = Math.floor(Math.random() * 256)
    const once = (kind: number, frame: Buffer): Promise<SerialAnswer | undefined> =>
        new Promise(settle => {
            const end = (answer: SerialAnswer | undefined): void => {
                clearTimeout(timer)
                signal?.removeEventListener("abort", stop)
                heard = undefined
                settle(answer)
            }
            const stop = (): void => end(undefined)
            const timer = setTimeout(stop, answerMs)
            signal?.addEventListener("abort", stop)
            heard = (answerKind, answerSequence, payload) => {
                if (answerKind !== kind + ANSWER || answerSequence !== sequence || payload.length < 5) return
                end({ status: -payload[0]! || 0, offset: payload.readUInt32LE(1), version: payload.toString("latin1", 5) })
            }
            line.write(frame)
        })
    return async (kind, payload = Buffer.alloc(0)) => {
        sequence = (sequence + 1) % 256
        const frame = serialFrame(kind, sequence, payload)
        for (let attempt = 0; attempt < ATTEMPTS_MAX && signal?.aborted !== true; attempt++) {
            const answer = await once(kind, frame)
            if (answer !== undefined) return answer
        }
        return undefined
    }
}

/** Sends the image's bytes from `offset` on, as the board wants them. Resolves with the last answer, whatever it says. */
async function sendData(
    request: Request,
    image: Buffer,
    first: SerialAnswer,
    onProgress: (bytes: number) => void,
): Promise<SerialAnswer | undefined> {
    let answer = first
    let stuck = 0
    while (answer.offset < image.length && answer.status === status.STATUS_OK && stuck < ATTEMPTS_MAX) {
        const { offset } = answer
        const piece = image.subarray(offset, offset + SERIAL_DATA_BYTES_MAX)
        const next = await request(SERIAL_KINDS.data, Buffer.concat([u32(offset), piece]))
        if (next === undefined) return undefined
        stuck = next.offset === offset ? stuck + 1 : 0
        if (next.status === status.STATUS_OK) onProgress(next.offset)
        answer = next
    }
    return stuck < ATTEMPTS_MAX ? answer : undefined
}

/** Sends an image to the board at the other end. Goes on where an earlier attempt stopped, and begins again when the board restarts. */
export async function pushImage(line: SerialLine, image: Buffer, options: PushOptions = {}): Promise<PushOutcome> {
    const request = createRequests(line, options)
    let offset = 0
    let firstOffset = -1
    const onProgress = (bytes: number): void => {
        offset = bytes
        options.onProgress?.(bytes)
    }
    const gone = (): PushOutcome => {
        const isStopped = options.signal?.aborted === true
        if (isStopped) line.write(serialFrame(SERIAL_KINDS.abort, 0, Buffer.alloc(0)))
        return { kind: isStopped ? "stopped" : "silent", offset }
    }
    const refused = (code: number): PushOutcome => ({ kind: "refused", status: code, name: statusName(code), offset })
    const identity = Buffer.concat([u32(image.length), createHash("sha256").update(image).digest()])
    for (let begins = 0; begins < BEGINS_MAX; begins++) {
        const begun = await request(SERIAL_KINDS.begin, identity)
        if (begun === undefined) return gone()
        if (begun.status !== status.STATUS_OK) return refused(begun.status)
        if (firstOffset < 0) firstOffset = begun.offset
        const sent = await sendData(request, image, begun, onProgress)
        if (sent === undefined) return gone()
        const last = sent.status === status.STATUS_OK ? await request(SERIAL_KINDS.finish) : sent
        if (last === undefined) return gone()
        if (last.status === status.STATUS_OK) return { kind: "taken", from: last.version, firstOffset }
        if (last.status !== status.STATUS_NO_UPDATE) return refused(last.status)
    }
    return refused(status.STATUS_NO_UPDATE)
}
