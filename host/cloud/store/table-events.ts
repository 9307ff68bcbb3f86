// SQL of events: appended, and read in the order of commits.

import { Problem } from "../problems"
import type { Query } from "./query"
import type { EventRow, EventTable } from "./store"

const INSERT = "insert into event (tenant_id, at, type, device_id, data, actor, xid)"

/**
 * An event's place: the newest transaction that had ended before it was written, or its own where that is newer. What happens to a
 * device comes after the commit of what happened before, so its places never go back, whichever transaction began first; and no
 * place lies before a transaction's own, so that a reader who stops at the oldest open transaction misses nothing.
 */
const PLACE = `(select greatest(pg_current_xact_id(), (pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)::text::xid8))`

const RECORDS = `jsonb_to_recordset($1::jsonb) as n(tenant text, at timestamptz, type text, device text, data jsonb, actor jsonb)`

const APPEND = `${INSERT} select tenant, at, type, device, data, nullif(actor, 'null'), ${PLACE} from ${RECORDS}`

const APPEND_ALIKE = `${INSERT} select n.tenant, n.at, n.type, own.device,
    n.data || jsonb_build_object('task', own.id, 'reason', own.reason), nullif(n.actor, 'null'), ${PLACE}
    from ${RECORDS} cross join unnest($2::text[], $3::text[], $4::text[]) as own(device, id, reason)`

/** Rows whose place is not before every open transaction wait, so that a cursor never skips a row that comes later. */
const LIST = `select id::text as id, xid::text || '.' || id::text as cursor, tenant_id as tenant, at, type, device_id as device, data, actor
    from event where tenant_id = $1 and ($2::text is null or type = $2) and ($3::text is null or device_id = $3)
    and (not $7 or actor is not null) and (xid, id) > ($4::text::xid8, $5::bigint) and xid < pg_snapshot_xmin(pg_current_snapshot())
    order by event.xid, event.id limit $6`

const CURSOR = /^(\d{1,19})\.(\d{1,18})$/

function cursorParts(cursor: string | null): [string, string] {
    if (cursor === null) return ["0", "0"]
    const parts = CURSOR.exec(cursor)
    if (parts === null)
        throw new Problem("request_invalid", "The cursor is not one of this list. Pass on `next` of the page before.")
    return [parts[1] as string, parts[2] as string]
}

/**
 * A database restored from a backup counts its transactions anew, so that old events may seem to come from the future.
 * They are then moved before all new ones, in the order of their ids.
 */
export async function settleRestoredEvents(query: Query): Promise<void> {
    const future = "select 1 from event where xid >= pg_snapshot_xmax(pg_current_snapshot()) limit 1"
    if ((await query(future)).length > 0) await query("update event set xid = '3' where xid <> '3'")
}

/** The table of events on a connection or a pool. */
export function eventTable(query: Query): EventTable {
    return {
        append: async drafts => {
            if (drafts.length > 0) await query(APPEND, [JSON.stringify(drafts)])
        },
        appendAlike: async (shared, own) => {
            const columns = [own.map(({ device }) => device), own.map(({ id }) => id), own.map(({ reason }) => reason)]
            await query(APPEND_ALIKE, [JSON.stringify([shared]), ...columns])
        },
        end: async () => {
            const rows = await query<{ cursor: string }>("select pg_snapshot_xmin(pg_current_snapshot())::text || '.0' as cursor")
            return rows[0]?.cursor ?? "0.0"
        },
        list: async (tenant, { type, device, audit = false }, { after, limit }) => {
            const [xid, id] = cursorParts(after)
            return query<EventRow>(LIST, [tenant, type, device, xid, id, limit, audit])
        },
    }
}
