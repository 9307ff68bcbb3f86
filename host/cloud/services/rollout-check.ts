// Whether a rollout's knobs are within their limits and go together.

import type { Gate, Knobs, Limits, Rate, RolloutMode, Scope } from "../domain/rollout"
import * as limit from "../limits"
import { Problem, type ProblemIssue } from "../problems"

/** Collects what is wrong. */
type Report = (path: string, message: string) => void

function whole(report: Report, path: string, value: number, min: number, max: number): void {
    if (!Number.isInteger(value) || value < min || value > max) report(path, `a whole number from ${min} to ${max}`)
}

function checkRate(report: Report, rate: Rate): void {
    if (rate === null) return
    if (rate.kind === "constant") return whole(report, "rate.perMinute", rate.perMinute, limit.RATE_CONSTANT_MIN, limit.RATE_MAX)
    whole(report, "rate.base", rate.base, limit.RATE_BASE_MIN, limit.RATE_MAX)
    whole(report, "rate.factorHundredths", rate.factorHundredths, limit.RATE_FACTOR_MIN, limit.RATE_FACTOR_MAX)
    whole(report, "rate.max", rate.max, limit.RATE_CEILING_MIN, limit.RATE_MAX)
    whole(report, "rate.after", rate.after, 1, limit.RATE_AFTER_MAX)
    if (rate.max < rate.base) report("rate.max", "not below rate.base")
}

function checkWindow(report: Report, { startAtS, endAtS }: Knobs["window"], nowS: number): void {
    if (startAtS !== null) {
        const [min, max] = [nowS + limit.START_AFTER_MIN_S, nowS + limit.START_AFTER_MAX_S]
        if (!Number.isInteger(startAtS) || startAtS < min || startAtS > max)
            report("window.startAtS", "5 minutes to 7 days ahead")
    }
    if (endAtS === null) return
    const start = startAtS ?? nowS
    const [min, max] = [start + limit.WINDOW_MIN_S, start + limit.WINDOW_MAX_S]
    if (!Number.isInteger(endAtS) || endAtS < min || endAtS > max) report("window.endAtS", "1 hour to 30 days after the start")
}

function checkLimits(report: Report, { devicesMax, devicesPercent, perPeriod }: Limits): void {
    if (devicesMax !== null) whole(report, "limits.devicesMax", devicesMax, 1, 2 ** 31 - 1)
    if (devicesPercent !== null && !(devicesPercent > 0 && devicesPercent <= 100)) {
        report("limits.devicesPercent", "above 0, 100 at most")
    }
    if (perPeriod === null) return
    whole(report, "limits.perPeriod.count", perPeriod.count, 1, 2 ** 31 - 1)
    whole(report, "limits.perPeriod.periodS", perPeriod.periodS, 60, limit.PERIOD_MAX_S)
}

function checkTimes(report: Report, knobs: Knobs): void {
    const isLong = knobs.workTimeoutS === limit.WORK_TIMEOUT_LONG_S && knobs.retry.delayS === limit.WORK_TIMEOUT_MAX_S
    if (!isLong) whole(report, "workTimeoutS", knobs.workTimeoutS, limit.WORK_TIMEOUT_MIN_S, limit.WORK_TIMEOUT_MAX_S)
    whole(report, "ackTimeoutS", knobs.ackTimeoutS, limit.ACK_TIMEOUT_MIN_S, limit.STATE_TIMEOUT_MAX_S)
    whole(report, "ackRetriesMax", knobs.ackRetriesMax, 0, limit.ACK_RETRIES_MAX)
    for (const name of ["probationTimeoutS", "queueTimeoutS", "confirmTimeoutS"] as const) {
        whole(report, name, knobs[name], limit.ACK_TIMEOUT_MIN_S, limit.STATE_TIMEOUT_MAX_S)
    }
    const { countMax, delayS } = knobs.retry
    if (!limit.RETRY_COUNTS.includes(countMax)) report("retry.countMax", `one of ${limit.RETRY_COUNTS.join(", ")}`)
    if (!limit.RETRY_DELAYS_S.includes(delayS)) report("retry.delayS", `one of ${limit.RETRY_DELAYS_S.join(", ")}`)
    if (countMax > 0 && delayS > 0 && delayS >= knobs.workTimeoutS) report("retry.delayS", "shorter than workTimeoutS")
}

function checkTags(report: Report, tags: Record<string, string>): void {
    const entries = Object.entries(tags)
    if (entries.length > limit.TAGS_MAX) report("tags", `${limit.TAGS_MAX} tags at most`)
    let chars = 0
    for (const [name, value] of entries) {
        chars += name.length + value.length
        if (!limit.TAG_NAME.test(name)) report(`tags.${name.slice(0, 30)}`, "a name of 1 to 30 letters, digits and dots")
        if (value.length < 1 || value.length > limit.TAG_CHARS_MAX) report(`tags.${name.slice(0, 30)}`, "1 to 1024 characters")
    }
    if (chars > limit.TAGS_CHARS_MAX) report("tags", `${limit.TAGS_CHARS_MAX} characters at most in all`)
}

