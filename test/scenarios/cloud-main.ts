// A cloud in a process of its own, which obeys the process that started it: for scenarios, kills and benchmarks.

import { startCloud, type Cloud } from "../../host/cloud/cloud"
import type { CloudOrder, CloudStart } from "./cloud-process"

const start = JSON.parse(process.argv[2] ?? "{}") as CloudStart
let clockMs = start.clockMs ?? null

/** One tick. Answers whether work is left, and the milliseconds that it took. */
async function tick(cloud: Cloud): Promise<{ isLeft: boolean; ms: number }> {
    const startedMs = performance.now()
    return { isLeft: await cloud.tick(), ms: performance.now() - startedMs }
}

/** What it has used: the most megabytes in memory, and milliseconds of a core. */
function usage(): { peakMb: number; cpuMs: number } {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
    return { peakMb: maxRSS / 1024, cpuMs: (userCPUTime + systemCPUTime) / 1000 }
}

async function obey(cloud: Cloud, { do: what, value }: CloudOrder): Promise<unknown> {
    switch (what) {
        case "tick":
            return tick(cloud)
        case "clock":
            clockMs = value ?? clockMs
            return null
        case "usage":
            return usage()
        case "close":
            await cloud.close()
            return null
    }
}

const { clockMs: _clock, ...options } = start
const nowMs = clockMs === null ? Date.now : (): number => clockMs ?? 0
void startCloud({ log: "silent", ...options, nowMs }).then(cloud => {
    process.on("message", (order: CloudOrder) => {
        void obey(cloud, order).then(
            answer => process.send?.({ id: order.id, answer }, () => order.do === "close" && process.exit(0)),
            (error: unknown) => process.send?.({ id: order.id, error: String(error) }),
        )
    })
    process.on("disconnect", () => void cloud.close().then(() => process.exit(0)))
    const { url, adminToken: token, databaseUrl } = cloud
    process.send?.({ id: 0, answer: { url, token, databaseUrl } })
})
