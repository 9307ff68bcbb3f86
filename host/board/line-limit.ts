// Keeps a board that prints without end from flooding those who watch it.

import type { Clock } from "../../firmware/ports"

/** Lines that pass in one second. */
const LINES_PER_S_MAX = 200

/** Passes lines on to `print`, up to 200 a second; says afterwards how many it dropped. */
export function createLineLimit(print: (line: string) => void, clock: Clock): (line: string) => void {
    let second = -1
    let lines = 0
    return line => {
        const now = Math.floor(clock.upMs() / 1000)
        if (now !== second) {
            if (lines > LINES_PER_S_MAX)
                print(`(${lines - LINES_PER_S_MAX} lines dropped: more than ${LINES_PER_S_MAX} a second)`)
            second = now
            lines = 0
        }
        lines += 1
        if (lines <= LINES_PER_S_MAX) print(line)
    }
}
