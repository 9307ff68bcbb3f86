// Whether a device may take a rollout: an ordered list of named checks. Check-in and explanation both call it.

import { versionCompare, versionSatisfies, versionValid } from "../../../firmware/version"
import type { Candidate, CheckResult, DeviceFacts, Match } from "./types"

type Verdict = Omit<CheckResult, "check">
type Check = (device: DeviceFacts, candidate: Candidate, nowS: number) => Verdict

function verdict(ok: boolean, detail: string): Verdict {
    return { ok, detail }
}

function deviceClaimed(device: DeviceFacts): Verdict {
    return device.claimed ? verdict(true, "the device is claimed") : verdict(false, "the device is not claimed")
}

function releaseEnabled(_device: DeviceFacts, { release }: Candidate): Verdict {
    return release.enabled ? verdict(true, "the release is enabled") : verdict(false, "the release is disabled")
}

function product(device: DeviceFacts, { release }: Candidate): Verdict {
    const same = device.product === release.product
    return verdict(same, `device ${device.product}, release ${release.product}`)
}

function platform(device: DeviceFacts, { release }: Candidate): Verdict {
    const reported = device.attributes["platform"]
    if (typeof reported !== "string" || reported === "")
        return verdict(true, `image ${release.platform}, the device reports none`)
    return verdict(reported === release.platform, `device ${reported}, image ${release.platform}`)
}

function scope(_device: DeviceFacts, { rollout }: Candidate): Verdict {
    if (rollout.scope === "all") return verdict(true, "the rollout is for all devices")
    return rollout.listed ? verdict(true, "the device is listed") : verdict(false, "the device is not listed in the rollout")
}

/** An image that failed once is not tried again; a new rollout of the same release is the way to try again. */
function notFailedBefore(_device: DeviceFacts, { task }: Candidate): Verdict {
    if (task === null || task.state !== "failed") return verdict(true, "the rollout has not failed on this device")
    const status = task.status === null ? "" : ` (status ${task.status})`
    return verdict(false, `failed before: ${task.reason || "no reason given"}${status}`)
}

function notExpired(_device: DeviceFacts, { release }: Candidate, nowS: number): Verdict {
    if (release.expiresS === 0) return verdict(true, "the image does not expire")
    const date = new Date(release.expiresS * 1000).toISOString()
    return nowS < release.expiresS
        ? verdict(true, `the image expires on ${date}`)
        : verdict(false, `the image expired on ${date}`)
}

/** The blank policy: SemVer 2.0.0 precedence, item 11. */
function policy(device: DeviceFacts, { release }: Candidate): Verdict {
    if (release.policy !== "") return verdict(false, "the release's policy cannot be evaluated by this version of the cloud")
    if (device.version === "") return verdict(false, "the device has not reported a version yet")
    if (!versionValid(device.version)) return verdict(false, `the device's version ${device.version} is not a semantic version`)
    const order = versionCompare(device.version, release.version)
    const words = order < 0 ? "lower than" : order === 0 ? "the same as" : "higher than"
    return verdict(order < 0, `device ${device.version} is ${words} release ${release.version}`)
}

/** The image's own `requires`: the range of versions that it may replace. */
function requirement(device: DeviceFacts, { release }: Candidate): Verdict {
    if (release.requires === "") return verdict(true, "the image replaces any version")
    const ok = versionValid(device.version) && versionSatisfies(device.version, release.requires)
    return verdict(ok, `device ${device.version || "unknown"}, the image replaces ${release.requires}`)
}

const CHECKS: readonly (readonly [string, Check])[] = [
    ["device-claimed", deviceClaimed],
    ["release-enabled", releaseEnabled],
    ["product", product],
    ["platform", platform],
    ["scope", scope],
    ["not-failed-before", notFailedBefore],
    ["not-expired", notExpired],
    ["policy", policy],
    ["requirement", requirement],
]

/** The names of the checks in their order. */
export const CHECK_NAMES: readonly string[] = CHECKS.map(([name]) => name)

/**
 * Puts every check to a device and a candidate. All of them run, so that an explanation shows each.
 * `nowS` is Unix time in seconds.
 */
export function match(device: DeviceFacts, candidate: Candidate, nowS: number): Match {
    const checks = CHECKS.map(([check, run]) => ({ check, ...run(device, candidate, nowS) }))
    return { candidate, ok: checks.every(({ ok }) => ok), checks }
}

/** Why a match does not hold: its first failing check; "" when it holds. */
export function matchReason(result: Match): string {
    const failing = result.checks.find(({ ok }) => !ok)
    return failing === undefined ? "" : `${failing.check}: ${failing.detail}`
}
