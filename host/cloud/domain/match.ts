// Whether a device may take a rollout: an ordered list of named checks. Check-in, scheduler, preview and explanation all call it.

import { versionCompare, versionSatisfies, versionValid } from "../../../firmware/version"
import * as place from "./match-place"
import { verdict, type Check } from "./match-place"
import { storedPolicy } from "./policy/policy"
import { versionOf, versionSame } from "./versions"
import type { Candidate, DeviceFacts, Match } from "./types"

/**
 * What a failing check means for a device of a snapshot: it is left out, it is skipped because it has the version, or its task
 * fails at once (Edgehog's order of checks).
 */
export type CheckRole = "leave" | "skip" | "fail"

/** A device without a version cannot be compared with anything. */
const versionKnown: Check = (device, { release, rollout }) => {
    if (rollout.knobs.skipChecks) return verdict(true, "not looked at: a manual update")
    const version = versionOf(device, release.module)
    if (version === "") return verdict(false, "the device has not reported a version yet")
    return verdict(true, `the device reported ${version}`)
}

const versionDiffers: Check = (device, { release, rollout }) => {
    if (rollout.knobs.skipChecks) return verdict(true, "not looked at: a manual update")
    const version = versionOf(device, release.module)
    const same = versionSame(version, release.version)
    return verdict(!same, same ? `the device runs ${version} already` : `device ${version}, release ${release.version}`)
}

const platform: Check = (device, { release, rollout }) => {
    const reported = device.attributes["platform"]
    if (rollout.knobs.skipChecks) return verdict(true, "not looked at: a manual update")
    if (typeof reported !== "string" || reported === "")
        return verdict(true, `image ${release.platform}, the device reports none`)
    return verdict(reported === release.platform, `device ${reported}, image ${release.platform}`)
}

const notExpired: Check = (_device, { release }, nowS) => {
    if (release.expiresS === 0) return verdict(true, "the image does not expire")
    const date = new Date(release.expiresS * 1000).toISOString()
    return nowS < release.expiresS
        ? verdict(true, `the image expires on ${date}`)
        : verdict(false, `the image expired on ${date}`)
}

/** The blank policy: SemVer 2.0.0 precedence, item 11. */
function blankPolicy(version: string, release: string): ReturnType<Check> {
    if (!versionValid(version)) return verdict(false, `the device's version ${version || "unknown"} is not a semantic version`)
    const order = versionCompare(version, release)
    const words = order < 0 ? "lower than" : order === 0 ? "the same as" : "higher than"
    return verdict(order < 0, `device ${version} is ${words} release ${release}`)
}

/** The release's policy; a blank one may be overruled by a forced downgrade. */
const policy: Check = (device, { release, rollout }) => {
    const { skipChecks, forceDowngrade } = rollout.knobs
    if (skipChecks) return verdict(true, "not looked at: a manual update")
    const version = versionOf(device, release.module)
    if (release.policy.trim() === "") {
        if (forceDowngrade) return verdict(true, `downgrades are forced: ${version || "unknown"} to ${release.version}`)
        return blankPolicy(version, release.version)
    }
    const parsed = storedPolicy(release.policy)
    if (!parsed.ok) return verdict(false, `the policy ${release.policy} cannot be read`)
    const { result, sentence } = parsed.policy.explain({ ...device, version }, release.version)
    return verdict(result, sentence)
}

/** The image's own `requires` and the release's requirement: ranges of versions that may be replaced. */
const requirement: Check = (device, { release, rollout }) => {
    const ranges = [release.requires, release.requirement].filter(range => range !== "")
    if (rollout.knobs.skipChecks) return verdict(true, "not looked at: a manual update")
    if (ranges.length === 0) return verdict(true, "the image replaces any version")
    const version = versionOf(device, release.module)
    const ok = versionValid(version) && ranges.every(range => versionSatisfies(version, range))
    return verdict(ok, `device ${version || "unknown"}, the image replaces ${ranges.join(" and ")}`)
}

const artifact: Check = (device, { release }) => {
    if (release.deltaSources.length === 0) return verdict(true, "the release has a full image")
    const version = versionOf(device, release.module)
    const ok = release.deltaSources.some(source => versionSame(source, version))
    return verdict(ok, `device ${version || "unknown"}, differential images for ${release.deltaSources.join(", ")}`)
}

const CHECKS: readonly (readonly [string, CheckRole, Check])[] = [
    ["device-claimed", "leave", place.deviceClaimed],
    ["rollout-state", "leave", place.rolloutState],
    ["window", "leave", place.windowOpen],
    ["release-enabled", "leave", place.releaseEnabled],
    ["product", "leave", place.product],
    ["cloud", "leave", place.cloud],
    ["module", "leave", place.module],
    ["verified", "leave", place.verified],
    ["scope", "leave", place.scope],
    ["joinable", "leave", place.joinable],
    ["where", "leave", place.where],
    ["source-versions", "leave", place.sourceVersions],
    ["new-reports", "leave", place.newReports],
    ["not-failed-before", "leave", place.notFailedBefore],
    ["matches-max", "leave", place.matchesMax],
    ["room", "leave", place.room],
    ["version-known", "fail", versionKnown],
    ["version-differs", "skip", versionDiffers],
    ["platform", "fail", platform],
    ["not-expired", "fail", notExpired],
    ["policy", "fail", policy],
    ["requirement", "fail", requirement],
    ["artifact", "fail", artifact],
    ["under-way", "fail", place.underWay],
]

/** The names of the checks in their order. */
export const CHECK_NAMES: readonly string[] = CHECKS.map(([name]) => name)

const ROLES = new Map(CHECKS.map(([name, role]) => [name, role]))

/** What a failing check of this name means for a device of a snapshot. */
export function roleOf(check: string): CheckRole {
    return ROLES.get(check) ?? "leave"
}

/**
 * Puts the checks to a device and a candidate. All of them run, so that an explanation shows each, unless `firstOnly` stops at the
 * first that fails; the answer is the same. `nowS` is Unix time in seconds.
 */
export function match(device: DeviceFacts, candidate: Candidate, nowS: number, firstOnly = false): Match {
    const checks: Match["checks"] = []
    let ok = true
    for (const [check, , run] of CHECKS) {
        const { ok: holds, detail } = run(device, candidate, nowS)
        checks.push({ check, ok: holds, detail })
        ok &&= holds
        if (!ok && firstOnly) break
    }
    return { candidate, ok, checks }
}

/** Why a match does not hold: its first failing check; "" when it holds. */
export function matchReason(result: Match): string {
    const failing = result.checks.find(({ ok }) => !ok)
    return failing === undefined ? "" : `${failing.check}: ${failing.detail}`
}
