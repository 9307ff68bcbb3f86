// SQL of devices. Every statement of the check-in's way names the id, so that it touches one partition.

import type { Query } from "./query"
import type { DeviceRow, DeviceSeen, DeviceTable } from "./store"

/** The columns of a device as a DeviceRow, of the table named `d`. */
export const DEVICE = `d.tenant_id as tenant, d.id, d.product_id as product, d.cloud_id as cloud, d.attributes, d.version, d.versions,
    d.version_at as "versionAt", d.tags, d.region, d.reported, d.desired, d.claimed, d.token_hash as "tokenHash",
    d.token_holder as "tokenHolder", d.token_used as "tokenUsed", d.created_at as "createdAt", d.last_seen_at as "lastSeenAt"`

const INSERT = `insert into device (tenant_id, id, product_id, cloud_id, attributes, version, versions, version_at, tags, region,
    reported, desired, claimed, token_hash, token_holder, token_used, created_at, last_seen_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
    on conflict do nothing returning id`

const INSERT_MANY = `insert into device (tenant_id, id, product_id, cloud_id, attributes, version, claimed, token_used, created_at)
    select $1, given.id, $2, $3, '{}', '', true, false, $4 from unnest($5::text[]) as given(id)
    on conflict do nothing returning id`

const UPDATE = `update device set attributes = $3, claimed = $4, token_hash = $5, token_holder = $6, token_used = $7,
    tags = $8, region = $9, reported = $10, desired = $11 where tenant_id = $1 and id = $2`

const SEEN = `update device d set attributes = s.attributes, version = s.version, versions = s.versions,
    version_at = s."versionAt", last_seen_at = s."lastSeenAt", token_used = true
    from jsonb_to_recordset($1::jsonb) as s(tenant text, id text, attributes jsonb, version text, versions jsonb,
        "versionAt" timestamptz, "lastSeenAt" timestamptz)
    where d.id = s.id and d.tenant_id = s.tenant and d.id = any($2)`

const MISSING = `select wanted.id from unnest($3::text[]) as wanted(id)
    where not exists (select from device d where d.id = wanted.id and d.tenant_id = $1 and d.product_id = $2)
    order by wanted.id limit 10`

const SAMPLE = `select ${DEVICE} from device d where product_id = $1 and hashtextextended(id, 7) % $2 = 0
    order by hashtextextended(id, 7), id limit $3`

const LIST = `select ${DEVICE} from device d
    where tenant_id = $1 and ($2::text is null or product_id = $2) and id > coalesce($3, '') order by id limit $4`

function insertValues(row: DeviceRow): unknown[] {
    const start = [row.tenant, row.id, row.product, row.cloud, JSON.stringify(row.attributes), row.version]
    const shadow = [JSON.stringify(row.reported), JSON.stringify(row.desired)]
    const middle = [JSON.stringify(row.versions), row.versionAt, row.tags, row.region, ...shadow, row.claimed]
    return [...start, ...middle, row.tokenHash, row.tokenHolder, row.tokenUsed, row.createdAt, row.lastSeenAt]
}

/** The device is locked before its tasks, as everywhere. */
async function remove(query: Query, tenant: string, id: string): Promise<boolean> {
    await query("select 1 from device where id = $2 and tenant_id = $1 for update", [tenant, id])
    await query("delete from task where device_id = $2 and tenant_id = $1", [tenant, id])
    await query("delete from rollout_device where device_id = $2 and tenant_id = $1", [tenant, id])
    await query("delete from group_device where device_id = $2 and tenant_id = $1", [tenant, id])
    const rows = await query("delete from device where id = $2 and tenant_id = $1 returning id", [tenant, id])
    return rows.length === 1
}

async function update(query: Query, row: DeviceRow): Promise<void> {
    const values = [
        row.tenant,
        row.id,
        JSON.stringify(row.attributes),
        row.claimed,
        row.tokenHash,
        row.tokenHolder,
        row.tokenUsed,
    ]
    await query(UPDATE, [...values, row.tags, row.region, JSON.stringify(row.reported), JSON.stringify(row.desired)])
}

/** The table of devices on a connection or a pool. */
export function deviceTable(query: Query): DeviceTable {
    return {
        insert: async row => (await query(INSERT, insertValues(row))).length === 1,
        insertMany: async ({ tenant, product, cloud, createdAt }, ids) =>
            (await query<{ id: string }>(INSERT_MANY, [tenant, product, cloud, createdAt, ids])).map(({ id }) => id),
        get: async (tenant, id) => {
            const text = `select ${DEVICE} from device d where id = $2 and tenant_id = $1`
            return (await query<DeviceRow>(text, [tenant, id]))[0] ?? null
        },
        getMany: (tenant, ids) =>
            query<DeviceRow>(`select ${DEVICE} from device d where d.id = any($2) and d.tenant_id = $1`, [tenant, ids]),
        lock: ids =>
            query<DeviceRow>(`select ${DEVICE} from device d where id = any($1) order by id, tenant_id for update`, [ids]),
        findByToken: async tokenHash =>
            (await query<DeviceRow>(`select ${DEVICE} from device d where token_hash = $1`, [tokenHash]))[0] ?? null,
        list: (tenant, product, { after, limit }) => query<DeviceRow>(LIST, [tenant, product, after, limit]),
        missing: async (tenant, product, ids) =>
            (await query<{ id: string }>(MISSING, [tenant, product, ids])).map(({ id }) => id),
        sample: (product, oneIn, limit) => query<DeviceRow>(SAMPLE, [product, Math.max(1, oneIn), limit]),
        update: row => update(query, row),
        report: async ({ tenant, id, reported }) => {
            const text = "update device set reported = $3 where id = $2 and tenant_id = $1"
            await query(text, [tenant, id, JSON.stringify(reported)])
        },
        seen: async (rows: DeviceSeen[]) => {
            if (rows.length > 0) await query(SEEN, [JSON.stringify(rows), rows.map(({ id }) => id)])
        },
        delete: (tenant, id) => remove(query, tenant, id),
    }
}
