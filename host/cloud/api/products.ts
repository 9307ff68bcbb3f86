// Routes of products and clouds.

import { createRoute, z } from "@hono/zod-openapi"
import { KEYS_MAX } from "../../../firmware/constants"
import { publicKeyText } from "../artifacts/signatures"
import { eventOf, nowOf, type Context } from "../context"
import { MODULE_DEFAULT } from "../domain/types"
import { newId, newToken, tokenHash } from "../ids"
import { MODULES_MAX } from "../limits"
import { notFound, Problem } from "../problems"
import type { CloudRow, ProductRow } from "../store/store"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, body, page, PROBLEM, OPERATOR, VIEWER } from "./routes"
import { chosenId, cloudSchema, idParam, name, productCreatedSchema, productSchema, tokenSchema } from "./schemas"

const publicKey = z
    .string()
    .max(1000)
    .transform((text, c) => {
        const key = publicKeyText(text)
        if (key !== null) return key
        c.addIssue({ code: "custom", message: "a public key: LMS in hex, or ECDSA P-256 (SPKI, base64 or PEM)" })
        return z.NEVER
    })
const settings = {
    name: name.optional(),
    autoClaim: z.boolean().optional(),
    registerById: z.boolean().optional(),
    signatureRequired: z.boolean().optional(),
    choice: z.enum(["version", "recent"]).optional(),
    modules: z.array(chosenId).min(1).max(MODULES_MAX).optional(),
    publicKeys: z.array(publicKey).max(KEYS_MAX).optional(),
}

const createProduct = createRoute({
    method: "post",
    path: "/products",
    security: OPERATOR,
    summary: "Make a product",
    request: { body: body(z.strictObject({ id: chosenId.optional(), ...settings })) },
    responses: { 201: answer("The product with its registration token", productCreatedSchema), default: PROBLEM },
})
const listProducts = createRoute({
    method: "get",
    path: "/products",
    security: VIEWER,
    summary: "List products",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Products", productSchema), default: PROBLEM },
})
const getProduct = createRoute({
    method: "get",
    path: "/products/{id}",
    security: VIEWER,
    summary: "Show a product",
    request: { params: idParam },
    responses: { 200: answer("The product", productSchema), default: PROBLEM },
})
const patchProduct = createRoute({
    method: "patch",
    path: "/products/{id}",
    security: OPERATOR,
    summary: "Change a product",
    request: { params: idParam, body: body(z.strictObject(settings)) },
    responses: { 200: answer("The product", productSchema), default: PROBLEM },
})
const resetProductToken = createRoute({
    method: "post",
    path: "/products/{id}/token",
    security: OPERATOR,
    summary: "Issue a new registration token",
    request: { params: idParam },
    responses: { 201: answer("The token; the old one ends", tokenSchema), default: PROBLEM },
})
const createCloud = createRoute({
    method: "post",
    path: "/clouds",
    security: OPERATOR,
    summary: "Make a cloud",
    request: { body: body(z.strictObject({ id: chosenId.optional(), name: name.optional() })) },
    responses: { 201: answer("The cloud", cloudSchema), default: PROBLEM },
})
const listClouds = createRoute({
    method: "get",
    path: "/clouds",
    security: VIEWER,
    summary: "List clouds",
    request: { query: z.object(pageQuery) },
    responses: { 200: page("Clouds", cloudSchema), default: PROBLEM },
})
const getCloud = createRoute({
    method: "get",
    path: "/clouds/{id}",
    security: VIEWER,
    summary: "Show a cloud",
    request: { params: idParam },
    responses: { 200: answer("The cloud", cloudSchema), default: PROBLEM },
})

function productItem(row: ProductRow): z.infer<typeof productSchema> {
    const {
        id,
        name: label,
        autoClaim,
        registerById,
        signatureRequired,
        choice = "version",
        modules = [MODULE_DEFAULT],
        publicKeys = [],
    } = row
    const rules = { autoClaim, registerById, signatureRequired, publicKeys, choice, modules }
    return { id, name: label, ...rules, createdAt: row.createdAt.toISOString() }
}

