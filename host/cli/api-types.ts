// The shapes of the cloud's API that commands read (docs/api.md, "Shapes").

/** One page of a list. */
export interface Page<Item> {
    readonly items: readonly Item[]
    /** Cursor of the next page; null on the last one. */
    readonly next: string | null
}

/** A product. */
export interface Product {
    readonly id: string
    readonly name: string
    readonly autoClaim: boolean
    readonly registerById: boolean
    readonly signatureRequired: boolean
    readonly publicKeys: readonly string[]
    readonly choice: string
    readonly modules: readonly string[]
    readonly createdAt: string
}

/** A fleet of a tenant. */
export interface FleetCloud {
    readonly id: string
    readonly name: string
    readonly createdAt: string
}

/** A device. */
export interface Device {
    readonly id: string
    readonly product: string
    readonly cloud: string
    readonly attributes: Readonly<Record<string, unknown>>
    /** Version that it reported last; "" before. */
    readonly version: string
    /** Versions of further modules. */
    readonly versions: Readonly<Record<string, string>>
    readonly tags: readonly string[]
    readonly region: string
    /** The shadow: what it says it is, and what it should be. */
    readonly reported: Readonly<Record<string, unknown>>
    readonly desired: Readonly<Record<string, unknown>>
    readonly claimed: boolean
    readonly createdAt: string
    readonly lastSeenAt: string | null
}

/** A secret that is shown once. */
export interface Token {
    readonly token: string
}

/** An uploaded image. */
export interface Artifact {
    readonly sha256: string
    readonly sizeBytes: number
    readonly manifest: Readonly<Record<"name" | "version" | "platform" | "product", string | undefined>>
    readonly createdAt: string
}

/** A release. */
export interface Release {
    readonly id: string
    readonly product: string
    readonly version: string
    readonly module: string
    readonly cloud: string
    readonly policy: string
    readonly requirement: string
    readonly commit: string
    readonly needsVerification: boolean
    readonly verifiedAt: string | null
    readonly description: string
    readonly enabled: boolean
    readonly artifact: string
    readonly rollouts: readonly string[]
    readonly createdAt: string
}

/** A rollout. */
export interface Rollout {
    readonly id: string
    readonly name: string
    readonly release: string
    readonly version: string
    readonly mode: "snapshot" | "continuous"
    readonly scope: { readonly kind: "all" | "devices" | "groups" | "regions" | "tags" | "percent"; readonly count: number }
    readonly state: string
    readonly outcome: string | null
    readonly reason: string
    readonly createdBy: string
    readonly knobs: Readonly<Record<string, unknown>> & { readonly approvals: number }
    /** Devices that were given the update. */
    readonly devices: number
    readonly total: number | null
    /** Devices by the state of their last task. */
    readonly counts: Readonly<Record<string, number>>
    readonly warnings: readonly string[]
}

/** What a rollout would do. */
export interface RolloutPreview {
    readonly total: number
    readonly matching: number
    readonly skipped: number
    readonly notMatching: number
    readonly reasons: readonly {
        readonly check: string
        readonly count: number
        readonly examples: readonly { readonly device: string; readonly detail: string }[]
    }[]
    readonly finishedAtS: number | null
    readonly warnings: readonly string[]
}

/** Devices under one name. */
export interface DeviceGroup {
    readonly id: string
    readonly name: string
    readonly kind: "listed" | "where" | "union"
    readonly where: string
    readonly groups: readonly string[]
    readonly createdAt: string
}

/** States of a task in the order of its life. */
export const TASK_STATES = [
    "awaiting",
    "queued",
    "offered",
    "working",
    "probation",
    "succeeded",
    "failed",
    "canceled",
    "skipped",
] as const

/** A release on its way to one device. */
export interface Task {
    readonly id: string
    readonly device: string
    readonly release: string
    readonly version: string
    readonly state: (typeof TASK_STATES)[number]
    readonly attempt: number
    readonly reason: string
    readonly status: number | null
}

/** Why a device gets what it gets. */
export interface Explanation {
    readonly device: string
    readonly product: string
    readonly version: string
    readonly decision: { readonly update: { readonly release: string; readonly version: string } | null; readonly reason: string }
    readonly rollouts: readonly {
        readonly rollout: string
        readonly release: string
        readonly version: string
        readonly matches: boolean
        readonly chosen: boolean
        readonly task: Pick<Task, "id" | "state" | "attempt" | "reason" | "status"> | null
        readonly checks: readonly { readonly check: string; readonly ok: boolean; readonly detail: string }[]
    }[]
}

/** A role in a tenant. */
export interface Grant {
    readonly tenant: string
    readonly role: string
}

/** An API token; its text only in the answer that made it. */
export interface IssuedToken {
    readonly id: string
    readonly tenant: string
    readonly name: string
    readonly owner: string
    readonly role: string
    readonly grants: readonly Grant[]
    readonly createdAt: string
    readonly expiresAt: string | null
    readonly revokedAt: string | null
    readonly token?: string
}

/** A tenant; the token of its first admin only in the answer that made it. */
export interface Tenant {
    readonly id: string
    readonly name: string
    readonly createdAt: string
    readonly token?: string
}

/** A webhook; its secret only in the answer that made it. */
export interface Webhook {
    readonly id: string
    readonly url: string
    readonly types: readonly string[]
    readonly description: string
    readonly enabled: boolean
    readonly failures: number
    readonly lastError: string
    readonly secret?: string
}

/** Something that happened; `actor` in the audit log only. */
export interface CloudEvent {
    readonly id: string
    readonly at: string
    readonly type: string
    readonly device: string | null
    readonly data: Readonly<Record<string, string | number | boolean | null>>
    readonly actor?: { readonly name: string; readonly role: string; readonly address: string }
}

/** How an import of device names went. */
export interface DeviceImport {
    readonly id: string
    readonly product: string
    readonly group: string | null
    readonly rollout: string | null
    readonly state: string
    readonly reason: string
    readonly createdAt: string
    readonly total: number
    readonly created: number
    readonly existing: number
    readonly invalid: number
}
