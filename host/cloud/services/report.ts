// The report: a device says how an update ended. Idempotent, and safe when it comes late or twice.

import {
    STATUS_BUSY,
    STATUS_HTTP_RANGE,
    STATUS_HTTP_REDIRECT,
    STATUS_HTTP_STATUS,
    STATUS_NET,
    STATUS_NOT_COMMITTED,
    STATUS_STALLED,
    STATUS_TIMEOUT,
} from "../../../firmware/status"
import type { Context } from "../context"
import { eventOf, nowOf } from "../context"
import { moveOf, versionSame, type TaskMove } from "../domain/checkin-plan"
import { ATTEMPTS_MAX } from "../limits"
import { Problem } from "../problems"
import type { DeviceRow, Tables, TaskRow } from "../store/store"
import { authenticate } from "./device-access"
import { moveTask, noWrites, writeTasks } from "./tasks"

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
]

function failureMove(task: TaskRow, { status, message }: ReportRequest): TaskMove | null {
    const passing = status !== null && PASSING.includes(status) && task.attempt < ATTEMPTS_MAX
    return moveOf(task, passing ? "passingFailure" : "failure", message || "the device reported a failure")
}

/** A success counts once the device is seen to run the version. */
function successMove(task: TaskRow, runs: string): TaskMove | null {
    if (versionSame(runs, task.version)) return moveOf(task, "seen", `the device runs ${runs}`)
    return moveOf(task, "reported", `reported as done, but the device was last seen with ${runs || "no version"}`)
}

/** The device with the version that the report brought. */
async function noteVersion(context: Context, tables: Tables, device: DeviceRow, version: string): Promise<DeviceRow> {
    const at = nowOf(context)
    const after = { ...device, version: version === "" ? device.version : version }
    const { tenant, id, attributes } = after
    await tables.devices.seen([{ tenant, id, attributes, version: after.version, lastSeenAt: at }])
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
    const device = await noteVersion(context, tables, found, request.version)
    const task = await findTask(tables, device, request.update)
    if (task instanceof Problem) return task
    const move = request.success ? successMove(task, device.version) : failureMove(task, request)
    if (move === null) return null
    const writes = noWrites()
    const again = move.event === "passingFailure" ? { attempt: task.attempt + 1 } : {}
    moveTask(context, writes, task, move, { status: request.status, ...again })
    await writeTasks(tables, writes)
    return null
}

/**
 * Takes a report. A task that has ended stays as it is, so that a second or a late report changes nothing.
 * Throws Problem `update_unknown`, or one of device-access.ts.
 */
export async function report(context: Context, request: ReportRequest): Promise<void> {
    const problem = await context.store.transaction(tables => takeReport(context, tables, request))
    if (problem !== null) throw problem
}
