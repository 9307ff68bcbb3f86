// The cloud's benchmarks by themselves: node build/run.cjs test/bench/cloud-main.ts [--full]. --full takes 1,000,000 devices.

import { benchCheckins, benchFleet } from "./cloud"

function row(name: string, value: string, note = ""): void {
    console.log(`${name.padEnd(46)}${value.padStart(14)}  ${note}`)
}

/** Runs them and prints a table. */
async function main(): Promise<void> {
    const isFull = process.argv.includes("--full")
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

void main()
