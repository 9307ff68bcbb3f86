// HTTP of the ESP8266: HTTP/1.1 over a socket of `net`, whose sender is held back while the core pauses.

import type { Bytes, Clock, Http, HttpListener } from "../../firmware/ports"
import { STATUS_NET, STATUS_OK } from "../../firmware/status"
import { net, pcall, type NetSocket } from "./modules"
import {
    type Exchange,
    exchangeEnd,
    exchangeFind,
    exchangeForget,
    exchangeHandle,
    exchangeOpen,
    exchangePause,
    exchangeTake,
    lengthOf,
} from "./net"
import { chunkBytes, headerOf, headStatus, requestText, urlParts, type UrlParts } from "./http-text"

/** Bytes of a request that are sent at a time: the send buffer of lwIP holds 2,920. */
const SEND_BYTES = 1024
/** Longest head of an answer, and longest line between two chunks. */
const HEAD_BYTES_MAX = 4096
const LINE_BYTES_MAX = 64
/** The body ends with the connection. */
const UNTIL_CLOSED = -1

/** What the next bytes of an answer belong to. */
const IN_HEAD = 0
const IN_BODY = 1
const IN_CHUNK = 2
const AHEAD_OF_CHUNK = 3

/** A request under way. */
interface SocketExchange extends Exchange {
    /** Undefined once the connection is gone, or nobody wants it any more: callbacks and socket would keep each other for ever. */
    socket: NetSocket | undefined
    /** What of the request is still to be sent. */
    unsent: Bytes
    place: number
    /** What came of a head or line whose end is still to come. */
    begun: Bytes
    /** Bytes of the body or the chunk that are still to come. */
    leftBytes: number
    /** Whether the core waits; what comes meanwhile waits, too. */
    isHeld: boolean
    waiting: Bytes[]
    /** How the connection was closed while something waited: 0 by the other side, otherwise an error; -1 while it stands. */
    closed: number
}

let clock: Clock

// ---- the connection ----------------------------------------------------------------------------

/** Not at once: `net` still works with the connection when a callback returns. */
function closeSoon(exchange: SocketExchange): void {
    const socket = exchange.socket
    exchange.socket = undefined
    if (socket === undefined) return
    clock.after(0, () => {
        // It may have closed by itself since.
        pcall(() => socket.close())
    })
}

function finish(exchange: SocketExchange, status: number): void {
    closeSoon(exchange)
    exchangeEnd(exchange, status)
}

function sendNext(exchange: SocketExchange): void {
    const socket = exchange.socket
    const text = exchange.unsent
    if (socket === undefined || text === "") return
    const piece = text.length > SEND_BYTES ? text.substring(0, SEND_BYTES) : text
    exchange.unsent = text.substring(piece.length)
    if (!pcall(() => socket.send(piece))) finish(exchange, STATUS_NET)
}

/** Nothing else tells a body without a length from one that broke off. */
function closedTake(exchange: SocketExchange, code: number): void {
    exchange.socket = undefined
    exchange.closed = code
    if (exchange.isHeld) return
    const isWhole = code === 0 && exchange.place === IN_BODY && exchange.leftBytes === UNTIL_CLOSED
    exchangeEnd(exchange, isWhole ? STATUS_OK : STATUS_NET)
}

// ---- the answer --------------------------------------------------------------------------------

/** What the head says of the body. Returns whether it can be read. */
function bodyBegin(exchange: SocketExchange, statusCode: number, head: string): boolean {
    const coding = headerOf(head, "transfer-encoding")
    const length = headerOf(head, "content-length")
    exchange.place = IN_BODY
    exchange.leftBytes = UNTIL_CLOSED
    if (statusCode === 204 || statusCode === 304) exchange.leftBytes = 0
    else if (coding === "chunked") exchange.place = AHEAD_OF_CHUNK
    else if (coding !== "") return false
    else if (length !== "") {
        exchange.leftBytes = lengthOf(length)
        return exchange.leftBytes >= 0
    }
    return true
}

function headRead(exchange: SocketExchange, head: string): void {
    const statusCode = headStatus(head)
    // "Continue" and its like come ahead of the answer; nobody asked for another protocol.
    if (statusCode >= 100 && statusCode < 200 && statusCode !== 101) return
    if (statusCode < 200 || !bodyBegin(exchange, statusCode, head)) return finish(exchange, STATUS_NET)
    exchange.listener.onHead({ statusCode, header: name => headerOf(head, name) })
    if (exchange.place === IN_BODY && exchange.leftBytes === 0) finish(exchange, STATUS_OK)
}

function lineRead(exchange: SocketExchange, line: string): void {
    // The end of the chunk before.
    if (line === "") return
    exchange.place = IN_CHUNK
    exchange.leftBytes = chunkBytes(line)
    if (exchange.leftBytes < 0) finish(exchange, STATUS_NET)
    if (exchange.leftBytes === 0) finish(exchange, STATUS_OK)
}

