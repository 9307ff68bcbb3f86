// Mirrors the agent's signals to `global.otaryNotify`, where someone defined it before the image started: an emulated board does.

import {
    rWatch,
    SIGNAL_CHECKIN,
    SIGNAL_COMMIT,
    SIGNAL_ERROR,
    SIGNAL_PROGRESS,
    SIGNAL_ROLLBACK,
    SIGNAL_UPDATE,
} from "../../firmware/signals"

/** Takes a signal's name, or "version", with a number or text. */
type Notify = (name: string, value: string | number) => void

declare const global: { otaryNotify?: Notify }

/** One value out of a signal's argument: the percent, the new version, or the status; "" for signals without one. */
function valueOf(arg: unknown): string | number {
    if (typeof arg === "number") return arg
    if (arg === undefined) return ""
    const told = arg as { version?: string; status?: number }
    return told.version ?? told.status ?? ""
}

/** Tells the running version now, and every signal of the agent as it comes. */
export function notifyStart(version: string): void {
    const notify = global.otaryNotify
    if (notify === undefined) return
    notify("version", version)
    const mirrored = [SIGNAL_CHECKIN, SIGNAL_UPDATE, SIGNAL_PROGRESS, SIGNAL_COMMIT, SIGNAL_ROLLBACK, SIGNAL_ERROR]
    for (let i = 0; i < mirrored.length; i++) rWatch(mirrored[i], mirror, mirrored[i])
}

function mirror(name: unknown, arg: unknown): void {
    global.otaryNotify!(name as string, valueOf(arg))
}
