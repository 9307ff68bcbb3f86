// The life of the embedded PostgreSQL server: made, started, watched, stopped.

import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Duplex, Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import type { Binaries } from "./binaries"
import type { DatabaseUser } from "./user"

/** Name of the database's one role. */
export const DATABASE_ROLE = "otary"

const INITDB_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const POLL_MS = 20
const LOG_LINES_KEPT = 20
const HALF_MADE = "new-"

/**
 * Starts the server in place of the shell, and beside it a guard that waits for the end of file descriptor 3, whose other end is held by
 * the cloud. The end comes when the cloud is gone, even by SIGKILL, and stops the server (SIGINT: fast shutdown); a line says that
 * the server ended by itself.
 */
const GUARDED = '( { read -r line; [ -n "$line" ] || kill -INT $$; } <&3 >/dev/null 2>&1 & ) ; exec "$@" 3<&-'

const SETTINGS = {
    listen_addresses: "",
    unix_socket_permissions: "0700",
    max_connections: "60",
    shared_buffers: "128MB",
    max_wal_size: "4GB",
    random_page_cost: "1.1",
    jit: "off",
    log_min_messages: "warning",
}

/** Everything that a server needs to know. */
export interface ServerPlan {
    binaries: Binaries
    user: DatabaseUser | null
    /** Folder with the cluster `data`. */
    folder: string
    socketFolder: string
    password: string
    /** Hears the server's log, line by line. */
    log: (line: string) => void
}

/** A running server. */
export interface Server {
    /** Resolves when it has ended, for whatever reason. */
    ended: Promise<void>
    /** Fast shutdown: open transactions end, the data is whole. */
    stop(): Promise<void>
}

/** The address of a server. */
export function serverUrl(plan: ServerPlan): string {
    const query = new URLSearchParams({ host: plan.socketFolder })
    return `postgres://${DATABASE_ROLE}:${plan.password}@localhost/postgres?${query.toString()}`
}

function identity(user: DatabaseUser | null): { uid?: number; gid?: number } {
    return user === null ? {} : { uid: user.uid, gid: user.gid }
}

/** An environment without settings of other databases. */
function cleanEnvironment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
    return { ...Object.fromEntries(kept), LC_ALL: "C" }
}

/** Removes what earlier starts left half made; one of their programs may still be writing, and fails then. */
function removeHalfMade(folder: string): void {
    for (const name of readdirSync(folder).filter(one => one.startsWith(HALF_MADE))) {
        try {
            rmSync(join(folder, name), { recursive: true, force: true })
        } catch {
            // It grows while it is removed; the next start tries again.
        }
    }
}

/** Makes the cluster, unless it is there. A half-made one of a start that was cut off is made anew, under a name of its own. */
export function makeCluster(plan: ServerPlan): void {
    const data = join(plan.folder, "data")
    if (existsSync(data)) return
    removeHalfMade(plan.folder)
    const half = mkdtempSync(join(plan.folder, HALF_MADE))
    const passwordFile = `${half}.password`
    if (plan.user !== null) chownSync(half, plan.user.uid, plan.user.gid)
    writeFileSync(passwordFile, `${plan.password}\n`, { mode: 0o600 })
    if (plan.user !== null) chownSync(passwordFile, plan.user.uid, plan.user.gid)
    const args = ["-D", half, "-U", DATABASE_ROLE, "-A", "scram-sha-256", `--pwfile=${passwordFile}`, "-E", "UTF8", "--locale=C"]
    const options = {
        ...identity(plan.user),
        cwd: "/",
        env: cleanEnvironment(),
        timeout: INITDB_TIMEOUT_MS,
        encoding: "utf8" as const,
    }
    const result = spawnSync(plan.binaries.initdb, args, options)
    rmSync(passwordFile)
    if (result.status !== 0)
        throw new Error(`The database could not be made in ${half}: ${result.stderr || String(result.error)}`)
    renameSync(half, data)
}

/** The process id in the cluster's lock file; 0 when there is none or the process is gone. */
function lockedBy(folder: string): number {
    const file = join(folder, "data", "postmaster.pid")
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : 0
    return pid > 0 && alive(pid) ? pid : 0
}

function alive(pid: number): boolean {
    try {
        process.kill(pid, 0)
        return true
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM"
    }
}

/**
 * Whether a process is the server of a cluster, and not one that was given the id of a server that is gone; where the system does
 * not tell, it is taken for one.
 */
