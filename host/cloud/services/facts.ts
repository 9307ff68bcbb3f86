// From rows of the store to the facts that the domain decides on.

import type { Candidate, DeviceFacts, ReleaseFacts } from "../domain/types"
import type { DeviceRow, RolloutCandidate, TaskRow } from "../store/store"

/** The facts of a release out of a candidate. */
export function releaseFacts(row: RolloutCandidate): ReleaseFacts {
    const { expires, platform, requires } = row.manifest
    return {
        id: row.release,
        product: row.product,
        version: row.version,
        policy: row.policy,
        enabled: row.enabled,
        platform,
        requires: requires ?? "",
        expiresS: expires === undefined ? 0 : Math.floor(Date.parse(expires) / 1000),
    }
}

/** The facts of a device. */
export function deviceFacts(row: DeviceRow): DeviceFacts {
    return { id: row.id, product: row.product, attributes: row.attributes, version: row.version, claimed: row.claimed }
}

/**
 * The candidates of one device: the rollouts of its tenant and product. `listed` holds the rollouts that name the device,
 * `tasks` its last task of each rollout.
 */
export function candidatesOf(
    device: DeviceRow,
    rollouts: RolloutCandidate[],
    listed: ReadonlySet<string>,
    tasks: TaskRow[],
): Candidate[] {
    const own = rollouts.filter(row => row.tenant === device.tenant && row.product === device.product)
    return own.map(row => ({
        release: releaseFacts(row),
        rollout: { id: row.rollout, scope: row.scope, listed: listed.has(row.rollout) },
        task: tasks.find(task => task.rollout === row.rollout) ?? null,
    }))
}

/** The entries of `rows` that belong to a device. */
export function ofDevice<Row extends { tenant: string; device: string }>(device: DeviceRow, rows: Row[]): Row[] {
    return rows.filter(row => row.tenant === device.tenant && row.device === device.id)
}
