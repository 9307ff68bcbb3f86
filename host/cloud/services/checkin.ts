// The check-in: a device says what it is and runs; the cloud answers with the update to take, if any.

import type { Context } from "../context"
import { eventOf, nowOf, nowS } from "../context"
import { planCheckin } from "../domain/checkin-plan"
import { taskActive } from "../domain/task-machine"
import type { Attributes } from "../domain/types"
import { BATCHES_MAX, BATCH_ITEMS_MAX, BATCH_QUEUE_MAX, BATCH_WAIT_MS } from "../limits"
import { mergeAttributes } from "../attributes"
import { Problem } from "../problems"
import type { DeviceRow, DeviceSeen, RolloutCandidate, Tables, TaskRow } from "../store/store"
import { Batcher } from "./batcher"
import { authenticate } from "./device-access"
import { candidatesOf, deviceFacts, ofDevice } from "./facts"
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
}

/** What a device is offered. */
export interface CheckinOffer {
    /** Id of the task: the `update` of the wire. */
    update: string
    version: string
    sha256: string
    /** Name of the image, for its file name. */
    name: string
}

/** Takes a check-in. Null: nothing to do. Throws Problem (see device-access.ts, attributes.ts, batcher.ts). */
export type Checkin = (request: CheckinRequest) => Promise<CheckinOffer | null>

/** What one transaction knows of the devices of its batch. */
interface Snapshot {
    rollouts: RolloutCandidate[]
    tasks: TaskRow[]
    listed: { tenant: string; device: string; rollout: string }[]
}

async function loadSnapshot(tables: Tables, devices: DeviceRow[]): Promise<Snapshot> {
    const rollouts = await tables.rollouts.candidates([...new Set(devices.map(({ product }) => product))])
    const ids = devices.map(({ id }) => id)
    const tasks = await tables.tasks.latest(ids)
    const listed = rollouts.some(({ scope }) => scope === "devices") ? await tables.rollouts.listed(ids) : []
    return { rollouts, tasks, listed }
}

/** The device as it reported itself. */
function reportedDevice(device: DeviceRow, request: CheckinRequest): DeviceRow {
    const version = request.version === "" ? device.version : request.version
    return { ...device, attributes: mergeAttributes(device.attributes, request.attributes), version }
}

function offerOf(row: RolloutCandidate, update: string): CheckinOffer {
    return { update, version: row.version, sha256: row.artifact, name: row.manifest.name ?? row.product }
}

/** Decides for one device and notes what is to be written. */
function decideOne(
    context: Context,
    snapshot: Snapshot,
    device: DeviceRow,
    committed: boolean,
    writes: TaskWrites,
): CheckinOffer | null {
    const tasks = ofDevice(device, snapshot.tasks)
    const listed = new Set(ofDevice(device, snapshot.listed).map(({ rollout }) => rollout))
    const candidates = candidatesOf(device, snapshot.rollouts, listed, tasks)
    const active = tasks.find(({ state }) => taskActive(state)) ?? null
    const plan = planCheckin({ device: deviceFacts(device), committed, active, candidates }, nowS(context))
    for (const move of plan.moves) moveTask(context, writes, active as TaskRow, move)
    const { offer } = plan
    if (offer === null) return null
    const row = snapshot.rollouts.find(({ rollout }) => rollout === offer.rollout.id) as RolloutCandidate
    return offerOf(row, plan.offerTask?.id ?? newTask(context, writes, device, offer).id)
}

/** Everything that a batch is going to write. */
interface BatchWrites {
    seen: DeviceSeen[]
    tasks: TaskWrites
}

function checkinOne(
    context: Context,
    snapshot: Snapshot,
    before: DeviceRow,
    request: CheckinRequest,
    writes: BatchWrites,
): CheckinOffer | null | Problem {
    let device: DeviceRow
    try {
        device = reportedDevice(before, request)
    } catch (error) {
        if (error instanceof Problem) return error
        throw error
    }
    const { tenant, id, attributes, version } = device
    writes.seen.push({ tenant, id, attributes, version, lastSeenAt: nowOf(context) })
    if (version !== before.version) {
        writes.tasks.events.push(eventOf(tenant, nowOf(context), "device.version", { from: before.version, to: version }, id))
    }
    return decideOne(context, snapshot, device, request.committed, writes.tasks)
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
    const writes: BatchWrites = { seen: [], tasks: noWrites() }
    const outcomes = devices.map((device, index) =>
        device instanceof Problem ? device : checkinOne(context, snapshot, device, requests[index] as CheckinRequest, writes),
    )
    await tables.devices.seen(writes.seen)
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
