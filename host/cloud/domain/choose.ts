// Which of the matching rollouts a device takes.

import { versionCompare } from "../../../firmware/version"
import { match, matchReason } from "./match"
import type { Candidate, Choice, DeviceFacts, Match } from "./types"

/** What a device is to do now, with the checks that led to it. */
export interface Decision {
    chosen: Candidate | null
    /** One sentence for people. */
    reason: string
    /** Every candidate's checks, in the order of choice. */
    matches: Match[]
}

/** The newer rollout first: ids sort by time. */
function newerFirst(a: Candidate, b: Candidate): number {
    return a.rollout.id < b.rollout.id ? 1 : a.rollout.id > b.rollout.id ? -1 : 0
}

/** Order of choice: higher version first (Ioto), or group-based and newest first (Alibaba); of equal ones the newer rollout. */
export function choiceOrder(a: Candidate, b: Candidate, choice: Choice = "version"): number {
    if (choice === "version") return versionCompare(b.release.version, a.release.version) || newerFirst(a, b)
    return Number(b.rollout.scope === "groups") - Number(a.rollout.scope === "groups") || newerFirst(a, b)
}

/**
 * Decides over all candidates of a device. `nowS` is Unix time in seconds; `firstOnly` as in match: the same decision, without the
 * checks that nobody is going to read.
 */
export function decide(
    device: DeviceFacts,
    candidates: readonly Candidate[],
    nowS: number,
    { choice = "version", firstOnly = false }: { choice?: Choice; firstOnly?: boolean } = {},
): Decision {
    const sorted = [...candidates].sort((a, b) => choiceOrder(a, b, choice))
    const matches = sorted.map(candidate => match(device, candidate, nowS, firstOnly))
    const first = matches.find(({ ok }) => ok)
    return { chosen: first?.candidate ?? null, reason: decisionReason(matches, first, choice), matches }
}

function decisionReason(matches: Match[], first: Match | undefined, choice: Choice): string {
    const superlative = choice === "version" ? "highest" : "newest"
    if (first !== undefined) return `release ${first.candidate.release.version} is the ${superlative} that matches`
    const top = matches[0]
    if (top === undefined) return "the product has no releases"
    return `no release matches; the ${superlative}, ${top.candidate.release.version}, fails at ${matchReason(top)}`
}
