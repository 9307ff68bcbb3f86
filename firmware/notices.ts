// What a board tells those who watch it from outside: the running version, and the agent's signals as they come.

import { rWatch, SIGNAL_CHECKIN, SIGNAL_COMMIT, SIGNAL_ERROR, SIGNAL_PROGRESS, SIGNAL_ROLLBACK, SIGNAL_UPDATE } from "./signals"

/** Takes a signal's name, or "version", with one value: a version, a percent, a status; "" where there is none. */
export type Tell = (this: void, name: string, value: string | number) => void

interface SignalArgument {
    version?: string
    status?: number
}

let tell: Tell

/** Tells the running version now, and every signal of the agent from now on. */
export function noticesStart(version: string, newTell: Tell): void {
    tell = newTell
    tell("version", version)
    const names = [SIGNAL_CHECKIN, SIGNAL_UPDATE, SIGNAL_PROGRESS, SIGNAL_COMMIT, SIGNAL_ROLLBACK, SIGNAL_ERROR]
    for (let k = 0; k < names.length; k++) rWatch(names[k], notice, names[k])
}

function notice(name: unknown, arg: unknown): void {
    tell(name as string, valueOf(arg))
}

function valueOf(arg: unknown): string | number {
    if (arg === undefined) return ""
    if (typeof arg === "number") return arg
    const found = arg as SignalArgument
    if (found.version !== undefined) return found.version
    if (found.status !== undefined) return found.status
    return ""
}
