// Benchmarks of the cloud: a fleet imported, a rollout for all started, ticks, check-ins, on a real database.

import type { Context } from "../../host/cloud/context"
import { tick } from "../../host/cloud/scheduler"
import { createRollout } from "../../host/cloud/services/rollout-create"
import { stepRollout } from "../../host/cloud/services/rollout-step"
import { startRig, type Rig } from "../scenarios/rig"

/** What the bench of a fleet found. Times in ms, memory in MB. */
export interface FleetBench {
    devices: number
    importMs: number
    startMs: number
    tickMs: number
    peakMb: number
    /** Hand-outs of each minute of a rate of 10,000. */
    minutes: number[]
}

/** What the bench of check-ins found, per second. */
export interface CheckinBench {
    directPerS: number
    servicePerS: number
    ratio: number
    p99Ms: number
}

const IMPORT_STEP = 5000

let peakMb = 0

function sample(): void {
    peakMb = Math.max(peakMb, process.memoryUsage().rss / 1048576)
}

async function importFleet({ store, nowMs }: Context, count: number): Promise<number> {
    const startedMs = performance.now()
    const shared = { tenant: "default", product: "p", cloud: "default", createdAt: new Date(nowMs()) }
    for (let from = 0; from < count; from += IMPORT_STEP) {
        const size = Math.min(IMPORT_STEP, count - from)
        const ids = Array.from({ length: size }, (_, index) => `dev-${String(from + index).padStart(8, "0")}`)
        await store.tables.devices.insertMany(shared, ids)
        sample()
    }
    return performance.now() - startedMs
}

async function startAll(context: Context, rollout: string): Promise<number> {
    const startedMs = performance.now()
    while (await stepRollout(context, rollout)) sample()
    return performance.now() - startedMs
}

async function measureMinutes(rig: Rig, context: Context, rollout: string, count: number): Promise<[number[], number]> {
    const minutes: number[] = []
    let slowestMs = 0
    let before = 0
    for (let minute = 0; minute < count; minute += 1) {
        for (let second = 0; second < 60; second += 1) {
            rig.advance(1)
            const startedMs = performance.now()
            await tick(context)
            slowestMs = Math.max(slowestMs, performance.now() - startedMs)
            sample()
        }
        const pushed = (await context.store.tables.rollouts.counts([rollout])).get(rollout)?.pushed ?? 0
        minutes.push(pushed - before)
        before = pushed
    }
    return [minutes, slowestMs]
}

/** A fleet of `devices` is imported, a manual rollout for all of them starts, and hands out 10,000 a minute for three minutes. */
export async function benchFleet(devices: number): Promise<FleetBench> {
    const rig = await startRig(1)
    try {
        const { context } = rig.processes[0] as Rig["processes"][number]
        peakMb = 0
        const importMs = await importFleet(context, devices)
        const release = await rig.release("1.1.0")
        const knobs = { delivery: "push" as const, rate: { kind: "constant" as const, perMinute: 10_000 }, skipChecks: true }
        const draft = { release: release.id, mode: "snapshot" as const, scope: { kind: "all" as const }, knobs }
        const rollout = await createRollout(context, "default", draft)
        const startMs = await startAll(context, rollout.id)
        const [minutes, tickMs] = await measureMinutes(rig, context, rollout.id, 3)
        return { devices, importMs, startMs, tickMs, peakMb, minutes }
    } finally {
        await rig.close()
    }
}

/** The SQL of a check-in, called directly: read by key, read the candidates, write, 32 devices a call. */
async function direct({ store }: Context, batches: string[][]): Promise<number> {
    const startedMs = performance.now()
    let next = 0
    const worker = async (): Promise<void> => {
        for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
            const ids = batch
            await store.transaction(async tables => {
                const rows = await tables.devices.lock(ids)
                await tables.rollouts.candidates(["p"])
                await tables.tasks.latest(ids)
                const at = new Date()
                await tables.devices.seen(rows.map(row => ({ ...row, lastSeenAt: at })))
            })
        }
    }
    await Promise.all([worker(), worker(), worker(), worker()])
    return (batches.flat().length * 1000) / (performance.now() - startedMs)
}

async function viaService(rig: Rig, ids: string[]): Promise<[number, number]> {
    const startedMs = performance.now()
    const times: number[] = []
    let next = 0
    const worker = async (): Promise<void> => {
        for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
            const beganMs = performance.now()
            await rig.checkin(0, id, "1.1.0")
            times.push(performance.now() - beganMs)
        }
    }
    await Promise.all(Array.from({ length: 128 }, worker))
    times.sort((a, b) => a - b)
    return [(ids.length * 1000) / (performance.now() - startedMs), times[Math.floor(times.length * 0.99)] ?? 0]
}

/** Check-ins of `count` devices among 5 releases and 2 rollouts, against the same SQL called directly. */
export async function benchCheckins(count: number): Promise<CheckinBench> {
    const rig = await startRig(1)
    try {
        const { context } = rig.processes[0] as Rig["processes"][number]
        await importFleet(context, count)
        const ids = Array.from({ length: count }, (_, index) => `dev-${String(index).padStart(8, "0")}`)
        await rig.tokens(ids)
        const releases = []
        for (const version of ["0.5.0", "0.6.0", "0.7.0", "0.8.0", "0.9.0"]) releases.push(await rig.release(version))
        for (const release of releases.slice(0, 2)) {
            await createRollout(context, "default", { release: release.id, mode: "continuous", scope: { kind: "all" } })
        }
        await viaService(rig, ids.slice(0, 2000))
        const batches = Array.from({ length: Math.ceil(count / 32) }, (_, index) => ids.slice(index * 32, index * 32 + 32))
        const directPerS = await direct(context, batches)
        const [servicePerS, p99Ms] = await viaService(rig, ids)
        return { directPerS, servicePerS, ratio: servicePerS / directPerS, p99Ms }
    } finally {
        await rig.close()
    }
}

/** Runs them and prints a table; `isFull` takes 1,000,000 devices. `row` prints a line. */
export async function benchCloud(row: (name: string, value: string, note?: string) => void, isFull: boolean): Promise<void> {
    const checkins = await benchCheckins(isFull ? 100_000 : 10_000)
    console.log(`cloud: check-ins, 5 releases, 2 rollouts, batched; embedded PostgreSQL, Node ${process.version}`)
    row("the same SQL called directly, 32 a call", `${checkins.directPerS.toFixed(0)}/s`)
    row("check-ins", `${checkins.servicePerS.toFixed(0)}/s`, `p99 ${checkins.p99Ms.toFixed(1)} ms`)
    row("check-ins / direct", checkins.ratio.toFixed(2), "goal: at least 0.6")
    const fleet = await benchFleet(isFull ? 1_000_000 : 50_000)
    console.log(`cloud: a fleet of ${fleet.devices}, a rollout for all at 10,000 a minute`)
    row("import", `${(fleet.importMs / 1000).toFixed(1)} s`)
    row("start (every device checked and written down)", `${(fleet.startMs / 1000).toFixed(1)} s`)
    row("slowest tick of the scheduler", `${fleet.tickMs.toFixed(0)} ms`)
    row("handed out in each minute", fleet.minutes.join(" "), "goal: 10,000 within 1 %")
    row("peak memory of the process", `${fleet.peakMb.toFixed(0)} MB`, "goal: below 400")
}
