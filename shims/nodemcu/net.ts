// What both HTTP clients of NodeMCU boards share: the requests under way, and how each of them ends.

import type { Bytes, HttpListener } from "../../firmware/ports"
import { STATUS_MEMORY } from "../../firmware/status"
import { _G, error, print } from "./modules"

/** A request under way. */
export interface Exchange {
    handle: number
    listener: HttpListener
    /** Milliseconds that the core wants to wait before the next piece, 0 for none. */
    pauseMs: number
    isOver: boolean
    /** Whether memory ran out in a callback. */
    isShort: boolean
}

let lastHandle = 0
const open: Exchange[] = []

/** The handle of the next request. */
export function exchangeHandle(): number {
    lastHandle = lastHandle + 1
    return lastHandle
}

/** From here on the exchange is found by its handle. */
export function exchangeOpen(exchange: Exchange): void {
    open.push(exchange)
}

/** The exchange of a handle; undefined when it is over. */
export function exchangeFind(handle: number): Exchange | undefined {
    for (let k = 0; k < open.length; k++) {
        if (open[k].handle === handle) return open[k]
    }
    return undefined
}

/** Ends an exchange without a word to its listener. */
export function exchangeForget(exchange: Exchange): void {
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

/** Ends an exchange; its listener hears of it once. */
export function exchangeEnd(exchange: Exchange, status: number): void {
    if (exchange.isOver) return
    exchangeForget(exchange)
    if (exchange.isShort) exchange.listener.onEnd(STATUS_MEMORY)
    else exchange.listener.onEnd(status)
}

/** Notes what the core wants to wait before the next piece. */
export function exchangePause(handle: number, delayMs: number): void {
    const exchange = exchangeFind(handle)
    if (exchange !== undefined) exchange.pauseMs = delayMs
}

/** The number that a header holds: at most nine digits; -1 for anything else. */
export function lengthOf(text: string | undefined): number {
    if (text === undefined || text === "" || text.length > 9) return -1
    let value = 0
    for (let k = 0; k < text.length; k++) {
        const digit = text.charCodeAt(k) - 48
        if (digit < 0 || digit > 9) return -1
        value = value * 10 + digit
    }
    return value
}

/** Short memory ends this request alone: what could not be had a moment ago is free again once the piece is. Any other error stays one. */
function memoryNote(exchange: Exchange, trouble: string): void {
    if (trouble.indexOf("not enough memory") < 0) error(trouble, 0)
    print("http: " + trouble)
    exchange.isShort = true
}

/**
 * Hands a piece of the body on. Memory that runs out in it makes the exchange short.
 * @resident
 */
export function exchangeTake(exchange: Exchange, bytes: Bytes): void {
    const trouble = _G.pcall(exchange.listener.onData, bytes)[1]
    if (trouble !== undefined) memoryNote(exchange, trouble)
}
