// Which of the matching rollouts a device takes: the highest version first (Ioto's rule).

import { versionCompare } from "../../../firmware/version"
import { match, matchReason } from "./match"
import type { Candidate, DeviceFacts, Match } from "./types"

/** What a device is to do now, with the checks that led to it. */
export interface Decision {
    chosen: Candidate | null
    /** One sentence for people. */
    reason: string
    /** Every candidate's checks, in the order of choice. */
    matches: Match[]
}

/** Order of choice: higher version first; of equal versions the newer rollout (ids sort by time). */
export function choiceOrder(a: Candidate, b: Candidate): number {
    const byVersion = versionCompare(b.release.version, a.release.version)
    if (byVersion !== 0) return byVersion
    return a.rollout.id < b.rollout.id ? 1 : a.rollout.id > b.rollout.id ? -1 : 0
}

/** Decides over all candidates of a device. `nowS` is Unix time in seconds. */
export function decide(device: DeviceFacts, candidates: readonly Candidate[], nowS: number): Decision {
    const matches = [...candidates].sort(choiceOrder).map(candidate => match(device, candidate, nowS))
    const first = matches.find(({ ok }) => ok)
    return { chosen: first?.candidate ?? null, reason: decisionReason(matches, first), matches }
}

function decisionReason(matches: Match[], first: Match | undefined): string {
    if (first !== undefined) return `release ${first.candidate.release.version} is the highest that matches`
    const highest = matches[0]
    if (highest === undefined) return "the product has no releases"
    return `no release matches; the highest, ${highest.candidate.release.version}, fails at ${matchReason(highest)}`
}
