// Kills the cloud at random moments under load and looks whether anything that was acknowledged is gone.

import { spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { imageOf, temporaryFolder, type Json } from "../api/cloud-fixture"
import { startCloudProcess, type CloudProcess } from "./cloud-process"
import { KilledDevice } from "./kills-device"

/** What is killed: the cloud; the database server with it; both, and then another process has the server's old process id. */
export type KillKind = "cloud" | "cloud and database" | "process id taken"

/** How many of each were killed, and what the fleet did meanwhile. */
export interface KillsFound {
    kills: Record<KillKind, number>
    checkins: number
    updates: number
    changes: number
    /** Slowest start after a kill in ms. */
    startMs: number
}

const KINDS: readonly KillKind[] = ["cloud", "cloud and database", "process id taken"]
const DEVICES = 40
const PENDING_MAX = 8
const LOAD_MS_MIN = 50
const LOAD_MS_MAX = 500
/** Longest wait for a change that the cloud acknowledges. */
const CHANGE_MS_MAX = 60_000

/** An operator who renames the product again and again; a name that was acknowledged must stay. */
class Operator {
    changes = 0
    private asked = 0

    async live(cloud: CloudProcess): Promise<void> {
        this.asked += 1
        await cloud.api("PATCH", "/products/p", { name: `name ${this.asked}` })
        this.changes = this.asked
    }

    /** Waits for a change that is acknowledged from now on: on a busy machine that can take longer than a round's load. */
    async changed(): Promise<void> {
        const before = this.changes
        const endMs = performance.now() + CHANGE_MS_MAX
        while (this.changes === before) {
            if (performance.now() > endMs) throw new Error(`no change was acknowledged within ${CHANGE_MS_MAX} ms`)
            await sleep(5)
        }
    }

    async check(cloud: CloudProcess): Promise<void> {
        const { name } = await cloud.api("GET", "/products/p")
        const kept = Number(/\d+$/.exec(name)?.[0] ?? 0)
        if (kept < this.changes || kept > this.asked) throw new Error(`change ${this.changes} was acknowledged, ${kept} is there`)
    }
}

function postmasterFile(dataDir: string): string {
    const { folder } = JSON.parse(readFileSync(join(dataDir, "database.json"), "utf8"))
    return join(folder, "data", "postmaster.pid")
}

/** SIGKILL to the cloud, and to what the kind says. Answers what ends the process that has taken the id. */
async function kill(cloud: CloudProcess, dataDir: string, kind: KillKind): Promise<() => void> {
    const file = postmasterFile(dataDir)
    const server = Number.parseInt(readFileSync(file, "utf8"), 10)
    const gone = cloud.kill()
    if (kind !== "cloud") process.kill(server, "SIGKILL")
    await gone
    if (kind !== "process id taken") return () => undefined
    const stranger = spawn("sleep", ["600"], { stdio: "ignore" })
    let hasEnded = false
    stranger.once("exit", () => (hasEnded = true))
    const lines = readFileSync(file, "utf8").split("\n")
    writeFileSync(file, [stranger.pid, ...lines.slice(1)].join("\n"))
    return () => {
        if (hasEnded) throw new Error("the start ended a process that is none of the cloud's")
        stranger.kill()
    }
}

/** Keeps everybody at work until told to stop. */
async function load(
    cloud: CloudProcess,
    workers: { live(cloud: CloudProcess): Promise<void> }[],
    isOver: () => boolean,
): Promise<void> {
    await Promise.all(
        workers.map(async worker => {
            while (!isOver()) await worker.live(cloud).catch(() => sleep(20))
        }),
    )
}

/** A release of its own for each round, rolled out within a rate and a pending limit. */
async function addRelease(cloud: CloudProcess, version: string): Promise<void> {
    const { sha256 } = await cloud.api("POST", "/artifacts", imageOf(version), "application/zip")
    const release = await cloud.api("POST", "/releases", { product: "p", artifact: sha256, scope: null })
    const where = 'semver(version, "<", newVersion)'
    const knobs = { where, rate: { kind: "constant", perMinute: 10_000 }, pendingMax: PENDING_MAX, override: true }
    await cloud.api("POST", "/rollouts", { release: release.id, mode: "continuous", scope: { kind: "all" }, knobs })
}

async function checkAll(cloud: CloudProcess, devices: KilledDevice[], operator: Operator, releases: number): Promise<void> {
    const pending = new Map<string, number>()
    for (const device of devices) {
        for (const rollout of await device.check(cloud)) pending.set(rollout, (pending.get(rollout) ?? 0) + 1)
    }
    for (const [rollout, count] of pending) {
        if (count > PENDING_MAX) throw new Error(`${count} tasks of rollout ${rollout} are pending, ${PENDING_MAX} at most`)
    }
    await operator.check(cloud)
    const { items } = await cloud.api("GET", "/releases?limit=500")
    if (items.length !== releases) throw new Error(`${releases} releases were acknowledged, ${items.length} are there`)
}

async function addDevices(cloud: CloudProcess): Promise<KilledDevice[]> {
    await cloud.api("POST", "/products", { id: "p" })
    const devices: KilledDevice[] = []
    for (let index = 0; index < DEVICES; index += 1) {
        const made: Json = await cloud.api("POST", "/devices", { id: `k${index}`, product: "p", version: "1.0.0" })
        devices.push(new KilledDevice(`k${index}`, made.token))
    }
    return devices
}

/** Numbers from 0 to below 1 that depend on the seed alone (Park–Miller). */
function seededRandom(seed: number): () => number {
    let state = (seed % 2147483646) + 1
    return () => (state = (state * 48271) % 2147483647) / 2147483647
}

/** Kills the cloud `kills` times, at moments that the seed gives. Throws at the first thing that was lost, or done twice. */
export async function runKills(kills: number, seed: number, note: (line: string) => void): Promise<KillsFound> {
    note(`kills: SEED=${seed}`)
    const random = seededRandom(seed)
    const dataDir = temporaryFolder()
    const found: KillsFound = {
        ...{
            kills: { cloud: 0, "cloud and database": 0, "process id taken": 0 },
            checkins: 0,
            updates: 0,
            changes: 0,
            startMs: 0,
        },
    }
    let cloud = await startCloudProcess({ dataDir })
    try {
        const devices = await addDevices(cloud)
        const operator = new Operator()
        for (let round = 1; round <= kills; round += 1) {
            await addRelease(cloud, `1.${round}.0`)
            let isOver = false
            const work = load(cloud, [...devices, operator], () => isOver)
            // Every other round counts from a change that was acknowledged, so that there is one to lose.
            if (round % 2 === 1) await operator.changed()
            await sleep(LOAD_MS_MIN + random() * (LOAD_MS_MAX - LOAD_MS_MIN))
            const kind = KINDS[round % KINDS.length] as KillKind
            const settle = await kill(cloud, dataDir, kind)
            isOver = true
            await work
            const startedMs = performance.now()
            cloud = await startCloudProcess({ dataDir })
            settle()
            found.startMs = Math.max(found.startMs, performance.now() - startedMs)
            found.kills[kind] += 1
            await checkAll(cloud, devices, operator, round)
            note(`kill ${round} (${kind}): nothing lost`)
        }
        // The rollout goes on until every device runs the last version.
        for (let isAll = false; !isAll; isAll = devices.every(({ version }) => version === `1.${kills}.0`)) {
            for (const device of devices) await device.live(cloud)
        }
        await checkAll(cloud, devices, operator, kills)
        found.checkins = devices.reduce((sum, one) => sum + one.checkins, 0)
        found.updates = devices.reduce((sum, one) => sum + one.acknowledged.size, 0)
        found.changes = operator.changes
        return found
    } finally {
        await cloud.close().catch(() => undefined)
        rmSync(dataDir, { recursive: true, force: true })
    }
}
