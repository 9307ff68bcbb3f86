// Mirrors the agent's signals to whoever watches the board from outside.

import {
    rWatch,
    SIGNAL_CHECKIN,
    SIGNAL_COMMIT,
    SIGNAL_ERROR,
    SIGNAL_PROGRESS,
    SIGNAL_ROLLBACK,
    SIGNAL_UPDATE,
} from "../../firmware/signals"
import type { Hardware } from "./hardware"

const MIRRORED = [SIGNAL_CHECKIN, SIGNAL_UPDATE, SIGNAL_PROGRESS, SIGNAL_COMMIT, SIGNAL_ROLLBACK, SIGNAL_ERROR]

/** One value out of a signal's argument: the percent, the new version, or the status; "" for signals without one. */
function valueOf(arg: unknown): string | number {
    if (typeof arg === "number") return arg
    const { version, status } = (arg ?? {}) as { version?: string; status?: number }
    return version ?? status ?? ""
}

/** Tells hardware.notify the running version now, and every signal of the agent as it comes. */
export function notifyStart(hardware: Hardware, version: string): void {
    hardware.notify?.("version", version)
    for (const name of MIRRORED) rWatch(name, (_, arg) => hardware.notify?.(name, valueOf(arg)), undefined)
}
