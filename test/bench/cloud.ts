// Benchmarks of the cloud, in processes of its own with a real database: check-ins, a fleet and its rollout, memory.

import { benchCheckins } from "./checkins"
import { benchFleet, RATE } from "./fleet"

/** Prints one line: a name, a value, a note. */
export type Row = (name: string, value: string, note?: string) => void

/** Sizes of a run: the whole one takes about eight minutes. */
interface Sizes {
    checkins: number
    devices: number
    minutes: number
}

const SHORT: Sizes = { checkins: 20_000, devices: 20_000, minutes: 1 }
const FULL: Sizes = { checkins: 100_000, devices: 1_000_000, minutes: 3 }

async function printCheckins(row: Row, devices: number): Promise<void> {
    const { directPerS, httpPerS, ratio, p50Ms, p99Ms, httpCpuUs, directCpuUs } = await benchCheckins(devices)
    console.log(`\ncloud: check-ins of ${devices} devices, 5 releases, 2 rollouts; embedded PostgreSQL, Node ${process.version}`)
    row(
        "the same SQL called directly, 32 a call",
        `${directPerS.toFixed(0)}/s`,
        `${directCpuUs.toFixed(0)} µs of Node's core for each`,
    )
    row(
        "check-ins through HTTP",
        `${httpPerS.toFixed(0)}/s`,
        `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms; ${httpCpuUs.toFixed(0)} µs`,
    )
    row("check-ins / direct", ratio.toFixed(2), "goal: at least 0.6")
}

async function printFleet(row: Row, devices: number, minutes: number): Promise<void> {
    const fleet = await benchFleet(devices, minutes)
    console.log(`\ncloud: a fleet of ${fleet.devices}, a rollout to all of it at ${RATE} a minute`)
    row("import from CSV through the API", `${(fleet.importMs / 1000).toFixed(1)} s`, "goal for 1,000,000: 60 s")
    row("start: every device checked, written down", `${(fleet.startMs / 1000).toFixed(1)} s`, "goal for 1,000,000: 60 s")
    row("slowest of ten ticks of the scheduler", `${fleet.tickMs.toFixed(0)} ms`, "goal: 2 s")
    row("handed out in each real minute", fleet.minutes.join(" "), `goal: ${RATE} within 1 %, while the fleet lasts`)
    row("peak memory of the cloud's process", `${fleet.peakMb.toFixed(0)} MB`, "goal: below 400")
}

/** Runs them and prints a table; `isFull` takes 1,000,000 devices. */
export async function benchCloud(row: Row, isFull: boolean): Promise<void> {
    const { checkins, devices, minutes } = isFull ? FULL : SHORT
    await printCheckins(row, checkins)
    await printFleet(row, devices, minutes)
}
