// Shapes of rollouts and groups: knobs as docs/api.md lists them. Their limits are checked by the services.

import { z } from "@hono/zod-openapi"
import { TASK_STATES } from "../domain/task-machine"
import type { TaskState } from "../domain/types"
import { EXPRESSION_CHARS_MAX, GATES_MAX, SCOPE_DEVICES_MAX, SCOPE_NAMES_MAX, SOURCE_VERSIONS_MAX } from "../limits"
import { chosenId, name, taskState, text, version } from "./schemas"

const time = z.iso.datetime()
const whole = z.int()
const expression = z.string().max(EXPRESSION_CHARS_MAX)
const names = z.array(chosenId).max(SCOPE_NAMES_MAX)

const tags = z.record(z.string(), text)

const rate = z
    .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("constant"), perMinute: whole }),
        z.strictObject({
            kind: z.literal("variable"),
            base: whole,
            factorHundredths: whole,
            max: whole,
            after: whole,
            of: z.enum(["pushed", "succeeded"]),
        }),
    ])
    .nullable()
const limits = z.strictObject({
    devicesMax: whole.nullable().default(null),
    devicesPercent: z.number().nullable().default(null),
    perPeriod: z.strictObject({ count: whole, periodS: whole }).nullable().default(null),
})
const gate = z.strictObject({
    devices: whole,
    succeeded: whole,
    failedPercentMax: z.number(),
    approval: z.boolean().default(false),
})

/** Every knob of a rollout (domain/rollout.ts says what each does). */
export const knobsSchema = z
    .strictObject({
        where: expression,
        sourceVersions: z.array(version).max(SOURCE_VERSIONS_MAX),
        window: z.strictObject({ startAtS: whole.nullable().default(null), endAtS: whole.nullable().default(null) }),
        delivery: z.enum(["push", "pull", "shadow"]),
        protocol: z.enum(["https", "mqtt"]),
        rate,
        limits,
        pendingMax: whole.nullable(),
        failuresPercentMax: z.number().nullable(),
        retry: z.strictObject({ countMax: whole, delayS: whole.default(0) }),
        ackTimeoutS: whole,
        ackRetriesMax: whole,
        workTimeoutS: whole,
        probationTimeoutS: whole,
        queueTimeoutS: whole,
        confirm: z.boolean(),
        confirmTimeoutS: whole,
        multiModule: z.boolean(),
        override: z.boolean(),
        newReportsOnly: z.boolean(),
        forceDowngrade: z.boolean(),
        skipChecks: z.boolean(),
        matchesMax: whole,
        tags,
        approvals: whole,
        gates: z.array(gate).max(GATES_MAX),
        onlineS: whole,
        verification: z.boolean(),
    })
    .openapi("Knobs")

const places = [
    z.strictObject({ kind: z.literal("all") }),
    z.strictObject({ kind: z.literal("groups"), groups: names }),
    z.strictObject({ kind: z.literal("regions"), regions: names }),
    z.strictObject({ kind: z.literal("tags"), tags: names }),
] as const
const ids = z.array(chosenId).max(SCOPE_DEVICES_MAX)
const scope = z.discriminatedUnion("kind", [
    ...places,
    /** Without ids: a draft that gets them as CSV. */
    z.strictObject({ kind: z.literal("devices"), ids: ids.default([]) }),
    z.strictObject({ kind: z.literal("percent"), percent: z.number() }),
])

/** Whom a release is for, as a caller says it. */
export const scopeDraft = z
    .discriminatedUnion("kind", [...places, z.strictObject({ kind: z.literal("devices"), ids: ids.min(1) })])
    .openapi("ScopeDraft")

/** What makes a rollout. */
export const rolloutDraft = z
    .strictObject({
        release: z.string(),
        name: name.optional(),
        mode: z.enum(["snapshot", "continuous"]).default("snapshot"),
        scope,
        knobs: knobsSchema.partial().default({}),
        start: z.boolean().default(true),
        /** The second confirmation of what reaches most of a fleet at once. */
        confirmAll: z.boolean().default(false),
    })
    .openapi("RolloutDraft")

/** What may be changed of a rollout that has not finished. */
export const rolloutChange = z
    .strictObject({
        name,
        rate,
        workTimeoutS: whole,
        ackTimeoutS: whole,
        sourceVersions: z.array(version).max(SOURCE_VERSIONS_MAX),
        tags,
        pendingMax: whole.nullable(),
        failuresPercentMax: z.number().nullable(),
        confirmAll: z.boolean(),
    })
    .partial()
    .openapi("RolloutChange")

/** Which tasks are meant, by their states. */
export const stateList = z.array(taskState).max(TASK_STATES.length)
const counts = z.object(Object.fromEntries(TASK_STATES.map(state => [state, whole])) as Record<TaskState, typeof whole>)

/** A rollout. */
export const rolloutSchema = z
    .object({
        id: z.string(),
        release: z.string(),
        product: z.string(),
        module: z.string(),
        version: z.string(),
        name: z.string(),
        mode: z.enum(["snapshot", "continuous"]),
        scope: z.object({
            kind: z.enum(["all", "devices", "groups", "regions", "tags", "percent"]),
            count: whole,
            ids: z.array(z.string()).optional(),
            groups: z.array(z.string()).optional(),
            regions: z.array(z.string()).optional(),
            tags: z.array(z.string()).optional(),
            percent: z.number().optional(),
        }),
        knobs: knobsSchema,
        state: z.enum(["draft", "scheduled", "running", "paused", "stopping", "finished"]),
        outcome: z.enum(["success", "failure", "canceled", "expired"]).nullable(),
        reason: z.string(),
        revision: whole,
        createdBy: z.string(),
        approvedBy: z.array(z.string()),
        gate: whole,
        devices: whole,
        pushed: whole,
        total: whole.nullable(),
        counts,
        createdAt: time,
        startedAt: time.nullable(),
        endedAt: time.nullable(),
        warnings: z.array(z.string()),
    })
    .openapi("Rollout")

/** What a rollout would do. */
export const previewSchema = z
    .object({
        total: whole,
        matching: whole,
        skipped: whole,
        notMatching: whole,
        reasons: z.array(
            z.object({
                check: z.string(),
                count: whole,
                examples: z.array(z.object({ device: z.string(), detail: z.string() })),
            }),
        ),
        finishedAtS: z.number().nullable(),
        warnings: z.array(z.string()),
    })
    .openapi("Preview")

/** What makes a group. */
export const groupDraft = z
    .discriminatedUnion("kind", [
        z.strictObject({ id: chosenId, name: name.optional(), kind: z.literal("listed") }),
        z.strictObject({ id: chosenId, name: name.optional(), kind: z.literal("where"), where: expression }),
        z.strictObject({ id: chosenId, name: name.optional(), kind: z.literal("union"), groups: names }),
    ])
    .openapi("GroupDraft")
/** What may be changed of a group. */
export const groupChange = z.strictObject({ name: name.optional(), where: expression.optional(), groups: names.optional() })
/** A group. */
export const groupSchema = z
    .object({
        id: z.string(),
        name: z.string(),
        kind: z.enum(["listed", "where", "union"]),
        where: z.string(),
        groups: z.array(z.string()),
        revision: whole,
        createdAt: time,
    })
    .openapi("Group")
/** Devices by their ids. */
export const deviceList = z.strictObject({ devices: z.array(chosenId).min(1).max(SCOPE_DEVICES_MAX) })
