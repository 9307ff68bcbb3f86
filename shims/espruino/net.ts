// HTTP of an Espruino board over its `http` module, which tells of no broken connection: the bytes are counted here.

import { least } from "../../firmware/bytes"
import type { Bytes, HttpHead, HttpListener } from "../../firmware/ports"
import { STATUS_MEMORY, STATUS_NET, STATUS_OK } from "../../firmware/status"
import { NO_MEMORY } from "./flash"
import type { EspruinoE, EspruinoHttp, EspruinoRequest, EspruinoResponse, EspruinoUrl } from "./globals"

declare const E: EspruinoE
declare const url: { parse(text: string): EspruinoUrl }
declare const getTime: () => number
declare const setTimeout: (run: () => void, delayMs: number) => number
declare function require(name: "http"): EspruinoHttp

/** Longest pause in ms that one piece costs: the board stands still meanwhile. */
const PAUSE_MS_MAX = 1000

const http = require("http")

// The core has one request at a time; an aborted one goes on for a turn, and is told apart by its handle.
let handle = 0
let isOpen = false
let request: EspruinoRequest | undefined

function headerIn(headers: Record<string, string>, name: string): string {
    for (const key in headers) {
        if (key.toLowerCase() === name) return headers[key]
    }
    return ""
}

function headOf(response: EspruinoResponse): HttpHead {
    function header(name: string): string {
        return headerIn(response.headers, name)
    }
    return { statusCode: parseInt(response.statusCode, 10), header }
}

/** Whether a body came whole. Without a length and without chunks it ends with the connection, whatever ended that. */
function isWhole(response: EspruinoResponse, takenBytes: number): boolean {
    const length = headerIn(response.headers, "content-length")
    if (length !== "") return takenBytes === parseInt(length, 10)
    if (headerIn(response.headers, "transfer-encoding").toLowerCase() !== "chunked") return true
    return response.cRcv <= 0
}

function send(own: number, options: EspruinoUrl, body: Bytes, listener: HttpListener): void {
    let takenBytes = 0

    function end(status: number): void {
        if (own !== handle || !isOpen) return
        isOpen = false
        request = undefined
        listener.onEnd(status)
    }

    function answered(response: EspruinoResponse): void {
        if (own !== handle || !isOpen) return
        response.on("data", function (bytes) {
            takenBytes = takenBytes + bytes.length
            if (own !== handle || !isOpen) return
            try {
                listener.onData(bytes)
            } catch (error) {
                // What an app throws ends the boot, as it does elsewhere.
                if (("" + error).indexOf(NO_MEMORY) < 0) throw error
                netAbort(own)
                listener.onEnd(STATUS_MEMORY)
            }
        })
        response.on("close", function () {
            end(isWhole(response, takenBytes) ? STATUS_OK : STATUS_NET)
        })
        listener.onHead(headOf(response))
    }

    function failed(): void {
        end(STATUS_NET)
    }

    try {
        request = http.request(options, answered)
        request.on("error", failed)
        request.end(body)
    } catch (error) {
        // No such host, or no room for a socket.
        setTimeout(failed, 0)
    }
}

/** Sends a request (ports.ts, Http). */
export function netRequest(method: string, address: string, headers: string[][], body: Bytes, listener: HttpListener): number {
    netAbort(handle)
    handle = handle + 1
    isOpen = true
    const options = url.parse(address)
    options.method = method
    options.headers = {}
    for (let i = 0; i < headers.length; i++) options.headers[headers[i][0]] = headers[i][1]
    if (body !== "" || method === "POST") options.headers["Content-Length"] = "" + body.length
    send(handle, options, body, listener)
    return handle
}

/** Ends a request (ports.ts, Http). */
export function netAbort(wanted: number): void {
    if (wanted !== handle || !isOpen) return
    isOpen = false
    if (request !== undefined) request.clsNow = true
    request = undefined
}

/** Espruino cannot hold a body back, but while code runs nothing is read, and TCP holds the sender back: so this waits. */
export function netPause(wanted: number, delayMs: number): void {
    if (wanted !== handle) return
    E.kickWatchdog()
    const end = getTime() + least(delayMs, PAUSE_MS_MAX) * 0.001
    while (getTime() < end);
}
