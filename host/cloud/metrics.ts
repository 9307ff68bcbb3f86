// What the cloud measures, in the text format of Prometheus.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client"
import type { Context } from "./context"

/** The measures of one process. */
export interface Metrics {
    /** Counts a request that was answered. `route` is a pattern, never a path, so that series stay few. */
    request(route: string, status: number, seconds: number): void
    /** Media type and text of all measures. */
    text(): Promise<{ type: string; text: string }>
}

const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** Milliseconds for which counts of the database are good: counting a million devices is not free. */
const COUNTS_LIFE_MS = 10_000

/** Gauges of what the database holds; call what it returns before they are read. */
function addFleetGauges(context: Context, registry: Registry): () => Promise<void> {
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
        new Gauge({ name, help, labelNames, registers: [registry] })
    const up = gauge("otary_database_up", "1 while the database answers")
    const devices = gauge("otary_devices", "Devices, of all tenants")
    const tasks = gauge("otary_tasks", "Tasks by state, of all tenants", ["state"])
    const rollouts = gauge("otary_rollouts", "Rollouts by state, of all tenants", ["state"])
    let countedMs = -Infinity
    return async () => {
        if (performance.now() - countedMs < COUNTS_LIFE_MS) return
        const counts = await context.store.tables.totals.count().catch(() => null)
        up.set(counts === null ? 0 : 1)
        if (counts === null) return
        countedMs = performance.now()
        devices.set(counts.devices)
        tasks.reset()
        rollouts.reset()
        for (const [state, count] of Object.entries(counts.tasks)) tasks.set({ state }, count)
        for (const [state, count] of Object.entries(counts.rollouts)) rollouts.set({ state }, count)
    }
}

/** Measures of the messages to devices, where there is a broker. */
function addPushMeasures({ pusher }: Context, registry: Registry): void {
    if (pusher === undefined) return
    new Counter({
        name: "otary_push_messages_total",
        help: "Messages to devices by what became of them",
        labelNames: ["result"],
        registers: [registry],
        collect() {
            const { sent, dropped } = pusher.counts()
            this.reset()
            this.inc({ result: "sent" }, sent)
            this.inc({ result: "dropped" }, dropped)
        },
    })
    const gauge = (name: string, help: string, value: () => number): Gauge =>
        new Gauge({
            name,
            help,
            registers: [registry],
            collect() {
                this.set(value())
            },
        })
    gauge("otary_push_waiting", "Messages to devices that wait for the broker", () => pusher.counts().waiting)
    gauge("otary_push_broker_up", "1 while the MQTT broker is connected", () => Number(pusher.counts().isConnected))
}

/** Creates the measures of one process. */
export function createMetrics(context: Context): Metrics {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    const requests = new Counter({
        name: "otary_requests_total",
        help: "Requests by route and status",
        labelNames: ["route", "status"],
        registers: [registry],
    })
    const durations = new Histogram({
        name: "otary_request_seconds",
        help: "Time to the answer of a request",
        labelNames: ["route"],
        buckets: SECONDS_BUCKETS,
        registers: [registry],
    })
    const refresh = addFleetGauges(context, registry)
    addPushMeasures(context, registry)
    return {
        request(route, status, seconds) {
            requests.inc({ route, status })
            durations.observe({ route }, seconds)
        },
        async text() {
            await refresh()
            return { type: registry.contentType, text: await registry.metrics() }
        },
    }
}
