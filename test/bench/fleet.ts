// Benchmarks of a fleet: imported from CSV through the API, a rollout to all of it started, ticks, and its rate in real minutes.

import { rmSync } from "node:fs"
import { request } from "node:http"
import { Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { imageOf, temporaryFolder, type Json } from "../api/cloud-fixture"
import { startCloudProcess, type CloudProcess } from "../scenarios/cloud-process"

/** What the bench of a fleet found. Times in ms, memory of the cloud's process in MB. */
export interface FleetBench {
    devices: number
    importMs: number
    startMs: number
    tickMs: number
    peakMb: number
    /** Hand-outs of each real minute. */
    minutes: number[]
}

/** Devices a minute. */
export const RATE = 10_000

const NAMES_PER_CHUNK = 5000
const TICKS = 10
const MINUTE_MS = 60_000

function* names(count: number): Generator<string> {
    yield "id\n"
    for (let from = 0; from < count; from += NAMES_PER_CHUNK) {
        const size = Math.min(NAMES_PER_CHUNK, count - from)
        yield Array.from({ length: size }, (_, index) => `dev-${String(from + index).padStart(8, "0")}\n`).join("")
    }
}

/** Sends a CSV file as a stream; answers with the import. */
function importCsv({ url, token }: CloudProcess, content: Iterable<string>): Promise<Json> {
    return new Promise((resolve, reject) => {
        const headers = { Authorization: `Bearer ${token}`, "Content-Type": "text/csv" }
        const call = request(`${url}/api/v1/imports?product=p`, { method: "POST", headers }, answer => {
            let text = ""
            answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
            answer.on("end", () => (answer.statusCode === 201 ? resolve(JSON.parse(text)) : reject(new Error(text))))
        })
        call.on("error", reject)
        Readable.from(content, { objectMode: false }).pipe(call)
    })
}

async function sql(cloud: CloudProcess, text: string, values: unknown[] = []): Promise<Json[]> {
    const client = new Client({ connectionString: cloud.databaseUrl })
    await client.connect()
    try {
        return (await client.query(text, values)).rows
    } finally {
        await client.end()
    }
}

async function timed(work: () => Promise<void>): Promise<number> {
    const startedMs = performance.now()
    await work()
    return performance.now() - startedMs
}

/** Makes a release with a policy and a rollout to all devices; answers the rollout's id. */
async function addRollout(cloud: CloudProcess): Promise<string> {
    const { sha256 } = await cloud.api("POST", "/artifacts", imageOf("1.1.0"), "application/zip")
    const policy = 'semver(version, "<", newVersion)'
    const release = await cloud.api("POST", "/releases", { product: "p", artifact: sha256, policy, scope: null })
    const knobs = { delivery: "push", rate: { kind: "constant", perMinute: RATE } }
    const draft = { release: release.id, mode: "snapshot", scope: { kind: "all" }, knobs }
    return (await cloud.api("POST", "/rollouts", draft)).id
}

/** Ticks until every device is written down. */
async function startAll(cloud: CloudProcess, rollout: string, devices: number): Promise<void> {
    for (let isDone = false; !isDone;) {
        await cloud.tell("tick")
        const { state, total } = await cloud.api("GET", `/rollouts/${rollout}`)
        isDone = state === "running" && total === devices
    }
}

/** The slowest of some ticks, a second apart. */
async function slowestTick(cloud: CloudProcess): Promise<number> {
    let slowestMs = 0
    for (let index = 0; index < TICKS; index += 1) {
        await sleep(1000)
        slowestMs = Math.max(slowestMs, (await cloud.tell("tick")).ms)
    }
    return slowestMs
}

/** Hand-outs of each whole minute since a time, by the events' own times. */
async function handedOut(cloud: CloudProcess, sinceMs: number, minutes: number): Promise<number[]> {
    const rows = await sql(
        cloud,
        `select floor(extract(epoch from at - $1::timestamptz) / 60)::int as minute, count(*)::int as count
            from event where type = 'task.offered' and at >= $1 group by 1 order by 1`,
        [new Date(sinceMs)],
    )
    return Array.from({ length: minutes }, (_, minute) => rows.find(row => row.minute === minute)?.count ?? 0)
}

/** A fleet is imported and a rollout for all of it started; then the cloud goes on by itself for some real minutes. */
export async function benchFleet(devices: number, minutes: number): Promise<FleetBench> {
    const dataDir = temporaryFolder()
    let cloud = await startCloudProcess({ dataDir, ticks: false })
    try {
        await cloud.api("POST", "/products", { id: "p" })
        const importMs = await timed(async () => {
            const { created } = await importCsv(cloud, names(devices))
            if (created !== devices) throw new Error(`${created} of ${devices} devices were imported`)
        })
        await sql(cloud, "update device set version = '1.0.0', version_at = now()")
        const rollout = await addRollout(cloud)
        const startMs = await timed(() => startAll(cloud, rollout, devices))
        const tickMs = await slowestTick(cloud)
        const peaks = [(await cloud.tell("usage")).peakMb as number]
        await cloud.close()
        cloud = await startCloudProcess({ dataDir })
        await sleep(2000)
        const sinceMs = Date.now()
        await sleep(minutes * MINUTE_MS + 500)
        peaks.push((await cloud.tell("usage")).peakMb)
        const perMinute = await handedOut(cloud, sinceMs, minutes)
        return { devices, importMs, startMs, tickMs, peakMb: Math.max(...peaks), minutes: perMinute }
    } finally {
        await cloud.close()
        rmSync(dataDir, { recursive: true, force: true })
    }
}
