// SQL of tenants, API tokens, webhooks and repeated calls.

import type { AccessTables, ApiTokenRow, ApiTokenTable, RepeatedCallRow, RepeatedCallTable } from "./access"
import type { TenantRow, TenantTable, Totals, WebhookRow, WebhookTable } from "./access"
import type { Query } from "./query"
import { importTable } from "./table-imports"

const TENANT = `id, name, created_at as "createdAt"`

function tenantTable(query: Query): TenantTable {
    return {
        insert: async row => {
            const text = "insert into tenant (id, name, created_at) values ($1, $2, $3) on conflict do nothing returning id"
            return (await query(text, [row.id, row.name, row.createdAt])).length === 1
        },
        get: async id => (await query<TenantRow>(`select ${TENANT} from tenant where id = $1`, [id]))[0] ?? null,
        list: ({ after, limit }) =>
            query<TenantRow>(`select ${TENANT} from tenant where $1::text is null or id > $1 order by id limit $2`, [
                after,
                limit,
            ]),
        update: async row => void (await query("update tenant set name = $2 where id = $1", [row.id, row.name])),
    }
}

const TOKEN = `id, tenant_id as tenant, role, name, owner, grants, created_at as "createdAt", expires_at as "expiresAt",
    revoked_at as "revokedAt"`

function apiTokenTable(query: Query): ApiTokenTable {
    const one = async (where: string, values: unknown[]): Promise<ApiTokenRow | null> =>
        (await query<ApiTokenRow>(`select ${TOKEN} from api_token where ${where}`, values))[0] ?? null
    return {
        insert: async row => {
            const text = `insert into api_token (id, tenant_id, role, token_hash, created_at, name, grants, expires_at, owner)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (token_hash) do nothing`
            const values = [row.id, row.tenant, row.role, row.tokenHash, row.createdAt, row.name]
            await query(text, [...values, JSON.stringify(row.grants), row.expiresAt, row.owner])
        },
        find: tokenHash => one("token_hash = $1", [tokenHash]),
        get: (tenant, id) => one("tenant_id = $1 and id = $2", [tenant, id]),
        list: (tenant, { after, limit }) => {
            const text = `select ${TOKEN} from api_token where tenant_id = $1 and ($2::text is null or id > $2) order by id limit $3`
            return query<ApiTokenRow>(text, [tenant, after, limit])
        },
        revoke: async (tenant, id, at) => {
            const text = `update api_token set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null returning id`
            return (await query(text, [tenant, id, at])).length === 1
        },
    }
}

const WEBHOOK = `tenant_id as tenant, id, url, types, description, enabled, position, failures, last_error as "lastError",
    next_at as "nextAt", created_at as "createdAt"`

/** The changes of webhooks. */
function webhookWrites(query: Query): Pick<WebhookTable, "insert" | "take" | "update" | "settle" | "delete"> {
    return {
        insert: async row => {
            const text = `insert into webhook (tenant_id, id, url, types, description, enabled, position, failures, last_error,
                next_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
            const values = [row.tenant, row.id, row.url, JSON.stringify(row.types), row.description, row.enabled, row.position]
            await query(text, [...values, row.failures, row.lastError, row.nextAt, row.createdAt])
        },
        take: async (row, until) => {
            const text = `update webhook set next_at = $4 where tenant_id = $1 and id = $2 and enabled and next_at = $3 returning id`
            return (await query(text, [row.tenant, row.id, row.nextAt, until])).length === 1
        },
        update: async row => {
            const text = `update webhook set url = $3, types = $4, description = $5, enabled = $6, failures = $7, last_error = $8,
                next_at = $9 where tenant_id = $1 and id = $2`
            const values = [row.tenant, row.id, row.url, JSON.stringify(row.types), row.description, row.enabled]
            await query(text, [...values, row.failures, row.lastError, row.nextAt])
        },
        settle: async row => {
            const text = `update webhook set position = $3, failures = $4, last_error = $5, next_at = $6, enabled = $7
                where tenant_id = $1 and id = $2 and enabled`
            const values = [row.tenant, row.id, row.position, row.failures, row.lastError, row.nextAt, row.enabled]
            await query(text, values)
        },
        delete: async (tenant, id) =>
            (await query("delete from webhook where tenant_id = $1 and id = $2 returning id", [tenant, id])).length === 1,
    }
}

function webhookTable(query: Query): WebhookTable {
    return {
        ...webhookWrites(query),
        get: async (tenant, id) => {
            const text = `select ${WEBHOOK} from webhook where tenant_id = $1 and id = $2`
            return (await query<WebhookRow>(text, [tenant, id]))[0] ?? null
        },
        list: (tenant, { after, limit }) => {
            const text = `select ${WEBHOOK} from webhook where tenant_id = $1 and ($2::text is null or id > $2) order by id limit $3`
            return query<WebhookRow>(text, [tenant, after, limit])
        },
        due: (at, limit) =>
            query<WebhookRow>(`select ${WEBHOOK} from webhook where enabled and next_at <= $1 order by next_at limit $2`, [
                at,
                limit,
            ]),
        count: async tenant => {
            const rows = await query<{ count: number }>("select count(*)::int as count from webhook where tenant_id = $1", [
                tenant,
            ])
            return rows[0]?.count ?? 0
        },
    }
}

function repeatedCallTable(query: Query): RepeatedCallTable {
    return {
        get: async (token, key) => {
            const text = "select fingerprint, status, answer from repeated_call where token_id = $1 and key = $2"
            return (await query<RepeatedCallRow>(text, [token, key]))[0] ?? null
        },
        claim: async (token, key, fingerprint, at) => {
            const text = `insert into repeated_call (token_id, key, fingerprint, created_at) values ($1, $2, $3, $4)
                on conflict do nothing returning key`
            return (await query(text, [token, key, fingerprint, at])).length === 1
        },
        answer: async (token, key, status, answer) => {
            const text = "update repeated_call set status = $3, answer = $4 where token_id = $1 and key = $2"
            await query(text, [token, key, status, answer])
        },
        forget: async before => void (await query("delete from repeated_call where created_at < $1", [before])),
        lock: async name => void (await query("select pg_advisory_xact_lock(hashtextextended($1, 7682))", [name])),
    }
}

const COUNT = `select 'devices' as what, '' as state, count(*)::int as count from device
    union all select 'tasks', state, count(*)::int from task group by state
    union all select 'rollouts', state, count(*)::int from rollout group by state`

async function count(query: Query): Promise<Totals> {
    const rows = await query<{ what: string; state: string; count: number }>(COUNT)
    const byState = (what: string): Record<string, number> =>
        Object.fromEntries(rows.filter(row => row.what === what).map(row => [row.state, row.count]))
    return { devices: byState("devices")[""] ?? 0, tasks: byState("tasks"), rollouts: byState("rollouts") }
}

/** The tables of this half on a connection or a pool. */
export function accessTables(query: Query): AccessTables {
    return {
        tenants: tenantTable(query),
        apiTokens: apiTokenTable(query),
        webhooks: webhookTable(query),
        repeatedCalls: repeatedCallTable(query),
        imports: importTable(query),
        totals: { count: () => count(query) },
    }
}
