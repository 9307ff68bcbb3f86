// The checks of a match one by one, and the choice among matching rollouts.

import { admit } from "../../host/cloud/domain/admit"
import { choiceOrder, decide } from "../../host/cloud/domain/choose"
import { CHECK_NAMES, match, matchReason } from "../../host/cloud/domain/match"
import type { Candidate, DeviceFacts, ReleaseFacts, RolloutFacts, TaskFacts } from "../../host/cloud/domain/types"
import { DEVICE, knobsWith, RELEASE, ROLLOUT, TASK } from "./facts"

const NOW_S = 1_000_000

interface Changes {
    device?: Partial<DeviceFacts>
    release?: Partial<ReleaseFacts>
    rollout?: Partial<RolloutFacts>
    task?: TaskFacts
    underWay?: TaskFacts[]
}

function candidateOf(changes: Changes): Candidate {
    return {
        release: { ...RELEASE, ...changes.release },
        rollout: { ...ROLLOUT, ...changes.rollout },
        task: changes.task ?? null,
        underWay: changes.underWay ?? [],
    }
}

const other = (state: TaskFacts["state"], module = "default"): TaskFacts => ({ ...TASK, id: "u", rollout: "x", state, module })

test("everything in order: all checks hold, in their order", () => {
    const result = match(DEVICE, candidateOf({}), NOW_S)
    expect(result.ok).toBe(true)
    expect(result.checks.map(({ check }) => check)).toEqual(CHECK_NAMES)
    expect(result.checks.every(({ detail }) => detail !== "")).toBe(true)
    expect(matchReason(result)).toBe("")
})

test.each<[string, Changes, string]>([
    ["device-claimed", { device: { claimed: false } }, "not claimed"],
    ["rollout-state", { rollout: { state: "paused" } }, "paused"],
    ["rollout-state", { rollout: { state: "stopping" } }, "stopping"],
    ["window", { rollout: { knobs: knobsWith({ window: { startAtS: null, endAtS: NOW_S } }) } }, "ended"],
    ["release-enabled", { release: { enabled: false } }, "disabled"],
    ["product", { release: { product: "q" } }, "device p, release q"],
    ["cloud", { release: { cloud: "eu" } }, "device default, release eu"],
    ["verified", { release: { verified: false } }, "waits for its verification"],
    ["scope", { rollout: { scope: "devices", listed: false } }, "not listed"],
    ["scope", { rollout: { scope: "groups", listed: false } }, "not in the rollout's groups"],
    ["joinable", { rollout: { joinable: false } }, "no device may join"],
    ["joinable", { rollout: { mode: "snapshot", joinable: false } }, "no open task of the snapshot"],
    ["where", { rollout: { knobs: knobsWith({ where: "platform == 'esp32'" }) } }, "is false"],
    ["source-versions", { rollout: { knobs: knobsWith({ sourceVersions: ["0.9.0", "1.0.1"] }) } }, "0.9.0, 1.0.1"],
    ["new-reports", { rollout: { knobs: knobsWith({ newReportsOnly: true }), createdAtS: 5 } }, "not first reported"],
    ["not-failed-before", { task: TASK }, "rolled back (status -42)"],
    ["matches-max", { task: { ...TASK, state: "canceled", matches: 10 } }, "10 matches of 10"],
    ["room", { rollout: { hasRoom: false } }, "limit of devices is reached"],
    ["platform", { release: { platform: "esp32" } }, "device host, image esp32"],
    ["not-expired", { release: { expiresS: NOW_S } }, "expired on 1970"],
    ["policy", { device: { version: "1.1.1" } }, "higher than"],
    ["policy", { release: { policy: "version == '9.9.9'" } }, "is false"],
    ["requirement", { release: { requires: ">=1.0.1" } }, "device 1.0.0, the image replaces >=1.0.1"],
    ["requirement", { release: { requirement: ">=1.0.2" } }, "replaces >=1.0.2"],
    ["artifact", { release: { deltaSources: ["0.9.0"] } }, "differential images for 0.9.0"],
    ["under-way", { underWay: [other("working")], rollout: { knobs: knobsWith({ override: true }) } }, "is working"],
    ["under-way", { underWay: [other("queued")] }, "is queued"],
    ["under-way", { underWay: [other("queued", "radio")] }, "module radio"],
])("%s alone fails", (check, changes, detail) => {
    const result = match({ ...DEVICE, ...changes.device }, candidateOf(changes), NOW_S)
    expect(result.ok).toBe(false)
    expect(result.checks.filter(({ ok }) => !ok).map(one => one.check)).toEqual([check])
    expect(matchReason(result)).toMatch(`${check}: `)
    expect(matchReason(result)).toMatch(detail)
    expect(match({ ...DEVICE, ...changes.device }, candidateOf(changes), NOW_S, true).checks.at(-1)).toMatchObject({ check })
})

test("the same version fails where it is compared and in the blank policy", () => {
    const result = match({ ...DEVICE, version: "1.1.0+b" }, candidateOf({}), NOW_S)
    expect(result.checks.filter(({ ok }) => !ok).map(one => one.check)).toEqual(["version-differs", "policy"])
})

