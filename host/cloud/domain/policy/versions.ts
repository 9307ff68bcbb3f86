// Versions as policies see them, remembered: a fleet has few, and parsing one takes longer than all the rest of a policy.

import { VERSION_BYTES_MAX, versionCompare, versionValid } from "../../../../firmware/version"
import { VERSIONS_KEPT_MAX } from "./limits"

/** Major, minor and patch. */
export type VersionCore = readonly [number, number, number]

/** A function whose answers are kept. Texts too long to be a version are not. */
function remembered<Answer>(answerOf: (text: string) => Answer): (text: string) => Answer {
    const kept = new Map<string, Answer>()
    return text => {
        const known = kept.get(text)
        if (known !== undefined) return known
        const answer = answerOf(text)
        if (kept.size === VERSIONS_KEPT_MAX) kept.clear()
        if (text.length <= VERSION_BYTES_MAX) kept.set(text, answer)
        return answer
    }
}

/** What is asked about versions. */
export interface Versions {
    /** -1, 0 or 1 by SemVer 2.0.0, item 11; NaN when either is not a version. */
    compare(this: void, a: string, b: string): number
    /** The three numbers; null for what is not a version. */
    coreOf(this: void, version: string): VersionCore | null
}

function coreOf(version: string): VersionCore | null {
    if (!versionValid(version)) return null
    const [major, minor, patch] = version.split(/[.+-]/, 3).map(Number)
    return [major!, minor!, patch!]
}

/** Creates a memory of versions. */
export function createVersions(): Versions {
    const against = remembered((b: string) => {
        const valid = versionValid(b)
        return remembered((a: string) => (valid && versionValid(a) ? versionCompare(a, b) : NaN))
    })
    return { compare: (a, b) => against(b)(a), coreOf: remembered(coreOf) }
}
