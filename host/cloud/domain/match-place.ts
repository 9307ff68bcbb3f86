// Checks on where a device stands: its product, cloud and module, the rollout's state and scope, and what else is under way.

import { storedPolicy } from "./policy/policy"
import { taskActive, TASK_PENDING_STATES } from "./task-machine"
import { MODULE_DEFAULT, type Candidate, type CheckResult, type DeviceFacts } from "./types"
import { versionOf, versionSame } from "./versions"

/** What a check says. */
export type Verdict = Omit<CheckResult, "check">

/** A named check. `nowS` is Unix time in seconds. */
export type Check = (device: DeviceFacts, candidate: Candidate, nowS: number) => Verdict

/** Most modules of a device that are updated at the same time (Alibaba). */
const MODULES_PARALLEL_MAX = 5

/** The answer of a check. */
export function verdict(ok: boolean, detail: string): Verdict {
    return { ok, detail }
}

/** The device may take updates at all. */
export const deviceClaimed: Check = device =>
    device.claimed ? verdict(true, "the device is claimed") : verdict(false, "the device is not claimed")

/** A paused rollout goes on where it was handed out; a stopping one where it has a task. */
export const rolloutState: Check = (_device, { rollout, task }) => {
    const { state } = rollout
    const active = task !== null && taskActive(task.state)
    const pending = task !== null && TASK_PENDING_STATES.includes(task.state)
    const ok = state === "running" || (state === "stopping" && active) || (state === "paused" && pending)
    return verdict(ok, `the rollout is ${state}`)
}

/** The window is open for new tasks. */
export const windowOpen: Check = (_device, { rollout, task }, nowS) => {
    const { endAtS } = rollout.knobs.window
    if (endAtS === null) return verdict(true, "the rollout has no end")
    const date = new Date(endAtS * 1000).toISOString()
    if (nowS < endAtS) return verdict(true, `the rollout ends on ${date}`)
    const pending = task !== null && TASK_PENDING_STATES.includes(task.state)
    return verdict(pending, `the rollout ended on ${date}`)
}

/** The release is enabled. */
export const releaseEnabled: Check = (_device, { release }) =>
    release.enabled ? verdict(true, "the release is enabled") : verdict(false, "the release is disabled")

/** Device and release are of the same product. */
export const product: Check = (device, { release }) =>
    verdict(device.product === release.product, `device ${device.product}, release ${release.product}`)

/** The release is for the device's cloud. */
export const cloud: Check = (device, { release }) =>
    release.cloud === ""
        ? verdict(true, "the release is for every cloud")
        : verdict(device.cloud === release.cloud, `device ${device.cloud}, release ${release.cloud}`)

/** A module that the device has never reported is not there. */
export const module: Check = (device, { release, rollout }) => {
    const known = release.module === MODULE_DEFAULT || rollout.knobs.skipChecks || versionOf(device, release.module) !== ""
    return verdict(known, known ? `module ${release.module}` : `the device has not reported a module ${release.module}`)
}

/** The release has been tried on one device first, where it has to be. */
export const verified: Check = (_device, { release, rollout }) => {
    if (rollout.knobs.verification) return verdict(true, "this rollout is the verification")
    return release.verified
        ? verdict(true, "no verification is missing")
        : verdict(false, "the release waits for its verification")
}

/** The device is one of those that the rollout is for. */
export const scope: Check = (_device, { rollout }) => {
    if (rollout.scope === "all") return verdict(true, "the rollout is for all devices")
    if (rollout.scope === "devices" || rollout.scope === "percent") {
        return rollout.listed ? verdict(true, "the device is listed") : verdict(false, "the device is not listed in the rollout")
    }
    const what = rollout.scope
    return verdict(rollout.listed, `the device is ${rollout.listed ? "" : "not "}in the rollout's ${what}`)
}

/** A snapshot never grows; a rollout that stops takes no more devices. */
export const joinable: Check = (_device, { rollout, task }) => {
    if (task !== null && taskActive(task.state)) return verdict(true, "the device has a task of the rollout")
    if (rollout.joinable) return verdict(true, "the rollout takes devices")
    return verdict(false, rollout.mode === "snapshot" ? "the device has no open task of the snapshot" : "no device may join")
}

/** The rollout's own condition. */
export const where: Check = (device, { release, rollout }) => {
    const text = rollout.knobs.where
    if (text === "") return verdict(true, "the rollout has no condition")
    const parsed = storedPolicy(text)
    if (!parsed.ok) return verdict(false, `the condition ${text} cannot be read`)
    const version = versionOf(device, release.module)
    const { result, sentence } = parsed.policy.explain({ ...device, version }, release.version)
    return verdict(result, sentence)
}

/** The version is one of those that may be replaced. */
export const sourceVersions: Check = (device, { release, rollout }) => {
    const list = rollout.knobs.sourceVersions
    if (list.length === 0) return verdict(true, "any version may be replaced")
    const version = versionOf(device, release.module)
    const ok = list.some(one => versionSame(one, version))
    return verdict(ok, `device ${version || "unknown"}, source versions ${list.slice(0, 5).join(", ")}`)
}

/** Only devices that reported their version after the rollout was made (Alibaba, dynamicMode 2). */
export const newReports: Check = (device, { rollout }) => {
    if (!rollout.knobs.newReportsOnly) return verdict(true, "new and old reports count")
    const ok = device.versionAtS > rollout.createdAtS
    return verdict(ok, `the version was ${ok ? "" : "not "}first reported after the rollout was made`)
}

/** An image that failed once is not tried again by itself; a new rollout or a retry is the way. */
export const notFailedBefore: Check = (_device, { task }) => {
    if (task === null || task.state !== "failed") return verdict(true, "the rollout has not failed on this device")
    const status = task.status === null ? "" : ` (status ${task.status})`
    return verdict(false, `failed before: ${task.reason || "no reason given"}${status}`)
}

/** At most so many matches of a rollout on a device. */
export const matchesMax: Check = (_device, { rollout, task }) => {
    const most = rollout.knobs.matchesMax
    const matches = task?.matches ?? 0
    const active = task !== null && taskActive(task.state)
    return verdict(active || matches < most, `${matches} matches of ${most}`)
}

/** Work in progress is never overridden; what waits gives way only to a rollout that overrides. */
export const underWay: Check = (_device, { release, rollout, underWay: others = [] }) => {
    const blocking = others.find(other => {
        if (other.rollout === rollout.id) return false
        if (other.module !== release.module) return !rollout.knobs.multiModule
        return other.state === "working" || other.state === "probation" || !rollout.knobs.override
    })
    if (blocking !== undefined) {
        return verdict(false, `version ${blocking.version} of module ${blocking.module} is ${blocking.state} on the device`)
    }
    const modules = new Set(others.map(other => other.module).filter(one => one !== release.module))
    const ok = modules.size < MODULES_PARALLEL_MAX
    return verdict(ok, ok ? "no other update is in the way" : `${modules.size} modules are being updated`)
}

/** The limits of devices leave room; a device that has its task keeps it. */
export const room: Check = (_device, { rollout, task }) => {
    if (rollout.hasRoom) return verdict(true, "the rollout's limits leave room")
    const pending = task !== null && TASK_PENDING_STATES.includes(task.state)
    return verdict(
        pending,
        pending ? "the device is one of those within the limits" : "the rollout's limit of devices is reached",
    )
}
