// Restarts within an update: one that makes the board restart again and again is given up for now, so that the cloud hears of it.

import { state, stateSave } from "./agent-state"
import { most, numberIn } from "./bytes"
import { UPDATE_RESTARTS_MAX } from "./constants"

/** Boots in a row in which the update under way began, this one included; 0 while none is under way. */
let boots = 0
/** The furthest byte of its image at which it began. */
let furthest = 0

function save(update: string): void {
    state().begun = update + " " + furthest + " " + boots
    stateSave()
}

/** Counts this boot, once. Before the update is open: from then on a full files area takes no note. */
export function attemptBegin(update: string): void {
    if (boots > 0) return
    const begun = state().begun
    const blank = begun.indexOf(" ", update.length + 1)
    furthest = 0
    if (begun.substring(0, update.length + 1) === update + " ") {
        furthest = most(numberIn(begun, update.length + 1, blank), 0)
        boots = most(numberIn(begun, blank + 1, begun.length), 0)
    }
    boots = boots + 1
    save(update)
}

/**
 * Whether `update`, open at byte `offset` of its image, may go on: not when it began at no later one in UPDATE_RESTARTS_MAX boots before,
 * none of which told how it ended. Whatever restarts the board would do so again.
 */
export function attemptMayGoOn(update: string, offset: number): boolean {
    if (offset > furthest) {
        furthest = offset
        boots = 1
        save(update)
    }
    return boots <= UPDATE_RESTARTS_MAX
}

/** The update has ended otherwise than by a restart; in RAM until stateSave. */
export function attemptEnd(): void {
    boots = 0
    state().begun = ""
}

/** The update waits for its time, or has nothing to do: a restart from now on is none of its doing. */
export function attemptRest(): void {
    if (state().begun === "") return
    attemptEnd()
    stateSave()
}
