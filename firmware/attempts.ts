// Restarts within an update: one that makes the board restart again and again is given up for now, so that the cloud hears of it.

import { state, stateSave } from "./agent-state"
import { numberIn } from "./bytes"
import { UPDATE_RESTARTS_MAX } from "./constants"

/** Whether the update under way was counted in this boot. */
let isCounted = false

/**
 * Notes that `update` starts at byte `offset` of its image. Returns false when it has done so in UPDATE_RESTARTS_MAX boots before, none of
 * which told how it ended or came further: whatever restarts the board would do so again.
 */
export function attemptBegin(update: string, offset: number): boolean {
    const kept = state()
    if (isCounted) return true
    isCounted = true
    const head = update + " "
    let furthest = offset
    let boots = 0
    if (kept.begun.substring(0, head.length) === head) {
        const blank = kept.begun.indexOf(" ", head.length)
        const noted = numberIn(kept.begun, head.length, blank)
        if (noted >= offset) {
            furthest = noted
            boots = numberIn(kept.begun, blank + 1, kept.begun.length)
        }
    }
    if (boots >= UPDATE_RESTARTS_MAX) return false
    kept.begun = head + furthest + " " + (boots + 1)
    stateSave()
    return true
}

/** The update has ended otherwise than by a restart; in RAM until stateSave. */
export function attemptEnd(): void {
    isCounted = false
    state().begun = ""
}
