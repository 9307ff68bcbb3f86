// Policies within match: the release's, the rollout's condition, and the blank one, which is what the document says.

import { match } from "../../host/cloud/domain/match"
import { BLANK_POLICY, storedPolicy } from "../../host/cloud/domain/policy/policy"
import { KNOBS_DEFAULT } from "../../host/cloud/domain/rollout"
import { MODULE_DEFAULT, type Candidate, type CheckResult, type DeviceFacts } from "../../host/cloud/domain/types"

const device: DeviceFacts = {
    ...{ id: "d", product: "p", attributes: { memory: 256 }, version: "1.0.0", versions: {}, versionAtS: 0 },
    ...{ claimed: true, cloud: "c", region: "", tags: [] },
}

function candidateOf(policy: string, where = "", version = "1.10.0"): Candidate {
    return {
        release: {
            ...{ id: "r", product: "p", version, policy, enabled: true, module: MODULE_DEFAULT, cloud: "", platform: "host" },
            ...{ requires: "", requirement: "", deltaSources: [], verified: true, expiresS: 0 },
        },
        rollout: {
            ...{ id: "o", mode: "continuous", state: "running", scope: "all", listed: true, createdAtS: 0 },
            ...{ knobs: { ...KNOBS_DEFAULT, where }, joinable: true, hasRoom: true },
        },
        task: null,
    }
}

function checkOf(name: string, candidate: Candidate, of = device): CheckResult | undefined {
    return match(of, candidate, 1_000_000).checks.find(({ check }) => check === name)
}

test.each([
    ["memory >= 512", false, "memory >= 512 is false: memory = 256"],
    ["memory < 512 && version == '1.0.0'", true, 'memory < 512 && version == "1.0.0" is true: memory = 256, version = "1.0.0"'],
    [
        "memory ^= 'x'",
        false,
        'memory ^= "x" is false, because it fails at memory ^= "x": ^= needs two texts, found number and text: 256 and "x"',
    ],
    ["memory <", false, "the policy memory < cannot be read"],
])("the policy %p", (policy, ok, detail) => {
    expect(checkOf("policy", candidateOf(policy))).toEqual({ check: "policy", ok, detail })
})

test("the rollout's condition", () => {
    const detail = "memory >= 512 is false: memory = 256"
    expect(match(device, candidateOf("", "memory >= 512"), 1_000_000).checks).toContainEqual({
        check: "where",
        ok: false,
        detail,
    })
    expect(checkOf("where", candidateOf("", "memory < 512"))?.ok).toBe(true)
})

test("a blank policy says what its expression says, for every pair of versions", () => {
    const versions = ["", "1.0", "one", "1.0.0", "1.0.0+b", "1.0.0-rc.1", "1.9.0", "1.10.0", "2.0.0-a.b", "10.0.0"]
    const written = storedPolicy(BLANK_POLICY)
    for (const version of versions) {
        for (const newVersion of versions.slice(3)) {
            const of = { ...device, version }
            const holds = written.ok && written.policy.holds(of, newVersion)
            expect([version, newVersion, checkOf("policy", candidateOf("", "", newVersion), of)?.ok]).toEqual([
                version,
                newVersion,
                holds,
            ])
        }
    }
})
