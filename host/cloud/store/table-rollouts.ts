// SQL of rollouts: their rows, their scopes, and what a decision needs of them.

import { KNOBS_DEFAULT, type Knobs } from "../domain/rollout"
import type { Query } from "./query"
import { DEVICE } from "./table-devices"
import { paceTable } from "./table-paces"
import type { DeviceRow, PaceRow, PageRequest, RolloutCandidate, RolloutListed, RolloutRow, RolloutTable } from "./store"

const LISTED = `o.tenant_id as tenant, o.id, o.release_id as release, o.name, o.mode, o.scope_data as scope, o.knobs, o.state, o.outcome,
    o.reason, o.created_by as "createdBy", o.created_by_person as "createdByPerson", o.revision,
    o.created_at as "createdAt", o.state_at as "stateAt",
    o.started_at as "startedAt", o.ended_at as "endedAt", o.total, o.snapshot_after as "snapshotAfter",
    o.snapshot_done as "snapshotDone", o.approvals, o.cancel_states as "cancelStates", r.product_id as product, r.module, r.version,
    case when o.scope in ('devices', 'percent')
        then (select count(*)::int from rollout_device m where m.rollout_id = o.id) else 0 end as count`

const LISTED_FROM = "from rollout o join release r on r.id = o.release_id"

const INSERT = `insert into rollout (tenant_id, id, release_id, name, mode, scope, scope_data, knobs, state, outcome, reason,
    created_by, created_at, state_at, started_at, snapshot_done, created_by_person)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`

const UPDATE = `update rollout set name = $2, knobs = $3, state = $4, outcome = $5, reason = $6, state_at = $7, started_at = $8,
    ended_at = $9, total = $10, snapshot_done = $11, approvals = $12, cancel_states = $13, revision = revision + 1 where id = $1`

const CANDIDATE = `o.tenant_id as tenant, o.id as rollout, o.mode, o.state, o.scope_data as scope, o.knobs, o.created_at as "createdAt",
    o.total, o.snapshot_done as "snapshotDone", r.id as release, r.product_id as product, p.choice, r.module, r.cloud_id as cloud,
    r.version, r.policy, r.requirement, r.enabled, (not r.needs_verification or r.verified_at is not null) as verified,
    r.artifact_sha256 as artifact,
    coalesce((select jsonb_object_agg(x.name, x.artifact_sha256) from release_artifact x
        where x.release_id = r.id and x.kind = 'delta'), '{}') as deltas,
    coalesce((select jsonb_object_agg(x.artifact_sha256, part.value->'base'->>'digest') from release_artifact x
        join artifact d on d.tenant_id = x.tenant_id and d.sha256 = x.artifact_sha256, jsonb_each(d.manifest->'parts') as part
        where x.release_id = r.id and x.kind = 'delta' and part.value ? 'base'), '{}') as bases,
    a.manifest - 'parts' as manifest`

const CANDIDATE_FROM = `from release r join rollout o on o.release_id = r.id join product p on p.id = r.product_id
    join artifact a on a.tenant_id = r.tenant_id and a.sha256 = r.artifact_sha256`

/** What the percentage of a rollout's scope means: an order that depends on the rollout and nothing else. */
const LIST_SHARE = `insert into rollout_device (tenant_id, device_id, rollout_id)
    select tenant_id, id, $1 from device where product_id = $2
    order by hashtextextended(id || $1, 0), id limit $3 on conflict do nothing`

const LOCK_DRAFT = `select r.product_id as product ${LISTED_FROM}
    where o.tenant_id = $1 and o.id = $2 and o.state = 'draft' and o.scope = 'devices' for no key update of o`

/** Keys of new tasks may still refer to the rollout: they are written while the scheduler works on it. */
const LOCK = "select 1 from rollout where id = $1 for no key update"

const PACE = `select pace, gate, gates_approved as "gatesApproved" from rollout_pace where rollout_id = $1`

/** Knobs that the row does not name, because it is older than they are, have their default. */
function withKnobs<Row extends { knobs: Knobs }>(rows: Row[]): Row[] {
    return rows.map(row => ({ ...row, knobs: { ...KNOBS_DEFAULT, ...row.knobs } }))
}

async function insert(query: Query, row: RolloutRow): Promise<void> {
    const { tenant, id, release, name, mode, scope, knobs, state, outcome, reason, createdBy, createdAt, stateAt } = row
    const values = [tenant, id, release, name, mode, scope.kind, JSON.stringify(scope), JSON.stringify(knobs), state, outcome]
    await query(INSERT, [...values, reason, createdBy, createdAt, stateAt, row.startedAt, row.snapshotDone, row.createdByPerson])
    await query("insert into rollout_pace (rollout_id) values ($1)", [id])
}

async function update(query: Query, row: RolloutRow): Promise<void> {
    const values = [row.id, row.name, JSON.stringify(row.knobs), row.state, row.outcome, row.reason, row.stateAt, row.startedAt]
    await query(UPDATE, [...values, row.endedAt, row.total, row.snapshotDone, row.approvals, row.cancelStates])
}

/** Devices of a list, or all of the product: who of them is in a group or a region, the check `scope` says. */
function scopeDevices(query: Query, row: RolloutListed, { after, limit }: PageRequest, lock = false): Promise<DeviceRow[]> {
    const how = lock ? "limit $3 for update of d" : "limit $3"
    if (row.scope.kind === "devices" || row.scope.kind === "percent") {
        const text = `select ${DEVICE} from rollout_device m join device d on d.id = m.device_id and d.tenant_id = m.tenant_id
            where m.rollout_id = $1 and m.device_id > coalesce($2, '') order by m.device_id ${how}`
        return query<DeviceRow>(text, [row.id, after, limit])
    }
    const text = `select ${DEVICE} from device d where d.product_id = $1 and d.id > coalesce($2, '') order by d.id ${how}`
    return query<DeviceRow>(text, [row.product, after, limit])
}