function cloudItem({ id, name: label, createdAt }: CloudRow): z.infer<typeof cloudSchema> {
    return { id, name: label, createdAt: createdAt.toISOString() }
}

function taken(what: string): Problem {
    return new Problem("already_exists", `A ${what} with this id exists already. Choose another id, or leave it out.`)
}

/** Changes a product under its lock. */
async function change(
    context: Context,
    tenant: string,
    id: string,
    fields: Partial<ProductRow>,
    type: string,
): Promise<ProductRow> {
    return context.store.transaction(async tables => {
        const before = await tables.products.lock(tenant, id)
        if (before === null) throw notFound("product")
        const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
        const after: ProductRow = { ...before, ...set }
        await tables.products.update(after)
        await tables.events.append([eventOf(tenant, nowOf(context), type, { product: id })])
        return after
    })
}

function addProductRoutes(api: Api, context: Context): void {
    const { products } = context.store.tables
    api.openapi(createProduct, async c => {
        const { id = newId(context.nowMs()), name: label = id, ...chosen } = c.req.valid("json")
        const rules = { autoClaim: true, registerById: true, signatureRequired: false, ...chosen }
        const [tenant, token, createdAt] = [tenantOf(c), newToken(), nowOf(context)]
        const row = { tenant, id, name: label, ...rules, tokenHash: tokenHash(token), createdAt }
        await context.store.transaction(async tables => {
            if (!(await tables.products.insert(row))) throw taken("product")
            await tables.events.append([eventOf(tenant, createdAt, "product.created", { product: id })])
        })
        return c.json({ ...productItem(row), token }, 201)
    })
    api.openapi(listProducts, async c => {
        const query = c.req.valid("query")
        const rows = await products.list(tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, productItem),
            200,
        )
    })
    api.openapi(getProduct, async c => {
        const row = await products.get(tenantOf(c), c.req.valid("param").id)
        if (row === null) throw notFound("product")
        return c.json(productItem(row), 200)
    })
    api.openapi(patchProduct, async c => {
        const row = await change(
            context,
            tenantOf(c),
            c.req.valid("param").id,
            c.req.valid("json") as Partial<ProductRow>,
            "product.changed",
        )
        return c.json(productItem(row), 200)
    })
    api.openapi(resetProductToken, async c => {
        const token = newToken()
        await change(context, tenantOf(c), c.req.valid("param").id, { tokenHash: tokenHash(token) }, "product.token")
        return c.json({ token }, 201)
    })
}

function addCloudRoutes(api: Api, context: Context): void {
    const { clouds } = context.store.tables
    api.openapi(createCloud, async c => {
        const { id = newId(context.nowMs()), name: label } = c.req.valid("json")
        const row = { tenant: tenantOf(c), id, name: label ?? id, createdAt: nowOf(context) }
        await context.store.transaction(async tables => {
            if (!(await tables.clouds.insert(row))) throw taken("cloud")
            await tables.events.append([eventOf(row.tenant, row.createdAt, "cloud.created", { cloud: id })])
        })
        return c.json(cloudItem(row), 201)
    })
    api.openapi(listClouds, async c => {
        const query = c.req.valid("query")
        const rows = await clouds.list(tenantOf(c), pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, cloudItem),
            200,
        )
    })
    api.openapi(getCloud, async c => {
        const row = await clouds.get(tenantOf(c), c.req.valid("param").id)
        if (row === null) throw notFound("cloud")
        return c.json(cloudItem(row), 200)
    })
}

/** Routes of products and clouds. */
export function fleetRoutes(context: Context): Api {
    const api = newApi()
    addProductRoutes(api, context)
    addCloudRoutes(api, context)
    return api
}
