// Releases: made together with their rollout, switched on and off, removed while unused.

import { versionRangeValid } from "../../../firmware/version"
import { nowOf, eventOf, type Context } from "../context"
import type { Knobs, Scope } from "../domain/rollout"
import { newId } from "../ids"
import { RELEASE_ARTIFACTS_MAX, RELEASES_ENABLED_MAX } from "../limits"
import { MODULE_DEFAULT } from "../domain/types"
import { versionSame } from "../domain/versions"
import { notFound, Problem, type ProblemIssue } from "../problems"
import type { ArtifactRow, ReleaseArtifactRow, ReleaseRow, RolloutRow, Tables } from "../store/store"
import { checkExpression } from "./expressions"
import { insertRollout } from "./rollout-create"

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
    /** Whom its first, continuous rollout is for; null makes none. */
    scope: Exclude<Scope, { kind: "devices" | "percent" }> | { kind: "devices"; ids: string[] } | null
    /** Knobs of that rollout: limits, rate, condition (Ioto's limit, percentage, rate and period). */
    knobs?: Partial<Knobs> | undefined
    /** "default" unless told otherwise. */
    module?: string | undefined
    /** A cloud of the tenant; undefined or "" for all. */
    cloud?: string | undefined
    /** Range of versions that it may replace, beside the image's own. */
    requirement?: string | undefined
    /** Whether a verification rollout must succeed before others start. */
    needsVerification?: boolean | undefined
    /** Differential images by source version. With `artifact` among them there is no full one. */
    deltas?: Record<string, string> | undefined
    /** Further files by name. */
    files?: Record<string, string> | undefined
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

/** An image that boards put together needs a full one beside it, unless it is released for its own sources alone. */
function checkFull({ manifest }: ArtifactRow, { artifact, deltas = {} }: ReleaseDraft): void {
    const isDelta = Object.values(manifest.parts).some(part => (part as { base?: unknown }).base !== undefined)
    if (!isDelta || Object.values(deltas).includes(artifact)) return
    throw new Problem("image_mismatch", "The image is a delta: only boards that run its base take it. Release the full image.", [
        { path: "artifact", message: "a full image, with the delta among deltas" },
    ])
}

/** A commit is a reference, or the address of one that a browser may open; a requirement is a range of versions. */
function checkTexts({ commit, requirement = "" }: ReleaseDraft): void {
    const issues: ProblemIssue[] = []
    const isUrl = /^\s*[a-z][a-z0-9+.-]*:/i.test(commit)
    if (isUrl && !/^https?:\/\/[^\s]+$/i.test(commit))
        issues.push({ path: "commit", message: "an https address, or a plain reference" })
    if (requirement !== "" && !versionRangeValid(requirement))
        issues.push({ path: "requirement", message: "comparisons such as >=1.0.0 joined by blanks" })
    if (issues.length > 0) throw new Problem("field_invalid", "Some fields of the release are wrong; see issues.", issues)
}

async function checkRoom(tables: Tables, product: string): Promise<void> {
    if ((await tables.releases.countEnabled(product)) < RELEASES_ENABLED_MAX) return
    throw new Problem("releases_too_many", `A product may have ${RELEASES_ENABLED_MAX} enabled releases. Disable old ones first.`)
}

function furtherArtifacts(release: ReleaseRow, { deltas = {}, files = {} }: ReleaseDraft): ReleaseArtifactRow[] {
    const { id, tenant } = release
    const rows = (kind: "delta" | "file", named: Record<string, string>): ReleaseArtifactRow[] =>
        Object.entries(named).map(([name, artifact]) => ({ release: id, tenant, kind, name, artifact }))
    return [...rows("delta", deltas), ...rows("file", files)]
}

