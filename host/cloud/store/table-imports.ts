// SQL of imports: devices come in by the thousand, invalid lines are kept for download.

import type { ImportRow, ImportTable, InvalidLine } from "./access"
import type { Query } from "./query"

const IMPORT = `tenant_id as tenant, id, product_id as product, group_id as "group", rollout_id as rollout, state,
    total, created, existing, invalid, reason,
    created_at as "createdAt", updated_at as "updatedAt"`

const ADD_DEVICES = `with added as (
    insert into device (tenant_id, id, product_id, cloud_id, attributes, version, claimed, token_used, created_at)
    select $1, name, $2, $3, '{}', '', true, false, $4 from unnest($5::text[]) as n(name) on conflict do nothing returning 1
    ) select count(*)::int as count from added`

const UNKNOWN = `select wanted.id from unnest($3::text[]) as wanted(id)
    where not exists (select from device d where d.id = wanted.id and d.tenant_id = $1 and ($2::text is null or d.product_id = $2))`

const ADD_INVALID = `insert into device_import_invalid (tenant_id, import_id, line, name, reason)
    select $1, $2, line, name, reason from jsonb_to_recordset($3::jsonb) as n(line integer, name text, reason text)`

const INVALID = `select line, name, reason from device_import_invalid
    where tenant_id = $1 and import_id = $2 and line > $3 order by line limit $4`

function importWrites(query: Query): Pick<ImportTable, "insert" | "update" | "addDevices" | "addInvalid" | "abandon"> {
    return {
        insert: async row => {
            const text = `insert into device_import (tenant_id, id, product_id, group_id, state, total, created, existing, invalid, reason,
                created_at, updated_at, rollout_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
            const values = [row.tenant, row.id, row.product, row.group, row.state, row.total, row.created, row.existing]
            await query(text, [...values, row.invalid, row.reason, row.createdAt, row.updatedAt, row.rollout])
        },
        update: async row => {
            const text = `update device_import set state = $3, total = $4, created = $5, existing = $6, invalid = $7, reason = $8,
                updated_at = $9 where tenant_id = $1 and id = $2`
            const values = [row.tenant, row.id, row.state, row.total, row.created, row.existing, row.invalid]
            await query(text, [...values, row.reason, row.updatedAt])
        },
        addDevices: async (row, cloud, names) =>
            (await query<{ count: number }>(ADD_DEVICES, [row.tenant, row.product, cloud, row.createdAt, names]))[0]?.count ?? 0,
        addInvalid: async (row, lines) => {
            if (lines.length > 0) await query(ADD_INVALID, [row.tenant, row.id, JSON.stringify(lines)])
        },
        abandon: async (before, reason) => {
            const text = `update device_import set state = 'failed', reason = $2 where state = 'running' and updated_at < $1`
            await query(text, [before, reason])
        },
    }
}

/** The table of imports on a connection or a pool. */
export function importTable(query: Query): ImportTable {
    return {
        ...importWrites(query),
        get: async (tenant, id) => {
            const text = `select ${IMPORT} from device_import where tenant_id = $1 and id = $2`
            return (await query<ImportRow>(text, [tenant, id]))[0] ?? null
        },
        list: (tenant, { after, limit }) => {
            const text = `select ${IMPORT} from device_import where tenant_id = $1 and ($2::text is null or id < $2)
                order by id desc limit $3`
            return query<ImportRow>(text, [tenant, after, limit])
        },
        unknown: async (tenant, product, names) =>
            (await query<{ id: string }>(UNKNOWN, [tenant, product, names])).map(({ id }) => id),
        settle: async () => void (await query("analyze device")),
        invalid: (tenant, id, afterLine, limit) => query<InvalidLine>(INVALID, [tenant, id, afterLine, limit]),
    }
}
