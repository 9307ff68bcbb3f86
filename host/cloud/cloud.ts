// The device cloud: database, artifacts and HTTP server put together. It holds no state of its own.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { once } from "node:events"
import { createServer } from "node:net"
import { join } from "node:path"
import pino, { type Level, type Logger } from "pino"
import { AGENT_VERSION } from "../../firmware/constants"
import { openDiskArtifacts } from "./artifacts/disk"
import { DEFAULT_CLOUD, DEFAULT_TENANT, nowOf, type Context } from "./context"
import { POLICY_TERMS_DEFAULT } from "./domain/policy/limits"
import { startEmbedded, type EmbeddedDatabase } from "./embedded/embedded"
import { newId, newToken, tokenHash } from "./ids"
import { startPusher } from "./push"
import { startScheduler, tick } from "./scheduler"
import { startServer } from "./server"
import { openPostgres } from "./store/postgres"
import type { Store } from "./store/store"

/** How a cloud is started. */
export interface CloudOptions {
    /** Folder of everything that is kept: the embedded database, artifacts, the admin token. Made when it is not there. */
    dataDir: string
    /** Port to listen at; 0 takes a free one, which is the default. */
    port?: number
    /** Address to listen at; 127.0.0.1 by default. */
    host?: string
    /** `postgres://` address of a database to use (15 or later) in place of the embedded one. */
    databaseUrl?: string
    /** Address under which devices reach the cloud; by default the one that each request was sent to. */
    publicUrl?: string
    /** Least level of what is logged to stderr; "silent" for nothing. "info" by default. */
    log?: Level | "silent"
    /** Terms that a policy may have, 1 to 50; 20 by default. Policies that are stored already go on to be understood. */
    policyTermsMax?: number
    /** Networks that webhooks may reach although they are not public, such as `10.1.0.0/16`. */
    webhookAllow?: readonly string[]
    /** Networks of proxies in front of it, whose X-Forwarded-For is believed, such as `127.0.0.1/32`; none by default. */
    trustedProxies?: readonly string[]
    /** `mqtt://` or `mqtts://` address of a broker over which devices are told of what is pushed to them; none by default. */
    mqttUrl?: string
    /** Check-ins that may wait in this process before more are sent away with 429; limits.ts says the default. */
    checkinsWaitingMax?: number
    /** False leaves the scheduler's ticks to the caller; true by default. */
    ticks?: boolean
    /** Unix time in ms; the system's by default. */
    nowMs?: () => number
}

/** A running cloud. */
export interface Cloud {
    /** Where it listens, such as `http://127.0.0.1:8080`. */
    url: string
    /** Token for the API, as in <dataDir>/admin.token. */
    adminToken: string
    /** Address of its database, for another cloud beside it. Holds the password: not for logs. */
    databaseUrl: string
    /** Takes one tick of the scheduler; answers whether work is left. */
    tick(): Promise<boolean>
    /** Ends requests under way, then the database, if it is the embedded one. */
    close(): Promise<void>
}

/** The admin token: from its file, or made and written down. */
function adminToken(dataDir: string): string {
    const file = join(dataDir, "admin.token")
    if (existsSync(file)) return readFileSync(file, "utf8").trim()
    const token = newToken()
    writeFileSync(`${file}.new`, `${token}\n`, { mode: 0o600 })
    chmodSync(`${file}.new`, 0o600)
    renameSync(`${file}.new`, file)
    return token
}

/** What must be in the database before the first request: tenant, cloud, admin token. Every start makes sure of it. */
async function prepare(store: Store, token: string, nowMs: () => number): Promise<void> {
    const createdAt = new Date(nowMs())
    await store.ensureTenant(DEFAULT_TENANT, DEFAULT_CLOUD, createdAt)
    const first = { id: newId(nowMs()), tenant: DEFAULT_TENANT, role: "admin", name: "admin.token" } as const
    const life = { createdAt, expiresAt: null, revokedAt: null }
    await store.tables.apiTokens.insert({ ...first, grants: [], owner: "", ...life, tokenHash: tokenHash(token) })
}

function createLog(options: CloudOptions): Logger {
    return pino({ level: options.log ?? "info", base: { name: "cloud" } }, pino.destination({ dest: 2, sync: true }))
}

/** The database server's own lines: what went wrong as warnings, the rest for who looks closely. */
function logDatabase(log: Logger, line: string): void {
    const wrong = /(WARNING|ERROR|FATAL|PANIC): /.test(line) && !line.includes("is starting up")
    log[wrong ? "warn" : "debug"]({ database: line })
}

/** Everything that was started, closed in reverse order even when one of them fails. */
async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
    const errors: unknown[] = []
    for (const close of closers.reverse()) await close().catch((error: unknown) => errors.push(error))
    if (errors.length > 0) throw errors[0]
}

/** Whether the address can be listened at, before anything slow is started. Throws what listening throws, such as EADDRINUSE. */
async function checkPort(port: number, host: string): Promise<void> {
    const probe = createServer()
    await once(probe.listen(port, host), "listening")
    probe.close()
    await once(probe, "close")
}

async function startParts(options: CloudOptions, log: Logger, closers: (() => Promise<void>)[]): Promise<Omit<Cloud, "close">> {
    const { dataDir, nowMs = Date.now } = options
    const { port = 0, host = "127.0.0.1", webhookAllow, trustedProxies, checkinsWaitingMax } = options
    if (port !== 0) await checkPort(port, host)
    const token = adminToken(dataDir)
    let embedded: EmbeddedDatabase | null = null
    if (options.databaseUrl === undefined) {
        embedded = await startEmbedded(dataDir, line => logDatabase(log, line))
        closers.push(embedded.close)
    }
    const databaseUrl = options.databaseUrl ?? (embedded as EmbeddedDatabase).url
    const store = await openPostgres(databaseUrl, error => log.warn({ err: error }, "a database connection broke"))
    closers.push(store.close)
    await prepare(store, token, nowMs)
    const urlSecret = await store.tables.settings.getOrPut("image-url-secret", newToken())
    const artifacts = await openDiskArtifacts(join(dataDir, "artifacts"))
    const { publicUrl = "", policyTermsMax = POLICY_TERMS_DEFAULT } = options
    const pusher = options.mqttUrl === undefined ? undefined : startPusher(options.mqttUrl, log)
    if (pusher !== undefined) closers.push(pusher.close)
    const context: Context = { store, artifacts, urlSecret, publicUrl, policyTermsMax, nowMs, log, pusher }
    const server = await startServer(context, {
        version: AGENT_VERSION,
        port,
        host,
        webhookAllow,
        trustedProxies,
        checkinsWaitingMax,
    })
    closers.push(server.close)
    if (options.ticks !== false) closers.push(startScheduler(context).close)
    log.info({ url: server.url, at: nowOf(context) }, "the cloud is ready")
    return { url: server.url, adminToken: token, databaseUrl, tick: async () => (await tick(context)) === "now" }
}

/**
 * Starts a cloud. Throws when the database cannot be started or reached, or the address is taken; nothing is left running then.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
    mkdirSync(options.dataDir, { recursive: true })
    const log = createLog(options)
    const closers: (() => Promise<void>)[] = []
    try {
        const parts = await startParts(options, log, closers)
        return { ...parts, close: () => closeAll(closers.splice(0)) }
    } catch (error) {
        await closeAll(closers).catch(() => undefined)
        throw error
    }
}
