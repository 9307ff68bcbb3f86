// Images for devices: GET and HEAD with a single range (RFC 9110, sections 13 and 14), straight from the artifact store.

import type { IncomingMessage, ServerResponse } from "node:http"
import { pipeline } from "node:stream/promises"
import { verifyImagePath } from "../artifacts/url"
import { nowS, type Context } from "../context"
import { notFound, Problem } from "../problems"
import { sendError, sendProblem, type Adapter } from "./http"

/** A part of a file, both ends included. */
export interface ByteRange {
    from: number
    to: number
}

/**
 * What a Range header asks of a file of `sizeBytes`: a range; null for the whole file (no header, several ranges, or one that is not
 * understood: RFC 9110, 14.2 lets a server ignore those); "unsatisfiable" when it lies outside.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | null | "unsatisfiable" {
    const parts = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec((header ?? "").trim())
    const [first, last] = [parts?.[1] ?? "", parts?.[2] ?? ""]
    if (first === "" && last === "") return null
    if (first === "") {
        const lengthBytes = Math.min(Number(last), sizeBytes)
        return lengthBytes === 0 ? "unsatisfiable" : { from: sizeBytes - lengthBytes, to: sizeBytes - 1 }
    }
    const from = Number(first)
    const to = last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
    if (last !== "" && Number(last) < from) return null
    return from >= sizeBytes ? "unsatisfiable" : { from, to }
}

/** Whether a list of entity tags names this one (If-None-Match compares weakly: RFC 9110, 13.1.2). */
function namesTag(header: string | undefined, tag: string): boolean {
    const tags = (header ?? "").split(",").map(one => one.trim().replace(/^W\//, ""))
    return tags.includes(tag) || tags.includes("*")
}

/** A range counts only for the same file (If-Range compares strongly; dates are not used here, so they never match). */
function rangeWanted(request: IncomingMessage, tag: string): string | undefined {
    const condition = request.headers["if-range"]
    const applies = request.method === "GET" && (condition === undefined || condition === tag)
    return applies ? request.headers.range : undefined
}

async function sendImage(
    context: Context,
    request: IncomingMessage,
    response: ServerResponse,
    sha256: string,
    sizeBytes: number,
): Promise<void> {
    const tag = `"${sha256}"`
    const shared = {
        ETag: tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, immutable, max-age=86400",
        Connection: "close",
    }
    if (namesTag(request.headers["if-none-match"], tag)) return void response.writeHead(304, shared).end()
    const range = parseRange(rangeWanted(request, tag), sizeBytes)
    if (range === "unsatisfiable") {
        const problem = new Problem("range_unsatisfiable", `The image has ${sizeBytes} bytes. Ask for a range inside it.`)
        return sendProblem(request, response, problem, { "Content-Range": `bytes */${sizeBytes}`, Connection: "close" })
    }
    const { from, to } = range ?? { from: 0, to: sizeBytes - 1 }
    const partial: Record<string, string> = range === null ? {} : { "Content-Range": `bytes ${from}-${to}/${sizeBytes}` }
    const head = { "Content-Type": "application/zip", "Content-Length": to - from + 1, ...shared, ...partial }
    response.writeHead(range === null ? 200 : 206, head)
    if (request.method === "HEAD") return void response.end()
    await pipeline(context.artifacts.open(sha256, from, to), response)
}

async function download(context: Context, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD")
        throw new Problem("method_not_allowed", "Images are loaded with GET.")
    const { sha256 } = verifyImagePath(context.urlSecret, url, nowS(context))
    const sizeBytes = await context.artifacts.sizeBytes(sha256)
    if (sizeBytes === null) throw notFound("image")
    await sendImage(context, request, response, sha256, sizeBytes)
}

/** A client that goes away in the middle is no error of the cloud's. */
function clientGone(error: unknown): boolean {
    return /^(ERR_STREAM_PREMATURE_CLOSE|ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? "")
}

/** The adapter that serves images. */
export function imageAdapter(context: Context): Adapter {
    return async (request, response, url) => {
        if (!url.pathname.startsWith("/images/")) return false
        try {
            await download(context, request, response, url)
        } catch (error) {
            if (clientGone(error)) response.destroy()
            else sendError(context, request, response, error)
        }
        return true
    }
}
