// SQL of tasks.

import { TASK_STATES, taskActive } from "../domain/task-machine"
import type { Query } from "./query"
import type { TaskListed, TaskRow, TaskTable } from "./store"

const TASK = `t.tenant_id as tenant, t.device_id as device, t.id, t.rollout_id as rollout, t.module, t.version, t.source, t.state,
    t.attempt, t.reason, t.status, t.retries, t.matches, t.resends, t.progress,
    coalesce(extract(epoch from t.due_at), 0)::float8 as "dueAtS", extract(epoch from t.deadline_at)::float8 * 1000 as "deadlineMs",
    extract(epoch from t.offered_at)::float8 * 1000 as "offeredMs", t.created_at as "createdAt", t.updated_at as "updatedAt"`

const RECORDS = `jsonb_to_recordset($1::jsonb) as n(tenant text, device text, id text, rollout text, module text, version text,
    source text, state text, attempt integer, reason text, status integer, retries integer, matches integer, resends integer,
    progress integer, "dueAtS" float8, "deadlineMs" float8, "offeredMs" float8, "createdAt" timestamptz, "updatedAt" timestamptz)`

const TIMES = `to_timestamp(n."dueAtS"), to_timestamp(n."deadlineMs" / 1000), to_timestamp(n."offeredMs" / 1000)`

const COLUMNS = `(device_id, id, source, reason, tenant_id, rollout_id, module, version, state, attempt, status, retries, matches,
    resends, progress, created_at, updated_at, due_at, deadline_at, offered_at)`

const SHARED = `n.tenant, n.rollout, n.module, n.version, n.state, n.attempt, n.status, n.retries, n.matches, n.resends, n.progress,
    n."createdAt", n."updatedAt", ${TIMES}`

const INSERT = `insert into task ${COLUMNS} select n.device, n.id, n.source, n.reason, ${SHARED} from ${RECORDS}`

const INSERT_ALIKE = `insert into task ${COLUMNS} select own.device, own.id, own.source, own.reason, ${SHARED} from ${RECORDS}
    cross join unnest($2::text[], $3::text[], $4::text[], $5::text[]) as own(device, id, source, reason)`

const UPDATE = `update task t set state = n.state, attempt = n.attempt, reason = n.reason, status = n.status, resends = n.resends,
    progress = n.progress, updated_at = n."updatedAt", (due_at, deadline_at, offered_at) = row(${TIMES}) from ${RECORDS}
    where t.device_id = n.device and t.tenant_id = n.tenant and t.id = n.id and t.device_id = any($2)`

/** Tasks that have a next attempt are not the last ones any more. */
const SUPERSEDE = `update task t set latest = false from ${RECORDS}
    where t.device_id = n.device and t.tenant_id = n.tenant and t.rollout_id = n.rollout and t.attempt < n.attempt and t.latest
    and t.device_id = any($2)`

const LATEST = `select ${TASK} from task t where t.device_id = any($1) and t.latest order by t.device_id, t.tenant_id, t.rollout_id`

const LIST = `select ${TASK}, o.release_id as release from task t join rollout o on o.id = t.rollout_id
    where t.tenant_id = $1 and ($2::text is null or o.release_id = $2) and ($3::text is null or t.rollout_id = $3)
    and ($4::text is null or t.device_id = $4) and ($5::text is null or t.state = $5) and t.id < coalesce($6, '~')
    order by t.id desc limit $7`

const ON_DEVICE = "join device d on d.id = t.device_id and d.tenant_id = t.tenant_id"

const QUEUED = `select ${TASK} from task t ${ON_DEVICE} where t.rollout_id = $1 and t.state = 'queued' and t.due_at <= $2
    and ($3::timestamptz is null or d.last_seen_at >= $3) order by t.due_at, t.device_id limit $4 for update of d skip locked`

const IN_STATES = `select ${TASK} from task t ${ON_DEVICE} where t.rollout_id = $1 and t.state = any($2) and t.latest
    order by t.device_id limit $3 for update of d skip locked`

const OVERDUE = `select ${TASK} from task t ${ON_DEVICE} where t.deadline_at <= $1 and t.deadline_at is not null
    order by t.deadline_at, t.device_id limit $2 for update of d skip locked`

/** Tasks of devices that are locked by now. */
const OF_LOCKED = `select ${TASK} from task t where t.device_id = any($1) and t.id = any($2) and t.latest`

const STATES = `'{${TASK_STATES.filter(taskActive).join(",")}}'::text[]`

const ACTIVE_OF = `select ${TASK} from task t where t.device_id = any($1) and t.state = any(${STATES})`

/**
 * Runs a statement that locks the devices of tasks, and looks at the tasks again: what it read is older than its locks, and somebody
 * may have moved a task in between. Answers the tasks that nobody has moved.
 */
async function take(query: Query, statement: string, parameters: unknown[]): Promise<TaskRow[]> {
    const before = await query<TaskRow>(statement, parameters)
    if (before.length === 0) return []
    const names = [before.map(({ device }) => device), before.map(({ id }) => id)]
    const now = new Map((await query<TaskRow>(OF_LOCKED, names)).map(task => [task.id, task]))
    return before.filter(({ id, state, deadlineMs }) => now.get(id)?.state === state && now.get(id)?.deadlineMs === deadlineMs)
}

async function insert(query: Query, rows: TaskRow[]): Promise<void> {
    if (rows.length === 0) return
    const again = rows.filter(({ attempt }) => attempt > 1)
    if (again.length > 0) await query(SUPERSEDE, [JSON.stringify(again), again.map(({ device }) => device)])
    await query(INSERT, [JSON.stringify(rows)])
}

/** The table of tasks on a connection or a pool. */
export function taskTable(query: Query): TaskTable {
    return {
        insert: rows => insert(query, rows),
        insertAlike: async (shared, own) => {
            const names = [own.map(({ device }) => device), own.map(({ id }) => id)]
            const texts = [own.map(({ source }) => source), own.map(({ reason }) => reason)]
            await query(INSERT_ALIKE, [JSON.stringify([shared]), ...names, ...texts])
        },
        update: async rows => {
            if (rows.length > 0) await query(UPDATE, [JSON.stringify(rows), rows.map(({ device }) => device)])
        },
        get: async (tenant, device, id) => {
            const text = `select ${TASK} from task t where t.device_id = $2 and t.tenant_id = $1 and t.id = $3`
            return (await query<TaskRow>(text, [tenant, device, id]))[0] ?? null
        },
        latest: deviceIds => query<TaskRow>(LATEST, [deviceIds]),
        active: deviceIds => query<TaskRow>(ACTIVE_OF, [deviceIds]),
        list: (tenant, { release, rollout, device, state }, { after, limit }) =>
            query<TaskListed>(LIST, [tenant, release ?? null, rollout ?? null, device ?? null, state ?? null, after, limit]),
        existsOfRelease: async release => {
            const text = "select 1 from task t join rollout o on o.id = t.rollout_id where o.release_id = $1 limit 1"
            return (await query(text, [release])).length === 1
        },
        takeQueued: (rollout, now, seenAfter, limit) => take(query, QUEUED, [rollout, now, seenAfter, limit]),
        takeInStates: (rollout, states, limit) => take(query, IN_STATES, [rollout, states, limit]),
        takeOverdue: (now, limit) => take(query, OVERDUE, [now, limit]),
    }
}
