// SQL of tasks.

import type { Query } from "./query"
import type { TaskListed, TaskRow, TaskTable } from "./store"

const TASK = `t.tenant_id as tenant, t.device_id as device, t.id, t.rollout_id as rollout, t.version, t.state, t.attempt, t.reason,
    t.status, t.created_at as "createdAt", t.updated_at as "updatedAt"`

const RECORDS = `jsonb_to_recordset($1::jsonb) as n(tenant text, device text, id text, rollout text, version text, state text,
    attempt integer, reason text, status integer, "createdAt" timestamptz, "updatedAt" timestamptz)`

const INSERT = `insert into task (tenant_id, device_id, id, rollout_id, version, state, attempt, reason, status, created_at, updated_at)
    select tenant, device, id, rollout, version, state, attempt, reason, status, "createdAt", "updatedAt" from ${RECORDS}`

const UPDATE = `update task t set state = n.state, attempt = n.attempt, reason = n.reason, status = n.status,
    updated_at = n."updatedAt" from ${RECORDS}
    where t.device_id = n.device and t.tenant_id = n.tenant and t.id = n.id and t.device_id = any($2)`

const LATEST = `select distinct on (t.device_id, t.tenant_id, t.rollout_id) ${TASK} from task t where t.device_id = any($1)
    order by t.device_id, t.tenant_id, t.rollout_id, t.attempt desc`

const LIST = `select ${TASK}, o.release_id as release from task t join rollout o on o.id = t.rollout_id
    where t.tenant_id = $1 and ($2::text is null or o.release_id = $2) and ($3::text is null or t.rollout_id = $3)
    and ($4::text is null or t.device_id = $4) and ($5::text is null or t.state = $5) and ($6::text is null or t.id < $6)
    order by t.id desc limit $7`

/** The table of tasks on a connection or a pool. */
export function taskTable(query: Query): TaskTable {
    return {
        insert: async rows => {
            if (rows.length > 0) await query(INSERT, [JSON.stringify(rows)])
        },
        update: async rows => {
            if (rows.length > 0) await query(UPDATE, [JSON.stringify(rows), rows.map(({ device }) => device)])
        },
        get: async (tenant, device, id) => {
            const text = `select ${TASK} from task t where t.device_id = $2 and t.tenant_id = $1 and t.id = $3`
            return (await query<TaskRow>(text, [tenant, device, id]))[0] ?? null
        },
        latest: deviceIds => query<TaskRow>(LATEST, [deviceIds]),
        list: (tenant, { release, rollout, device, state }, { after, limit }) =>
            query<TaskListed>(LIST, [tenant, release ?? null, rollout ?? null, device ?? null, state ?? null, after, limit]),
        existsOfRelease: async release => {
            const text = "select 1 from task t join rollout o on o.id = t.rollout_id where o.release_id = $1 limit 1"
            return (await query(text, [release])).length === 1
        },
    }
}
