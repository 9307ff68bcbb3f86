// What becomes of a device when a snapshot is written down.

import { match, matchReason, roleOf } from "./match"
import type { TaskEvent } from "./task-machine"
import type { Candidate, DeviceFacts, Match } from "./types"

/** The first event of a device's task with its reason; null for a device that the snapshot leaves out. */
export interface Admission {
    event: Extract<TaskEvent, "matched" | "matchedToConfirm" | "alreadyThere" | "unmet"> | null
    reason: string
    result: Match
}

/** Decides on one device of the scope. `nowS` is Unix time in seconds. */
export function admit(device: DeviceFacts, candidate: Candidate, nowS: number): Admission {
    const result = match(device, candidate, nowS, true)
    const failing = result.checks.at(-1)
    if (result.ok || failing === undefined) {
        return { event: candidate.rollout.knobs.confirm ? "matchedToConfirm" : "matched", reason: "", result }
    }
    const role = roleOf(failing.check)
    const event = role === "leave" ? null : role === "skip" ? "alreadyThere" : "unmet"
    return { event, reason: matchReason(result), result }
}
