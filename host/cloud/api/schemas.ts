// Shapes of the API: one schema each gives the types, the checks and the OpenAPI document.

import { z } from "@hono/zod-openapi"
import { TASK_STATES } from "../domain/task-machine"
import type { TaskState } from "../domain/types"
import { ID_CHARS_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX, VERSION_CHARS_MAX } from "../limits"
import { DEVICE_ID } from "../services/device-access"

/** Text that a database keeps and a terminal shows: no control characters but line breaks and tabs, no half surrogate pairs. */
function plainText(charsMax: number): z.ZodString {
    return z
        .string()
        .max(charsMax)
        .regex(/^(?:[\n\t]|[^\p{Cc}\p{Cs}])*$/u, "no control characters")
}

const time = z.iso.datetime()
const id = z.string().max(ID_CHARS_MAX)

/** Ids that a caller may choose. */
export const chosenId = z.string().regex(DEVICE_ID, "1 to 63 letters, digits and _ - . : (the first no . or :)")
/** A name for people. */
export const name = plainText(NAME_CHARS_MAX)
/** A longer text for people. */
export const text = plainText(TEXT_CHARS_MAX)
/** 64 lower-case hex digits. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits")
/** A semantic version as a device may report it. */
export const version = z
    .string()
    .max(VERSION_CHARS_MAX)
    .regex(/^[\x21-\x7e]*$/, "printable characters without blanks")
/** Attributes by name; services check their size and depth. */
export const attributes = z.record(z.string(), z.any())
/** The state of a task. */
export const taskState = z.enum(TASK_STATES as [TaskState, ...TaskState[]])

/** Path parameter of everything that has an id. */
export const idParam = z.object({ id: z.string().max(ID_CHARS_MAX) })
/** Path parameter of artifacts. */
export const sha256Param = z.object({ sha256: z.string().max(64) })

/** RFC 9457. */
export const problemSchema = z
    .object({
        type: z.string(),
        title: z.string(),
        status: z.int(),
        code: z.string(),
        detail: z.string(),
        issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    })
    .openapi("Problem")

/** A product. */
export const productSchema = z
    .object({
        id,
        name: z.string(),
        autoClaim: z.boolean(),
        registerById: z.boolean(),
        signatureRequired: z.boolean(),
        publicKeys: z.array(z.string()),
        choice: z.enum(["version", "recent"]),
        modules: z.array(z.string()),
        createdAt: time,
    })
    .openapi("Product")
/** A product with its registration token. */
export const productCreatedSchema = productSchema.extend({ token: z.string() }).openapi("ProductCreated")
/** A secret that is shown once. */
export const tokenSchema = z.object({ token: z.string() }).openapi("Token")
/** A cloud. */
export const cloudSchema = z.object({ id, name: z.string(), createdAt: time }).openapi("Cloud")

/** A device. */
export const deviceSchema = z
    .object({
        id,
        product: id,
        cloud: id,
        attributes,
        version: z.string(),
        versions: z.record(z.string(), z.string()),
        tags: z.array(z.string()),
        region: z.string(),
        reported: attributes,
        desired: attributes,
        claimed: z.boolean(),
        createdAt: time,
        lastSeenAt: time.nullable(),
    })
    .openapi("Device")
/** A device with its token. */
export const deviceCreatedSchema = deviceSchema.extend({ token: z.string() }).openapi("DeviceCreated")

/** An artifact. */
export const artifactSchema = z
    .object({ sha256, sizeBytes: z.int(), manifest: z.record(z.string(), z.any()), createdAt: time })
    .openapi("Artifact")

/** A release. */
export const releaseSchema = z
    .object({
        id,
        product: id,
        version: z.string(),
        policy: z.string(),
        description: z.string(),
        commit: z.string(),
        enabled: z.boolean(),
        module: z.string(),
        cloud: z.string(),
        requirement: z.string(),
        needsVerification: z.boolean(),
        verifiedAt: time.nullable(),
        artifact: sha256,
        rollouts: z.array(id),
        createdAt: time,
    })
    .openapi("Release")

/** A task. */
export const taskSchema = z
    .object({
        id,
        device: id,
        rollout: id,
        release: id,
        version: z.string(),
        state: taskState,
        attempt: z.int(),
        reason: z.string(),
        status: z.int().nullable(),
        createdAt: time,
        updatedAt: time,
    })
    .openapi("Task")

/** An event. */
export const eventSchema = z
    .object({ id: z.string(), at: time, type: z.string(), device: id.nullable(), data: z.record(z.string(), z.any()) })
    .openapi("Event")

const explainTask = taskSchema.pick({ id: true, state: true, attempt: true, reason: true, status: true })
const update = z.object({ rollout: id, release: id, version: z.string() })

/** Why a device gets what it gets. */
export const explainSchema = z
    .object({
        device: id,
        product: id,
        version: z.string(),
        decision: z.object({ update: update.nullable(), reason: z.string() }),
        rollouts: z.array(
            update.extend({
                matches: z.boolean(),
                chosen: z.boolean(),
                task: explainTask.nullable(),
                checks: z.array(z.object({ check: z.string(), ok: z.boolean(), detail: z.string() })),
            }),
        ),
    })
    .openapi("Explanation")
