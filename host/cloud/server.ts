// The HTTP server: device protocols by their adapters, everything else by the API.

import { getRequestListener } from "@hono/node-server"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { imageAdapter } from "./adapters/image-download"
import { iotoAdapter } from "./adapters/ioto"
import { sendError, sendProblem, type Adapter } from "./adapters/http"
import { createApi } from "./api/app"
import type { Context } from "./context"
import { CLOSE_TIMEOUT_S } from "./limits"
import { Problem } from "./problems"
import { createCheckin } from "./services/checkin"

/** A server that listens. */
export interface RunningServer {
    /** Where it listens, without a slash at the end. */
    url: string
    /** Takes no more requests and ends when those under way have, or their time is up. */
    close(): Promise<void>
}

/** The path and query of a request; null when they are not ones. */
function urlOf(request: IncomingMessage): URL | null {
    try {
        return new URL(request.url ?? "/", "http://cloud")
    } catch {
        return null
    }
}

/** One listener for all: adapters are asked in order, the API takes what is left. */
function listener(context: Context, version: string): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    const adapters: Adapter[] = [iotoAdapter(context, createCheckin(context)), imageAdapter(context)]
    const api = getRequestListener(createApi(context, version).fetch, { overrideGlobalObjects: false })
    return async (request, response) => {
        response.on("error", () => response.destroy())
        const url = urlOf(request)
        if (url === null) return sendProblem(request, response, new Problem("request_invalid", "The request's path is not one."))
        try {
            for (const adapter of adapters) if (await adapter(request, response, url)) return
            await api(request, response)
        } catch (error) {
            sendError(context, request, response, error)
        }
    }
}

function listen(server: Server, port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
        server.once("error", reject).listen(port, host, () => {
            server.off("error", reject)
            resolve()
        })
    })
}

function closeServer(server: Server): Promise<void> {
    return new Promise(resolve => {
        const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_S * 1000)
        server.close(() => {
            clearTimeout(timer)
            resolve()
        })
        server.closeIdleConnections()
    })
}

/** Starts to listen; port 0 takes a free one. Throws when the address is not free. */
export async function startServer(context: Context, version: string, port: number, host: string): Promise<RunningServer> {
    const handle = listener(context, version)
    const server = createServer((request, response) => void handle(request, response))
    await listen(server, port, host)
    const address = server.address() as AddressInfo
    const name = address.family === "IPv6" ? `[${address.address}]` : address.address
    const reachable = name === "0.0.0.0" ? "127.0.0.1" : name === "[::]" ? "[::1]" : name
    return { url: `http://${reachable}:${address.port}`, close: () => closeServer(server) }
}