/** Every artifact is there; a differential image makes the release's version, for its platform. */
async function checkArtifacts(
    tables: Tables,
    tenant: string,
    rows: ReleaseArtifactRow[],
    { manifest }: ArtifactRow,
): Promise<void> {
    if (rows.length >= RELEASE_ARTIFACTS_MAX) {
        throw new Problem("field_invalid", `A release has ${RELEASE_ARTIFACTS_MAX} artifacts at most.`, [
            { path: "files", message: `${RELEASE_ARTIFACTS_MAX} artifacts at most` },
        ])
    }
    for (const { kind, name, artifact } of rows) {
        const path = `${kind}s.${name}`
        const known = await tables.artifacts.get(tenant, artifact)
        if (known === null) throw unknown(path, "artifact")
        if (kind === "file") continue
        if (versionSame(known.manifest.version, manifest.version) && known.manifest.platform === manifest.platform) continue
        const detail = `A differential image is of the release's version and platform: ${manifest.version} for ${manifest.platform}.`
        throw new Problem("image_mismatch", detail, [
            { path, message: `${known.manifest.version} for ${known.manifest.platform}` },
        ])
    }
}

/** The product, its module and the cloud are there. */
async function checkHome(tables: Tables, tenant: string, draft: ReleaseDraft): Promise<void> {
    const product = await tables.products.lock(tenant, draft.product)
    if (product === null) throw unknown("product", "product")
    if (!(product.modules ?? [MODULE_DEFAULT]).includes(draft.module ?? MODULE_DEFAULT)) throw unknown("module", "module")
    const cloud = draft.cloud ?? ""
    if (cloud !== "" && (await tables.clouds.get(tenant, cloud)) === null) throw unknown("cloud", "cloud")
}

async function createOnce(
    context: Context,
    tables: Tables,
    tenant: string,
    draft: ReleaseDraft,
): Promise<[ReleaseRow, RolloutRow | null]> {
    await checkHome(tables, tenant, draft)
    const artifact = await tables.artifacts.get(tenant, draft.artifact)
    if (artifact === null) throw unknown("artifact", "artifact")
    checkImage(artifact, draft)
    checkFull(artifact, draft)
    if (draft.enabled) await checkRoom(tables, draft.product)
    const { product, policy, description, commit, enabled } = draft
    const release: ReleaseRow = {
        ...{ product, policy, description, commit, enabled, tenant },
        id: newId(context.nowMs()),
        module: draft.module ?? MODULE_DEFAULT,
        cloud: draft.cloud ?? "",
        version: artifact.manifest.version,
        requirement: draft.requirement ?? "",
        artifact: draft.artifact,
        needsVerification: draft.needsVerification ?? false,
        verifiedAt: null,
        revision: 1,
        createdAt: nowOf(context),
    }
    const further = furtherArtifacts(release, draft)
    await checkArtifacts(tables, tenant, further, artifact)
    await tables.releases.insert(release, further)
    const rollout = draft.scope === null ? null : await firstRollout(context, tables, release, draft.scope, draft.knobs)
    const { id, version } = release
    const data = { release: id, rollout: rollout?.id ?? null, product, version, enabled }
    await tables.events.append([eventOf(tenant, release.createdAt, "release.created", data)])
    return [release, rollout]
}

/** Ioto's update: every release is on offer to whoever its policy matches. */
async function firstRollout(
    context: Context,
    tables: Tables,
    release: ReleaseRow,
    whom: NonNullable<ReleaseDraft["scope"]>,
    knobs: Partial<Knobs> = {},
): Promise<RolloutRow> {
    const devices = whom.kind === "devices" ? whom.ids : []
    const scope: Scope = whom.kind === "devices" ? { kind: "devices" } : whom
    const draft = { release: release.id, mode: "continuous" as const, scope, devices }
    return insertRollout(context, tables, release, { ...draft, knobs: { override: !knobs.multiModule, ...knobs } })
}

/**
 * Makes a release and its first rollout in one transaction. Throws Problem `policy_invalid`, `reference_unknown`, `image_mismatch`,
 * `releases_too_many`, `field_invalid`.
 */
export async function createRelease(
    context: Context,
    tenant: string,
    draft: ReleaseDraft,
): Promise<[ReleaseRow, RolloutRow | null]> {
    checkExpression(context, "policy", draft.policy)
    checkTexts(draft)
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
    if (after.enabled !== before.enabled || after.description !== before.description) {
        const switched = after.enabled ? "release.enabled" : "release.disabled"
        const type = after.enabled === before.enabled ? "release.changed" : switched
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
