// Routes of artifacts and releases.

import { createRoute, z } from "@hono/zod-openapi"
import { isSigned, readImage } from "../artifacts/image"
import { partReader } from "../artifacts/store"
import { eventOf, nowOf, type Context } from "../context"
import { ARTIFACT_BYTES_MAX } from "../limits"
import { notFound, Problem } from "../problems"
import { changeRelease, createRelease, deleteRelease } from "../services/releases"
import type { ArtifactRow, ReleaseRow } from "../store/store"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, body, EMPTY, page, PROBLEM, OPERATOR, VIEWER } from "./routes"
import { knobsSchema, scopeDraft } from "./rollout-schemas"
import { artifactSchema, chosenId, idParam, name, releaseSchema, sha256, sha256Param, text, version } from "./schemas"

const upload = createRoute({
    method: "post",
    path: "/artifacts",
    security: OPERATOR,
    summary: "Upload an image",
    description: "The body is the image itself, as application/zip. It is refused when it is not a whole, unharmed image.",
    responses: {
        200: answer("The artifact; it was there already", artifactSchema),
        201: answer("The artifact", artifactSchema),
        default: PROBLEM,
    },
})
const listArtifacts = createRoute({
    method: "get",
    path: "/artifacts",
    security: VIEWER,
    summary: "List artifacts",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Artifacts", artifactSchema), default: PROBLEM },
})
const getArtifact = createRoute({
    method: "get",
    path: "/artifacts/{sha256}",
    security: VIEWER,
    summary: "Show an artifact",
    request: { params: sha256Param },
    responses: { 200: answer("The artifact", artifactSchema), default: PROBLEM },
})
const releaseDraft = z.strictObject({
    product: z.string(),
    artifact: sha256,
    version: version.optional(),
    policy: text.default(""),
    description: text.default(""),
    commit: text.default(""),
    enabled: z.boolean().default(true),
    /** Null makes no rollout with it. */
    scope: scopeDraft.nullable().default({ kind: "all" }),
    /** Of that rollout. */
    knobs: knobsSchema.partial().optional(),
    module: name.optional(),
    cloud: chosenId.optional(),
    requirement: text.optional(),
    needsVerification: z.boolean().optional(),
    deltas: z.record(version, sha256).optional(),
    files: z.record(name, sha256).optional(),
})
const create = createRoute({
    method: "post",
    path: "/releases",
    security: OPERATOR,
    summary: "Make a release and its rollout",
    request: { body: body(releaseDraft) },
    responses: { 201: answer("The release", releaseSchema), default: PROBLEM },
})
const list = createRoute({
    method: "get",
    path: "/releases",
    security: VIEWER,
    summary: "List releases, newest first",
    request: { query: z.object({ ...pageQuery, product: z.string().optional() }) },
    responses: { 200: page("Releases", releaseSchema), default: PROBLEM },
})
const get = createRoute({
    method: "get",
    path: "/releases/{id}",
    security: VIEWER,
    summary: "Show a release",
    request: { params: idParam },
    responses: { 200: answer("The release", releaseSchema), default: PROBLEM },
})
const patch = createRoute({
    method: "patch",
    path: "/releases/{id}",
    security: OPERATOR,
    summary: "Enable, disable or describe a release",
    request: { params: idParam, body: body(z.strictObject({ enabled: z.boolean().optional(), description: text.optional() })) },
    responses: { 200: answer("The release", releaseSchema), default: PROBLEM },
})
const remove = createRoute({
    method: "delete",
    path: "/releases/{id}",
    security: OPERATOR,
    summary: "Remove a release that no device was offered",
    request: { params: idParam },
    responses: { 204: EMPTY, default: PROBLEM },
})

function artifactItem({ sha256: hash, sizeBytes, manifest, createdAt }: ArtifactRow): z.infer<typeof artifactSchema> {
    return { sha256: hash, sizeBytes, manifest: { ...manifest }, createdAt: createdAt.toISOString() }
}

function releaseItem(row: ReleaseRow, rollouts: string[]): z.infer<typeof releaseSchema> {
    const { id, product, module, cloud, version: number, policy, requirement, description, commit, enabled, artifact } = row
    return {
        ...{ id, product, module, cloud, version: number, policy, requirement, description, commit, enabled, artifact },
        needsVerification: row.needsVerification,
        verifiedAt: row.verifiedAt?.toISOString() ?? null,
        rollouts,
        createdAt: row.createdAt.toISOString(),
    }
}

