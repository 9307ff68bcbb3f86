// The database's schema, forward only: numbered steps, each applied once in a transaction of its own.

import type { Pool, PoolClient } from "pg"
import { FIRST } from "./0001-first"
import { ROLLOUT_SCHEMA } from "./0003-rollouts"
import { ACCESS } from "./0002-access"
import { PEOPLE } from "./0004-people"
import { SCALE } from "./0005-scale"

/** One step from a schema version to the next. */
export interface Migration {
    version: number
    name: string
    sql: string
}

/** All steps in order. A step that was released is never changed again. */
export const MIGRATIONS: readonly Migration[] = [
    { version: 1, name: "first", sql: FIRST },
    { version: 2, name: "access", sql: ACCESS },
    { version: 3, name: "rollouts", sql: ROLLOUT_SCHEMA },
    { version: 4, name: "people", sql: PEOPLE },
    { version: 5, name: "scale", sql: SCALE },
]

/** Key of the advisory lock that lets one process at a time migrate. */
const MIGRATION_LOCK = 7_682_001

const VERSION_TABLE = `create table if not exists schema_version (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
)`

async function currentVersion(client: PoolClient): Promise<number> {
    const { rows } = await client.query<{ version: number | null }>("select max(version) as version from schema_version")
    return rows[0]?.version ?? 0
}

async function apply(client: PoolClient, migration: Migration): Promise<void> {
    await client.query("begin")
    try {
        await client.query(migration.sql)
        await client.query("insert into schema_version (version, name) values ($1, $2)", [migration.version, migration.name])
        await client.query("commit")
    } catch (error) {
        await client.query("rollback")
        throw error
    }
}

async function migrateLocked(client: PoolClient, migrations: readonly Migration[]): Promise<number> {
    await client.query(VERSION_TABLE)
    const version = await currentVersion(client)
    const newest = migrations.at(-1)?.version ?? 0
    if (version > newest) {
        throw new Error(`The database has schema version ${version}, this Otary knows ${newest}. Start a newer Otary on it.`)
    }
    const due = migrations.filter(migration => migration.version > version)
    for (const migration of due) await apply(client, migration)
    return due.length
}

/**
 * Brings the schema up to date; processes that start together wait for each other.
 * Returns the number of steps applied. Throws when the database is newer than this program.
 */
export async function migrate(pool: Pool, migrations: readonly Migration[] = MIGRATIONS): Promise<number> {
    const client = await pool.connect()
    try {
        await client.query("select pg_advisory_lock($1)", [MIGRATION_LOCK])
        return await migrateLocked(client, migrations)
    } finally {
        await client.query("select pg_advisory_unlock($1)", [MIGRATION_LOCK])
        client.release()
    }
}
