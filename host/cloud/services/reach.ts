// How much of a fleet a rollout reaches at once, and the second confirmation that too much of it takes.

import type { Context } from "../context"
import { storedPolicy } from "../domain/policy/policy"
import type { Knobs, Scope } from "../domain/rollout"
import { versionOf, versionSame } from "../domain/versions"
import { SHARE_SAMPLE_DEVICES, SHARE_UNCONFIRMED_MAX_PERCENT } from "../limits"
import { Problem } from "../problems"
import type { DeviceRow, ReleaseRow, Tables } from "../store/store"
import { deviceFacts, inScope, surroundingsOfScope } from "./facts"

/** Whether something holds a rollout back, so that it does not go to all of its devices at once. */
function isHeldBack({ rate, pendingMax, gates, limits, confirm }: Knobs): boolean {
    const limited = (limits.devicesMax ?? limits.perPeriod) !== null || (limits.devicesPercent ?? 100) < 100
    return rate !== null || pendingMax !== null || gates.length > 0 || confirm || limited
}

/** Percent of a product's devices that scope, condition and source versions mean; of a large fleet it is the share of a sample. */
async function sampledPercent(tables: Tables, release: ReleaseRow, scope: Scope, knobs: Knobs): Promise<number> {
    const fleet = await tables.rollouts.scopeCount({ scope: { kind: "all" }, product: release.product, count: 0 })
    const sample = await tables.devices.sample(release.product, Math.ceil(fleet / SHARE_SAMPLE_DEVICES), SHARE_SAMPLE_DEVICES)
    const around = await surroundingsOfScope(tables, release.tenant, scope, sample)
    const parsed = knobs.where.trim() === "" ? null : storedPolicy(knobs.where)
    const isMeant = (device: DeviceRow): boolean => {
        const facts = deviceFacts(device)
        const version = versionOf(facts, release.module)
        if (!inScope(device, { rollout: "", scope }, around)) return false
        if (knobs.sourceVersions.length > 0 && !knobs.sourceVersions.some(one => versionSame(one, version))) return false
        return parsed === null || (parsed.ok && parsed.policy.holds({ ...facts, version }, release.version))
    }
    return sample.length === 0 ? 0 : (100 * sample.filter(isMeant).length) / sample.length
}

/** Percent of the product's devices that a rollout reaches at once; 0 where something holds it back, or where devices are listed. */
async function percentAtOnce(tables: Tables, release: ReleaseRow, scope: Scope, knobs: Knobs): Promise<number> {
    if (isHeldBack(knobs) || scope.kind === "devices") return 0
    if (scope.kind === "percent") return scope.percent
    const isPlain = knobs.where.trim() === "" && knobs.sourceVersions.length === 0
    if (scope.kind === "all" && isPlain) return 100
    return sampledPercent(tables, release, scope, knobs)
}

/** What a rollout would be. */
export interface Reach {
    scope: Scope
    knobs: Knobs
    /** Whether the caller has confirmed it. */
    isConfirmed: boolean
}

/**
 * Attack 28 of the plan: nobody reaches most of a fleet at once by one slip, whether it is pushed to or fetches the update itself.
 * Devices that are listed one by one are no slip. Throws Problem `confirmation_required`.
 */
export async function needConfirmation({ store }: Context, release: ReleaseRow, reach: Reach): Promise<void> {
    if (reach.isConfirmed) return
    const percent = await percentAtOnce(store.tables, release, reach.scope, reach.knobs)
    if (percent <= SHARE_UNCONFIRMED_MAX_PERCENT) return
    const detail = `This reaches about ${Math.round(percent)} % of the devices at once; more than ${SHARE_UNCONFIRMED_MAX_PERCENT} % \
takes a second confirmation. Give it a rate, gates or a limit; or say confirmAll: true, if you mean it.`
    throw new Problem("confirmation_required", detail, [{ path: "confirmAll", message: "true, as a second confirmation" }])
}
