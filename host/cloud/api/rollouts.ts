// Routes of rollouts and of single tasks.

import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "../context"
import { SCOPE_DEVICES_MAX } from "../limits"
import { previewDraft, previewRollout } from "../services/preview"
import { needConfirmation } from "../services/reach"
import { orderRollout, type createRollout } from "../services/rollout-create"
import type { RolloutChange, RolloutView } from "../services/rollout-shapes"
import * as service from "../services/rollouts"
import { taskItem } from "./activity"
import { newApi, pageOf, pageQuery, pageRequest, tenantOf, type Api } from "./base"
import { answer, body, OPERATOR, page, PROBLEM, VIEWER } from "./routes"
import { previewSchema, rolloutChange, rolloutDraft, rolloutSchema, stateList } from "./rollout-schemas"
import { idParam, taskSchema } from "./schemas"

const SHOWN = { 200: answer("The rollout", rolloutSchema), default: PROBLEM }
const taskParams = z.object({ id: z.string().max(63), task: z.string().max(63) })

const create = createRoute({
    method: "post",
    path: "/rollouts",
    security: OPERATOR,
    summary: "Make a rollout; one that reaches most devices at once takes confirmAll",
    request: { body: body(rolloutDraft) },
    responses: { 201: answer("The rollout", rolloutSchema), default: PROBLEM },
})
const preview = createRoute({
    method: "post",
    path: "/rollouts/preview",
    security: OPERATOR,
    summary: "What a rollout would do, without making it",
    request: { body: body(rolloutDraft) },
    responses: { 200: answer("The preview", previewSchema), default: PROBLEM },
})
const list = createRoute({
    method: "get",
    path: "/rollouts",
    security: VIEWER,
    summary: "List rollouts, newest first",
    request: { query: z.object({ ...pageQuery, release: z.string().max(63).optional() }) },
    responses: { 200: page("Rollouts", rolloutSchema), default: PROBLEM },
})
const get = createRoute({
    method: "get",
    path: "/rollouts/{id}",
    security: VIEWER,
    summary: "Show a rollout: how far it is, and the devices it lists (the first 10,000)",
    request: { params: idParam },
    responses: SHOWN,
})
const previewOne = createRoute({
    method: "get",
    path: "/rollouts/{id}/preview",
    security: VIEWER,
    summary: "How many devices would match now, how many not and why, and when it would be done",
    request: { params: idParam },
    responses: { 200: answer("The preview", previewSchema), default: PROBLEM },
})
const patch = createRoute({
    method: "patch",
    path: "/rollouts/{id}",
    security: OPERATOR,
    summary: "Change a rollout that has not finished",
    request: { params: idParam, body: body(rolloutChange) },
    responses: SHOWN,
})
const cancel = createRoute({
    method: "post",
    path: "/rollouts/{id}/cancel",
    security: OPERATOR,
    summary: "End a rollout; tasks in the states that are named are canceled, others go on to their end",
    request: { params: idParam, body: body(z.strictObject({ tasks: stateList.default(["awaiting", "queued"]) })) },
    responses: SHOWN,
})
const retry = createRoute({
    method: "post",
    path: "/rollouts/{id}/retry",
    security: OPERATOR,
    summary: "Try failed, or canceled, tasks again: 1,000 in a call",
    request: {
        params: idParam,
        body: body(
            z.strictObject({
                tasks: z
                    .array(z.enum(["failed", "canceled"]))
                    .min(1)
                    .default(["failed"]),
            }),
        ),
    },
    responses: { 200: answer("How many are tried again", z.object({ count: z.int() })), default: PROBLEM },
})

/** Routes whose whole input is the rollout's id. */
const ACTIONS = [
    ["start", "Start a draft", service.startRollout],
    ["pause", "Hold a rollout; what was handed out goes on", service.pauseRollout],
    ["resume", "Go on with a rollout that was paused, or held at a gate", service.resumeRollout],
    ["approve", "Approve the start of a draft, or the gate that a rollout stands before", service.approveRollout],
] as const
/** Routes whose whole input is a task. */
const TASK_ACTIONS = [
    ["confirm", "Confirm a task that waits for it", service.confirmTask],
    ["cancel", "Cancel a task that has not ended", service.cancelTask],
] as const

function item(view: RolloutView): z.infer<typeof rolloutSchema> {
    const { scope, listed, createdAt, startedAt, endedAt, ...rest } = view
    const ended = { startedAt: startedAt?.toISOString() ?? null, endedAt: endedAt?.toISOString() ?? null }
    return { ...rest, scope: { ...scope, count: listed }, createdAt: createdAt.toISOString(), ...ended }
}

