// SQL of devices. Every statement of the check-in's way names the id, so that it touches one partition.

import type { Query } from "./query"
import type { DeviceRow, DeviceSeen, DeviceTable } from "./store"

const DEVICE = `tenant_id as tenant, id, product_id as product, cloud_id as cloud, attributes, version, claimed,
    token_hash as "tokenHash", token_holder as "tokenHolder", token_used as "tokenUsed",
    created_at as "createdAt", last_seen_at as "lastSeenAt"`

const INSERT = `insert into device (tenant_id, id, product_id, cloud_id, attributes, version, claimed, token_hash, token_holder,
    token_used, created_at, last_seen_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict do nothing returning id`

const UPDATE = `update device set attributes = $3, claimed = $4, token_hash = $5, token_holder = $6, token_used = $7
    where tenant_id = $1 and id = $2`

const SEEN = `update device d set attributes = s.attributes, version = s.version, last_seen_at = s.at, token_used = true
    from jsonb_to_recordset($1::jsonb) as s(tenant text, id text, attributes jsonb, version text, at timestamptz)
    where d.id = s.id and d.tenant_id = s.tenant and d.id = any($2)`

const MISSING = `select wanted.id from unnest($3::text[]) as wanted(id)
    where not exists (select from device d where d.id = wanted.id and d.tenant_id = $1 and d.product_id = $2)
    order by wanted.id limit 10`

const LIST = `select ${DEVICE} from device
    where tenant_id = $1 and ($2::text is null or product_id = $2) and ($3::text is null or id > $3) order by id limit $4`

function insertValues(row: DeviceRow): unknown[] {
    const start = [row.tenant, row.id, row.product, row.cloud, JSON.stringify(row.attributes), row.version, row.claimed]
    return [...start, row.tokenHash, row.tokenHolder, row.tokenUsed, row.createdAt, row.lastSeenAt]
}

function seenRecords(rows: DeviceSeen[]): string {
    return JSON.stringify(rows.map(({ lastSeenAt, ...row }) => ({ ...row, at: lastSeenAt })))
}

async function remove(query: Query, tenant: string, id: string): Promise<boolean> {
    await query("delete from task where device_id = $2 and tenant_id = $1", [tenant, id])
    await query("delete from rollout_device where device_id = $2 and tenant_id = $1", [tenant, id])
    const rows = await query("delete from device where id = $2 and tenant_id = $1 returning id", [tenant, id])
    return rows.length === 1
}

/** The table of devices on a connection or a pool. */
export function deviceTable(query: Query): DeviceTable {
    return {
        insert: async row => (await query(INSERT, insertValues(row))).length === 1,
        get: async (tenant, id) => {
            const text = `select ${DEVICE} from device where id = $2 and tenant_id = $1`
            return (await query<DeviceRow>(text, [tenant, id]))[0] ?? null
        },
        lock: ids => query<DeviceRow>(`select ${DEVICE} from device where id = any($1) order by id, tenant_id for update`, [ids]),
        findByToken: async tokenHash =>
            (await query<DeviceRow>(`select ${DEVICE} from device where token_hash = $1`, [tokenHash]))[0] ?? null,
        list: (tenant, product, { after, limit }) => query<DeviceRow>(LIST, [tenant, product, after, limit]),
        missing: async (tenant, product, ids) =>
            (await query<{ id: string }>(MISSING, [tenant, product, ids])).map(({ id }) => id),
        update: async row => {
            const values = [row.tenant, row.id, JSON.stringify(row.attributes), row.claimed]
            await query(UPDATE, [...values, row.tokenHash, row.tokenHolder, row.tokenUsed])
        },
        seen: async rows => {
            if (rows.length > 0) await query(SEEN, [seenRecords(rows), rows.map(({ id }) => id)])
        },
        delete: (tenant, id) => remove(query, tenant, id),
    }
}
