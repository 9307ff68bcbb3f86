// How a rollout comes to be: checked, written down, its devices listed.

import { currentCaller } from "../call"
import { eventOf, nowOf, nowS, type Context } from "../context"
import { KNOBS_DEFAULT, type Knobs } from "../domain/rollout"
import { newId } from "../ids"
import { CSV_DEVICES_MAX, ROLLOUTS_OPEN_MAX, SNAPSHOT_STEP_DEVICES, WORK_TIMEOUT_LONG_S } from "../limits"
import { notFound, Problem } from "../problems"
import type { ReleaseRow, RolloutListed, RolloutRow, Tables } from "../store/store"
import { checkExpression } from "./expressions"
import { needConfirmation } from "./reach"
import { checkDynamic, checkRollout } from "./rollout-check"
import type { RolloutDraft } from "./rollout-shapes"

/** Who acts: the API token's name, or the cloud itself. */
export function actorName(): string {
    const caller = currentCaller()
    return caller === null ? "otary" : caller.name || caller.token
}

/** The person behind the call; "" for the cloud itself. */
export function actorPerson(): string {
    return currentCaller()?.person ?? ""
}

/** The knobs of a draft: a retry after 24 h brings a longer work timeout with it, unless one is named. */
export function knobsOf(given: Partial<Knobs> | undefined): Knobs {
    const isLong = given?.workTimeoutS === undefined && given?.retry?.delayS === KNOBS_DEFAULT.workTimeoutS
    return { ...KNOBS_DEFAULT, ...given, ...(isLong ? { workTimeoutS: WORK_TIMEOUT_LONG_S } : {}) }
}

function percentEmpty(): Problem {
    return new Problem("field_invalid", "So few percent of the product's devices are not even one.", [
        { path: "scope.percent", message: "at least one device (rounded down)" },
    ])
}

/** Writes the devices of a list down, in steps. Throws Problem `reference_unknown`, `field_invalid`. */
async function listDevices(tables: Tables, row: RolloutRow, product: string, devices: Iterable<string>): Promise<number> {
    let step: string[] = []
    let count = 0
    const flush = async (): Promise<void> => {
        const missing = await tables.devices.missing(row.tenant, product, step)
        if (missing.length > 0) {
            const issues = missing.map(id => ({
                path: `scope.ids.${count - step.length + step.indexOf(id)}`,
                message: `${id} is not a device of the product`,
            }))
            throw new Problem("reference_unknown", "The scope lists devices that the product does not have; see issues.", issues)
        }
        await tables.rollouts.addDevices(row.tenant, row.id, step)
        step = []
    }
    for (const id of devices) {
        step.push(id)
        count += 1
        if (count > CSV_DEVICES_MAX) throw new Problem("field_invalid", `A rollout lists ${CSV_DEVICES_MAX} devices at most.`)
        if (step.length === SNAPSHOT_STEP_DEVICES) await flush()
    }
    if (step.length > 0) await flush()
    return count
}

async function listScope(tables: Tables, row: RolloutRow, release: ReleaseRow, draft: RolloutDraft): Promise<void> {
    if (draft.scope.kind === "devices") {
        const count = await listDevices(tables, row, release.product, new Set(draft.devices ?? []))
        if (count === 0 && row.state !== "draft")
            throw new Problem("field_invalid", "The rollout lists no devices.", [{ path: "scope.ids", message: "at least one" }])
    }
    if (draft.scope.kind === "groups") {
        const known = await tables.groups.getMany(row.tenant, draft.scope.groups)
        const missing = draft.scope.groups.find(id => !known.some(group => group.id === id))
        if (missing !== undefined) {
            throw new Problem("reference_unknown", "There is no such group. Make it first, or check its id.", [
                { path: `scope.groups.${draft.scope.groups.indexOf(missing)}`, message: "an existing group" },
            ])
        }
    }
    if (draft.scope.kind !== "percent") return
    const all: RolloutListed = {
        ...row,
        scope: { kind: "all" },
        product: release.product,
        module: release.module,
        version: release.version,
        count: 0,
    }
    const count = Math.floor(((await tables.rollouts.scopeCount(all)) * draft.scope.percent) / 100)
    if (count === 0) throw percentEmpty()
    await tables.rollouts.listShare(all, count)
}

