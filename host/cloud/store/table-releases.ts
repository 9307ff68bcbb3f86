// SQL of releases and their artifacts.

import type { Query } from "./query"
import type { ReleaseArtifactRow, ReleaseRow, ReleaseTable } from "./store"

const RELEASE = `tenant_id as tenant, id, product_id as product, module, cloud_id as cloud, version, policy, requirement, description,
    commit_ref as "commit", enabled, artifact_sha256 as artifact, needs_verification as "needsVerification",
    verified_at as "verifiedAt", revision, created_at as "createdAt"`

const INSERT = `insert into release (tenant_id, id, product_id, module, cloud_id, version, policy, requirement, description, commit_ref,
    enabled, artifact_sha256, needs_verification, verified_at, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

const INSERT_ARTIFACTS = `insert into release_artifact (release_id, tenant_id, kind, name, artifact_sha256)
    select release, tenant, kind, name, artifact
    from jsonb_to_recordset($1::jsonb) as n(release text, tenant text, kind text, name text, artifact text)`

async function insert(query: Query, row: ReleaseRow, artifacts: ReleaseArtifactRow[]): Promise<void> {
    const { tenant, id, product, module, cloud, version, policy, requirement, description, commit } = row
    const values = [tenant, id, product, module, cloud, version, policy, requirement, description, commit]
    await query(INSERT, [...values, row.enabled, row.artifact, row.needsVerification, row.verifiedAt, row.createdAt])
    if (artifacts.length > 0) await query(INSERT_ARTIFACTS, [JSON.stringify(artifacts)])
}

async function remove(query: Query, tenant: string, id: string): Promise<void> {
    const ours = "(select id from rollout where release_id = $2 and tenant_id = $1)"
    await query(`delete from rollout_device where rollout_id in ${ours}`, [tenant, id])
    await query("delete from rollout where release_id = $2 and tenant_id = $1", [tenant, id])
    await query("delete from release where id = $2 and tenant_id = $1", [tenant, id])
}

/** The table of releases on a connection or a pool. */
export function releaseTable(query: Query): ReleaseTable {
    return {
        insert: (row, artifacts) => insert(query, row, artifacts),
        get: async (tenant, id) => {
            const text = `select ${RELEASE} from release where tenant_id = $1 and id = $2`
            return (await query<ReleaseRow>(text, [tenant, id]))[0] ?? null
        },
        artifacts: release => {
            const text = `select release_id as release, tenant_id as tenant, kind, name, artifact_sha256 as artifact
                from release_artifact where release_id = $1 order by kind, name`
            return query<ReleaseArtifactRow>(text, [release])
        },
        list: (tenant, product, { after, limit }) => {
            const text = `select ${RELEASE} from release where tenant_id = $1 and ($2::text is null or product_id = $2)
                and ($3::text is null or id < $3) order by id desc limit $4`
            return query<ReleaseRow>(text, [tenant, product, after, limit])
        },
        update: async row => {
            const text = `update release set enabled = $3, description = $4, verified_at = $5, revision = revision + 1
                where tenant_id = $1 and id = $2`
            await query(text, [row.tenant, row.id, row.enabled, row.description, row.verifiedAt])
        },
        delete: (tenant, id) => remove(query, tenant, id),
        countEnabled: async product => {
            const text = "select count(*)::int as count from release where product_id = $1 and enabled"
            return (await query<{ count: number }>(text, [product]))[0]?.count ?? 0
        },
    }
}
