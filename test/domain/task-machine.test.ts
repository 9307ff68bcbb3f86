// The table of task states row by row; every other pair of state and event is refused.

import { deadlineMs, retryDueMs, stateTimeoutS, timeoutEvent } from "../../host/cloud/domain/task-time"
import {
    TASK_EVENTS,
    TASK_FINAL_STATES,
    TASK_ROWS,
    TASK_STATES,
    taskActive,
    taskNext,
} from "../../host/cloud/domain/task-machine"
import type { TaskState } from "../../host/cloud/domain/types"
import { versionSame } from "../../host/cloud/domain/versions"
import { knobsWith } from "./facts"

describe("the table", () => {
    test.each(TASK_ROWS.map(row => [row[0] ?? "nothing", row[1], row[2], row] as const))(
        "%s, %s: %s",
        (_from, _event, to, row) => {
            expect(taskNext(row[0], row[1])).toBe(to)
        },
    )

    test("every other pair is refused, and no pair stands twice", () => {
        const pairs = TASK_ROWS.map(([from, event]) => `${from} ${event}`)
        expect(new Set(pairs).size).toBe(pairs.length)
        const states: (TaskState | null)[] = [null, ...TASK_STATES]
        const refused = states.flatMap(from =>
            TASK_EVENTS.filter(event => !pairs.includes(`${from} ${event}`)).map(event => [from, event] as const),
        )
        expect(refused).toHaveLength(states.length * TASK_EVENTS.length - TASK_ROWS.length)
        for (const [from, event] of refused) expect(taskNext(from, event)).toBeNull()
    })

    test("final states absorb, all others can end", () => {
        for (const state of TASK_FINAL_STATES) expect(TASK_ROWS.some(([from]) => from === state)).toBe(false)
        for (const state of TASK_STATES.filter(taskActive)) {
            expect(TASK_ROWS.some(([from, , to]) => from === state && TASK_FINAL_STATES.includes(to))).toBe(true)
        }
    })

    test("work in progress is never overridden or withdrawn", () => {
        for (const state of ["working", "probation"] as const) {
            expect([taskNext(state, "overridden"), taskNext(state, "withdrawn")]).toEqual([null, null])
        }
    })
})

describe("time", () => {
    const knobs = knobsWith({ ackTimeoutS: 30, ackRetriesMax: 1 })

    test.each(TASK_STATES.filter(taskActive))("%s has a timeout that leads on", state => {
        expect(stateTimeoutS(state, knobs)).toBeGreaterThan(0)
        expect(deadlineMs(state, knobs, 1000)).toBe(1000 + (stateTimeoutS(state, knobs) as number) * 1000)
        for (const resends of [0, 1]) {
            expect(taskNext(state, timeoutEvent({ state, resends, retries: 0 }, knobs).event)).not.toBeNull()
        }
        expect(taskActive(taskNext(state, timeoutEvent({ state, resends: 1, retries: 0 }, knobs).event) as TaskState)).toBe(false)
    })

    test.each(TASK_FINAL_STATES)("%s has none", state => expect(deadlineMs(state, knobs, 0)).toBeNull())

    test("an offer is made again before it fails", () => {
        expect(timeoutEvent({ state: "offered", resends: 0, retries: 0 }, knobs).event).toBe("resent")
        expect(timeoutEvent({ state: "offered", resends: 1, retries: 0 }, knobs).event).toBe("silent")
    })

    test("retries follow failures, never timeouts or cancels, and end", () => {
        const retry = knobsWith({ retry: { countMax: 2, delayS: 600 } })
        expect(retryDueMs("failure", { retries: 1 }, retry, 5000)).toBe(605_000)
        expect(retryDueMs("rolledBack", { retries: 0 }, retry, 0)).toBe(600_000)
        expect(retryDueMs("failure", { retries: 2 }, retry, 0)).toBeNull()
        for (const event of ["silent", "canceled", "expired"] as const) {
            expect(retryDueMs(event, { retries: 0 }, retry, 0)).toBeNull()
        }
    })
})

test("versions are the same by precedence", () => {
    expect(versionSame("1.0.0+a", "1.0.0+b")).toBe(true)
    expect(versionSame("1.0.0", "1.0.1")).toBe(false)
    expect(versionSame("", "")).toBe(true)
    expect(versionSame("", "1.0.0")).toBe(false)
})
