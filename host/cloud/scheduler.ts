// The scheduler of one cloud process: every second it settles what is overdue and takes the steps of all rollouts.

import type { Context } from "./context"
import { TICK_BUDGET_MS, TICK_BUSY_MS, TICK_MS } from "./limits"
import { settleOverdue } from "./services/overdue"
import { stepRollout, type Next } from "./services/rollout-step"

/** A scheduler that runs. */
export interface Scheduler {
    /** Ends after the step that is under way. */
    close(): Promise<void>
}

/**
 * One tick: each open rollout takes its step, and goes on while it has more to do and `budgetMs` lasts. Any number of processes may
 * tick at the same time: a rollout is in one hand at a time. Answers when the next tick is due.
 */
export async function tick(context: Context, budgetMs = TICK_BUDGET_MS, realMs: () => number = Date.now): Promise<Next> {
    const endMs = realMs() + budgetMs
    let isLeft = await settleOverdue(context)
    while (isLeft && realMs() < endMs) isLeft = await settleOverdue(context)
    const due = new Set<Next>(isLeft ? ["now"] : [])
    for (const id of await context.store.tables.rollouts.open()) {
        let next = await stepRollout(context, id)
        while (next === "now" && realMs() < endMs) next = await stepRollout(context, id)
        due.add(next)
    }
    return due.has("now") ? "now" : due.has("soon") ? "soon" : "later"
}

/** Milliseconds from the beginning of one tick to the next. */
const SPACING_MS: Record<Next, number> = { now: 0, soon: TICK_BUSY_MS, later: TICK_MS }

/** Starts to tick; a tick that fails is logged, and the next one tries again. */
export function startScheduler(context: Context): Scheduler {
    let timer: NodeJS.Timeout | null = null
    let isClosed = false
    let underWay = Promise.resolve()
    const next = (afterMs: number): void => {
        if (isClosed) return
        timer = setTimeout(() => {
            const startedMs = Date.now()
            underWay = tick(context)
                .catch((error: unknown): Next => {
                    context.log.warn({ err: error }, "a tick of the scheduler failed")
                    return "later"
                })
                .then(due => next(Math.max(0, SPACING_MS[due] - (Date.now() - startedMs))))
        }, afterMs)
    }
    next(TICK_MS)
    const close = async (): Promise<void> => {
        isClosed = true
        if (timer !== null) clearTimeout(timer)
        await underWay
    }
    return { close }
}
