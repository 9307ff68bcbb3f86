// The check-in: a device says what it is and runs; the cloud answers with the update to take, if any.

import type { Context } from "../context"
import { eventOf, nowOf, nowS } from "../context"
import { planCheckin, type CheckinPlan } from "../domain/checkin-plan"
import { KNOBS_DEFAULT } from "../domain/rollout"
import { taskActive } from "../domain/task-machine"
import type { Attributes } from "../domain/types"
import { versionOf } from "../domain/versions"
import { BATCHES_MAX, BATCH_ITEMS_MAX, BATCH_QUEUE_MAX, BATCH_WAIT_MS } from "../limits"
import { changedAttributes, mergeAttributes, mergeVersions } from "../attributes"
import { Problem } from "../problems"
import type { DeviceRow, DeviceSeen, RolloutCandidate, Tables, TaskRow } from "../store/store"
import { Batcher } from "./batcher"
import { authenticate } from "./device-access"
import { candidatesOf, deviceFacts, ofDevice, surroundingsOf, type Surroundings } from "./facts"
import { grant, type Wish } from "./permits"
import { moveTask, newTask, noWrites, writeTasks, type TaskWrites } from "./tasks"

/** What a device sends. */
export interface CheckinRequest {
    id: string
    tokenHash: Buffer
    attributes: Attributes
    /** The running version; "" when the device did not say. */
    version: string
    /** False while the running image is on trial. */
    committed: boolean
    /** Slot digest of the app that runs, from boards that take deltas. */
    base?: string | undefined
    /** Versions of further modules by name. */
    versions?: Record<string, string> | undefined
    /** What changed of its reported state, the shadow; null removes a name. */
    reported?: Attributes | undefined
}

/** What a device is offered. */
export interface CheckinOffer {
    /** Id of the task: the `update` of the wire. */
    update: string
    version: string
    sha256: string
    /** The full image, should the delta not do; undefined where that is no delta, or where there is none. */
    full: string | undefined
    /** Name of the image, for its file name. */
    name: string
    module: string
    tags: Record<string, string>
}

/** Takes a check-in. Null: nothing to do. Throws Problem (see device-access.ts, attributes.ts, batcher.ts). */
export type Checkin = (request: CheckinRequest) => Promise<CheckinOffer | null>

/** What one transaction knows of the devices of its batch. */
interface Snapshot {
    rollouts: RolloutCandidate[]
    tasks: TaskRow[]
    around: Surroundings
}

async function loadSnapshot(tables: Tables, devices: DeviceRow[]): Promise<Snapshot> {
    const rollouts = await tables.rollouts.candidates([...new Set(devices.map(({ product }) => product))])
    const ids = devices.map(({ id }) => id)
    return { rollouts, tasks: await tables.tasks.latest(ids), around: await surroundingsOf(tables, rollouts, ids) }
}

/** The device as it reported itself. */
function reportedDevice(context: Context, device: DeviceRow, request: CheckinRequest): DeviceRow {
    const version = request.version === "" ? device.version : request.version
    const isNews = version !== "" && (version !== device.version || (device.versionAt === null && device.lastSeenAt === null))
    const versionAt = isNews ? nowOf(context) : device.versionAt
    const versions = mergeVersions(device.versions, request.versions)
    const reported = request.reported === undefined ? device.reported : changedAttributes(device.reported, request.reported)
    return {
        ...device,
        attributes: mergeAttributes(device.attributes, request.attributes),
        version,
        versions,
        versionAt,
        reported,
    }
}

/** What a device is to get, if its rollout's pace allows. */
interface Prospect {
    device: DeviceRow
    base: string | undefined
    row: RolloutCandidate
    task: TaskRow
    offer: CheckinPlan["offer"]
}

/** A differential image for the device's version, or the full one. One that boards put together is for those that run its base. */
function offerOf({ row, device, base, task }: Prospect): CheckinOffer {
    const delta = row.deltas[versionOf(deviceFacts(device), row.module)] ?? row.artifact
    const needed = row.bases[delta]
    const sha256 = needed === undefined || needed === base ? delta : row.artifact
    const full = sha256 === row.artifact || needed === undefined ? undefined : row.artifact
    const { version, module } = row
    return { update: task.id, version, sha256, full, name: row.manifest.name ?? row.product, module, tags: row.knobs.tags }
}

