// SQL of the small tables: products, clouds, artifacts, settings.

import { MODULE_DEFAULT } from "../domain/types"
import type { Query } from "./query"
import type { ArtifactRow, ArtifactTable, CloudRow, CloudTable } from "./store"
import type { ProductRow, ProductTable, SettingTable } from "./store"

const PRODUCT = `tenant_id as tenant, id, name, auto_claim as "autoClaim", register_by_id as "registerById",
    signature_required as "signatureRequired", public_keys as "publicKeys",
    choice, modules, token_hash as "tokenHash", created_at as "createdAt"`

function productTable(query: Query): ProductTable {
    const one = async (where: string, values: unknown[]): Promise<ProductRow | null> =>
        (await query<ProductRow>(`select ${PRODUCT} from product where ${where}`, values))[0] ?? null
    return {
        insert: async row => {
            const text = `insert into product (tenant_id, id, name, auto_claim, register_by_id, token_hash, created_at,
                signature_required, choice, modules, public_keys) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                on conflict do nothing returning id`
            const values = [row.tenant, row.id, row.name, row.autoClaim, row.registerById, row.tokenHash, row.createdAt]
            const more = [
                row.signatureRequired,
                row.choice ?? "version",
                row.modules ?? [MODULE_DEFAULT],
                JSON.stringify(row.publicKeys ?? []),
            ]
            return (await query(text, [...values, ...more])).length === 1
        },
        get: (tenant, id) => one("tenant_id = $1 and id = $2", [tenant, id]),
        lock: (tenant, id) => one("tenant_id = $1 and id = $2 for update", [tenant, id]),
        findByCredential: (id, tokenHash) => one("(id = $1 and register_by_id) or token_hash = $2", [id, tokenHash]),
        list: (tenant, { after, limit }) => {
            const text = `select ${PRODUCT} from product where tenant_id = $1 and ($2::text is null or id > $2) order by id limit $3`
            return query<ProductRow>(text, [tenant, after, limit])
        },
        update: async row => {
            const text = `update product set name = $3, auto_claim = $4, register_by_id = $5, token_hash = $6,
                signature_required = $7, choice = coalesce($8, choice), modules = coalesce($9, modules), public_keys = $10
                where tenant_id = $1 and id = $2`
            const values = [row.tenant, row.id, row.name, row.autoClaim, row.registerById, row.tokenHash, row.signatureRequired]
            await query(text, [...values, row.choice ?? null, row.modules ?? null, JSON.stringify(row.publicKeys ?? [])])
        },
    }
}

const CLOUD = `tenant_id as tenant, id, name, created_at as "createdAt"`

function cloudTable(query: Query): CloudTable {
    return {
        insert: async row => {
            const text = `insert into cloud (tenant_id, id, name, created_at) values ($1, $2, $3, $4)
                on conflict do nothing returning id`
            return (await query(text, [row.tenant, row.id, row.name, row.createdAt])).length === 1
        },
        get: async (tenant, id) =>
            (await query<CloudRow>(`select ${CLOUD} from cloud where tenant_id = $1 and id = $2`, [tenant, id]))[0] ?? null,
        list: (tenant, { after, limit }) => {
            const text = `select ${CLOUD} from cloud where tenant_id = $1 and ($2::text is null or id > $2) order by id limit $3`
            return query<CloudRow>(text, [tenant, after, limit])
        },
    }
}

const ARTIFACT = `tenant_id as tenant, sha256, size_bytes as "sizeBytes", manifest, created_at as "createdAt"`

function artifactTable(query: Query): ArtifactTable {
    return {
        insert: async row => {
            const text = `insert into artifact (tenant_id, sha256, size_bytes, manifest, created_at) values ($1, $2, $3, $4, $5)
                on conflict do nothing returning sha256`
            const values = [row.tenant, row.sha256, row.sizeBytes, JSON.stringify(row.manifest), row.createdAt]
            return (await query(text, values)).length === 1
        },
        get: async (tenant, sha256) => {
            const text = `select ${ARTIFACT} from artifact where tenant_id = $1 and sha256 = $2`
            return (await query<ArtifactRow>(text, [tenant, sha256]))[0] ?? null
        },
        list: (tenant, { after, limit }) => {
            const text = `select ${ARTIFACT} from artifact where tenant_id = $1 and ($2::text is null or sha256 > $2)
                order by sha256 limit $3`
            return query<ArtifactRow>(text, [tenant, after, limit])
        },
    }
}

function settingTable(query: Query): SettingTable {
    return {
        getOrPut: async (key, value) => {
            await query("insert into setting (key, value) values ($1, $2) on conflict do nothing", [key, value])
            const rows = await query<{ value: string }>("select value from setting where key = $1", [key])
            return rows[0]?.value ?? value
        },
    }
}

/** The small tables on a connection or a pool. */
export function fleetTables(query: Query): {
    products: ProductTable
    clouds: CloudTable
    artifacts: ArtifactTable
    settings: SettingTable
} {
    return {
        products: productTable(query),
        clouds: cloudTable(query),
        artifacts: artifactTable(query),
        settings: settingTable(query),
    }
}
