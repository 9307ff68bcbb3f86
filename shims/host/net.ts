// HTTP of a host board over Node's client, with the back-pressure that the core counts on.

import * as http from "node:http"
import * as https from "node:https"
import type { Bytes, Clock, Http, HttpListener } from "../../firmware/ports"
import { STATUS_NET, STATUS_OK } from "../../firmware/status"

/** An HTTP port whose requests die with the board. */
export interface HostHttp extends Http {
    /** Aborts every request. */
    stop(this: void): void
}

/** Largest piece of a body that reaches the core at once, as on small boards. */
const PIECE_BYTES_MAX = 16384
/** Requests that may be open at a time. */
const REQUESTS_MAX = 16
/** Largest head of an answer. */
const HEAD_BYTES_MAX = 16384

/** One request under way. */
interface Exchange {
    readonly handle: number
    readonly listener: HttpListener
    request?: http.ClientRequest
    response?: http.IncomingMessage
    /** What came off the socket and was not delivered yet. */
    chunk: Buffer
    /** Bytes of `chunk` that were delivered. */
    deliveredBytes: number
    /** The timer of a pause, 0 when none. */
    pauseId: number
    /** Whether the answer's last byte has come. */
    isWhole: boolean
    isOver: boolean
}

const NOTHING = Buffer.alloc(0)

/**
 * Creates the port. Pauses are timed by `clock`. Nothing in it throws: every trouble, a bad URL included, becomes onEnd(STATUS_NET), later.
 */
export function createHttp(clock: Clock): HostHttp {
    const exchanges = new Map<number, Exchange>()
    let lastHandle = 0

    const close = (exchange: Exchange): void => {
        exchange.isOver = true
        exchanges.delete(exchange.handle)
        clock.cancel(exchange.pauseId)
        exchange.request?.destroy()
    }
    const end = (exchange: Exchange, status: number): void => {
        if (exchange.isOver) return
        close(exchange)
        exchange.listener.onEnd(status)
    }
    return {
        request(method, url, headers, body, listener) {
            const handle = ++lastHandle
            const exchange: Exchange = {
                handle,
                listener,
                chunk: NOTHING,
                deliveredBytes: 0,
                pauseId: 0,
                isWhole: false,
                isOver: false,
            }
            exchanges.set(handle, exchange)
            try {
                if (exchanges.size > REQUESTS_MAX) throw new Error("too many requests at a time")
                send(exchange, method, url, headers, body, end)
            } catch {
                clock.after(0, () => end(exchange, STATUS_NET))
            }
            return handle
        },
        abort(handle) {
            const exchange = exchanges.get(handle)
            if (exchange !== undefined) close(exchange)
        },
        pause(handle, delayMs) {
            const exchange = exchanges.get(handle)
            if (exchange === undefined) return
            clock.cancel(exchange.pauseId)
            exchange.pauseId = clock.after(delayMs, () => {
                exchange.pauseId = 0
                pump(exchange, end)
            })
        },
        stop() {
            for (const exchange of [...exchanges.values()]) close(exchange)
        },
    }
}

type End = (exchange: Exchange, status: number) => void

function send(exchange: Exchange, method: string, url: string, headers: string[][], body: Bytes, end: End): void {
    const target = new URL(url)
    const client = target.protocol === "https:" ? https : http
    // No agent: one connection a request, as on boards with room for one socket.
    const request = client.request(target, { method, agent: false, maxHeaderSize: HEAD_BYTES_MAX })
    exchange.request = request
    // Bytes behind a whole answer are an error to Node's parser, but the answer stands.
    request.on("error", () => {
        if (exchange.response?.complete !== true) end(exchange, STATUS_NET)
    })
    request.on("response", response => receive(exchange, response, end))
    // A switch of protocols is nothing that the core asked for.
    request.on("upgrade", () => end(exchange, STATUS_NET))
    for (const [name = "", value = ""] of headers) request.setHeader(name, value)
    if (body !== "" || method === "POST" || method === "PUT") request.setHeader("Content-Length", body.length)
    request.end(body, "latin1")
}

function receive(exchange: Exchange, response: http.IncomingMessage, end: End): void {
    exchange.response = response
    response.on("data", (chunk: Buffer) => {
        response.pause()
        exchange.chunk = chunk
        exchange.deliveredBytes = 0
        pump(exchange, end)
    })
    response.on("end", () => {
        exchange.isWhole = response.complete
        pump(exchange, end)
    })
    response.on("error", () => end(exchange, STATUS_NET))
    response.on("close", () => {
        if (!exchange.isWhole) end(exchange, STATUS_NET)
    })
    exchange.listener.onHead({
        statusCode: response.statusCode ?? 0,
        header: name => headerText(response.headers[name]),
    })
}

function headerText(value: string | string[] | undefined): string {
    return Array.isArray(value) ? value.join(", ") : (value ?? "")
}

/** Delivers what has come, piece by piece, for as long as nobody holds it back. */
function pump(exchange: Exchange, end: End): void {
    while (exchange.deliveredBytes < exchange.chunk.length) {
        if (exchange.isOver || exchange.pauseId !== 0) return
        const from = exchange.deliveredBytes
        exchange.deliveredBytes = Math.min(from + PIECE_BYTES_MAX, exchange.chunk.length)
        exchange.listener.onData(exchange.chunk.toString("latin1", from, exchange.deliveredBytes))
    }
    if (exchange.isOver || exchange.pauseId !== 0) return
    exchange.chunk = NOTHING
    if (exchange.isWhole) end(exchange, STATUS_OK)
    else exchange.response?.resume()
}
