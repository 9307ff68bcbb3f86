// HTTP of the ESP32: http.createConnection, asynchronous, held back with DELAYACK while the core pauses.

import type { Bytes, Clock, Http, HttpListener } from "../../firmware/ports"
import { STATUS_NET, STATUS_OK } from "../../firmware/status"
import { http, type HeaderTable, type HttpConnection, type HttpModule } from "./modules"
import {
    type Exchange,
    exchangeEnd,
    exchangeForget,
    exchangeFind,
    exchangeHandle,
    exchangeOpen,
    exchangePause,
    exchangeTake,
    lengthOf,
} from "./net"

/** Bytes of a piece of an answer. */
const PIECE_BYTES = 1024
/** Milliseconds without a byte after which the module gives up; the core's own timeouts are shorter. */
const TIMEOUT_MS = 120000

/** A request under way. */
interface HttpExchange extends Exchange {
    connection: HttpConnection
    /** Whether the module waits for an ack. */
    isHeld: boolean
    /** Body bytes that are still to come; -1 while unknown. */
    leftBytes: number
}

let clock: Clock

/** Lets the module go on, or ends it where the request is over: close is allowed while an ack is owed, and the ack still due. */
function release(exchange: HttpExchange): void {
    if (!exchange.isHeld) return
    exchange.isHeld = false
    if (exchange.isOver) exchange.connection.close()
    exchange.connection.ack()
}

function headTake(exchange: HttpExchange, code: number, headers: HeaderTable | undefined): void {
    if (exchange.isOver || code < 0 || headers === undefined) return
    exchange.leftBytes = lengthOf(headers["content-length"])
    exchange.listener.onHead({
        statusCode: code,
        header(name) {
            const value = headers[name]
            return value === undefined ? "" : value
        },
    })
}

/**
 * Returns what the module is to do next: ACKNOW or DELAYACK.
 * @resident
 */
function dataTake(module: HttpModule, exchange: HttpExchange, bytes: Bytes): number {
    if (!exchange.isOver) {
        if (exchange.leftBytes >= 0) exchange.leftBytes = exchange.leftBytes - bytes.length
        exchangeTake(exchange, bytes)
    }
    if (exchange.isShort || exchange.isOver) {
        exchange.connection.close()
        return module.ACKNOW
    }
    if (exchange.pauseMs === 0) return module.ACKNOW
    exchange.isHeld = true
    clock.after(exchange.pauseMs, () => release(exchange))
    exchange.pauseMs = 0
    return module.DELAYACK
}

/** A connection that closes early gives no error of its own: the bytes tell. */
function endTake(exchange: HttpExchange, code: number): void {
    if (code < 0 || exchange.leftBytes > 0) exchangeEnd(exchange, STATUS_NET)
    else exchangeEnd(exchange, STATUS_OK)
}

function connect(module: HttpModule, exchange: HttpExchange, body: Bytes): void {
    const connection = exchange.connection
    connection.on("headers", (code, headers) => headTake(exchange, code, headers))
    connection.on("data", (_, bytes) => dataTake(module, exchange, bytes))
    connection.on("complete", code => endTake(exchange, code))
    if (body !== "") connection.setbody(body)
    connection.request()
}

function request(method: string, url: string, headers: string[][], body: Bytes, listener: HttpListener): number {
    const module = http
    const handle = exchangeHandle()
    if (module === undefined) {
        clock.after(0, () => listener.onEnd(STATUS_NET))
        return handle
    }
    const table: HeaderTable = { Connection: "close" }
    for (let k = 0; k < headers.length; k++) table[headers[k][0]] = headers[k][1]
    const options = { async: true, bufsz: PIECE_BYTES, headers: table, max_redirects: 0, timeout: TIMEOUT_MS }
    const connection = module.createConnection(url, method === "POST" ? module.POST : module.GET, options)
    const exchange: HttpExchange = {
        handle,
        connection,
        listener,
        pauseMs: 0,
        isHeld: false,
        isOver: false,
        isShort: false,
        leftBytes: -1,
    }
    exchangeOpen(exchange)
    connect(module, exchange, body)
    return handle
}

function abort(handle: number): void {
    const exchange = exchangeFind(handle) as HttpExchange | undefined
    if (exchange === undefined) return
    exchangeForget(exchange)
    // Outside of a callback the module refuses to close, unless it owes an ack: the next callback does it then.
    release(exchange)
}

/** Creates the port; pauses are timed by `boardClock`. */
export function createHttp(boardClock: Clock): Http {
    clock = boardClock
    return { request, abort, pause: exchangePause }
}
