// The planner's commands, situation by situation.

import { COUNTS_NEW, PACE_NEW, type Counts } from "../../host/cloud/domain/pace"
import { plan, type RolloutSnapshot } from "../../host/cloud/domain/plan"
import { knobsWith } from "./facts"

const NOW_S = 1_700_000_000

function snapshot(changes: Partial<RolloutSnapshot>, counts: Partial<Counts> = {}): RolloutSnapshot {
    return {
        ...{ state: "running", mode: "snapshot", outcome: null, knobs: knobsWith({ delivery: "push" }), pace: PACE_NEW },
        ...{ counts: { ...COUNTS_NEW, ...counts }, total: 100, gate: 0, stateAtS: NOW_S, approvals: 0, gatesApproved: 0 },
        ...{ verified: true, snapshotDone: true, cancelStates: [] },
        ...changes,
    }
}

const gates = [{ devices: 10, succeeded: 8, failedPercentMax: 20, approval: false }]
const gated = knobsWith({ delivery: "push", gates })
const approvedGate = knobsWith({ gates: [{ devices: 10, succeeded: 8, failedPercentMax: 20, approval: true }] })
const window = (startAtS: number | null, endAtS: number | null) => knobsWith({ window: { startAtS, endAtS } })

test.each<[string, RolloutSnapshot, unknown[]]>([
    ["a draft waits", snapshot({ state: "draft" }), []],
    ["a draft ends some day", snapshot({ state: "draft", stateAtS: NOW_S - 30 * 86400 }), [{ kind: "stop", outcome: "expired" }]],
    ["scheduled: starts", snapshot({ state: "scheduled" }), [{ kind: "start" }]],
    ["scheduled: too early", snapshot({ state: "scheduled", knobs: window(NOW_S + 1, null) }), []],
    ["scheduled: in time", snapshot({ state: "scheduled", knobs: window(NOW_S, null) }), [{ kind: "start" }]],
    ["scheduled: verification is missing", snapshot({ state: "scheduled", verified: false }), []],
    ["running: writes the snapshot down", snapshot({ snapshotDone: false }), [{ kind: "snapshot" }]],
    ["running: hands out", snapshot({}, { queued: 7 }), [{ kind: "dispatch", count: 7 }]],
    ["running: pulls are not pushed", snapshot({ knobs: knobsWith({}) }, { queued: 7 }), []],
    [
        "running: the window has ended",
        snapshot({ knobs: window(null, NOW_S) }, { queued: 1 }),
        [{ kind: "stop", outcome: "expired", cancel: ["awaiting", "queued"] }],
    ],
    ["running: nothing left", snapshot({}, { succeeded: 99, failed: 1 }), [{ kind: "stop", outcome: "success" }]],
    ["running: no device at all", snapshot({ total: 0 }), [{ kind: "stop", outcome: "success" }]],
    ["running: continuous goes on", snapshot({ mode: "continuous" }, { succeeded: 5 }), []],
    ["failures at the threshold", snapshot({ knobs: knobsWith({ failuresPercentMax: 5 }) }, { failed: 5, queued: 9 }), []],
    [
        "failures above it",
        snapshot({ knobs: knobsWith({ failuresPercentMax: 5 }) }, { failed: 6, queued: 9 }),
        [{ kind: "stop", outcome: "failure" }],
    ],
    [
        "a failed verification",
        snapshot({ knobs: knobsWith({ verification: true }) }, { failed: 1 }),
        [{ kind: "stop", outcome: "failure" }],
    ],
    [
        "before the gate",
        snapshot({ knobs: gated }, { queued: 5, devices: 7, offered: 7 }),
        [{ kind: "dispatch", count: 5, newDevices: 3 }],
    ],
    [
        "at the gate: waits",
        snapshot({ knobs: gated }, { queued: 5, devices: 10, offered: 10 }),
        [{ kind: "dispatch", newDevices: 0 }],
    ],
    ["at the gate: passed", snapshot({ knobs: gated }, { queued: 5, devices: 10, succeeded: 8 }), [{ kind: "gatePassed" }]],
    [
        "at the gate: too many failed",
        snapshot({ knobs: gated }, { queued: 5, devices: 10, succeeded: 7, failed: 3 }),
        [{ kind: "pause" }],
    ],
    ["at the gate: approval is missing", snapshot({ knobs: approvedGate }, { devices: 10, succeeded: 10, queued: 1 }), []],
    [
        "at the gate: approved",
        snapshot({ knobs: approvedGate, gatesApproved: 1 }, { devices: 10, succeeded: 10, queued: 1 }),
        [{ kind: "gatePassed" }],
    ],
    ["paused: nothing", snapshot({ state: "paused" }, { queued: 5 }), []],
    ["paused for too long", snapshot({ state: "paused", stateAtS: NOW_S - 30 * 86400 }), [{ kind: "stop", outcome: "expired" }]],
    ["stopping: cancels", snapshot({ state: "stopping", cancelStates: ["queued"] }, { queued: 5 }), [{ kind: "cancelTasks" }]],
    ["stopping: hands out what stays", snapshot({ state: "stopping" }, { queued: 5 }), [{ kind: "dispatch", count: 5 }]],
    ["stopping: waits for the rest", snapshot({ state: "stopping" }, { working: 1 }), []],
    ["stopping: done", snapshot({ state: "stopping" }, { failed: 1, succeeded: 2 }), [{ kind: "finish" }]],
    ["finished: nothing", snapshot({ state: "finished" }, { queued: 1 }), []],
])("%s", (_what, from, commands) => {
    const planned = plan(from, NOW_S * 1000)
    expect(planned).toHaveLength(commands.length)
    expect(planned).toMatchObject(commands)
})

test("the limit of devices ends a rollout once they are done", () => {
    const knobs = knobsWith({ limits: { devicesMax: 3, devicesPercent: null, perPeriod: null } })
    expect(plan(snapshot({ knobs }, { devices: 3, working: 1, queued: 9 }), NOW_S * 1000)).toEqual([])
    expect(plan(snapshot({ knobs }, { devices: 3, succeeded: 3, queued: 9 }), NOW_S * 1000)).toMatchObject([
        { kind: "stop", outcome: "success" },
    ])
})
