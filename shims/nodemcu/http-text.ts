// The texts of HTTP/1.1 that the ESP8266 writes and reads itself: URLs, requests, heads, sizes of chunks.

import type { Bytes } from "../../firmware/ports"
import { string, tonumber } from "./modules"
import { lengthOf } from "./net"

/** Longest size of a chunk in digits: it stays below 2^31. */
const SIZE_DIGITS_MAX = 7

/** Where a URL leads. */
export interface UrlParts {
    readonly host: string
    readonly port: number
    /** Host and port as the URL spells them. */
    readonly authority: string
    readonly path: string
}

/** Takes a URL of http apart; undefined for any other, and for one that would break the request's first line. */
export function urlParts(url: string): UrlParts | undefined {
    if (url.substring(0, 7) !== "http://" || !isPlain(url) || url.indexOf(" ") >= 0) return undefined
    const slash = url.indexOf("/", 7)
    const end = slash < 0 ? url.length : slash
    const authority = url.substring(7, end)
    const colon = authority.indexOf(":")
    const host = colon < 0 ? authority : authority.substring(0, colon)
    const port = colon < 0 ? 80 : lengthOf(authority.substring(colon + 1))
    if (host === "" || port < 1 || port > 65535) return undefined
    return { host, port, authority, path: slash < 0 ? "/" : url.substring(slash) }
}

/** Whether a text stays on its line. */
function isPlain(text: string): boolean {
    return text.indexOf("\r") < 0 && text.indexOf("\n") < 0
}

/** A request, body and all; "" when a header cannot be sent. */
export function requestText(method: string, url: UrlParts, headers: string[][], body: Bytes): string {
    let text = method + " " + url.path + " HTTP/1.1\r\nHost: " + url.authority + "\r\nConnection: close\r\n"
    for (let k = 0; k < headers.length; k++) {
        const name = headers[k][0]
        const value = headers[k][1]
        if (!isPlain(name) || !isPlain(value) || name.indexOf(" ") >= 0 || name.indexOf(":") >= 0) return ""
        text = text + name + ": " + value + "\r\n"
    }
    if (body !== "" || method === "POST") text = text + "Content-Length: " + body.length + "\r\n"
    return text + "\r\n" + body
}

/** The status code of an answer's head; -1 when it is none of HTTP/1. */
export function headStatus(head: string): number {
    if (head.substring(0, 7) !== "HTTP/1.") return -1
    return lengthOf(head.substring(9, 12))
}

/** The value of a header, its name in lower case; "" when absent. `head` ends with a line end. */
export function headerOf(head: string, name: string): string {
    const at = string.lower(head).indexOf("\r\n" + name + ":")
    if (at < 0) return ""
    const from = at + name.length + 3
    const value = string.match(head.substring(from, head.indexOf("\r\n", from)), "^%s*(.-)%s*$")
    return value === undefined ? "" : value
}

/** The size of a chunk that the line ahead of it tells in hex; -1 when it tells none. */
export function chunkBytes(line: string): number {
    const digits = string.match(line, "^(%x+)")
    if (digits === undefined || digits.length > SIZE_DIGITS_MAX) return -1
    return tonumber(digits, 16)
}