function checkGates(report: Report, gates: Gate[]): void {
    if (gates.length > limit.GATES_MAX) report("gates", `${limit.GATES_MAX} gates at most`)
    gates.forEach((gate, index) => {
        whole(report, `gates.${index}.devices`, gate.devices, (gates[index - 1]?.devices ?? 0) + 1, 2 ** 31 - 1)
        whole(report, `gates.${index}.succeeded`, gate.succeeded, 0, gate.devices)
        const percent = gate.failedPercentMax
        if (!(percent >= 0 && percent <= 100)) report(`gates.${index}.failedPercentMax`, "0 to 100")
    })
}

function namesOf(scope: Scope): string[] | null {
    if (scope.kind === "groups") return scope.groups
    if (scope.kind === "regions") return scope.regions
    return scope.kind === "tags" ? scope.tags : null
}

function checkScope(report: Report, mode: RolloutMode, scope: Scope): void {
    const names = namesOf(scope)
    if (names !== null) {
        if (names.length < 1 || names.length > limit.SCOPE_NAMES_MAX || !names.every(name => limit.LABEL.test(name))) {
            report(`scope.${scope.kind}`, `1 to ${limit.SCOPE_NAMES_MAX} names`)
        }
    }
    if (scope.kind !== "percent") return
    if (!(scope.percent > 0 && scope.percent <= 100)) report("scope.percent", "above 0, 100 at most")
    if (mode !== "snapshot") report("scope.percent", "a snapshot: take limits.devicesPercent for a continuous rollout")
}

function checkTogether(report: Report, mode: RolloutMode, knobs: Knobs): void {
    if (knobs.multiModule && knobs.override) report("override", "not together with multiModule")
    if (mode === "snapshot" && knobs.newReportsOnly) report("newReportsOnly", "a continuous rollout")
    if (knobs.verification && mode !== "snapshot") report("verification", "a snapshot")
    if (knobs.sourceVersions.length > limit.SOURCE_VERSIONS_MAX) report("sourceVersions", `${limit.SOURCE_VERSIONS_MAX} at most`)
    whole(report, "matchesMax", knobs.matchesMax, 1, limit.MATCHES_MAX)
    whole(report, "approvals", knobs.approvals, 0, limit.APPROVALS_MAX)
    whole(report, "onlineS", knobs.onlineS, 0, limit.STATE_TIMEOUT_MAX_S)
    if (knobs.pendingMax !== null) whole(report, "pendingMax", knobs.pendingMax, 1, 2 ** 31 - 1)
    const percent = knobs.failuresPercentMax
    if (percent !== null && !(percent >= 0 && percent <= 100)) report("failuresPercentMax", "0 to 100")
}

function collect(place: string, run: (report: Report) => void): void {
    const issues: ProblemIssue[] = []
    run((path, message) => issues.push({ path: place + path, message }))
    if (issues.length > 0)
        throw new Problem("field_invalid", "Some knobs of the rollout are out of their limits; see issues.", issues)
}

/** Whether a list of source versions lets versions in that the one before did not; an empty list is every version. */
function grows(before: readonly string[], after: readonly string[]): boolean {
    if (before.length === 0) return false
    return after.length === 0 || after.some(version => !before.includes(version))
}

/** Checks the knobs, `where` apart; `place` is what their paths begin with. */
function checkKnobs(place: string, mode: RolloutMode, knobs: Knobs): void {
    collect(place, report => {
        checkRate(report, knobs.rate)
        checkLimits(report, knobs.limits)
        checkTimes(report, knobs)
        checkTags(report, knobs.tags)
        checkGates(report, knobs.gates)
        checkTogether(report, mode, knobs)
    })
}

/** Checks knobs that were edited while a rollout runs. A static rollout may not grow (Alibaba). Throws Problem `field_invalid`. */
export function checkEdited(mode: RolloutMode, before: Knobs, knobs: Knobs): void {
    checkKnobs("", mode, knobs)
    collect("", report => {
        if (mode === "snapshot" && grows(before.sourceVersions, knobs.sourceVersions))
            report("sourceVersions", "versions that the snapshot was made with: it does not grow")
    })
}

/** Checks a rollout that is about to be made. `nowS` is Unix time in seconds. Throws Problem `field_invalid`. */
export function checkRollout(mode: RolloutMode, scope: Scope, knobs: Knobs, nowS: number): void {
    checkKnobs("knobs.", mode, knobs)
    collect("knobs.", report => checkWindow(report, knobs.window, nowS))
    collect("", report => checkScope(report, mode, scope))
}

/**
 * A dynamic rollout says which versions it may replace (Alibaba): by source versions, or by an expression of its own or of the release
 * (Ioto). Throws Problem `field_invalid`.
 */
export function checkDynamic(mode: RolloutMode, knobs: Knobs, policy: string): void {
    if (mode !== "continuous" || knobs.sourceVersions.length > 0 || knobs.where.trim() !== "" || policy.trim() !== "") return
    const issue = { path: "knobs.sourceVersions", message: "at least one version, or a condition in `where`" }
    throw new Problem("field_invalid", "A dynamic rollout has to say which versions it replaces.", [issue])
}
