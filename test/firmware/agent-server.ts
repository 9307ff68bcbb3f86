// A small cloud over real HTTP that tests script: it writes down what devices send, and can misbehave in every way.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { sha256Hex } from "./images"

/** A request as the server saw it. */
export interface Seen {
    readonly path: string
    readonly authorization: string
    readonly range: string
    readonly body: any
}

/** How an image request is answered; `count` is 1 for the first. */
export type ImageScript = (response: ServerResponse, image: Buffer, from: number, count: number) => void

/** The server. Everything about it can be changed while it runs. */
export interface AgentServer {
    url: string
    /** Path "checkin", "report", "register" or "image". */
    readonly seen: Seen[]
    /** Requests of one path. */
    of(path: string): Seen[]
    /** Status and body of the next answers, by path; a function decides anew each time. */
    answers: Record<string, () => { status: number; body: string }>
    /** Requests that a script leaves without an answer: time may pass. */
    silent: number
    imageScript: ImageScript
    image: Buffer
    /** The full image at `/full`, beside a delta at `/image`. */
    full: Buffer
    /** Offers `delta` at every check-in from now on, with `full` to fall back to. */
    offerDelta(delta: Buffer, full: Buffer, update: string): void
    /** Offers `image` at every check-in from now on. */
    offer(image: Buffer, update: string, version?: string): void
    /** Leaves requests of a path without an answer from now on. */
    silence(path: string): void
    close(): Promise<void>
}

const PATHS: Record<string, string> = {
    "/device/register": "register",
    "/tok/provision/update": "checkin",
    "/tok/provision/updateReport": "report",
    "/image": "image",
    "/full": "full",
}

/** Answers with the image, or with the rest of it when a range was asked for, in pieces of 1000 bytes. */
export const wholeImage: ImageScript = (response, image, from) => {
    const headers: Record<string, string | number> = { "Content-Length": image.length - from }
    if (from > 0) headers["Content-Range"] = `bytes ${from}-${image.length - 1}/${image.length}`
    response.writeHead(from > 0 ? 206 : 200, headers)
    for (let at = from; at < image.length; at += 1000) response.write(image.subarray(at, at + 1000))
    response.end()
}

async function bodyOf(request: IncomingMessage): Promise<any> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString("utf8")
    return text === "" ? undefined : JSON.parse(text)
}

/** The path that each server leaves without an answer. */
const silent = new WeakMap<AgentServer, string>()

/** Sends nothing more, for as long as the device bears it. */
export function keepSilent(server: AgentServer, response: ServerResponse): void {
    server.silent += 1
    response.on("close", () => (server.silent -= 1))
}

async function answer(server: AgentServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = PATHS[request.url ?? ""] ?? "unknown"
    const { authorization = "", range = "" } = request.headers
    server.seen.push({ path, authorization, range, body: await bodyOf(request) })
    if (path === "image" || path === "full") {
        const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0)
        return server.imageScript(response, path === "full" ? server.full : server.image, from, server.of(path).length)
    }
    if (silent.get(server) === path) return keepSilent(server, response)
    const { status, body } = server.answers[path]?.() ?? { status: 404, body: "" }
    response.writeHead(status, { "Content-Length": Buffer.byteLength(body) }).end(body)
}

/** Starts a server that offers nothing, takes every report, and registers every device. */
export async function startServer(): Promise<AgentServer> {
    const server: AgentServer = {
        url: "",
        seen: [],
        of: path => server.seen.filter(request => request.path === path),
        answers: {
            checkin: () => ({ status: 200, body: "{}" }),
            report: () => ({ status: 200, body: "{}" }),
            register: () => ({
                status: 200,
                body: JSON.stringify({ registered: true, id: "DEV1", api: server.url, token: "T1" }),
            }),
        },
        silent: 0,
        imageScript: wholeImage,
        image: Buffer.alloc(0),
        full: Buffer.alloc(0),
        offerDelta(delta, full, update) {
            server.image = delta
            server.full = full
            const offer = { url: `${server.url}/image`, checksum: sha256Hex(delta), version: "1.1.0", update }
            const body = JSON.stringify({ ...offer, full: { url: `${server.url}/full`, checksum: sha256Hex(full) } })
            server.answers.checkin = () => ({ status: 200, body })
        },
        offer(image, update, version = "1.1.0") {
            server.image = image
            const body = JSON.stringify({ url: `${server.url}/image`, checksum: sha256Hex(image), version, update })
            server.answers.checkin = () => ({ status: 200, body })
        },
        silence: path => void silent.set(server, path),
        close: () => new Promise(done => (listener.close(() => done()), listener.closeAllConnections())),
    }
    const listener: Server = createServer((request, response) => void answer(server, request, response))
    await new Promise<void>(done => listener.listen(0, "127.0.0.1", done))
    server.url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
    return server
}
