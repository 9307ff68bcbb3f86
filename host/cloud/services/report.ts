// The report: a device says how an update ended. Idempotent, and safe when it comes late or twice.

import {
    STATUS_BUSY,
    STATUS_HTTP_RANGE,
    STATUS_HTTP_REDIRECT,
    STATUS_HTTP_STATUS,
    STATUS_MEMORY,
    STATUS_NET,
    STATUS_NOT_COMMITTED,
    STATUS_RESTARTED,
    STATUS_STALLED,
    STATUS_TIMEOUT,
} from "../../../firmware/status"
import type { Context } from "../context"
import { eventOf, nowOf } from "../context"
import { mergeVersions } from "../attributes"
import { KNOBS_DEFAULT } from "../domain/rollout"
import type { TaskEvent } from "../domain/task-machine"
import { versionOf, versionSame } from "../domain/versions"
import { ATTEMPTS_MAX } from "../limits"
import { Problem } from "../problems"
import type { DeviceRow, Tables, TaskRow } from "../store/store"
import { authenticate } from "./device-access"
import { deviceFacts } from "./facts"
import { moveTask, noWrites, writeTasks, type Happening } from "./tasks"

/** What a device sends. */
export interface ReportRequest {
    id: string
    tokenHash: Buffer
    success: boolean
    /** Id of the task. */
    update: string
    /** Status code of firmware/status.ts, null when the device told none. */
    status: number | null
    message: string
    /** The running version; "" when the device did not say. */
    version: string
    /** Versions of further modules by name. */
    versions?: Record<string, string> | undefined
}

/** Failures that may be gone next time: the image itself is not to blame. */
const PASSING: readonly number[] = [
    STATUS_BUSY,
    STATUS_NOT_COMMITTED,
    STATUS_NET,
    STATUS_TIMEOUT,
    STATUS_STALLED,
    STATUS_HTTP_STATUS,
    STATUS_HTTP_REDIRECT,
    STATUS_HTTP_RANGE,
    STATUS_MEMORY,
    STATUS_RESTARTED,
]

/** What a report says of a task. */
interface Said {
    event: TaskEvent
    reason: string
}

function failureSaid(task: TaskRow, { status, message }: ReportRequest): Said {
    const passing = status !== null && PASSING.includes(status) && task.attempt < ATTEMPTS_MAX
    return { event: passing ? "passingFailure" : "failure", reason: message || "the device reported a failure" }
}

/** A success counts once the device is seen to run the version. */
function successSaid(task: TaskRow, runs: string): Said {
    if (versionSame(runs, task.version)) return { event: "seen", reason: `the device runs ${runs}` }
    return { event: "reported", reason: `reported as done, but the device was last seen with ${runs || "no version"}` }
}

/** The device with the version that the report brought. */
async function noteVersion(
    context: Context,
    tables: Tables,
    device: DeviceRow,
    { version: reported, versions: modules }: ReportRequest,
): Promise<DeviceRow> {
    const at = nowOf(context)
    const known = mergeVersions(device.versions, modules)
    const after = { ...device, version: reported === "" ? device.version : reported, versions: known }
    const { tenant, id, attributes, version, versions } = after
    const versionAt = version === device.version ? device.versionAt : at
    await tables.devices.seen([{ tenant, id, attributes, version, versions, versionAt, lastSeenAt: at }])
    if (after.version !== device.version) {
        await tables.events.append([eventOf(tenant, at, "device.version", { from: device.version, to: after.version }, id)])
    }
    return after
}

async function findTask(tables: Tables, device: DeviceRow, update: string): Promise<TaskRow | Problem> {
    const task = await tables.tasks.get(device.tenant, device.id, update)
    return (
        task ??
        new Problem(
            "update_unknown",
            "This update was never offered to the device. Report the `update` of the check-in's answer.",
        )
    )
}

async function takeReport(context: Context, tables: Tables, request: ReportRequest): Promise<Problem | null> {
    const sameId = await tables.devices.lock([request.id])
    const found = await authenticate(context, tables, request.id, request.tokenHash, sameId)
    if (found instanceof Problem) return found
    const device = await noteVersion(context, tables, found, request)
    const task = await findTask(tables, device, request.update)
    if (task instanceof Problem) return task
    const said = request.success ? successSaid(task, versionOf(deviceFacts(device), task.module)) : failureSaid(task, request)
    const again = said.event === "passingFailure" ? { attempt: task.attempt + 1 } : {}
    await move(context, tables, task, { ...said, status: request.status, ...again })
    return null
}

async function move(context: Context, tables: Tables, task: TaskRow, happening: Omit<Happening, "knobs">): Promise<void> {
    const [rollout] = await tables.rollouts.ofRollouts([task.rollout])
    const writes = noWrites()
    moveTask(context, writes, task, { ...happening, knobs: rollout?.knobs ?? KNOBS_DEFAULT })
    await writeTasks(tables, writes)
}

/**
 * Takes a report. A task that has ended stays as it is, so that a second or a late report changes nothing.
 * Throws Problem `update_unknown`, or one of device-access.ts.
 */
export async function report(context: Context, request: ReportRequest): Promise<void> {
    const problem = await context.store.transaction(tables => takeReport(context, tables, request))
    if (problem !== null) throw problem
}

/** What a device sends while it works on an update. */
export interface ProgressRequest {
    id: string
    tokenHash: Buffer
    update: string
    /** 0 to 100. */
    percent: number
    message: string
}

async function takeProgress(context: Context, tables: Tables, request: ProgressRequest): Promise<Problem | null> {
    const sameId = await tables.devices.lock([request.id])
    const device = await authenticate(context, tables, request.id, request.tokenHash, sameId)
    if (device instanceof Problem) return device
    const task = await findTask(tables, device, request.update)
    if (task instanceof Problem) return task
    const isNews = task.state === "offered" || request.percent > task.progress
    const progress = Math.max(task.progress, request.percent)
    if (isNews) await move(context, tables, task, { event: "progress", reason: request.message, progress })
    return null
}

/**
 * Takes a progress report: the first one starts the timer. What comes late, twice or out of order changes nothing.
 * Throws Problem `update_unknown`, or one of device-access.ts.
 */
export async function reportProgress(context: Context, request: ProgressRequest): Promise<void> {
    const problem = await context.store.transaction(tables => takeProgress(context, tables, request))
    if (problem !== null) throw problem
}
