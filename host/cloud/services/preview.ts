// What a rollout would do if it started now: the same checks over its whole scope, and the time that its pace would take.

import { nowOf, nowS, type Context } from "../context"
import { admit } from "../domain/admit"
import { roleOf } from "../domain/match"
import { devicesLimit, rateNow } from "../domain/pace"
import type { Knobs } from "../domain/rollout"
import { PREVIEW_EXAMPLES, SNAPSHOT_STEP_DEVICES } from "../limits"
import { notFound, Problem } from "../problems"
import type { DeviceRow, RolloutCandidate, RolloutListed } from "../store/store"
import { candidatesOf, deviceFacts, ofDevice, surroundingsOf } from "./facts"
import { checkDraft, knobsOf } from "./rollout-create"
import type { Preview, PreviewReason, RolloutDraft } from "./rollout-shapes"

/** A rollout that is only looked at: its row as it is, or as it would be. */
interface Looked {
    row: RolloutListed
    candidate: RolloutCandidate
    /** Devices of a draft's list; undefined where the store has the list. */
    devices: ReadonlySet<string> | undefined
}

/** Minutes that a rate takes for so many devices; a variable one is stepped through. */
function minutesFor({ rate }: Knobs, devices: number): number {
    let minutes = 0
    for (let left = devices; left > 0; minutes += 1) {
        const done = devices - left
        const perMinute = rateNow(rate, { pushed: done, succeeded: done })
        if (rate?.kind !== "variable") return Math.ceil(devices / perMinute)
        left -= perMinute
    }
    return minutes
}

/** Unix time in seconds at which the last of so many devices would be handed its task; null when nothing sets a pace. */
function finishedAtS(knobs: Knobs, devices: number, startS: number): number | null {
    const { rate, limits } = knobs
    const times: number[] = []
    if (rate !== null) times.push(minutesFor(knobs, devices) * 60)
    if (limits.perPeriod !== null)
        times.push(Math.max(0, Math.ceil(devices / limits.perPeriod.count) - 1) * limits.perPeriod.periodS)
    return times.length === 0 ? null : Math.max(startS, knobs.window.startAtS ?? 0) + Math.max(...times)
}

function note(reasons: Map<string, PreviewReason>, check: string, device: string, detail: string): void {
    const reason = reasons.get(check) ?? { check, count: 0, examples: [] }
    reason.count += 1
    if (reason.examples.length < PREVIEW_EXAMPLES) reason.examples.push({ device, detail })
    reasons.set(check, reason)
}

/** The devices of the scope, step by step. */
async function* stepsOf(context: Context, { row, devices }: Looked): AsyncGenerator<DeviceRow[]> {
    const { tables } = context.store
    const scope = devices === undefined ? row.scope : { kind: "all" as const }
    for (let after: string | null = null, isLast = false; !isLast;) {
        const page: DeviceRow[] = await tables.rollouts.scopeDevices({ ...row, scope }, { after, limit: SNAPSHOT_STEP_DEVICES })
        isLast = page.length < SNAPSHOT_STEP_DEVICES
        after = page.at(-1)?.id ?? after
        yield devices === undefined ? page : page.filter(({ id }) => devices.has(id))
    }
}

async function look(context: Context, looked: Looked): Promise<Preview> {
    const { tables } = context.store
    const { row, candidate, devices } = looked
    const sum = { total: 0, matching: 0, skipped: 0, notMatching: 0 }
    const reasons = new Map<string, PreviewReason>()
    for await (const page of stepsOf(context, looked)) {
        const ids = page.map(({ id }) => id)
        const listed = devices === undefined ? null : page.map(one => ({ tenant: one.tenant, device: one.id, rollout: row.id }))
        const around = { ...(await surroundingsOf(tables, [candidate], ids)), full: new Set<string>(), joining: row.id }
        const tasks = await tables.tasks.latest(ids)
        for (const device of page) {
            const [facts] = candidatesOf(
                device,
                [candidate],
                listed === null ? around : { ...around, listed },
                ofDevice(device, tasks),
            )
            if (facts === undefined) continue
            const { event, result } = admit(deviceFacts(device), facts, nowS(context))
            const failing = result.checks.at(-1)
            if (!result.ok && failing?.check === "scope") continue
            sum.total += 1
            if (result.ok) sum.matching += 1
            else if (event === "alreadyThere") sum.skipped += 1
            else sum.notMatching += 1
            if (!result.ok && failing !== undefined && roleOf(failing.check) !== "skip") {
                note(reasons, failing.check, device.id, failing.detail)
            }
        }
    }
    const reached = Math.min(sum.matching, devicesLimit(row.knobs, sum.total))
    const warnings = reached === 0 ? ["No device would take it now."] : []
    return { ...sum, reasons: [...reasons.values()], finishedAtS: finishedAtS(row.knobs, reached, nowS(context)), warnings }
}

/** Looks at a rollout that is there. Throws Problem `not_found`. */
export async function previewRollout(context: Context, tenant: string, id: string): Promise<Preview> {
    const { tables } = context.store
    const row = await tables.rollouts.get(tenant, id)
    const [candidate] = row === null ? [] : await tables.rollouts.ofRollouts([id])
    if (row === null || candidate === undefined) throw notFound("rollout")
    return look(context, { row, candidate, devices: undefined })
}

/** Looks at a rollout that is not there yet; nothing is written. Throws Problem `not_found`, `field_invalid`, `policy_invalid`. */
export async function previewDraft(context: Context, tenant: string, draft: RolloutDraft): Promise<Preview> {
    const { tables } = context.store
    const release = await tables.releases.get(tenant, draft.release)
    if (release === null) throw notFound("release")
    const artifact = await tables.artifacts.get(tenant, release.artifact)
    const product = await tables.products.get(tenant, release.product)
    if (artifact === null || product === null) throw notFound("release")
    if (draft.scope.kind === "percent") {
        throw new Problem(
            "field_invalid",
            "Which devices a percentage means is drawn when the rollout is made; preview scope all.",
            [{ path: "scope.kind", message: "all, devices, groups or regions" }],
        )
    }
    const knobs = knobsOf(draft.knobs)
    checkDraft(context, draft)
    const at = nowOf(context)
    const { mode, scope } = draft
    const shared = { tenant, mode, scope, knobs, state: "running" as const, createdAt: at, total: null, snapshotDone: false }
    const { id, module, version, cloud, policy, requirement } = release
    const row: RolloutListed = {
        ...{
            ...shared,
            id: "",
            release: id,
            name: "",
            outcome: null,
            reason: "",
            createdBy: "",
            createdByPerson: "",
            revision: 1,
            stateAt: at,
            startedAt: at,
        },
        ...{
            endedAt: null,
            snapshotAfter: null,
            approvals: [],
            cancelStates: [],
            product: product.id,
            module,
            version,
            count: 0,
        },
    }
    const further = await tables.releases.artifacts(id)
    const deltas = Object.fromEntries(further.flatMap(one => (one.kind === "delta" ? [[one.name, one.artifact]] : [])))
    const candidate: RolloutCandidate = {
        ...{
            ...shared,
            rollout: "",
            release: id,
            product: product.id,
            choice: product.choice ?? "version",
            module,
            cloud,
            version,
        },
        ...{ policy, requirement, enabled: release.enabled, artifact: release.artifact, deltas, manifest: artifact.manifest },
        bases: {},
        verified: !release.needsVerification || release.verifiedAt !== null,
    }
    const devices = scope.kind === "devices" ? new Set(draft.devices ?? []) : undefined
    return look(context, { row, candidate, devices })
}
