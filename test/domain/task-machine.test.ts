// The table of task states row by row, and what check-ins do to tasks over random lives of a device.

import fc from "fast-check"
import { moveOf, planCheckin, versionSame, type CheckinFacts } from "../../host/cloud/domain/checkin-plan"
import {
    TASK_FINAL_STATES,
    TASK_ROWS,
    TASK_STATES,
    taskActive,
    taskNext,
    type TaskEvent,
} from "../../host/cloud/domain/task-machine"
import type { Candidate, TaskFacts, TaskState } from "../../host/cloud/domain/types"

const EVENTS: TaskEvent[] = ["matched", "dispatched", "reported", "seen", "passingFailure", "failure", "rolledBack", "canceled"]

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
            EVENTS.filter(event => !pairs.includes(`${from} ${event}`)).map(event => [from, event] as const),
        )
        expect(refused).toHaveLength(states.length * EVENTS.length - TASK_ROWS.length)
        for (const [from, event] of refused) expect(taskNext(from, event)).toBeNull()
    })

    test("final states absorb, all others can end", () => {
        for (const state of TASK_FINAL_STATES) expect(TASK_ROWS.some(([from]) => from === state)).toBe(false)
        for (const state of TASK_STATES.filter(taskActive)) {
            expect(TASK_ROWS.some(([from, , to]) => from === state && TASK_FINAL_STATES.includes(to))).toBe(true)
        }
    })
})

test("versions are the same by precedence", () => {
    expect(versionSame("1.0.0+a", "1.0.0+b")).toBe(true)
    expect(versionSame("1.0.0", "1.0.1")).toBe(false)
    expect(versionSame("", "")).toBe(true)
    expect(versionSame("", "1.0.0")).toBe(false)
})

/** A tiny cloud in memory: one device, a few rollouts, and the tasks that plans make of them. */
class Life {
    version = "1.0.0"
    tasks: TaskFacts[] = []
    enabled = new Set<string>()
    made = 0

    candidates(): Candidate[] {
        return [...this.enabled].map(version => ({
            release: {
                id: version,
                product: "p",
                version,
                policy: "",
                enabled: true,
                platform: "host",
                requires: "",
                expiresS: 0,
            },
            rollout: { id: `o${version}`, scope: "all" as const, listed: false },
            task: this.tasks.filter(task => task.rollout === `o${version}`).at(-1) ?? null,
        }))
    }

    active(): TaskFacts[] {
        return this.tasks.filter(({ state }) => taskActive(state))
    }

    facts(committed: boolean): CheckinFacts {
        const device = { id: "d", product: "p", attributes: {}, version: this.version, claimed: true }
        return { device, committed, active: this.active()[0] ?? null, candidates: this.candidates() }
    }

    checkin(committed: boolean): void {
        const plan = planCheckin(this.facts(committed), 0)
        for (const move of plan.moves) this.change(move.task.id, move.to)
        if (plan.offer === null || plan.offerTask !== null) return
        const { rollout, release, task } = plan.offer
        this.made += 1
        const attempt = (task?.attempt ?? 0) + 1
        const fresh = { id: `t${this.made}`, rollout: rollout.id, version: release.version, reason: "", status: null, attempt }
        this.tasks.push({ ...fresh, state: "offered" })
    }

    report(event: "failure" | "passingFailure" | "reported"): void {
        const [task] = this.active()
        const move = task === undefined ? null : moveOf(task, event, "")
        if (move !== null) this.change(move.task.id, move.to)
    }

    change(id: string, state: TaskState): void {
        const before = this.tasks.find(task => task.id === id) as TaskFacts
        if (!taskActive(before.state)) throw new Error(`${id} left the final state ${before.state}`)
        this.tasks = this.tasks.map(task => (task.id === id ? { ...task, state } : task))
    }
}

const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
const version = fc.constantFrom(...VERSIONS)
const step = fc.oneof(
    fc.record({ do: fc.constant("checkin" as const), version, committed: fc.boolean() }),
    fc.record({ do: fc.constant("enable" as const), version }),
    fc.record({ do: fc.constant("disable" as const), version }),
    fc.record({ do: fc.constantFrom("failure" as const, "passingFailure" as const, "reported" as const) }),
)

test("over any life: one active task at most, a failed version is never offered again, final states stay", () => {
    fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), steps => {
            const life = new Life()
            for (const one of steps) {
                const failed = life.tasks.filter(({ state }) => state === "failed").map(({ version: of }) => of)
                if (one.do === "checkin") {
                    life.version = one.version
                    life.checkin(one.committed)
                } else if (one.do === "enable") life.enabled.add(one.version)
                else if (one.do === "disable") life.enabled.delete(one.version)
                else life.report(one.do)
                const active = life.active()
                expect(active.length).toBeLessThanOrEqual(1)
                expect(active.every(task => !failed.includes(task.version))).toBe(true)
            }
        }),
        { numRuns: 500 },
    )
})

test("a check-in that decides on the highest release ends with nothing active but that", () => {
    fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), steps => {
            const life = new Life()
            for (const one of steps) {
                if (one.do === "enable") life.enabled.add(one.version)
                else if (one.do === "disable") life.enabled.delete(one.version)
                else if (one.do === "checkin") {
                    life.version = one.version
                    life.checkin(true)
                    expect(life.active().every(task => life.enabled.has(task.version) && task.version > life.version)).toBe(true)
                }
            }
        }),
        { numRuns: 300 },
    )
})
