// SQL of what decides on a rollout's speed: its pace, and the counts of its tasks. Counts lie in shards, so that writers rarely meet.

import { COUNTS_NEW, type Counts } from "../domain/pace"
import type { CountDeltas } from "../domain/task-life"
import type { Query } from "./query"
import type { PaceRow, RolloutTable } from "./store"

const PACE = `rollout_id as rollout, pace, gate, gates_approved as "gatesApproved"`

/** Each connection has its shard, as a rule; rows are locked in one order. */
const ADD = `insert into rollout_count (rollout_id, shard, state, n)
    select rollout, pg_backend_pid() % 16, state, n from jsonb_to_recordset($1::jsonb) as d(rollout text, state text, n bigint)
    order by rollout, state on conflict (rollout_id, shard, state) do update set n = rollout_count.n + excluded.n`

const SUM = `select rollout_id as rollout, state, sum(n)::float8 as n from rollout_count where rollout_id = any($1)
    group by rollout_id, state`

async function counts(query: Query, ids: string[]): Promise<Map<string, Counts>> {
    const found = new Map(ids.map(id => [id, { ...COUNTS_NEW }]))
    if (ids.length === 0) return found
    for (const { rollout, state, n } of await query<{ rollout: string; state: keyof Counts; n: number }>(SUM, [ids])) {
        const one = found.get(rollout)
        if (one !== undefined) one[state] = n
    }
    return found
}

async function addCounts(query: Query, deltas: Map<string, CountDeltas>): Promise<void> {
    const records = [...deltas].flatMap(([rollout, of]) =>
        Object.entries(of).flatMap(([state, n]) => (n === 0 ? [] : [{ rollout, state, n }])),
    )
    if (records.length > 0) await query(ADD, [JSON.stringify(records)])
}

/** The part of the rollouts' table that is about pace and counts. */
export function paceTable(
    query: Query,
): Pick<RolloutTable, "paces" | "lockPaces" | "updatePace" | "updateGate" | "counts" | "addCounts"> {
    const select = `select ${PACE} from rollout_pace where rollout_id = any($1) order by rollout_id`
    return {
        paces: ids => query<PaceRow & { rollout: string }>(select, [ids]),
        lockPaces: ids => query<PaceRow & { rollout: string }>(`${select} for update`, [ids]),
        updatePace: async (rollout, pace) => {
            await query("update rollout_pace set pace = $2 where rollout_id = $1", [rollout, JSON.stringify(pace)])
        },
        updateGate: async (rollout, { gate, gatesApproved }) => {
            const text = "update rollout_pace set gate = $2, gates_approved = $3 where rollout_id = $1"
            await query(text, [rollout, gate, gatesApproved])
        },
        counts: ids => counts(query, ids),
        addCounts: deltas => addCounts(query, deltas),
    }
}
