// The embedded database: real PostgreSQL out of npm, a cluster of its own in the data folder, reached by a local socket.

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { spawnSync } from "node:child_process"
import { findBinaries, type Binaries } from "./binaries"
import { findPlace, removeSocketFolder, socketFolder } from "./place"
import { clearLeftover, makeCluster, serverUrl, startServer, type Server, type ServerPlan } from "./postmaster"
import { databaseUser } from "./user"

/** Key of the advisory lock that the cloud of this cluster holds for as long as it lives. */
const OWNER_LOCK = 7_682_002
const RESTART_DELAY_MS = 500
const START_TRIES_MAX = 5
/** How often, and how far apart in ms, a running server's lock is looked at before it counts as left behind. */
const OWNER_LOOKS = 10
const OWNER_LOOK_MS = 150

/** A running embedded database. */
export interface EmbeddedDatabase {
    /** Address for the store; good for as long as this process lives. */
    url: string
    close(): Promise<void>
}

/** A connection that holds the owner's lock, or null when another cloud has it. Throws when there is no connection. */
async function takeOwnership(url: string): Promise<Client | null> {
    const client = new Client({ connectionString: url, application_name: "otary owner", connectionTimeoutMillis: 5000 })
    client.on("error", () => undefined)
    await client.connect()
    const { rows } = await client.query<{ got: boolean }>("select pg_try_advisory_lock($1) as got", [OWNER_LOCK])
    if (rows[0]?.got === true) return client
    await client.end()
    return null
}

async function heldNow(url: string): Promise<boolean> {
    try {
        const owner = await takeOwnership(url)
        await owner?.end()
        return owner === null
    } catch {
        return false
    }
}

/**
 * Whether a living cloud holds the server that has this process id. A cloud that is just starting takes the lock a moment
 * after its server answers, so a free lock is looked at for a while; a server that is going down ends the wait.
 */
async function heldByOther(url: string, running: () => boolean): Promise<boolean> {
    for (let look = 0; look < OWNER_LOOKS && running(); look += 1) {
        if (await heldNow(url)) return true
        await sleep(OWNER_LOOK_MS)
    }
    return false
}

/** Throws when the cluster was made by another major version of PostgreSQL than the programs. */
function checkVersion(binaries: Binaries, folder: string): void {
    const file = join(folder, "data", "PG_VERSION")
    if (!existsSync(file)) return
    const made = readFileSync(file, "utf8").trim()
    const has = /(\d+)/.exec(spawnSync(binaries.postgres, ["--version"], { encoding: "utf8", cwd: "/" }).stdout)?.[1]
    if (made === has) return
    throw new Error(
        `The database in ${folder} was made by PostgreSQL ${made}, this Otary brings ${has}. ` +
            "Dump it with the Otary that made it and restore it here (docs/operations.md).",
    )
}

/** Starts the server; a killed one may hold its shared memory for another moment, so a few tries. */
async function startPatiently(plan: ServerPlan): Promise<Server> {
    for (let tries = 1; ; tries += 1) {
        try {
            await clearLeftover(plan, heldByOther)
            return await startServer(plan)
        } catch (error) {
            const passing = error instanceof Error && /shared memory block|lock file|shutting down/.test(error.message)
            if (!passing || tries === START_TRIES_MAX) throw error
            await sleep(RESTART_DELAY_MS * tries)
        }
    }
}

/** Keeps a server running until it is closed: one that ends by itself is started again. */
class Supervisor {
    private closing = false
    private server: Server | null = null
    private owner: Client | null = null
    private restarting: Promise<void> = Promise.resolve()

    constructor(private readonly plan: ServerPlan) {}

    async start(): Promise<void> {
        const server = await startPatiently(this.plan)
        this.server = server
        this.owner = await takeOwnership(serverUrl(this.plan))
        if (this.owner === null) {
            await server.stop()
            throw new Error(`The database in ${this.plan.folder} was taken over by another cloud process.`)
        }
        this.owner.once("end", () => void this.ownAgain(server))
        void server.ended.then(() => (this.restarting = this.restart()))
    }

    /** Takes the owner's lock again when only its connection broke: a crashed connection makes the server end all of them. */
    private async ownAgain(server: Server): Promise<void> {
        this.owner = null
        const wanted = (): boolean => !this.closing && this.owner === null && this.server === server
        while (wanted()) {
            await sleep(RESTART_DELAY_MS, undefined, { ref: false })
            const owner = wanted() ? await takeOwnership(serverUrl(this.plan)).catch(() => null) : null
            if (owner === null) continue
            if (!wanted()) return owner.end()
            this.owner = owner
            owner.once("end", () => void this.ownAgain(server))
        }
    }

    private async restart(): Promise<void> {
        this.server = null
        while (!this.closing) {
            this.plan.log("WARNING: the database server ended unexpectedly and is started again")
            await sleep(RESTART_DELAY_MS, undefined, { ref: false })
            try {
                if (!this.closing) return await this.start()
            } catch (error) {
                this.plan.log(`ERROR: ${String(error)}`)
            }
        }
    }

    async close(): Promise<void> {
        this.closing = true
        await this.restarting
        const { owner, server } = this
        await owner?.end().catch(() => undefined)
        await server?.stop()
    }
}

/**
 * Starts the embedded database of a data folder, which exists. `log` hears the server's log.
 * Throws when the machine cannot run it or another cloud process has it.
 */
export async function startEmbedded(dataDir: string, log: (line: string) => void): Promise<EmbeddedDatabase> {
    if (process.platform === "win32") {
        throw new Error("The embedded database is not available on Windows. Name a PostgreSQL with --database-url.")
    }
    const user = databaseUser()
    const binaries = findBinaries(user, dataDir)
    const place = findPlace(dataDir, user)
    checkVersion(binaries, place.folder)
    const plan = { binaries, user, folder: place.folder, socketFolder: socketFolder(place, user), password: place.password, log }
    makeCluster(plan)
    const supervisor = new Supervisor(plan)
    await supervisor.start()
    const close = async (): Promise<void> => {
        await supervisor.close()
        removeSocketFolder(plan.socketFolder)
    }
    return { url: serverUrl(plan), close }
}
