// What an app may import from "otary": the same names on every engine.

import { runningImage } from "./running"
import { ports } from "./ports"

export { checkinNow } from "./agent"
export { updateApply, updateSkip, updateWait } from "./apply-window"
export { bootState, commit, createSnapshot, revert, type BootState } from "./commit"
export { fileList, fileRead, fileRemove, fileWrite } from "./files"
export { deviceProperties } from "./settings"
export {
    rSignal,
    rSignalSync,
    rWatch,
    rWatchOff,
    SIGNAL_CHECKIN,
    SIGNAL_COMMIT,
    SIGNAL_ERROR,
    SIGNAL_PROGRESS,
    SIGNAL_ROLLBACK,
    SIGNAL_UPDATE,
    type SignalProc,
} from "./signals"

/** Version of the running image. */
export function version(): string {
    return runningImage().version
}

/** Writes a line to the board's console. */
export function log(line: string): void {
    ports.board.log(line)
}

/** Calls `run` once after `delayMs` (0 – 2^31-1). Returns an id > 0 for `cancel`. */
export function after(delayMs: number, run: (this: void) => void): number {
    return ports.clock.after(delayMs, run)
}

/** Takes an `after` back; an id that ran already is no error. */
export function cancel(id: number): void {
    ports.clock.cancel(id)
}

/** Unix time in seconds; 0 while the board does not know it. */
export function nowS(): number {
    return ports.clock.nowS()
}

/** Restarts the board. */
export function reset(): void {
    ports.board.reset()
}
