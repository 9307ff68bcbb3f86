// The wire between a Lua machine and the modules that the host emulates: requests out, replies and events in, bytes as they are.

import type { LuaFile } from "./calls"

/** A request: an operation of one letter, two integers, and bytes. On the wire: `op a b length\n` and the bytes. */
export interface Request {
    readonly op: string
    readonly a: number
    readonly b: number
    readonly bytes: Buffer
}

/** The device as the host sees it. */
export interface Device {
    /** The device as the machine opens it. */
    readonly file: LuaFile
    /** Answers the request under way: numbers, each followed by a blank. */
    answer(this: void, ...numbers: number[]): void
    /** Answers with bytes whose number the machine knows. */
    answerBytes(this: void, bytes: Uint8Array): void
    /** Lays an event ready: `kind id code length\n` and the bytes. The machine reads it when its event function is called. */
    event(this: void, kind: string, id: number, code: number, bytes: Uint8Array): void
}

const NOTHING = Buffer.alloc(0)
/** Largest request; far above any piece that a board could hold. */
const REQUEST_BYTES_MAX = 1048576

/** Splits a stream of requests. Calls `take` for each as soon as it is whole. */
function createReader(take: (request: Request) => void): (piece: Uint8Array) => void {
    let held: Buffer = NOTHING
    return piece => {
        held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece])
        for (;;) {
            const lineEnd = held.indexOf(10)
            if (lineEnd < 0) return
            const [op = "", a, b, length] = held.toString("latin1", 0, lineEnd).split(" ")
            const endBytes = lineEnd + 1 + Number(length)
            if (!(endBytes <= REQUEST_BYTES_MAX)) throw new RangeError(`lua device: a request of ${endBytes} bytes`)
            if (held.length < endBytes) return
            const request = { op, a: Number(a), b: Number(b), bytes: Buffer.from(held.subarray(lineEnd + 1, endBytes)) }
            held = held.subarray(endBytes)
            take(request)
        }
    }
}

/** Creates a device. `take` handles each request and answers those that want an answer, before it returns. */
export function createDevice(take: (this: void, request: Request) => void): Device {
    const read = createReader(take)
    let replies: Buffer = NOTHING
    const answerBytes = (bytes: Uint8Array): void => {
        replies = Buffer.concat([replies, bytes])
    }
    return {
        file: {
            size: () => 0,
            read(_, target) {
                const length = replies.copy(target)
                replies = replies.subarray(length)
                return length
            },
            write(_, source) {
                read(source)
                return source.length
            },
        },
        answer: (...numbers) => answerBytes(Buffer.from(numbers.map(number => `${number} `).join(""))),
        answerBytes,
        event(kind, id, code, bytes) {
            answerBytes(Buffer.from(`${kind} ${id} ${code} ${bytes.length}\n`))
            answerBytes(bytes)
        },
    }
}