function isServer(pid: number, folder: string): boolean {
    if (process.platform !== "linux") return true
    try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(join(folder, "data"))
    } catch {
        return false
    }
}

async function waitUntil(done: () => boolean, timeoutMs: number): Promise<boolean> {
    const endMs = Date.now() + timeoutMs
    while (!done()) {
        if (Date.now() > endMs) return false
        await sleep(POLL_MS)
    }
    return true
}

async function stopProcess(pid: number, gone: () => boolean): Promise<void> {
    for (const signal of ["SIGINT", "SIGQUIT"] as const) {
        if (gone()) return
        try {
            process.kill(pid, signal)
        } catch {
            // It ended by itself in this moment.
        }
        if (await waitUntil(gone, STOP_TIMEOUT_MS)) return
    }
    throw new Error(`The database server (process ${pid}) does not stop. End it by hand.`)
}

/** Answers whether a living cloud holds the server at an address; `running` says whether the server is still there. */
export type InUse = (url: string, running: () => boolean) => Promise<boolean>

/**
 * Clears the way: a server that a killed cloud left behind is stopped. `inUse` says whether a living cloud holds it; then this throws.
 */
export async function clearLeftover(plan: ServerPlan, inUse: InUse): Promise<void> {
    const pid = lockedBy(plan.folder)
    if (pid === 0) return
    if (!isServer(pid, plan.folder)) return rmSync(join(plan.folder, "data", "postmaster.pid"), { force: true })
    const running = (): boolean => lockedBy(plan.folder) === pid
    if (await inUse(serverUrl(plan), running)) {
        throw new Error(
            `The database in ${plan.folder} is in use by another cloud process. Stop that one, or choose another data folder.`,
        )
    }
    if (running()) await stopProcess(pid, () => !running())
}

function spawnServer(plan: ServerPlan): ChildProcess {
    const settings = { ...SETTINGS, unix_socket_directories: plan.socketFolder }
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    return spawn("/bin/sh", ["-c", GUARDED, "sh", plan.binaries.postgres, "-D", join(plan.folder, "data"), ...args], {
        ...identity(plan.user),
        cwd: "/",
        env: cleanEnvironment(),
        detached: true,
        stdio: ["ignore", "ignore", "pipe", "pipe"],
    })
}

/** Passes the server's log on by lines and keeps the last ones for error messages. */
function followLog(stream: Readable, log: (line: string) => void): string[] {
    const kept: string[] = []
    let rest = ""
    stream.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) log(line)
        kept.push(...lines)
        kept.splice(0, kept.length - LOG_LINES_KEPT)
    })
    return kept
}

async function answers(url: string): Promise<boolean> {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
    client.on("error", () => undefined)
    try {
        await client.connect()
        return true
    } catch {
        return false
    } finally {
        await client.end().catch(() => undefined)
    }
}

/** Waits until the server answers. Throws with its last words when it ends instead. */
async function waitReady(plan: ServerPlan, hasEnded: () => boolean, lastLines: string[]): Promise<void> {
    const endMs = Date.now() + START_TIMEOUT_MS
    const socket = join(plan.socketFolder, ".s.PGSQL.5432")
    while (!(existsSync(socket) && (await answers(serverUrl(plan))))) {
        if (hasEnded()) throw new Error(`The database did not start: ${lastLines.join(" | ")}`)
        if (Date.now() > endMs) throw new Error(`The database did not answer within ${START_TIMEOUT_MS / 1000} s`)
        await sleep(POLL_MS)
    }
}

/** Starts the server and waits until it answers. It stops by itself when this process is gone. */
export async function startServer(plan: ServerPlan): Promise<Server> {
    const child = spawnServer(plan)
    const guard = child.stdio[3] as Duplex
    const stderr = child.stderr as Readable
    guard.on("error", () => undefined)
    const lastLines = followLog(stderr, plan.log)
    let hasEnded = false
    const ended = new Promise<void>(resolve => {
        const end = (): void => {
            hasEnded = true
            guard.end("ended\n")
            resolve()
        }
        child.once("exit", end).once("error", end)
    })
    child.unref()
    for (const stream of [guard, stderr]) (stream as unknown as { unref(): void }).unref()
    const stop = async (): Promise<void> => {
        if (child.pid !== undefined) await stopProcess(child.pid, () => hasEnded)
    }
    try {
        await waitReady(plan, () => hasEnded, lastLines)
    } catch (error) {
        await stop()
        throw error
    }
    return { ended, stop }
}
