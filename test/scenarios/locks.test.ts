// Transactions that meet: nobody waits in a circle, and events of a device are told in the order in which they happened.

import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { DEFAULT_TENANT, eventOf, type Context } from "../../host/cloud/context"
import { tokenHash } from "../../host/cloud/ids"
import { SNAPSHOT_STEP_DEVICES } from "../../host/cloud/limits"
import { createCheckin } from "../../host/cloud/services/checkin"
import { createRollout } from "../../host/cloud/services/rollout-create"
import { stepRollout } from "../../host/cloud/services/rollout-step"
import type { Store, Tables } from "../../host/cloud/store/store"
import { startRig, type Rig } from "./rig"

let rig: Rig
let client: Client

beforeAll(async () => {
    rig = await startRig(2)
    client = new Client({ connectionString: rig.databaseUrl })
    await client.connect()
}, 60_000)
afterAll(async () => {
    await client?.end()
    await rig?.close()
})

/** A promise and the function that keeps it. */
function gate(): { open: () => void; opened: Promise<void> } {
    let open = (): void => undefined
    const opened = new Promise<void>(resolve => (open = resolve))
    return { open, opened }
}

/** Waits until some transaction waits for another one's lock. */
async function someoneWaits(): Promise<void> {
    for (let tries = 0; tries < 250; tries += 1) {
        const text = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
        if ((await client.query(text)).rows.length > 0) return
        await sleep(20)
    }
    throw new Error("nobody waits for a lock")
}

/** A context whose transactions stop before they look at a rollout's pace. */
function stoppingBefore({ store, ...rest }: Context, before: () => Promise<void>): Context {
    const transaction: Store["transaction"] = run =>
        store.transaction(tables => {
            const paces: Tables["rollouts"]["paces"] = async ids => {
                await before()
                return tables.rollouts.paces(ids)
            }
            return run({ ...tables, rollouts: { ...tables.rollouts, paces } })
        })
    return { ...rest, store: { ...store, transaction } }
}

async function deadlocks(): Promise<number> {
    // Backends tell their counts when they are idle, a second later at most.
    await sleep(1100)
    const { rows } = await client.query<{ n: string }>("select sum(deadlocks) as n from pg_stat_database")
    return Number(rows[0]?.n)
}

test("a snapshot that is written down and a check-in within a rate do not wait for each other in a circle", async () => {
    const [{ context }, { context: other }] = rig.processes as [Rig["processes"][number], Rig["processes"][number]]
    const ids = Array.from({ length: SNAPSHOT_STEP_DEVICES + 1 }, (_, index) => `d${String(index).padStart(5, "0")}`)
    const shared = { tenant: DEFAULT_TENANT, product: "p", cloud: "default", createdAt: new Date(rig.nowMs()) }
    await context.store.tables.devices.insertMany(shared, ids)
    await rig.tokens(ids)
    const release = await rig.release("1.1.0")
    const knobs = { rate: { kind: "constant" as const, perMinute: 600 }, skipChecks: true }
    const draft = { release: release.id, mode: "snapshot" as const, scope: { kind: "all" as const }, knobs }
    const { id } = await createRollout(context, DEFAULT_TENANT, draft)
    expect([await stepRollout(context, id), await stepRollout(context, id)]).toEqual(["now", "now"])

    // The check-in holds one device of the first step and the device of the second, and is about to take the pace.
    const holds = gate()
    const goOn = gate()
    const checkin = createCheckin(stoppingBefore(other, () => (holds.open(), goOn.opened)))
    const first = ids[0] as string
    const last = ids.at(-1) as string
    const offers = Promise.all(
        [first, last].map(one => {
            return checkin({ id: one, tokenHash: tokenHash(`token-${one}`), attributes: {}, version: "1.0.0", committed: true })
        }),
    )
    await holds.opened
    const step = stepRollout(context, id)
    await someoneWaits()
    goOn.open()
    expect((await offers).map(offer => offer?.version)).toEqual(["1.1.0", undefined])
    expect(await step).toBe("now")
    expect(await deadlocks()).toBe(0)
    expect((await context.store.tables.rollouts.get(DEFAULT_TENANT, id))?.total).toBe(ids.length)
}, 30_000)

test("a device's events are told in their order, also when the later transaction began first", async () => {
    const [{ context }, { context: other }] = rig.processes as [Rig["processes"][number], Rig["processes"][number]]
    await rig.devices(["a", "b"])
    const tell = (tables: Tables, what: string): Promise<void> =>
        tables.events.append([eventOf(DEFAULT_TENANT, new Date(rig.nowMs()), what, {}, "b")])
    const began = gate()
    const firstDone = gate()
    const second = other.store.transaction(async tables => {
        await tables.devices.lock(["a"])
        began.open()
        await firstDone.opened
        await tables.devices.lock(["b"])
        await tell(tables, "test.second")
    })
    await began.opened
    await context.store.transaction(async tables => {
        await tables.devices.lock(["b"])
        await tell(tables, "test.first")
    })
    const open = await rig.events()
    firstDone.open()
    await second
    const types = (events: { type: string; device: string | null }[]): string[] =>
        events.filter(({ device }) => device === "b").map(({ type }) => type)
    // While an older transaction is open nothing is told that it might come before.
    expect(types(open)).toEqual([])
    expect(types(await rig.events())).toEqual(["test.first", "test.second"])
})
