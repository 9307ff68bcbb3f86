// Benchmark of check-ins: through HTTP against a cloud in a process of its own, and the same SQL work called directly.

import { execFile } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { Client } from "pg"
import { projectRoot } from "../../build/root"
import { openPostgres } from "../../host/cloud/store/postgres"
import type { Store } from "../../host/cloud/store/store"
import { imageOf, temporaryFolder } from "../api/cloud-fixture"
import { startCloudProcess, type CloudProcess } from "../scenarios/cloud-process"
import type { LoadFound, LoadOrder } from "./checkin-load"

/** What the bench found: check-ins per second, and times through HTTP in ms. */
export interface CheckinBench {
    directPerS: number
    httpPerS: number
    ratio: number
    p50Ms: number
    p99Ms: number
    /** Microseconds of a core for each check-in: in the cloud's process, and in the one that makes the direct call. */
    httpCpuUs: number
    directCpuUs: number
}

const VERSION = "1.1.0"
const BATCH = 32
const DIRECT_CONNECTIONS = 4
const HTTP_CONNECTIONS = 256
const WARM_UP = 10_000

/** Registered devices that run VERSION, as many as a fleet of that size has after a while. */
const DEVICES = `insert into device (tenant_id, id, product_id, cloud_id, attributes, version, version_at, claimed, token_hash,
    token_holder, token_used, created_at, last_seen_at)
    select 'default', id, 'p', 'default', '{"platform":"host"}', '${VERSION}', now(), true, sha256(('token-' || id)::bytea), 'device',
    true, now(), now() from (select 'dev-' || lpad(n::text, 8, '0') as id from generate_series(0, $1 - 1) n)`

async function prepare(cloud: CloudProcess, devices: number): Promise<void> {
    await cloud.api("POST", "/products", { id: "p" })
    for (const version of ["0.5.0", "0.6.0", "0.7.0", "0.8.0", "0.9.0"]) {
        const { sha256 } = await cloud.api("POST", "/artifacts", imageOf(version), "application/zip")
        const scope = version < "0.8.0" ? null : { kind: "all" }
        await cloud.api("POST", "/releases", { product: "p", artifact: sha256, scope })
    }
    const client = new Client({ connectionString: cloud.databaseUrl })
    await client.connect()
    await client.query(DEVICES, [devices])
    await client.query("vacuum analyze device")
    await client.end()
}

/** The SQL of a batch of check-ins and nothing else. Answers devices per second. */
async function direct(store: Store, count: number): Promise<number> {
    const startedMs = performance.now()
    let next = 0
    const worker = async (): Promise<void> => {
        while (next < count) {
            const from = next
            next += BATCH
            const ids = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => {
                return `dev-${String(from + index).padStart(8, "0")}`
            })
            await store.transaction(async tables => {
                const devices = await tables.devices.lock(ids)
                await tables.rollouts.candidates(["p"])
                await tables.tasks.latest(ids)
                const lastSeenAt = new Date()
                await tables.devices.seen(devices.map(device => ({ ...device, lastSeenAt })))
            })
        }
    }
    await Promise.all(Array.from({ length: DIRECT_CONNECTIONS }, worker))
    return (count * 1000) / (performance.now() - startedMs)
}

async function measureDirect(store: Store, count: number): Promise<{ perS: number; cpuUs: number }> {
    const before = process.cpuUsage()
    const perS = await direct(store, count)
    const { user, system } = process.cpuUsage(before)
    return { perS, cpuUs: (user + system) / count }
}

async function viaHttp({ url }: CloudProcess, count: number): Promise<LoadFound> {
    const order: LoadOrder = { port: Number(new URL(url).port), count, connections: HTTP_CONNECTIONS, version: VERSION }
    const root = projectRoot()
    const run = [join(root, "build/run.cjs"), join(root, "test/bench/checkin-load.ts"), JSON.stringify(order)]
    const { stdout } = await promisify(execFile)(process.execPath, run)
    const found = JSON.parse(stdout) as LoadFound
    if (found.refused > 0) throw new Error(`${found.refused} of ${count} check-ins were refused`)
    return found
}

/** Check-ins of `devices` devices, one each, among 5 releases and 2 rollouts; the direct call runs before and after them. */
export async function benchCheckins(devices: number): Promise<CheckinBench> {
    const dataDir = temporaryFolder()
    const cloud = await startCloudProcess({ dataDir })
    const store = await openPostgres(cloud.databaseUrl, () => undefined)
    try {
        await prepare(cloud, devices)
        const warmUp = Math.min(devices, WARM_UP)
        await viaHttp(cloud, warmUp)
        await direct(store, warmUp)
        const direct1 = await measureDirect(store, devices)
        const startedMs = (await cloud.tell("usage")).cpuMs as number
        const { perS: httpPerS, p50Ms, p99Ms } = await viaHttp(cloud, devices)
        const httpCpuUs = (((await cloud.tell("usage")).cpuMs - startedMs) * 1000) / devices
        const direct2 = await measureDirect(store, devices)
        const directPerS = (direct1.perS + direct2.perS) / 2
        const directCpuUs = (direct1.cpuUs + direct2.cpuUs) / 2
        return { directPerS, httpPerS, ratio: httpPerS / directPerS, p50Ms, p99Ms, httpCpuUs, directCpuUs }
    } finally {
        await store.close()
        await cloud.close()
        rmSync(dataDir, { recursive: true, force: true })
    }
}
