// Routes of artifacts and releases.

import { createRoute, z } from "@hono/zod-openapi"
import { readImage } from "../artifacts/image"
import type { ArtifactCheck } from "../artifacts/store"
import { eventOf, nowOf, type Context } from "../context"
import { ARTIFACT_BYTES_MAX } from "../limits"
import { notFound, Problem } from "../problems"
import { changeRelease, createRelease, deleteRelease } from "../services/releases"
import { checkKeptSigned, checkSigned } from "../services/signed"
import type { ArtifactRow, ImageManifest, ReleaseRow } from "../store/store"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, body, EMPTY, page, PROBLEM, OPERATOR, VIEWER } from "./routes"
import { knobsSchema, scopeDraft } from "./rollout-schemas"
import { artifactSchema, chosenId, idParam, name, releaseSchema, sha256, sha256Param, text, version } from "./schemas"

const upload = createRoute({
    method: "post",
    path: "/artifacts",
    security: OPERATOR,
    summary: "Upload an image",
    description:
        "The body is the image itself, as application/zip. It is refused when it is not a whole, unharmed image, or \
not signed as the product wants it that the query, or else the image's manifest, names.",
    request: { query: z.object({ product: z.string().max(63).optional() }) },
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

/** Every image that a draft names, by its field. */
function imagesOf({ artifact, deltas = {}, files = {} }: z.infer<typeof releaseDraft>): [string, string][] {
    const named = (field: string, images: Record<string, string>): [string, string][] =>
        Object.entries(images).map(([name_, image]) => [`${field}.${name_}`, image])
    return [["artifact", artifact], ...named("deltas", deltas), ...named("files", files)]
}

/** Reads an upload, and holds it against the product that it is for: the one that the call names, else the manifest's. */
function uploadCheck(context: Context, tenant: string, named: string | undefined): ArtifactCheck<ImageManifest> {
    return async (read, sizeBytes) => {
        const manifest = await readImage(read, sizeBytes)
        const id = named ?? manifest.product
        const product = id === undefined ? null : await context.store.tables.products.get(tenant, id)
        if (product === null && named !== undefined) throw notFound("product")
        if (product !== null) await checkSigned(product, read, sizeBytes, "product")
        return manifest
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
        const check = uploadCheck(context, tenantOf(c), c.req.valid("query").product)
        const { sha256: hash, sizeBytes, checked } = await context.artifacts.put(c.env.incoming, ARTIFACT_BYTES_MAX, check)
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
        await checkKeptSigned(context, tenantOf(c), draft.product, imagesOf(draft))
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
