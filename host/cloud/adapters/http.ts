// What the device protocols need of HTTP: bodies with a limit, tokens, compact answers with exact header names.

import type { IncomingMessage, ServerResponse } from "node:http"
import type { Context } from "../context"
import { RETRY_AFTER_S } from "../limits"
import { Problem, problemOf } from "../problems"

/** One adapter: takes the request and answers it, or returns false when the path is not its own. */
export type Adapter = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>

const HOST = /^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$/

/** The whole body. Throws Problem `body_too_large`; the rest is then not read and the connection ends with the answer. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
    // By events: an iterator would cost as much as the rest of a check-in's way through HTTP.
    return new Promise((resolve, reject) => {
        const chunks: Buffer[] = []
        let sizeBytes = 0
        request.on("data", (chunk: Buffer) => {
            sizeBytes += chunk.length
            chunks.push(chunk)
            if (sizeBytes <= maxBytes) return
            request.removeAllListeners("data").pause()
            reject(new Problem("body_too_large", `The body may have at most ${maxBytes} bytes.`))
        })
        request.once("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
        request.once("error", reject)
        request.once("close", () => {
            if (!request.complete) reject(new Problem("request_invalid", "The body was cut off."))
        })
    })
}

/** The body as a JSON object. Throws Problem `request_invalid`, `body_too_large`. */
export async function readObject(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>> {
    const text = (await readBody(request, maxBytes)).toString("utf8")
    try {
        const value: unknown = JSON.parse(text)
        if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    } catch {
        // Told below.
    }
    throw new Problem("request_invalid", "The body is not a JSON object.")
}

/** The token of a request: after `bearer` in any spelling, or the whole header, as the Updater sends it. Throws `unauthorized`. */
export function requestToken(request: IncomingMessage): string {
    const header = (request.headers.authorization ?? "").trim()
    const token = /^bearer\s+(\S+)$/i.exec(header)?.[1] ?? header
    if (token !== "" && !/\s/.test(token)) return token
    throw new Problem("unauthorized", "The request has no token. Send it as Authorization: bearer TOKEN.")
}

/** The address under which the sender of a request reached the cloud, without a slash at its end. */
export function baseUrl(context: Context, request: IncomingMessage): string {
    if (context.publicUrl !== "") return context.publicUrl.replace(/\/+$/, "")
    const host = request.headers.host ?? ""
    if (HOST.test(host)) return `http://${host}`
    return `http://${request.socket.localAddress ?? "127.0.0.1"}:${request.socket.localPort ?? 80}`
}

/** Answers with a text as it stands. */
export function sendText(
    response: ServerResponse,
    status: number,
    type: string,
    text: string,
    headers: Record<string, string> = {},
): void {
    const body = Buffer.from(text)
    response.writeHead(status, { "Content-Type": type, "Content-Length": body.length, ...headers })
    response.end(body)
}

/** Answers with compact JSON: clients of this protocol do not take a blank after a colon. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
    sendText(response, status, "application/json", JSON.stringify(value))
}

/** Answers with a problem. A body that was not read to its end closes the connection. */
export function sendProblem(
    request: IncomingMessage,
    response: ServerResponse,
    problem: Problem,
    headers: Record<string, string> = {},
): void {
    const all = { ...headers }
    if (problem.status === 503 || problem.status === 429) all["Retry-After"] = String(problem.retryAfterS ?? RETRY_AFTER_S)
    if (!request.complete) all["Connection"] = "close"
    sendText(response, problem.status, "application/problem+json", JSON.stringify(problem.body()), all)
}

/** Answers with whatever went wrong; what is not the caller's fault goes to the log. */
export function sendError(context: Context, request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const problem = problemOf(error)
    if (problem.code === "internal") context.log.error({ err: error }, "a device's request failed")
    if (response.headersSent || response.destroyed) response.destroy()
    else sendProblem(request, response, problem)
}
