// The checks of match one by one, and the choice among what matches.

import { choiceOrder, decide } from "../../host/cloud/domain/choose"
import { CHECK_NAMES, match, matchReason } from "../../host/cloud/domain/match"
import type { Candidate, DeviceFacts, ReleaseFacts, RolloutFacts, TaskFacts } from "../../host/cloud/domain/types"

const NOW_S = 1_000_000
const device: DeviceFacts = { id: "d", product: "p", attributes: { platform: "host" }, version: "1.0.0", claimed: true }
const release: ReleaseFacts = {
    id: "r",
    product: "p",
    version: "1.1.0",
    policy: "",
    enabled: true,
    platform: "host",
    requires: "",
    expiresS: 0,
}
const rollout: RolloutFacts = { id: "o", scope: "all", listed: false }
const task: TaskFacts = {
    id: "t",
    rollout: "o",
    version: "1.1.0",
    state: "failed",
    attempt: 1,
    reason: "rolled back",
    status: -42,
}

interface Changes {
    device?: Partial<DeviceFacts>
    release?: Partial<ReleaseFacts>
    rollout?: Partial<RolloutFacts>
    task?: TaskFacts
}

function candidateOf(changes: Changes): Candidate {
    return {
        release: { ...release, ...changes.release },
        rollout: { ...rollout, ...changes.rollout },
        task: changes.task ?? null,
    }
}

test("everything in order: all checks hold, in their order", () => {
    const result = match(device, candidateOf({}), NOW_S)
    expect(result.ok).toBe(true)
    expect(result.checks.map(({ check }) => check)).toEqual(CHECK_NAMES)
    expect(result.checks.every(({ detail }) => detail !== "")).toBe(true)
    expect(matchReason(result)).toBe("")
})

test.each<[string, Changes, string]>([
    ["device-claimed", { device: { claimed: false } }, "not claimed"],
    ["release-enabled", { release: { enabled: false } }, "disabled"],
    ["product", { release: { product: "q" } }, "device p, release q"],
    ["platform", { release: { platform: "esp32" } }, "device host, image esp32"],
    ["scope", { rollout: { scope: "devices" } }, "not listed"],
    ["not-failed-before", { task }, "rolled back (status -42)"],
    ["not-expired", { release: { expiresS: NOW_S } }, "expired on 1970"],
    ["policy", { device: { version: "1.1.0" } }, "the same as"],
    ["policy", { device: { version: "1.1.1" } }, "higher than"],
    ["policy", { release: { policy: "true" } }, "cannot be evaluated"],
    ["requirement", { release: { requires: ">=1.0.1" } }, "device 1.0.0, the image replaces >=1.0.1"],
])("%s alone fails", (check, changes, detail) => {
    const result = match({ ...device, ...changes.device }, candidateOf(changes), NOW_S)
    expect(result.ok).toBe(false)
    expect(result.checks.filter(({ ok }) => !ok).map(one => one.check)).toEqual([check])
    expect(matchReason(result)).toMatch(`${check}: `)
    expect(matchReason(result)).toMatch(detail)
})

test.each<[string, Changes]>([
    ["no platform reported", { device: { attributes: {} }, release: { platform: "esp32" } }],
    ["listed", { rollout: { scope: "devices", listed: true } }],
    ["succeeded before", { task: { ...task, state: "succeeded" } }],
    ["canceled before", { task: { ...task, state: "canceled" } }],
    ["not expired yet", { release: { expiresS: NOW_S + 1 } }],
    ["a pre-release is lower", { device: { version: "1.1.0-rc.1" } }],
    ["a requirement that holds", { release: { requires: ">=1.0.0 <2.0.0" } }],
])("still matches: %s", (_what, changes) => {
    expect(match({ ...device, ...changes.device }, candidateOf(changes), NOW_S).ok).toBe(true)
})

test.each(["", "1.0", "one"])("a device without a semantic version (%p) is left alone", version => {
    const result = match({ ...device, version }, candidateOf({}), NOW_S)
    expect(matchReason(result)).toMatch(/^policy: /)
})

describe("choice", () => {
    const of = (version: string, id: string, enabled = true): Candidate =>
        candidateOf({ release: { version, enabled }, rollout: { id } })

    test("the highest version first; of equal ones the newest rollout", () => {
        const sorted = [of("1.2.0", "a"), of("1.10.0", "b"), of("1.10.0", "c"), of("1.10.0-rc", "d")].sort(choiceOrder)
        expect(sorted.map(one => one.rollout.id)).toEqual(["c", "b", "d", "a"])
    })

    test("the first that matches is taken", () => {
        const decision = decide(device, [of("1.1.0", "a"), of("1.2.0", "b"), of("1.3.0", "c", false)], NOW_S)
        expect(decision.chosen?.rollout.id).toBe("b")
        expect(decision.matches).toHaveLength(3)
        expect(decision.reason).toMatch("1.2.0")
    })

    test("nothing matches: the reason names the highest release and its check", () => {
        const decision = decide({ ...device, version: "2.0.0" }, [of("1.1.0", "a"), of("1.2.0", "b")], NOW_S)
        expect(decision.chosen).toBeNull()
        expect(decision.reason).toMatch(/1\.2\.0, fails at policy/)
        expect(decide(device, [], NOW_S).reason).toMatch("no releases")
    })
})