test.each<[string, Changes]>([
    ["no platform reported", { device: { attributes: {} }, release: { platform: "esp32" } }],
    ["listed", { rollout: { scope: "devices", listed: true } }],
    ["succeeded before", { task: { ...TASK, state: "succeeded" } }],
    ["canceled before", { task: { ...TASK, state: "canceled" } }],
    ["not expired yet", { release: { expiresS: NOW_S + 1 } }],
    ["a pre-release is lower", { device: { version: "1.1.0-rc.1" } }],
    ["a requirement that holds", { release: { requires: ">=1.0.0 <2.0.0" } }],
    ["a forced downgrade", { device: { version: "2.0.0" }, rollout: { knobs: knobsWith({ forceDowngrade: true }) } }],
    [
        "a manual update",
        { device: { version: "x" }, release: { requires: ">3.0.0" }, rollout: { knobs: knobsWith({ skipChecks: true }) } },
    ],
    ["waiting tasks that are overridden", { underWay: [other("queued")], rollout: { knobs: knobsWith({ override: true }) } }],
    ["another module beside", { underWay: [other("working", "radio")], rollout: { knobs: knobsWith({ multiModule: true }) } }],
    ["paused, but handed out", { task: { ...TASK, state: "offered" }, rollout: { state: "paused" } }],
    ["stopping, but it has a task", { task: { ...TASK, state: "queued" }, rollout: { state: "stopping", joinable: false } }],
    ["a module of its own", { device: { versions: { radio: "1.0.0" } }, release: { module: "radio" } }],
])("still matches: %s", (_what, changes) => {
    expect(matchReason(match({ ...DEVICE, ...changes.device }, candidateOf(changes), NOW_S))).toBe("")
})

test.each(["", "1.0", "one"])("a device without a semantic version (%p) is left alone", version => {
    expect(match({ ...DEVICE, version }, candidateOf({}), NOW_S).ok).toBe(false)
})

test("at most five modules of a device are updated at the same time", () => {
    const knobs = knobsWith({ multiModule: true })
    const many = (count: number): TaskFacts[] => Array.from({ length: count }, (_, index) => other("working", `m${index}`))
    expect(match(DEVICE, candidateOf({ rollout: { knobs }, underWay: many(4) }), NOW_S).ok).toBe(true)
    expect(matchReason(match(DEVICE, candidateOf({ rollout: { knobs }, underWay: many(5) }), NOW_S))).toMatch("5 modules")
})

test.each<[string, Changes, string | null]>([
    ["a device in order", {}, "matched"],
    ["one to be confirmed", { rollout: { knobs: knobsWith({ confirm: true }) } }, "matchedToConfirm"],
    ["no version", { device: { version: "" } }, "unmet"],
    ["the version already", { device: { version: "1.1.0" } }, "alreadyThere"],
    ["a higher version", { device: { version: "1.2.0" } }, "unmet"],
    ["a requirement not met", { release: { requirement: ">=1.0.1" } }, "unmet"],
    ["work in progress", { underWay: [other("working")] }, "unmet"],
    ["another product", { device: { product: "q" } }, null],
    ["outside of the scope", { rollout: { scope: "regions", listed: false } }, null],
])("a snapshot's device: %s", (_what, changes, event) => {
    expect(admit({ ...DEVICE, ...changes.device }, candidateOf(changes), NOW_S).event).toBe(event)
})

describe("choice", () => {
    const of = (version: string, id: string, enabled = true): Candidate =>
        candidateOf({ release: { version, enabled }, rollout: { id } })

    test("the highest version first; of equal ones the newest rollout", () => {
        const sorted = [of("1.2.0", "a"), of("1.10.0", "b"), of("1.10.0", "c"), of("1.10.0-rc", "d")].sort((a, b) =>
            choiceOrder(a, b),
        )
        expect(sorted.map(one => one.rollout.id)).toEqual(["c", "b", "d", "a"])
    })

    test("or the newest first, groups before all", () => {
        const group = candidateOf({ rollout: { id: "a", scope: "groups" } })
        const sorted = [of("1.10.0", "b"), of("1.2.0", "c"), group].sort((a, b) => choiceOrder(a, b, "recent"))
        expect(sorted.map(one => one.rollout.id)).toEqual(["a", "c", "b"])
    })

    test("the first that matches is taken, whether all checks run or not", () => {
        const candidates = [of("1.1.0", "a"), of("1.2.0", "b"), of("1.3.0", "c", false)]
        const decision = decide(DEVICE, candidates, NOW_S)
        expect(decision.chosen?.rollout.id).toBe("b")
        expect(decision.matches).toHaveLength(3)
        expect(decision.reason).toMatch("1.2.0")
        expect(decide(DEVICE, candidates, NOW_S, { firstOnly: true }).chosen).toBe(decision.chosen)
    })

    test("nothing matches: the reason names the highest release and its check", () => {
        const decision = decide({ ...DEVICE, version: "2.0.0" }, [of("1.1.0", "a"), of("1.2.0", "b")], NOW_S)
        expect(decision.chosen).toBeNull()
        expect(decision.reason).toMatch(/1\.2\.0, fails at policy/)
        expect(decide(DEVICE, [], NOW_S).reason).toMatch("no releases")
    })
})
