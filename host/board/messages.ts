// What a board's process tells its supervisor, and what both tell those who watch.

import type { BoardState, ResetCause } from "./board"

/** The board's process → its supervisor. */
export type ChildMessage =
    /** The board starts a boot. */
    | { readonly kind: "boot"; readonly cause: ResetCause; readonly boots: number }
    /** A boot ended; the next one follows in `delayMs`. */
    | { readonly kind: "reset"; readonly cause: ResetCause; readonly delayMs: number }
    /** A line of the board's console. */
    | { readonly kind: "log"; readonly line: string }
    /** What the running image tells about itself: "version", "device:progress" and the other signals. */
    | { readonly kind: "event"; readonly name: string; readonly value: string | number }
    /** The watchdog was fed and bites in `timeoutS`; 0: it is off. */
    | { readonly kind: "watchdog"; readonly timeoutS: number }
    /** The update script wants the agent to end, or to be started anew; the flip is done. */
    | { readonly kind: "wish"; readonly wish: "exit" | "restart" }
    /** The board cannot be started at all, and starting again would not help. */
    | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly hint: string }

/** What a supervisor tells of its board: everything that the board's process says, and what happens to its power. */
export type BoardMessage =
    | ChildMessage
    /** The board's process started or ended; `reason` is for people. */
    | { readonly kind: "power"; readonly isOn: boolean; readonly reason: string }

/** What a watcher needs to draw a board, gathered from its messages. */
export interface BoardView {
    readonly state: BoardState
    /** Version that runs; "" until the image told it. */
    readonly version: string
    /** Progress of an update under way in percent; -1 when there is none. */
    readonly progressPercent: number
}

/** A board of which nothing was heard yet. */
export const BOARD_VIEW_FIRST: BoardView = { state: "off", version: "", progressPercent: -1 }

/** The view after one more message. */
export function boardViewNext(view: BoardView, message: BoardMessage): BoardView {
    switch (message.kind) {
        case "boot":
            return { ...view, state: "running", progressPercent: -1 }
        case "reset":
            return { ...view, state: "resetting", progressPercent: -1 }
        case "power":
            return message.isOn ? view : { ...view, state: "off", progressPercent: -1 }
        case "event":
            if (message.name === "version") return { ...view, version: String(message.value) }
            if (message.name === "device:progress") return { ...view, progressPercent: Number(message.value) }
            return view
        default:
            return view
    }
}