/** Rollouts of releases on one page; a release has few. */
async function rolloutsOf(context: Context, tenant: string, releases: ReleaseRow[]): Promise<Map<string, string[]>> {
    const ids = releases.map(({ id }) => id)
    const all =
        ids.length === 0 ? [] : await context.store.tables.rollouts.list(tenant, ids, { after: null, limit: ids.length * 10 })
    return new Map(ids.map(id => [id, all.filter(({ release }) => release === id).map(rollout => rollout.id)]))
}

/**
 * The images of a product that asks for it are signed. The devices verify the signatures against their keys; here is made sure that
 * none is released without. Throws Problem `signature_missing`.
 */
async function checkSigned(context: Context, tenant: string, draft: z.infer<typeof releaseDraft>): Promise<void> {
    const product = await context.store.tables.products.get(tenant, draft.product)
    if (product?.signatureRequired !== true) return
    for (const image of [draft.artifact, ...Object.values(draft.deltas ?? {})]) {
        const known = await context.store.tables.artifacts.get(tenant, image)
        if (known === null || (await isSigned(partReader(context.artifacts, image), known.sizeBytes))) continue
        const detail =
            "The product takes signed images only, and this one is not signed. Sign it offline with otary sign, upload that."
        throw new Problem("signature_missing", detail, [{ path: "artifact", message: "a signed image" }])
    }
}

async function shownRelease(context: Context, row: ReleaseRow): Promise<z.infer<typeof releaseSchema>> {
    return releaseItem(row, (await rolloutsOf(context, row.tenant, [row])).get(row.id) ?? [])
}

function addArtifactRoutes(api: Api, context: Context): void {
    const { artifacts } = context.store.tables
    api.openapi(upload, async c => {
        const type = c.req.header("content-type") ?? ""
        if (!/^application\/(zip|octet-stream)\b/i.test(type)) {
            throw new Problem("content_type_unknown", "Send the image as Content-Type: application/zip.")
        }
        const { sha256: hash, sizeBytes, checked } = await context.artifacts.put(c.env.incoming, ARTIFACT_BYTES_MAX, readImage)
        const row: ArtifactRow = { tenant: tenantOf(c), sha256: hash, sizeBytes, manifest: checked, createdAt: nowOf(context) }
        const fresh = await artifacts.insert(row)
        if (!fresh) return c.json(artifactItem((await artifacts.get(row.tenant, hash)) ?? row), 200)
        const data = { sha256: hash, sizeBytes, version: checked.version }
        await context.store.tables.events.append([eventOf(row.tenant, row.createdAt, "artifact.created", data)])
        return c.json(artifactItem(row), 201)
    })
    api.openapi(listArtifacts, async c => {
        const query = c.req.valid("query")
        const rows = await artifacts.list(tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, row => row.sha256, artifactItem),
            200,
        )
    })
    api.openapi(getArtifact, async c => {
        const row = await artifacts.get(tenantOf(c), c.req.valid("param").sha256)
        if (row === null) throw notFound("artifact")
        return c.json(artifactItem(row), 200)
    })
}

function addReleaseRoutes(api: Api, context: Context): void {
    const { releases } = context.store.tables
    api.openapi(create, async c => {
        const draft = c.req.valid("json")
        await checkSigned(context, tenantOf(c), draft)
        const [release, rollout] = await createRelease(context, tenantOf(c), draft)
        return c.json(releaseItem(release, rollout === null ? [] : [rollout.id]), 201)
    })
    api.openapi(list, async c => {
        const query = c.req.valid("query")
        const rows = await releases.list(tenantOf(c), query.product ?? null, pageRequest(query))
        const rollouts = await rolloutsOf(context, tenantOf(c), rows)
        const shown = pageOf(
            rows,
            query.limit,
            ({ id }) => id,
            row => releaseItem(row, rollouts.get(row.id) ?? []),
        )
        return c.json(shown, 200)
    })
    api.openapi(get, async c => {
        const row = await releases.get(tenantOf(c), c.req.valid("param").id)
        if (row === null) throw notFound("release")
        return c.json(await shownRelease(context, row), 200)
    })
    api.openapi(patch, async c => {
        const row = await changeRelease(context, tenantOf(c), c.req.valid("param").id, c.req.valid("json"))
        return c.json(await shownRelease(context, row), 200)
    })
    api.openapi(remove, async c => {
        await deleteRelease(context, tenantOf(c), c.req.valid("param").id)
        return c.body(null, 204)
    })
}

/** Routes of artifacts and releases. */
export function releaseRoutes(context: Context): Api {
    const api = newApi()
    addArtifactRoutes(api, context)
    addReleaseRoutes(api, context)
    return api
}
