// Tasks whose time is up: offered again, canceled or failed. Nothing stays for ever.

import { nowOf, type Context } from "../context"
import { KNOBS_DEFAULT } from "../domain/rollout"
import { timeoutEvent } from "../domain/task-time"
import { STEP_TASKS } from "../limits"
import type { TaskRow } from "../store/store"
import { grant } from "./permits"
import { moveTask, noWrites, writeTasks } from "./tasks"

/**
 * Settles tasks whose time is up; answers whether there may be more. An offer that is made again takes its turn in the rate, as a
 * first one does, but is no new device and stays within the pending limit that it is counted in already.
 */
export function settleOverdue(context: Context): Promise<boolean> {
    return context.store.transaction(async tables => {
        const tasks = await tables.tasks.takeOverdue(nowOf(context), STEP_TASKS)
        const rollouts = await tables.rollouts.ofRollouts([...new Set(tasks.map(({ rollout }) => rollout))])
        const knobsOf = (task: TaskRow): typeof KNOBS_DEFAULT =>
            rollouts.find(({ rollout }) => rollout === task.rollout)?.knobs ?? KNOBS_DEFAULT
        const events = tasks.map(task => timeoutEvent(task, knobsOf(task)))
        const again = tasks.filter((_, index) => events[index]?.event === "resent")
        const wishes = again.map(task => {
            return { rollout: task.rollout, knobs: { ...knobsOf(task), pendingMax: null }, total: 0, isNew: false }
        })
        const granted = await grant(context, tables, wishes)
        const held = new Set(again.filter((_, index) => !granted[index]))
        const writes = noWrites()
        tasks.forEach((task, index) => {
            const due = events[index]
            if (due !== undefined && !held.has(task)) moveTask(context, writes, task, { ...due, knobs: knobsOf(task) })
        })
        await writeTasks(tables, writes)
        return tasks.length - held.size === STEP_TASKS
    })
}
