// Releases: made together with their rollout, switched on and off, removed while unused.

import { nowOf, eventOf, type Context } from "../context"
import { newId } from "../ids"
import { RELEASES_ENABLED_MAX } from "../limits"
import { versionSame } from "../domain/checkin-plan"
import { notFound, Problem } from "../problems"
import type { ArtifactRow, ReleaseRow, RolloutRow, Tables } from "../store/store"

/** What makes a release. */
export interface ReleaseDraft {
    product: string
    /** SHA-256 of an uploaded image. */
    artifact: string
    /** Undefined takes the image's own. */
    version?: string | undefined
    policy: string
    description: string
    commit: string
    enabled: boolean
    scope: { kind: "all" } | { kind: "devices"; ids: string[] }
}

/** What may be changed of a release. */
export interface ReleaseChange {
    enabled?: boolean | undefined
    description?: string | undefined
}

function unknown(path: string, what: string): Problem {
    return new Problem("reference_unknown", `There is no such ${what}. Make it first, or check its id.`, [
        { path, message: `an existing ${what}` },
    ])
}

/** The policy language comes in a later version; a policy that is not understood must not be taken for a blank one. */
function checkPolicy(policy: string): void {
    if (policy === "") return
    throw new Problem(
        "policy_unavailable",
        "Policy language not available in this version. Leave the policy blank: devices below the release's version take it.",
    )
}

/** The image suits the product and the version of the release. */
function checkImage({ manifest }: ArtifactRow, { product, version }: ReleaseDraft): void {
    if (version !== undefined && !versionSame(version, manifest.version)) {
        throw new Problem(
            "image_mismatch",
            `The image is version ${manifest.version}, the release is to be ${version}. Leave the version out to take the image's.`,
        )
    }
    if (manifest.product !== undefined && manifest.product !== "" && manifest.product !== product) {
        throw new Problem("image_mismatch", `The image is made for product ${manifest.product}, the release is for ${product}.`)
    }
}

async function checkRoom(tables: Tables, product: string): Promise<void> {
    if ((await tables.releases.countEnabled(product)) < RELEASES_ENABLED_MAX) return
    throw new Problem("releases_too_many", `A product may have ${RELEASES_ENABLED_MAX} enabled releases. Disable old ones first.`)
}

async function checkScope(tables: Tables, tenant: string, product: string, ids: string[]): Promise<void> {
    const missing = ids.length === 0 ? [] : await tables.devices.missing(tenant, product, ids)
    if (missing.length === 0) return
    const issues = missing.map(id => ({ path: `scope.ids.${ids.indexOf(id)}`, message: `${id} is not a device of the product` }))
    throw new Problem(
        "reference_unknown",
        "The scope lists devices that the product does not have; see issues (the first ten).",
        issues,
    )
}

async function createOnce(
    context: Context,
    tables: Tables,
    tenant: string,
    draft: ReleaseDraft,
): Promise<[ReleaseRow, RolloutRow]> {
    if ((await tables.products.lock(tenant, draft.product)) === null) throw unknown("product", "product")
    const artifact = await tables.artifacts.get(tenant, draft.artifact)
    if (artifact === null) throw unknown("artifact", "artifact")
    checkImage(artifact, draft)
    if (draft.enabled) await checkRoom(tables, draft.product)
    const { scope, ...fields } = draft
    const ids = scope.kind === "devices" ? [...new Set(scope.ids)] : []
    await checkScope(tables, tenant, draft.product, ids)
    const createdAt = nowOf(context)
    const release: ReleaseRow = { ...fields, tenant, id: newId(context.nowMs()), version: artifact.manifest.version, createdAt }
    const rollout: RolloutRow = {
        tenant,
        id: newId(context.nowMs()),
        release: release.id,
        mode: "continuous",
        scope: scope.kind,
        createdAt,
    }
    await tables.releases.insert(release)
    await tables.rollouts.insert(rollout, ids)
    const data = {
        release: release.id,
        rollout: rollout.id,
        product: release.product,
        version: release.version,
        enabled: release.enabled,
    }
    await tables.events.append([eventOf(tenant, createdAt, "release.created", data)])
    return [release, rollout]
}

/**
 * Makes a release and its rollout in one transaction. Throws Problem `policy_unavailable`, `reference_unknown`, `image_mismatch`,
 * `releases_too_many`.
 */
export function createRelease(context: Context, tenant: string, draft: ReleaseDraft): Promise<[ReleaseRow, RolloutRow]> {
    checkPolicy(draft.policy)
    return context.store.transaction(tables => createOnce(context, tables, tenant, draft))
}

async function changeOnce(
    context: Context,
    tables: Tables,
    tenant: string,
    id: string,
    change: ReleaseChange,
): Promise<ReleaseRow> {
    const seen = await tables.releases.get(tenant, id)
    if (seen === null) throw notFound("release")
    await tables.products.lock(tenant, seen.product)
    const before = await tables.releases.get(tenant, id)
    if (before === null) throw notFound("release")
    const after = { ...before, enabled: change.enabled ?? before.enabled, description: change.description ?? before.description }
    if (after.enabled && !before.enabled) await checkRoom(tables, after.product)
    await tables.releases.update(after)
    if (after.enabled !== before.enabled) {
        const type = after.enabled ? "release.enabled" : "release.disabled"
        await tables.events.append([eventOf(tenant, nowOf(context), type, { release: id, version: after.version })])
    }
    return after
}

/** Changes a release. It takes effect with the next check-in of each device. Throws Problem `not_found`, `releases_too_many`. */
export function changeRelease(context: Context, tenant: string, id: string, change: ReleaseChange): Promise<ReleaseRow> {
    return context.store.transaction(tables => changeOnce(context, tables, tenant, id, change))
}

async function deleteOnce(context: Context, tables: Tables, tenant: string, id: string): Promise<void> {
    const release = await tables.releases.get(tenant, id)
    if (release === null) throw notFound("release")
    if (await tables.tasks.existsOfRelease(id)) {
        throw new Problem("release_in_use", "Devices were offered this release, so its history stays. Disable it instead.")
    }
    await tables.releases.delete(tenant, id)
    await tables.events.append([eventOf(tenant, nowOf(context), "release.deleted", { release: id, version: release.version })])
}

/** Removes a release that no device was offered, and its rollouts. Throws Problem `not_found`, `release_in_use`. */
export function deleteRelease(context: Context, tenant: string, id: string): Promise<void> {
    return context.store.transaction(tables => deleteOnce(context, tables, tenant, id))
}
