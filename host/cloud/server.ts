// The HTTP server: device protocols by their adapters, everything else by the API.

import { getRequestListener } from "@hono/node-server"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { imageAdapter } from "./adapters/image-download"
import { iotoAdapter } from "./adapters/ioto"
import { sendError, sendProblem, type Adapter } from "./adapters/http"
import { createApi, type ApiParts } from "./api/app"
import { clientAddress } from "./client-address"
import type { Context } from "./context"
import { createEventStreams } from "./events-stream"
import { CHECKINS_WAITING_MAX, CLOSE_TIMEOUT_S } from "./limits"
import { createMetrics, type Metrics } from "./metrics"
import { Problem } from "./problems"
import { createCheckin } from "./services/checkin"
import { createWebhooks } from "./webhooks"
import { addressRules } from "./webhooks-address"

/** Milliseconds between two looks for connections that have become idle while the server closes. */
const SWEEP_MS = 50

/** A server that listens. */
export interface RunningServer {
    /** Where it listens, without a slash at the end. */
    url: string
    /** Takes no more requests and ends when those under way have, or their time is up. */
    close(): Promise<void>
}

/** How a server is started. */
export interface ServerOptions {
    /** The program's. */
    version: string
    /** Port to listen at; 0 takes a free one. */
    port: number
    /** Address to listen at. */
    host: string
    /** Networks that webhooks may reach although they are not public, such as `10.1.0.0/16`. */
    webhookAllow?: readonly string[] | undefined
    /** Networks of proxies whose X-Forwarded-For is believed, such as `127.0.0.1/32`. */
    trustedProxies?: readonly string[] | undefined
    /** Check-ins that may wait before more are sent away; CHECKINS_WAITING_MAX by default. */
    checkinsWaitingMax?: number | undefined
}

/** The path and query of a request; null when they are not ones. */
function urlOf(request: IncomingMessage): URL | null {
    try {
        return new URL(request.url ?? "/", "http://cloud")
    } catch {
        return null
    }
}

/** An adapter whose answers are measured. Addresses of images are all one route. */
function measured(metrics: Metrics, adapter: Adapter): Adapter {
    return async (request, response, url) => {
        const startMs = performance.now()
        if (!(await adapter(request, response, url))) return false
        const route = url.pathname.startsWith("/images/") ? "/images" : url.pathname
        metrics.request(`${request.method ?? ""} ${route}`, response.statusCode, (performance.now() - startMs) / 1000)
        return true
    }
}

/** One listener for all: adapters are asked in order, the API takes what is left. */
function listener(
    context: Context,
    parts: ApiParts,
    options: ServerOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    const waitingMax = options.checkinsWaitingMax ?? CHECKINS_WAITING_MAX
    const ioto = iotoAdapter(context, createCheckin(context), waitingMax, parts.addressOf)
    const adapters = [measured(parts.metrics, ioto), measured(parts.metrics, imageAdapter(context))]
    const api = getRequestListener(createApi(context, options.version, parts).fetch, { overrideGlobalObjects: false })
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
        // Connections that were busy and are kept alive must not hold the end up.
        const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
        server.close(() => {
            clearTimeout(timer)
            clearInterval(sweep)
            resolve()
        })
        server.closeIdleConnections()
    })
}

/** Starts to listen. Throws when the address is not free, or a network of `webhookAllow` or `trustedProxies` cannot be read. */
export async function startServer(context: Context, options: ServerOptions): Promise<RunningServer> {
    const streams = createEventStreams(context)
    const webhooks = await createWebhooks(context, addressRules(options.webhookAllow ?? []))
    const addressOf = clientAddress(options.trustedProxies)
    const handle = listener(context, { streams, webhooks, metrics: createMetrics(context), addressOf }, options)
    const server = createServer((request, response) => void handle(request, response))
    await listen(server, options.port, options.host)
    webhooks.start()
    const address = server.address() as AddressInfo
    const name = address.family === "IPv6" ? `[${address.address}]` : address.address
    const reachable = name === "0.0.0.0" ? "127.0.0.1" : name === "[::]" ? "[::1]" : name
    const close = async (): Promise<void> => {
        streams.close()
        await Promise.all([webhooks.close(), closeServer(server)])
    }
    return { url: `http://${reachable}:${address.port}`, close }
}
