// Live events: a view follows the event log by its cursor, so that it can go on after any break without a gap.

import type { Context } from "./context"
import { PAGE_ITEMS_MAX, STREAM_IDLE_S, STREAM_LOOK_MS, STREAMS_MAX } from "./limits"
import { Problem } from "./problems"
import type { EventFilter, EventRow } from "./store/store"

/** Where a live view puts what it sees. */
export interface EventSink {
    /** Takes an event; resolves when the receiver has room for more. */
    event(row: EventRow): Promise<void>
    /** Nothing has happened for a while. */
    idle(): Promise<void>
    /** Aborts when the receiver has gone. */
    signal: AbortSignal
}

/** The live views of one process. */
export interface EventStreams {
    /** Takes a place for one more view; call what it returns when the view ends. Throws Problem `overloaded`. */
    open(): () => void
    /** Follows a tenant's events behind `cursor` until the receiver goes, or `mayGoOn` says no. */
    follow(tenant: string, filter: EventFilter, cursor: string, sink: EventSink, mayGoOn: () => Promise<boolean>): Promise<void>
    /** Ends all views. */
    close(): void
}

function pause(ms: number, signals: AbortSignal[]): Promise<void> {
    return new Promise(resolve => {
        const done = (): void => {
            clearTimeout(timer)
            for (const signal of signals) signal.removeEventListener("abort", done)
            resolve()
        }
        const timer = setTimeout(done, ms)
        for (const signal of signals) signal.addEventListener("abort", done)
    })
}

/** Creates the live views of one process. */
export function createEventStreams(context: Context): EventStreams {
    const closing = new AbortController()
    let open = 0
    const looks = Math.ceil((STREAM_IDLE_S * 1000) / STREAM_LOOK_MS)
    return {
        open() {
            if (open >= STREAMS_MAX)
                throw new Problem("overloaded", `More than ${STREAMS_MAX} live views are open. Try again later.`)
            open += 1
            return () => void (open -= 1)
        },
        async follow(tenant, filter, cursor, sink, mayGoOn) {
            let after = cursor
            const isOver = (): boolean => sink.signal.aborted || closing.signal.aborted
            for (let quiet = 0; !isOver(); quiet += 1) {
                const rows = await context.store.tables.events.list(tenant, filter, { after, limit: PAGE_ITEMS_MAX })
                for (const row of rows) if (!isOver()) await sink.event(row)
                after = rows.at(-1)?.cursor ?? after
                if (rows.length > 0) quiet = 0
                if (quiet % looks === looks - 1) {
                    if (!(await mayGoOn())) return
                    await sink.idle()
                }
                if (rows.length < PAGE_ITEMS_MAX) await pause(STREAM_LOOK_MS, [sink.signal, closing.signal])
            }
        },
        close: () => closing.abort(),
    }
}
