// The store on PostgreSQL 15 and later: the pool, transactions, and the tables put together.

import { Pool, type PoolClient } from "pg"
import { DATABASE_CONNECTIONS_MAX, STATEMENT_TIMEOUT_S } from "../limits"
import { migrate } from "./migrations"
import { accessTables } from "./tables-access"
import { fleetTables } from "./tables-fleet"
import { deviceTable } from "./table-devices"
import { eventTable, settleRestoredEvents } from "./table-events"
import { groupTable } from "./table-groups"
import { rolloutTable } from "./table-rollouts"
import { releaseTable } from "./table-releases"
import { taskTable } from "./table-tasks"
import { lostRace, queryOn, storeError, type Query } from "./query"
import type { Store, Tables } from "./store"

/** Times that a transaction is tried when others get in its way. */
const TRIES_MAX = 5

/**
 * Every statement has an index, and every join goes along a key. Where statistics are missing or old, after an import say, the
 * planner would read a whole table for a batch of devices, or sort it to merge it with a few tasks.
 */
const PLANS = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"

function tablesOn(query: Query): Tables {
    return {
        ...accessTables(query),
        ...fleetTables(query),
        releases: releaseTable(query),
        rollouts: rolloutTable(query),
        groups: groupTable(query),
        devices: deviceTable(query),
        tasks: taskTable(query),
        events: eventTable(query),
    }
}

/** Ends what a transaction has begun; a connection that cannot even do that is thrown away. */
async function rollback(client: PoolClient): Promise<Error | undefined> {
    try {
        await client.query("rollback")
        return undefined
    } catch (error) {
        return error as Error
    }
}

async function transactionOnce<T>(pool: Pool, run: (tables: Tables) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
        await client.query("begin")
        const result = await run(tablesOn(queryOn(client)))
        await client.query("commit")
        return result
    } catch (error) {
        broken = await rollback(client)
        throw error
    } finally {
        client.release(broken)
    }
}

async function transaction<T>(pool: Pool, run: (tables: Tables) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
        try {
            return await transactionOnce(pool, run)
        } catch (error) {
            if (!lostRace(error) || tries === TRIES_MAX) throw storeError(error)
        }
    }
}

async function ensureTenant(query: Query, tenant: string, cloud: string, now: Date): Promise<void> {
    await query("insert into tenant (id, name, created_at) values ($1, $1, $2) on conflict do nothing", [tenant, now])
    const text = "insert into cloud (tenant_id, id, name, created_at) values ($1, $2, $2, $3) on conflict do nothing"
    await query(text, [tenant, cloud, now])
}

/** Opens a pool. `onError` hears of connections that break while nobody uses them. */
function openPool(databaseUrl: string, onError: (error: Error) => void): Pool {
    const pool = new Pool({
        connectionString: databaseUrl,
        max: DATABASE_CONNECTIONS_MAX,
        connectionTimeoutMillis: STATEMENT_TIMEOUT_S * 1000,
        statement_timeout: STATEMENT_TIMEOUT_S * 1000,
        application_name: "otary",
        options: PLANS,
    })
    pool.on("error", onError)
    pool.on("connect", client => client.on("error", onError))
    return pool
}

/**
 * Opens the store at a `postgres://` address and brings its schema up to date.
 * `onError` hears of connections that break while idle; the pool replaces them. Throws when the database cannot be reached.
 */
export async function openPostgres(databaseUrl: string, onError: (error: Error) => void): Promise<Store> {
    const pool = openPool(databaseUrl, onError)
    const raw = queryOn(pool)
    const query: Query = async (text, values) => {
        try {
            return await raw(text, values)
        } catch (error) {
            throw storeError(error)
        }
    }
    try {
        await migrate(pool)
        await settleRestoredEvents(query)
    } catch (error) {
        await pool.end()
        throw error
    }
    return {
        tables: tablesOn(query),
        transaction: run => transaction(pool, run),
        ensureTenant: (tenant, cloud, now) => ensureTenant(query, tenant, cloud, now),
        ping: async () => void (await query("select 1")),
        close: () => pool.end(),
    }
}