async function checkOpen(tables: Tables, release: ReleaseRow, draft: RolloutDraft): Promise<void> {
    if ((await tables.rollouts.countOpen(release.product)) >= ROLLOUTS_OPEN_MAX) {
        throw new Problem("rollouts_too_many", `A product may have ${ROLLOUTS_OPEN_MAX} open rollouts. Cancel old ones first.`)
    }
    if (draft.mode !== "continuous" || draft.scope.kind === "devices") return
    const others = await tables.rollouts.list(release.tenant, [release.id], { after: null, limit: ROLLOUTS_OPEN_MAX })
    if (others.some(({ mode, state, scope }) => mode === "continuous" && state !== "finished" && scope.kind !== "devices")) {
        throw new Problem("rollout_exists", "The release has a dynamic rollout already; cancel it before the next.")
    }
}

/** Checks everything of a draft that needs no database. Throws Problem `field_invalid`, `policy_invalid`. */
export function checkDraft(context: Context, { mode, scope, knobs: given }: RolloutDraft): void {
    const knobs = knobsOf(given)
    checkExpression(context, "knobs.where", knobs.where)
    checkRollout(mode, scope, knobs, nowS(context))
}

/** Writes a rollout down within a transaction. Throws Problem `field_invalid`, `policy_invalid`, `reference_unknown`, `rollout_exists`. */
export async function insertRollout(
    context: Context,
    tables: Tables,
    release: ReleaseRow,
    draft: RolloutDraft,
): Promise<RolloutRow> {
    const knobs = knobsOf(draft.knobs)
    checkDraft(context, draft)
    await checkOpen(tables, release, draft)
    const at = nowOf(context)
    const waits = draft.start === false || knobs.approvals > 0
    const runs = !waits && draft.mode === "continuous" && knobs.window.startAtS === null && !release.needsVerification
    const row: RolloutRow = {
        ...{ tenant: release.tenant, id: newId(context.nowMs()), release: release.id, name: draft.name ?? "" },
        ...{ mode: draft.mode, scope: draft.scope, knobs, outcome: null, reason: "", createdBy: actorName(), revision: 1 },
        createdByPerson: actorPerson(),
        state: waits ? "draft" : runs ? "running" : "scheduled",
        ...{ createdAt: at, stateAt: at, startedAt: runs ? at : null, endedAt: null, total: null },
        ...{ snapshotAfter: null, snapshotDone: draft.mode === "continuous", approvals: [], cancelStates: [] },
    }
    await tables.rollouts.insert(row)
    await listScope(tables, row, release, draft)
    await tables.events.append([rolloutEvent(context, row, "created")])
    return row
}

/** An event that tells of a rollout's state, enough to rebuild it. */
export function rolloutEvent(context: Context, row: RolloutRow, what: string): ReturnType<typeof eventOf> {
    const { id, release, state, outcome, reason, mode } = row
    return eventOf(row.tenant, nowOf(context), `rollout.${what}`, { rollout: id, release, mode, state, outcome, reason })
}

/** Makes a rollout. Throws Problem `not_found` and those of insertRollout. */
export function createRollout(context: Context, tenant: string, draft: RolloutDraft): Promise<RolloutRow> {
    return context.store.transaction(async tables => {
        const release = await tables.releases.get(tenant, draft.release)
        if (release === null) throw notFound("release")
        await tables.products.lock(tenant, release.product)
        return insertRollout(context, tables, release, draft)
    })
}

/**
 * Makes a rollout as an operator orders it: what is dynamic says which versions it replaces, what reaches most of a fleet at once is
 * confirmed. Throws Problem `confirmation_required` and those of createRollout.
 */
export async function orderRollout(
    context: Context,
    tenant: string,
    draft: RolloutDraft,
    isConfirmed: boolean,
): Promise<RolloutRow> {
    checkDraft(context, draft)
    const release = await context.store.tables.releases.get(tenant, draft.release)
    if (release === null) throw notFound("release")
    const knobs = knobsOf(draft.knobs)
    checkDynamic(draft.mode, knobs, release.policy)
    await needConfirmation(context, release, { scope: draft.scope, knobs, isConfirmed })
    return createRollout(context, tenant, draft)
}
