// Who may be handed a task now: paces are locked, so that any number of processes keep each limit exactly.

import type { Context } from "../context"
import { handOutRoom, isPaced, newDevicesRoom, PACE_NEW, paceAfter, type PaceFacts } from "../domain/pace"
import type { Knobs } from "../domain/rollout"
import type { PaceRow, Tables } from "../store/store"

/** A task that is to be handed out. */
export interface Wish {
    rollout: string
    knobs: Knobs
    /** Devices of the rollout's scope. */
    total: number
    /** Whether the device has not been given the rollout's update before. */
    isNew: boolean
}

function paceFacts({ knobs, total }: Wish, row: PaceRow, counts: PaceFacts["counts"]): PaceFacts {
    return { knobs, total, counts, gate: row.gate, pace: { ...PACE_NEW, ...row.pace } }
}

/** Grants the first wishes that fit, in their order. */
function grantOf(wishes: readonly Wish[], facts: PaceFacts, nowMs: number): boolean[] {
    let room = handOutRoom(facts, nowMs)
    let newDevices = newDevicesRoom(facts)
    return wishes.map(({ isNew }) => {
        const ok = room > 0 && (!isNew || newDevices > 0)
        if (ok) room -= 1
        if (ok && isNew) newDevices -= 1
        return ok
    })
}

async function grantOne(context: Context, tables: Tables, wishes: readonly Wish[]): Promise<boolean[]> {
    const { rollout } = wishes[0] as Wish
    const nowMs = context.nowMs()
    const factsOf = async (rows: PaceRow[]): Promise<PaceFacts | null> => {
        const counts = (await tables.rollouts.counts([rollout])).get(rollout)
        return rows[0] === undefined || counts === undefined ? null : paceFacts(wishes[0] as Wish, rows[0], counts)
    }
    const glance = await factsOf(await tables.rollouts.paces([rollout]))
    if (glance === null || !grantOf(wishes, glance, nowMs).includes(true)) return wishes.map(() => false)
    const [row] = await tables.rollouts.lockPaces([rollout])
    const facts = row === undefined ? null : await factsOf([row])
    if (row === undefined || facts === null) return wishes.map(() => false)
    const granted = grantOf(wishes, facts, nowMs)
    const given = granted.filter(Boolean).length
    if (given > 0) await tables.rollouts.updatePace(rollout, paceAfter(facts, given, nowMs))
    return granted
}

/**
 * Grants wishes within the limits of their rollouts; the answer has one entry for each. The paces stay locked until the transaction
 * ends, so the caller writes the tasks in it.
 */
export async function grant(context: Context, tables: Tables, wishes: readonly Wish[]): Promise<boolean[]> {
    const granted = wishes.map(({ knobs }) => !isPaced(knobs))
    const paced = [...new Set(wishes.filter((_, index) => !granted[index]).map(({ rollout }) => rollout))].sort()
    for (const rollout of paced) {
        const places = wishes.flatMap((wish, index) => (wish.rollout === rollout ? [index] : []))
        const answers = await grantOne(
            context,
            tables,
            places.map(index => wishes[index] as Wish),
        )
        places.forEach((place, index) => (granted[place] = answers[index] === true))
    }
    return granted
}
