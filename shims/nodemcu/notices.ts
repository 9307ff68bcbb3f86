// What a board tells on its console for people and programs: the running version, and the agent's signals as they come.

import {
    rWatch,
    SIGNAL_CHECKIN,
    SIGNAL_COMMIT,
    SIGNAL_ERROR,
    SIGNAL_PROGRESS,
    SIGNAL_ROLLBACK,
    SIGNAL_UPDATE,
} from "../../firmware/signals"
import { print } from "./modules"

/** One value out of a signal's argument: the percent, the new version, or the status. */
interface SignalArgument {
    version?: string
    status?: number
}

function valueOf(arg: unknown): string {
    if (arg === undefined) return ""
    if (typeof arg === "number") return " " + arg
    const found = arg as SignalArgument
    if (found.version !== undefined) return " " + found.version
    if (found.status !== undefined) return " " + found.status
    return ""
}

function notice(name: unknown, arg: unknown): void {
    print("otary: " + (name as string) + valueOf(arg))
}

/** Prints the running version now, and every signal of the agent: lines of `otary: NAME VALUE`. */
export function noticesStart(version: string): void {
    print("otary: version " + version)
    const names = [SIGNAL_CHECKIN, SIGNAL_UPDATE, SIGNAL_PROGRESS, SIGNAL_COMMIT, SIGNAL_ROLLBACK, SIGNAL_ERROR]
    for (let k = 0; k < names.length; k++) rWatch(names[k], notice, names[k])
}
