// Why a device gets the update that it gets, or none: the same decision as a check-in, with every check shown.

import { nowS, type Context } from "../context"
import { decide } from "../domain/choose"
import type { CheckResult, Match, TaskFacts } from "../domain/types"
import { EXPLAIN_ROLLOUTS_MAX } from "../limits"
import { notFound } from "../problems"
import type { DeviceRow } from "../store/store"
import { candidatesOf, deviceFacts, ofDevice, surroundingsOf } from "./facts"

/** One rollout of an explanation. */
export interface ExplainedRollout {
    rollout: string
    release: string
    version: string
    /** Whether every check holds. */
    matches: boolean
    /** Whether this is the one that the device is to take. */
    chosen: boolean
    task: Pick<TaskFacts, "id" | "state" | "attempt" | "reason" | "status"> | null
    checks: CheckResult[]
}

/** The whole explanation. */
export interface Explanation {
    device: DeviceRow
    update: { rollout: string; release: string; version: string } | null
    reason: string
    rollouts: ExplainedRollout[]
}

function taskOf(task: TaskFacts | null): ExplainedRollout["task"] {
    if (task === null) return null
    const { id, state, attempt, reason, status } = task
    return { id, state, attempt, reason, status }
}

function explained({ candidate, ok, checks }: Match, chosenRollout: string | undefined): ExplainedRollout {
    const { release, rollout, task } = candidate
    const chosen = rollout.id === chosenRollout
    return { rollout: rollout.id, release: release.id, version: release.version, matches: ok, chosen, task: taskOf(task), checks }
}

/**
 * Explains what the next check-in of a device would decide, over the newest rollouts of its product.
 * Throws Problem `not_found`.
 */
export async function explain(context: Context, tenant: string, deviceId: string): Promise<Explanation> {
    const { tables } = context.store
    const device = await tables.devices.get(tenant, deviceId)
    if (device === null) throw notFound("device")
    const rollouts = await tables.rollouts.candidatesAll(device.product, EXPLAIN_ROLLOUTS_MAX)
    const tasks = ofDevice(device, await tables.tasks.latest([device.id]))
    const around = await surroundingsOf(tables, rollouts, [device.id])
    const candidates = candidatesOf(device, rollouts, around, tasks)
    const decision = decide(deviceFacts(device), candidates, nowS(context), { choice: rollouts[0]?.choice ?? "version" })
    const { chosen } = decision
    return {
        device,
        update:
            chosen === null ? null : { rollout: chosen.rollout.id, release: chosen.release.id, version: chosen.release.version },
        reason: decision.reason,
        rollouts: decision.matches.map(one => explained(one, chosen?.rollout.id)),
    }
}
