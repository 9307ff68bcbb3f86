// HTTP of the ESP32: http.createConnection, asynchronous, held back with DELAYACK while the core pauses.

import type { Bytes, Clock, Http, HttpListener } from "../../firmware/ports"
import { STATUS_MEMORY, STATUS_NET, STATUS_OK } from "../../firmware/status"
import { _G, error, http, print, type HeaderTable, type HttpConnection, type HttpModule } from "./modules"

/** Bytes of a piece of an answer. */
const PIECE_BYTES = 1024
/** Milliseconds without a byte after which the module gives up; the core's own timeouts are shorter. */
const TIMEOUT_MS = 120000

/** A request under way. */
interface Exchange {
    handle: number
    connection: HttpConnection
    listener: HttpListener
    /** Milliseconds that the core wants to wait before the next piece, 0 for none. */
    pauseMs: number
    /** Whether the module waits for an ack. */
    isHeld: boolean
    isOver: boolean
    /** Whether memory ran out in a callback. */
    isShort: boolean
    /** Body bytes that are still to come; -1 while unknown. */
    leftBytes: number
}

let clock: Clock
let lastHandle = 0
const open: Exchange[] = []

function find(handle: number): Exchange | undefined {
    for (let k = 0; k < open.length; k++) {
        if (open[k].handle === handle) return open[k]
    }
    return undefined
}

function forget(exchange: Exchange): void {
    exchange.isOver = true
    const last = open.length - 1
    for (let k = 0; k <= last; k++) {
        if (open[k] === exchange) {
            open[k] = open[last]
            open.pop()
            return
        }
    }
}

function end(exchange: Exchange, status: number): void {
    if (exchange.isOver) return
    forget(exchange)
    exchange.listener.onEnd(status)
}

/** Lets the module go on, or ends it where the request is over: close is allowed while an ack is owed, and the ack still due. */
function release(exchange: Exchange): void {
    if (!exchange.isHeld) return
    exchange.isHeld = false
    if (exchange.isOver) exchange.connection.close()
    exchange.connection.ack()
}

function lengthOf(text: string | undefined): number {
    if (text === undefined || text.length > 9) return -1
    let value = 0
    for (let k = 0; k < text.length; k++) {
        const digit = text.charCodeAt(k) - 48
        if (digit < 0 || digit > 9) return -1
        value = value * 10 + digit
    }
    return value
}

function headTake(exchange: Exchange, code: number, headers: HeaderTable | undefined): void {
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

/** Short memory ends this request alone: what could not be had a moment ago is free again once the piece is. Any other error stays one. */
function memoryNote(exchange: Exchange, trouble: string): void {
    if (trouble.indexOf("not enough memory") < 0) error(trouble, 0)
    print("http: " + trouble)
    exchange.isShort = true
}

/**
 * Returns what the module is to do next: ACKNOW or DELAYACK.
 * @resident
 */
function dataTake(module: HttpModule, exchange: Exchange, bytes: Bytes): number {
    if (!exchange.isOver) {
        if (exchange.leftBytes >= 0) exchange.leftBytes = exchange.leftBytes - bytes.length
        const trouble = _G.pcall(exchange.listener.onData, bytes)[1]
        if (trouble !== undefined) memoryNote(exchange, trouble)
    }
    if (exchange.isShort) {
        exchange.connection.close()
        return module.ACKNOW
    }
    if (exchange.isOver) {
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
function endTake(exchange: Exchange, code: number): void {
    if (exchange.isShort) end(exchange, STATUS_MEMORY)
    else if (code < 0 || exchange.leftBytes > 0) end(exchange, STATUS_NET)
    else end(exchange, STATUS_OK)
}

function connect(module: HttpModule, exchange: Exchange, body: Bytes): void {
    const connection = exchange.connection
    connection.on("headers", (code, headers) => headTake(exchange, code, headers))
    connection.on("data", (_, bytes) => dataTake(module, exchange, bytes))
    connection.on("complete", code => endTake(exchange, code))
    if (body !== "") connection.setbody(body)
    connection.request()
}

function request(method: string, url: string, headers: string[][], body: Bytes, listener: HttpListener): number {
    const module = http
    lastHandle = lastHandle + 1
    const handle = lastHandle
    if (module === undefined) {
        clock.after(0, () => listener.onEnd(STATUS_NET))
        return handle
    }
    const table: HeaderTable = { Connection: "close" }
    for (let k = 0; k < headers.length; k++) table[headers[k][0]] = headers[k][1]
    const options = { async: true, bufsz: PIECE_BYTES, headers: table, max_redirects: 0, timeout: TIMEOUT_MS }
    const connection = module.createConnection(url, method === "POST" ? module.POST : module.GET, options)
    const exchange: Exchange = {
        handle,
        connection,
        listener,
        pauseMs: 0,
        isHeld: false,
        isOver: false,
        isShort: false,
        leftBytes: -1,
    }
    open.push(exchange)
    connect(module, exchange, body)
    return handle
}

function abort(handle: number): void {
    const exchange = find(handle)
    if (exchange === undefined) return
    forget(exchange)
    // Outside of a callback the module refuses to close, unless it owes an ack: the next callback does it then.
    release(exchange)
}

function pause(handle: number, delayMs: number): void {
    const exchange = find(handle)
    if (exchange !== undefined) exchange.pauseMs = delayMs
}

/** Creates the port; pauses are timed by `boardClock`. */
export function createHttp(boardClock: Clock): Http {
    clock = boardClock
    return { request, abort, pause }
}
