// Webhooks: receivers are told of events in the order of the log, each at least once, by any one of the cloud's processes.

import { createHmac } from "node:crypto"
import { eventOf, nowOf, nowS, type Context } from "./context"
import { newToken } from "./ids"
import {
    DELIVERY_ATTEMPTS_MAX,
    DELIVERY_EVENTS_MAX,
    DELIVERY_RETRY_MAX_S,
    DELIVERY_RETRY_S,
    DELIVERY_TIMEOUT_S,
    PAGE_ITEMS_MAX,
} from "./limits"
import type { WebhookRow } from "./store/access"
import type { EventRow } from "./store/store"
import type { AddressRules } from "./webhooks-address"
import { post } from "./webhooks-post"

/** Milliseconds between two looks for webhooks whose time has come. */
const LOOK_MS = 1000
/** Webhooks that one look takes. */
const WEBHOOKS_AT_ONCE = 10
const ERROR_CHARS_MAX = 200

/** The webhooks of one process. */
export interface Webhooks {
    rules: AddressRules
    /** The key of a webhook's signatures. It is made from the cloud's own, so that no table holds it. */
    secretOf(tenant: string, id: string): string
    /** Looks for what is due and delivers it; what `start` does every second. */
    look(): Promise<void>
    start(): void
    /** Ends after the delivery under way. */
    close(): Promise<void>
}

/** Whether a webhook wants an event: `*` for all, `task.*` for all that begin so. */
export function wants(types: readonly string[], type: string): boolean {
    return types.some(one => one === type || (one.endsWith("*") && type.startsWith(one.slice(0, -1))))
}

/** Seconds until the next attempt after so many failures: doubled each time, with up to a quarter more at random. */
export function retryDelayS(failures: number, random: number): number {
    const delayS = Math.min(DELIVERY_RETRY_S * 2 ** Math.min(failures - 1, 20), DELIVERY_RETRY_MAX_S)
    return delayS * (1 + random / 4)
}

function bodyOf(webhook: WebhookRow, rows: EventRow[]): string {
    const events = rows.map(({ id, at, type, device, data }) => ({ id, at: at.toISOString(), type, device, data }))
    return JSON.stringify({ webhook: webhook.id, events })
}

/** The next events that a webhook wants, and where the log has been read to. */
async function nextEvents(context: Context, webhook: WebhookRow): Promise<{ rows: EventRow[]; position: string | null }> {
    const page = { after: webhook.position, limit: PAGE_ITEMS_MAX }
    const all = await context.store.tables.events.list(webhook.tenant, { type: null, device: null }, page)
    const wanted = all.filter(({ type }) => wants(webhook.types, type))
    const rows = wanted.slice(0, DELIVERY_EVENTS_MAX)
    const isRest = wanted.length > rows.length
    return { rows, position: (isRest ? rows : all).at(-1)?.cursor ?? webhook.position }
}

/** How a webhook stands after an attempt. */
function afterAttempt(context: Context, webhook: WebhookRow, position: string | null, error: string): WebhookRow {
    if (error === "") return { ...webhook, position, failures: 0, lastError: "", nextAt: nowOf(context) }
    const failures = webhook.failures + 1
    const nextAt = new Date(context.nowMs() + retryDelayS(failures, Math.random()) * 1000)
    return { ...webhook, failures, lastError: error.slice(0, ERROR_CHARS_MAX), nextAt, enabled: failures < DELIVERY_ATTEMPTS_MAX }
}

async function settle(context: Context, webhook: WebhookRow): Promise<void> {
    await context.store.transaction(async tables => {
        await tables.webhooks.settle(webhook)
        if (webhook.enabled) return
        const data = { webhook: webhook.id, reason: `${webhook.failures} attempts failed: ${webhook.lastError}` }
        await tables.events.append([eventOf(webhook.tenant, nowOf(context), "webhook.disabled", data)])
    })
}

/** Creates the webhooks of one process. */
export async function createWebhooks(context: Context, rules: AddressRules): Promise<Webhooks> {
    const master = await context.store.tables.settings.getOrPut("webhook-secret", newToken())
    const secretOf = (tenant: string, id: string): string =>
        createHmac("sha256", master).update(`${tenant} ${id}`).digest("base64url")
    const deliver = async (row: WebhookRow): Promise<void> => {
        const leased = { ...row, nextAt: new Date(context.nowMs() + DELIVERY_TIMEOUT_S * 3000) }
        if (!(await context.store.tables.webhooks.take(row, leased.nextAt))) return
        const { rows, position } = await nextEvents(context, row)
        const delivery = { url: row.url, body: bodyOf(row, rows), secret: secretOf(row.tenant, row.id), atS: nowS(context) }
        const error = rows.length === 0 ? "" : await post(delivery, rules)
        await settle(context, afterAttempt(context, row, position, error))
    }
    const look = async (): Promise<void> => {
        const due = await context.store.tables.webhooks.due(nowOf(context), WEBHOOKS_AT_ONCE)
        await Promise.all(due.map(deliver))
    }
    let isClosed = false
    let timer: NodeJS.Timeout | undefined
    let underWay: Promise<void> = Promise.resolve()
    const turn = (): void => {
        underWay = look().catch((error: unknown) => context.log.warn({ err: error }, "webhooks wait: the database is away"))
        void underWay.then(() => {
            if (!isClosed) timer = setTimeout(turn, LOOK_MS)
        })
    }
    return {
        rules,
        secretOf,
        look,
        start: turn,
        close: async () => {
            isClosed = true
            clearTimeout(timer)
            await underWay
        },
    }
}