async function scopeCount(query: Query, row: Parameters<RolloutTable["scopeCount"]>[0]): Promise<number> {
    if (row.scope.kind === "devices" || row.scope.kind === "percent") return row.count
    const regions = row.scope.kind === "regions" ? row.scope.regions : null
    const tags = row.scope.kind === "tags" ? row.scope.tags : null
    const text = `select count(*)::int as count from device where product_id = $1 and ($2::text[] is null or region = any($2))
        and ($3::text[] is null or tags && $3)`
    return (await query<{ count: number }>(text, [row.product, regions, tags]))[0]?.count ?? 0
}

function candidateTable(query: Query): Pick<RolloutTable, "candidates" | "candidatesAll" | "ofRollouts" | "listed" | "grouped"> {
    const select = async (where: string, values: unknown[]): Promise<RolloutCandidate[]> =>
        withKnobs(await query<RolloutCandidate>(`select ${CANDIDATE} ${CANDIDATE_FROM} where ${where}`, values))
    const open = "r.enabled and o.state in ('running', 'paused', 'stopping')"
    return {
        candidates: products => select(`r.product_id = any($1) and ${open}`, [products]),
        candidatesAll: (product, limit) => select("r.product_id = $1 order by o.id desc limit $2", [product, limit]),
        ofRollouts: ids => select("o.id = any($1)", [ids]),
        listed: deviceIds => {
            const text = `select tenant_id as tenant, device_id as device, rollout_id as rollout from rollout_device
                where device_id = any($1)`
            return query<{ tenant: string; device: string; rollout: string }>(text, [deviceIds])
        },
        grouped: deviceIds => {
            const text = `select tenant_id as tenant, device_id as device, group_id as "group" from group_device
                where device_id = any($1)`
            return query<{ tenant: string; device: string; group: string }>(text, [deviceIds])
        },
    }
}

function scopeTable(
    query: Query,
): Pick<RolloutTable, "addDevices" | "lockDraft" | "deviceIds" | "scopeDevices" | "scopeCount" | "listShare" | "updateSnapshot"> {
    return {
        lockDraft: async (tenant, id) => (await query<{ product: string }>(LOCK_DRAFT, [tenant, id]))[0]?.product ?? null,
        addDevices: async (tenant, rollout, deviceIds) => {
            const text = `insert into rollout_device (tenant_id, device_id, rollout_id) select $1, unnest($3::text[]), $2
                on conflict do nothing returning 1`
            return deviceIds.length === 0 ? 0 : (await query(text, [tenant, rollout, deviceIds])).length
        },
        deviceIds: async (rollout, { after, limit }) => {
            const text = `select device_id as id from rollout_device where rollout_id = $1 and device_id > coalesce($2, '')
                order by device_id limit $3`
            return (await query<{ id: string }>(text, [rollout, after, limit])).map(({ id }) => id)
        },
        scopeDevices: (row, page, lock) => scopeDevices(query, row, page, lock),
        scopeCount: row => scopeCount(query, row),
        listShare: async (row, count) => void (await query(LIST_SHARE, [row.id, row.product, count])),
        updateSnapshot: async (id, after, done, total) => {
            const text = "update rollout set snapshot_after = $2, snapshot_done = $3, total = $4 where id = $1"
            await query(text, [id, after, done, total])
        },
    }
}

/** The table of rollouts on a connection or a pool. */
export function rolloutTable(query: Query): RolloutTable {
    const select = async (where: string, values: unknown[]): Promise<RolloutListed[]> =>
        withKnobs(await query<RolloutListed>(`select ${LISTED} ${LISTED_FROM} where ${where}`, values))
    return {
        ...paceTable(query),
        ...candidateTable(query),
        ...scopeTable(query),
        insert: row => insert(query, row),
        update: row => update(query, row),
        get: async (tenant, id) => (await select("o.tenant_id = $1 and o.id = $2", [tenant, id]))[0] ?? null,
        lock: async (id, skip) => {
            const locked = await query(skip ? `${LOCK} skip locked` : LOCK, [id])
            const [row] = locked.length === 0 ? [] : await select("o.id = $1", [id])
            const [pace] = await query<PaceRow>(PACE, [id])
            return pace === undefined || row === undefined ? null : { ...row, ...pace }
        },
        list: (tenant, releases, { after, limit }) => {
            const where = `o.tenant_id = $1 and ($2::text[] is null or o.release_id = any($2)) and o.id < coalesce($3, '~')
                order by o.id desc limit $4`
            return select(where, [tenant, releases, after, limit])
        },
        open: async () =>
            (await query<{ id: string }>("select id from rollout where state <> 'finished' order by id")).map(({ id }) => id),
        openOfGroup: async (tenant, group) => {
            const text =
                "select id from rollout where tenant_id = $1 and state <> 'finished' and scope_data->'groups' ? $2 limit 1"
            return (await query<{ id: string }>(text, [tenant, group]))[0]?.id ?? null
        },
        countOpen: async product => {
            const text = `select count(*)::int as count ${LISTED_FROM} where r.product_id = $1 and o.state <> 'finished'`
            return (await query<{ count: number }>(text, [product]))[0]?.count ?? 0
        },
    }
}