/** Decides for one device and notes what is to be written. */
function decideOne(
    context: Context,
    { rollouts, tasks: all, around }: Snapshot,
    device: DeviceRow,
    { committed, base }: CheckinRequest,
    writes: TaskWrites,
): Prospect | null {
    const tasks = ofDevice(device, all)
    const active = tasks.filter(({ state }) => taskActive(state))
    const choice = rollouts.find(({ product }) => product === device.product)?.choice ?? "version"
    const candidates = candidatesOf(device, rollouts, around, tasks)
    const { moves, chosen, task, offer } = planCheckin(
        { device: deviceFacts(device), committed, active, candidates, choice },
        nowS(context),
    )
    const moved = new Map(tasks.map(one => [one.id, one]))
    for (const { task: which, event, reason } of moves) {
        const row = moved.get(which.id) as TaskRow
        const knobs = rollouts.find(({ rollout }) => rollout === row.rollout)?.knobs ?? KNOBS_DEFAULT
        moved.set(row.id, moveTask(context, writes, row, { event, reason, knobs }) ?? row)
    }
    if (chosen === null) return null
    const row = rollouts.find(({ rollout }) => rollout === chosen.rollout.id) as RolloutCandidate
    if (task !== null) return { device, base, row, offer, task: moved.get(task.id) as TaskRow }
    const before = [...moved.values()].find(one => one.rollout === row.rollout) ?? null
    const place = { tenant: device.tenant, device: device.id, source: versionOf(deviceFacts(device), row.module), before }
    const event = row.knobs.confirm ? "matchedToConfirm" : "matched"
    return { device, base, row, offer, task: newTask(context, writes, place, row, event) }
}

/** Everything that a batch is going to write. */
interface BatchWrites {
    seen: DeviceSeen[]
    /** Devices whose reported state has changed. */
    reported: DeviceRow[]
    tasks: TaskWrites
}

function checkinOne(
    context: Context,
    snapshot: Snapshot,
    before: DeviceRow,
    request: CheckinRequest,
    writes: BatchWrites,
): Prospect | null | Problem {
    let device: DeviceRow
    try {
        device = reportedDevice(context, before, request)
    } catch (error) {
        if (error instanceof Problem) return error
        throw error
    }
    const { tenant, id, attributes, version, versions, versionAt } = device
    writes.seen.push({ tenant, id, attributes, version, versions, versionAt, lastSeenAt: nowOf(context) })
    if (device.reported !== before.reported) writes.reported.push(device)
    if (version !== before.version) {
        writes.tasks.events.push(eventOf(tenant, nowOf(context), "device.version", { from: before.version, to: version }, id))
    }
    return decideOne(context, snapshot, device, request, writes.tasks)
}

/** Hands out what may be, and answers with what each device gets. */
async function handOut(
    context: Context,
    tables: Tables,
    prospects: (Prospect | null | Problem)[],
    writes: TaskWrites,
): Promise<(CheckinOffer | null | Problem)[]> {
    const wishing = prospects.flatMap(one => (one !== null && !(one instanceof Problem) && one.offer === "handOut" ? [one] : []))
    const wishes = wishing.map(({ row, task }): Wish => {
        return { rollout: row.rollout, knobs: row.knobs, total: row.total ?? 0, isNew: task.offeredMs === null }
    })
    const granted = await grant(context, tables, wishes)
    const given = new Set(wishing.filter((_, index) => granted[index]))
    return prospects.map(one => {
        if (one === null || one instanceof Problem) return one
        if (one.offer === "wait" || (one.offer === "handOut" && !given.has(one))) return null
        if (one.offer === "handOut") {
            moveTask(context, writes, one.task, { event: "dispatched", reason: "", knobs: one.row.knobs })
        }
        return offerOf(one)
    })
}

async function authenticateAll(context: Context, tables: Tables, requests: CheckinRequest[]): Promise<(DeviceRow | Problem)[]> {
    const devices = await tables.devices.lock([...new Set(requests.map(({ id }) => id))].sort())
    const found: (DeviceRow | Problem)[] = []
    for (const { id, tokenHash } of requests) {
        const sameId = devices.filter(device => device.id === id)
        found.push(await authenticate(context, tables, id, tokenHash, sameId))
    }
    return found
}

async function runBatch(
    context: Context,
    tables: Tables,
    requests: CheckinRequest[],
): Promise<(CheckinOffer | null | Problem)[]> {
    const devices = await authenticateAll(context, tables, requests)
    const known = devices.flatMap(device => (device instanceof Problem ? [] : [device]))
    const snapshot = await loadSnapshot(tables, known)
    const writes: BatchWrites = { seen: [], reported: [], tasks: noWrites() }
    const prospects = devices.map((device, index) =>
        device instanceof Problem ? device : checkinOne(context, snapshot, device, requests[index] as CheckinRequest, writes),
    )
    const outcomes = await handOut(context, tables, prospects, writes.tasks)
    await tables.devices.seen(writes.seen)
    for (const device of writes.reported) await tables.devices.report(device)
    await writeTasks(tables, writes.tasks)
    return outcomes
}

/** Makes the check-in of one cloud process. */
export function createCheckin(context: Context): Checkin {
    const limits = { itemsMax: BATCH_ITEMS_MAX, waitMs: BATCH_WAIT_MS, batchesMax: BATCHES_MAX, queueMax: BATCH_QUEUE_MAX }
    const batcher = new Batcher<CheckinRequest, CheckinOffer | null>(
        limits,
        ({ id }) => id,
        requests => context.store.transaction(tables => runBatch(context, tables, requests)),
    )
    return request => batcher.submit(request)
}
