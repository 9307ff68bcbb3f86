// Cloud processes beside each other on one real database, with one clock that the test turns: services without HTTP.

import { rmSync } from "node:fs"
import { Client } from "pg"
import pino from "pino"
import { startEmbedded } from "../../host/cloud/embedded/embedded"
import { DEFAULT_CLOUD, DEFAULT_TENANT, type Context } from "../../host/cloud/context"
import { POLICY_TERMS_DEFAULT } from "../../host/cloud/domain/policy/limits"
import { tokenHash } from "../../host/cloud/ids"
import { createCheckin, type Checkin } from "../../host/cloud/services/checkin"
import { createRelease } from "../../host/cloud/services/releases"
import { openPostgres } from "../../host/cloud/store/postgres"
import type { EventRow, ReleaseRow } from "../../host/cloud/store/store"
import { temporaryFolder } from "../api/cloud-fixture"

/** One cloud process: what it shares with none of the others is its connections and its batches. */
export interface Process {
    context: Context
    checkin: Checkin
}

/** Several processes on one database. */
export interface Rig {
    databaseUrl: string
    processes: Process[]
    /** Unix time in ms. */
    nowMs(): number
    /** Moves the clock of all. */
    advance(seconds: number): void
    /** Makes devices of a product, "p" by default, with token `token-ID`, that run 1.0.0. */
    devices(ids: string[], product?: string): Promise<void>
    /** Gives devices that are there the token `token-ID`. */
    tokens(ids: string[]): Promise<void>
    /** Makes a release of a product, "p" by default, without a rollout. */
    release(version: string, more?: { needsVerification?: boolean; policy?: string }, product?: string): Promise<ReleaseRow>
    /** A device's check-in at a process. Answers the task's id, "" for none. */
    checkin(process: number, id: string, version: string): Promise<string>
    /** All events, oldest first. */
    events(): Promise<EventRow[]>
    close(): Promise<void>
}

const SHA256 = "ab".repeat(32)

async function openProcess(databaseUrl: string, nowMs: () => number): Promise<Process> {
    const store = await openPostgres(databaseUrl, () => undefined)
    const context = {
        ...{ store, urlSecret: "secret", publicUrl: "", nowMs, log: pino({ level: "silent" }) },
        policyTermsMax: POLICY_TERMS_DEFAULT,
    } as unknown as Context
    return { context, checkin: createCheckin(context) }
}

async function allEvents({ store }: Context): Promise<EventRow[]> {
    const events: EventRow[] = []
    for (let after: string | null = null; ; after = events.at(-1)?.cursor ?? null) {
        const page: EventRow[] = await store.tables.events.list(
            DEFAULT_TENANT,
            { type: null, device: null },
            { after, limit: 500 },
        )
        events.push(...page)
        if (page.length < 500) return events
    }
}

/** Makes sure that a product is there. */
async function addProduct({ store, nowMs }: Context, id: string): Promise<void> {
    const createdAt = new Date(nowMs())
    const product = { tenant: DEFAULT_TENANT, id, name: id, autoClaim: true, registerById: true, signatureRequired: false }
    await store.tables.products.insert({ ...product, tokenHash: null, createdAt })
}

async function prepare(context: Context): Promise<void> {
    await context.store.ensureTenant(DEFAULT_TENANT, DEFAULT_CLOUD, new Date(context.nowMs()))
    await addProduct(context, "p")
}

async function addDevices(context: Context, ids: string[], product: string): Promise<void> {
    await addProduct(context, product)
    const shared = { tenant: DEFAULT_TENANT, product, cloud: DEFAULT_CLOUD, attributes: {}, version: "1.0.0", claimed: true }
    const more = { versions: {}, versionAt: null, tags: [], region: "", reported: {}, desired: {} }
    const token = { tokenHolder: "operator" as const, tokenUsed: false, createdAt: new Date(context.nowMs()), lastSeenAt: null }
    for (const id of ids) {
        const row = { ...shared, ...more, ...token, id, tokenHash: tokenHash(`token-${id}`) }
        if (!(await context.store.tables.devices.insert(row))) throw new Error(`device ${id} is there already`)
    }
}

async function addRelease(context: Context, version: string, more: object, product: string): Promise<ReleaseRow> {
    const sha256 = (version.replace(/\D/g, "") + SHA256).slice(0, 64)
    const manifest = { name: "demo", platform: "host", version, build_id: version, parts: {} }
    const createdAt = new Date(context.nowMs())
    await context.store.tables.artifacts.insert({ tenant: DEFAULT_TENANT, sha256, sizeBytes: 1, manifest, createdAt } as never)
    const draft = { product, artifact: sha256, policy: "", description: "", commit: "", enabled: true, scope: null, ...more }
    return (await createRelease(context, DEFAULT_TENANT, draft))[0]
}

async function giveTokens(databaseUrl: string, ids: string[]): Promise<void> {
    const client = new Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query("update device set token_hash = sha256(('token-' || id)::bytea) where id = any($1)", [ids])
    await client.end()
}

/** Starts `count` processes on a database of their own. */
export async function startRig(count: number): Promise<Rig> {
    const dataDir = temporaryFolder()
    const database = await startEmbedded(dataDir, () => undefined)
    let clockMs = Date.UTC(2030, 0, 1)
    const nowMs = (): number => clockMs
    const processes: Process[] = []
    for (let index = 0; index < count; index += 1) processes.push(await openProcess(database.url, nowMs))
    const { context } = processes[0] as Process
    await prepare(context)
    return {
        databaseUrl: database.url,
        processes,
        nowMs,
        advance: seconds => void (clockMs += seconds * 1000),
        devices: (ids, product = "p") => addDevices(context, ids, product),
        tokens: ids => giveTokens(database.url, ids),
        release: (version, more = {}, product = "p") => addRelease(context, version, more, product),
        checkin: async (process, id, version) => {
            const request = { id, tokenHash: tokenHash(`token-${id}`), attributes: {}, version, committed: true }
            return (await (processes[process % count] as Process).checkin(request))?.update ?? ""
        },
        events: () => allEvents(context),
        close: async () => {
            for (const one of processes) await one.context.store.close()
            await database.close()
            rmSync(dataDir, { recursive: true, force: true })
        },
    }
}