/** An edit that takes the pace of a rollout away may let it reach most of a fleet at once. */
async function confirmEdit(
    context: Context,
    tenant: string,
    id: string,
    { name: _name, ...change }: RolloutChange,
    isConfirmed: boolean,
): Promise<void> {
    const { release, scope, knobs } = await service.getRollout(context, tenant, id)
    const row = await context.store.tables.releases.get(tenant, release)
    const hadPace = knobs.rate !== null || knobs.pendingMax !== null
    if (row === null || !hadPace) return
    const set = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    await needConfirmation(context, row, { scope, knobs: { ...knobs, ...set }, isConfirmed })
}

type Draft = Parameters<typeof createRollout>[2]

function draftOf({ scope, confirmAll: _confirmed, ...rest }: z.infer<typeof rolloutDraft>): Draft {
    if (scope.kind !== "devices") return { ...rest, scope }
    return { ...rest, scope: { kind: "devices" }, devices: scope.ids }
}

function addRolloutRoutes(api: Api, context: Context): void {
    api.openapi(create, async c => {
        const order = c.req.valid("json")
        const row = await orderRollout(context, tenantOf(c), draftOf(order), order.confirmAll)
        return c.json(item(await service.getRollout(context, tenantOf(c), row.id)), 201)
    })
    api.openapi(preview, async c => {
        const draft = draftOf(c.req.valid("json"))
        return c.json(await previewDraft(context, tenantOf(c), draft), 200)
    })
    api.openapi(list, async c => {
        const query = c.req.valid("query")
        const rows = await service.listRollouts(context, tenantOf(c), query.release ?? null, pageRequest(query))
        return c.json(
            pageOf(rows, query.limit, ({ id }) => id, item),
            200,
        )
    })
    api.openapi(get, async c => {
        const view = await service.getRollout(context, tenantOf(c), c.req.valid("param").id)
        const shown = item(view)
        const first = { after: null, limit: SCOPE_DEVICES_MAX }
        if (view.scope.kind === "devices") shown.scope.ids = await context.store.tables.rollouts.deviceIds(view.id, first)
        return c.json(shown, 200)
    })
    api.openapi(previewOne, async c => c.json(await previewRollout(context, tenantOf(c), c.req.valid("param").id), 200))
}

function addEditRoutes(api: Api, context: Context): void {
    api.openapi(patch, async c => {
        const [tenant, { id }, { confirmAll = false, ...change }] = [tenantOf(c), c.req.valid("param"), c.req.valid("json")]
        await confirmEdit(context, tenant, id, change, confirmAll)
        return c.json(item(await service.editRollout(context, tenant, id, change)), 200)
    })
    api.openapi(cancel, async c => {
        const [{ id }, { tasks }] = [c.req.valid("param"), c.req.valid("json")]
        return c.json(item(await service.cancelRollout(context, tenantOf(c), id, tasks)), 200)
    })
    api.openapi(retry, async c => {
        const [{ id }, { tasks }] = [c.req.valid("param"), c.req.valid("json")]
        return c.json({ count: await service.retryTasks(context, tenantOf(c), id, tasks) }, 200)
    })
}

function addActionRoutes(api: Api, context: Context): void {
    for (const [action, summary, run] of ACTIONS) {
        const request = { params: idParam }
        const path = `/rollouts/{id}/${action}` as const
        const route = createRoute({ method: "post", path, security: OPERATOR, summary, request, responses: SHOWN })
        api.openapi(route, async c => c.json(item(await run(context, tenantOf(c), c.req.valid("param").id)), 200))
    }
    for (const [action, summary, run] of TASK_ACTIONS) {
        const request = { params: taskParams }
        const path = `/devices/{id}/tasks/{task}/${action}` as const
        const responses = { 200: answer("The task", taskSchema), default: PROBLEM }
        api.openapi(createRoute({ method: "post", path, security: OPERATOR, summary, request, responses }), async c => {
            const { id, task } = c.req.valid("param")
            const { rollout, ...row } = await run(context, tenantOf(c), id, task)
            const { release } = await service.getRollout(context, tenantOf(c), rollout)
            return c.json(taskItem({ ...row, rollout, release }), 200)
        })
    }
}

/** Routes of rollouts and of single tasks. */
export function rolloutRoutes(context: Context): Api {
    const api = newApi()
    addRolloutRoutes(api, context)
    addEditRoutes(api, context)
    addActionRoutes(api, context)
    return api
}
