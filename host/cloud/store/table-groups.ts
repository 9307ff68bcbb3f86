// SQL of groups.

import type { Query } from "./query"
import type { GroupRow, GroupTable } from "./store"

const GROUP = `tenant_id as tenant, id, name, kind, expression as "where", groups, revision, created_at as "createdAt"`

const ADD = `insert into group_device (tenant_id, device_id, group_id)
    select $1, d.id, $2 from device d where d.tenant_id = $1 and d.id = any($3) on conflict do nothing returning 1`

const REMOVE = "delete from group_device where tenant_id = $1 and group_id = $2 and device_id = any($3) returning 1"

const DEVICE_IDS = `select device_id as id from group_device where tenant_id = $1 and group_id = $2
    and device_id > coalesce($3, '') order by device_id limit $4`

async function insert(query: Query, row: GroupRow): Promise<boolean> {
    const text = `insert into device_group (tenant_id, id, name, kind, expression, groups, created_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning id`
    const values = [row.tenant, row.id, row.name, row.kind, row.where, row.groups, row.createdAt]
    return (await query(text, values)).length === 1
}

/** The table of groups on a connection or a pool. */
export function groupTable(query: Query): GroupTable {
    const select = `select ${GROUP} from device_group where tenant_id = $1`
    return {
        insert: row => insert(query, row),
        get: async (tenant, id) => (await query<GroupRow>(`${select} and id = $2`, [tenant, id]))[0] ?? null,
        getMany: (tenant, ids) => query<GroupRow>(`${select} and id = any($2) order by id`, [tenant, ids]),
        list: (tenant, { after, limit }) =>
            query<GroupRow>(`${select} and ($2::text is null or id > $2) order by id limit $3`, [tenant, after, limit]),
        update: async row => {
            const text = `update device_group set name = $3, expression = $4, groups = $5, revision = revision + 1
                where tenant_id = $1 and id = $2`
            await query(text, [row.tenant, row.id, row.name, row.where, row.groups])
        },
        delete: async (tenant, id) => {
            await query("delete from group_device where tenant_id = $1 and group_id = $2", [tenant, id])
            await query("delete from device_group where tenant_id = $1 and id = $2", [tenant, id])
        },
        addDevices: async (tenant, id, deviceIds) => (await query(ADD, [tenant, id, deviceIds])).length,
        removeDevices: async (tenant, id, deviceIds) => (await query(REMOVE, [tenant, id, deviceIds])).length,
        deviceIds: async (tenant, id, { after, limit }) =>
            (await query<{ id: string }>(DEVICE_IDS, [tenant, id, after, limit])).map(one => one.id),
        deviceCount: async (tenant, id) => {
            const text = "select count(*)::int as count from group_device where tenant_id = $1 and group_id = $2"
            return (await query<{ count: number }>(text, [tenant, id]))[0]?.count ?? 0
        },
        count: async tenant => {
            const text = "select count(*)::int as count from device_group where tenant_id = $1"
            return (await query<{ count: number }>(text, [tenant]))[0]?.count ?? 0
        },
    }
}
