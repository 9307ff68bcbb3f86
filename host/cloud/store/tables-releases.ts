// SQL of releases and rollouts.

import type { Query } from "./query"
import type { ReleaseRow, ReleaseTable, RolloutCandidate, RolloutListed, RolloutTable } from "./store"

const RELEASE = `tenant_id as tenant, id, product_id as product, version, policy, description, commit_ref as "commit", enabled,
    artifact_sha256 as artifact, created_at as "createdAt"`

function releaseTable(query: Query): ReleaseTable {
    return {
        insert: async row => {
            const text = `insert into release (tenant_id, id, product_id, version, policy, description, commit_ref, enabled,
                artifact_sha256, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
            const values = [row.tenant, row.id, row.product, row.version, row.policy, row.description, row.commit, row.enabled]
            await query(text, [...values, row.artifact, row.createdAt])
        },
        get: async (tenant, id) => {
            const text = `select ${RELEASE} from release where tenant_id = $1 and id = $2`
            return (await query<ReleaseRow>(text, [tenant, id]))[0] ?? null
        },
        list: (tenant, product, { after, limit }) => {
            const text = `select ${RELEASE} from release where tenant_id = $1 and ($2::text is null or product_id = $2)
                and ($3::text is null or id < $3) order by id desc limit $4`
            return query<ReleaseRow>(text, [tenant, product, after, limit])
        },
        update: async row => {
            const text = "update release set enabled = $3, description = $4 where tenant_id = $1 and id = $2"
            await query(text, [row.tenant, row.id, row.enabled, row.description])
        },
        delete: async (tenant, id) => {
            const ours = "(select id from rollout where release_id = $2 and tenant_id = $1)"
            await query(`delete from rollout_device where rollout_id in ${ours}`, [tenant, id])
            await query("delete from rollout where release_id = $2 and tenant_id = $1", [tenant, id])
            await query("delete from release where id = $2 and tenant_id = $1", [tenant, id])
        },
        countEnabled: async product => {
            const text = "select count(*)::int as count from release where product_id = $1 and enabled"
            return (await query<{ count: number }>(text, [product]))[0]?.count ?? 0
        },
    }
}

const LISTED = `o.tenant_id as tenant, o.id, o.release_id as release, o.mode, o.scope, o.created_at as "createdAt",
    r.product_id as product, r.version, (select count(*)::int from rollout_device m where m.rollout_id = o.id) as count`

const CANDIDATE = `o.tenant_id as tenant, o.id as rollout, o.scope, r.id as release, r.product_id as product, r.version, r.policy,
    r.enabled, r.artifact_sha256 as artifact, a.manifest`

const CANDIDATE_FROM = `from release r join rollout o on o.release_id = r.id
    join artifact a on a.tenant_id = r.tenant_id and a.sha256 = r.artifact_sha256`

function rolloutTable(query: Query): RolloutTable {
    return {
        insert: async (row, deviceIds) => {
            const text = `insert into rollout (tenant_id, id, release_id, mode, scope, created_at) values ($1, $2, $3, $4, $5, $6)`
            await query(text, [row.tenant, row.id, row.release, row.mode, row.scope, row.createdAt])
            const members = "insert into rollout_device (tenant_id, device_id, rollout_id) select $1, unnest($3::text[]), $2"
            if (deviceIds.length > 0) await query(members, [row.tenant, row.id, deviceIds])
        },
        get: async (tenant, id) => {
            const text = `select ${LISTED} from rollout o join release r on r.id = o.release_id where o.tenant_id = $1 and o.id = $2`
            return (await query<RolloutListed>(text, [tenant, id]))[0] ?? null
        },
        list: (tenant, releases, { after, limit }) => {
            const text = `select ${LISTED} from rollout o join release r on r.id = o.release_id where o.tenant_id = $1
                and ($2::text[] is null or o.release_id = any($2)) and ($3::text is null or o.id < $3) order by o.id desc limit $4`
            return query<RolloutListed>(text, [tenant, releases, after, limit])
        },
        deviceIds: async rollout => {
            const text = "select device_id as id from rollout_device where rollout_id = $1 order by device_id"
            return (await query<{ id: string }>(text, [rollout])).map(({ id }) => id)
        },
        candidates: products =>
            query<RolloutCandidate>(`select ${CANDIDATE} ${CANDIDATE_FROM} where r.product_id = any($1) and r.enabled`, [
                products,
            ]),
        candidatesAll: (product, limit) => {
            const text = `select ${CANDIDATE} ${CANDIDATE_FROM} where r.product_id = $1 order by o.id desc limit $2`
            return query<RolloutCandidate>(text, [product, limit])
        },
        listed: deviceIds => {
            const text = `select tenant_id as tenant, device_id as device, rollout_id as rollout from rollout_device
                where device_id = any($1)`
            return query<{ tenant: string; device: string; rollout: string }>(text, [deviceIds])
        },
    }
}

/** The tables of releases and rollouts on a connection or a pool. */
export function releaseTables(query: Query): { releases: ReleaseTable; rollouts: RolloutTable } {
    return { releases: releaseTable(query), rollouts: rolloutTable(query) }
}
