// What the cloud's parts share: the store, the artifacts, the clock, the log. No state of its own.

import type { Logger } from "pino"
import type { ArtifactStore } from "./artifacts/store"
import { currentCaller } from "./call"
import type { Pusher } from "./push"
import type { EventDraft, Store } from "./store/store"

/** Given to every service, adapter and route. */
export interface Context {
    store: Store
    artifacts: ArtifactStore
    /** Key that signs the addresses of images; the same for all processes of a cloud. */
    urlSecret: string
    /** Address under which devices reach the cloud; "" takes the one that the request was sent to. */
    publicUrl: string
    /** Terms that a policy may have, 1 to 50; docs/policies.md. */
    policyTermsMax: number
    /** Unix time in milliseconds. */
    nowMs: () => number
    log: Logger
    /** Tells devices of tasks that are pushed to them; absent without a broker. */
    pusher?: Pusher | undefined
}

/** The tenant and the cloud that exist from the first start on. */
export const DEFAULT_TENANT = "default"
/** The id of the default tenant's first cloud. */
export const DEFAULT_CLOUD = "default"

/** The time as the store keeps it. */
export function nowOf(context: Context): Date {
    return new Date(context.nowMs())
}

/** Unix time in whole seconds. */
export function nowS(context: Context): number {
    return Math.floor(context.nowMs() / 1000)
}

/** An event; it names the operator whose API call is under way. */
export function eventOf(
    tenant: string,
    at: Date,
    type: string,
    data: EventDraft["data"],
    device: string | null = null,
): EventDraft {
    return { tenant, at, type, device, data, actor: currentCaller() }
}