/** Takes what belongs to a head or line from `at` on; returns where the rest begins. */
function textTake(exchange: SocketExchange, bytes: Bytes, at: number): number {
    const isHead = exchange.place === IN_HEAD
    const mark = isHead ? "\r\n\r\n" : "\r\n"
    const text = exchange.begun + bytes.substring(at)
    const end = text.indexOf(mark)
    const lengthBytes = end < 0 ? text.length : end
    if (lengthBytes > (isHead ? HEAD_BYTES_MAX : LINE_BYTES_MAX)) finish(exchange, STATUS_NET)
    else if (end < 0) exchange.begun = text
    else {
        exchange.begun = ""
        if (isHead) headRead(exchange, text.substring(0, end + 2))
        else lineRead(exchange, text.substring(0, end))
    }
    return end < 0 ? bytes.length : bytes.length - (text.length - end - mark.length)
}

/** Takes what belongs to the body or the chunk from `at` on; returns where the rest begins. */
function bodyTake(exchange: SocketExchange, bytes: Bytes, at: number): number {
    let end = bytes.length
    if (exchange.leftBytes >= 0) {
        if (end - at > exchange.leftBytes) end = at + exchange.leftBytes
        exchange.leftBytes = exchange.leftBytes - (end - at)
    }
    exchangeTake(exchange, bytes.substring(at, end))
    if (exchange.isShort) finish(exchange, STATUS_NET)
    else if (exchange.leftBytes === 0) {
        if (exchange.place === IN_CHUNK) exchange.place = AHEAD_OF_CHUNK
        else finish(exchange, STATUS_OK)
    }
    return end
}

function hold(exchange: SocketExchange): void {
    exchange.isHeld = true
    if (exchange.socket !== undefined) exchange.socket.hold()
    clock.after(exchange.pauseMs, () => release(exchange))
    exchange.pauseMs = 0
}

/** Takes from a piece until the core waits; returns where the rest begins. */
function pieceTake(exchange: SocketExchange, bytes: Bytes): number {
    let at = 0
    while (at < bytes.length && !exchange.isOver && !exchange.isHeld) {
        if (exchange.place === IN_HEAD || exchange.place === AHEAD_OF_CHUNK) at = textTake(exchange, bytes, at)
        else at = bodyTake(exchange, bytes, at)
        if (exchange.pauseMs > 0 && !exchange.isOver) hold(exchange)
    }
    return at
}

function waitingTake(exchange: SocketExchange): void {
    while (exchange.waiting.length > 0 && !exchange.isHeld && !exchange.isOver) {
        const bytes = exchange.waiting[0]
        const at = pieceTake(exchange, bytes)
        if (at < bytes.length) exchange.waiting[0] = bytes.substring(at)
        else exchange.waiting.shift()
    }
}

/** While the core waits, what was under way before still comes. */
function bytesTake(exchange: SocketExchange, bytes: Bytes): void {
    exchange.waiting.push(bytes)
    waitingTake(exchange)
}

function release(exchange: SocketExchange): void {
    exchange.isHeld = false
    waitingTake(exchange)
    if (exchange.isHeld || exchange.isOver) return
    if (exchange.socket !== undefined) exchange.socket.unhold()
    else closedTake(exchange, exchange.closed)
}

// ---- the port ----------------------------------------------------------------------------------

function connect(exchange: SocketExchange, socket: NetSocket, url: UrlParts): void {
    socket.on("connection", () => sendNext(exchange))
    socket.on("sent", () => sendNext(exchange))
    socket.on("receive", (_, bytes) => bytesTake(exchange, bytes))
    socket.on("disconnection", (_, code) => closedTake(exchange, code))
    if (!pcall(() => socket.connect(url.port, url.host))) clock.after(0, () => finish(exchange, STATUS_NET))
}

function request(method: string, url: string, headers: string[][], body: Bytes, listener: HttpListener): number {
    const handle = exchangeHandle()
    const parts = urlParts(url)
    const text = parts === undefined ? "" : requestText(method, parts, headers, body)
    const exchange: SocketExchange = {
        handle,
        listener,
        pauseMs: 0,
        isOver: false,
        isShort: false,
        socket: undefined,
        unsent: text,
        place: IN_HEAD,
        begun: "",
        leftBytes: 0,
        isHeld: false,
        waiting: [],
        closed: -1,
    }
    exchangeOpen(exchange)
    if (parts === undefined || text === "") clock.after(0, () => finish(exchange, STATUS_NET))
    else {
        const socket = net.createConnection()
        exchange.socket = socket
        connect(exchange, socket, parts)
    }
    return handle
}

function abort(handle: number): void {
    const exchange = exchangeFind(handle) as SocketExchange | undefined
    if (exchange === undefined) return
    exchangeForget(exchange)
    closeSoon(exchange)
}

/** Creates the port; pauses are timed by `boardClock`. */
export function createHttp(boardClock: Clock): Http {
    clock = boardClock
    return { request, abort, pause: exchangePause }
}
