// One run of the real Espruino: from a start in a board's folder to its end, which is a reset; its console tells what happens.

import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join, resolve } from "node:path"
import { BoardError } from "../board-error"

/**
 * A shell between this process and Espruino: it waits for the end of its stdin, whose other end this process holds, and then
 * kills Espruino. So no Espruino outlives this process, however that dies. Espruino's own stdin (3) stays open and silent:
 * at an end of file it would read rubbish.
 */
const GUARD = `exec 4<&0
"$@" <&3 4<&- & board=$!
{ read _; kill -9 $board; } <&4 3<&- >/dev/null 2>&1 & guard=$!
exec 3<&- 4<&-
wait $board; status=$?
kill $guard 2>/dev/null
exit $status`
/** What Espruino's console says of itself at every start. */
const BANNER = /^( ____ |\|[ _|.-]|\|____| +\|_\| espruino| 2v|Espruino is Open Source|only by sales of|http:\/\/espruino\.com)/
/** What only terminals understand (ECMA-48, control sequences). */
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, "g")
/** Longest line of a console, in characters. */
const LINE_CHARS_MAX = 1000

/** The Espruino for Linux to run: the environment's ESPRUINO, else `espruino` on the PATH; "" when there is none. */
export function findEspruino(env: NodeJS.ProcessEnv = process.env): string {
    const named = env["ESPRUINO"] ?? ""
    if (named !== "") return existsSync(named) ? resolve(named) : ""
    const places = (env["PATH"] ?? "").split(delimiter).map(folder => join(folder, "espruino"))
    return places.find(existsSync) ?? ""
}

/** As findEspruino. Errors: BoardError BOARD_START when there is none. */
export function requireEspruino(env: NodeJS.ProcessEnv = process.env): string {
    const path = findEspruino(env)
    if (path !== "") return path
    throw new BoardError(
        "BOARD_START",
        "there is no Espruino for Linux on the PATH, and ESPRUINO names none",
        "build one from github.com/espruino/Espruino (make), and set ESPRUINO to the path of the program",
    )
}

/** A run under way. */
export interface EspruinoRun {
    /** Cuts the power: Espruino is killed at once. */
    kill(this: void): void
    /** Resolves with the exit status when it has ended; -1 when a signal ended it. */
    readonly ended: Promise<number>
}

/** Splits a console's output into lines; what the console adds for terminals is left out. */
function createLines(hear: (line: string) => void): (text: string) => void {
    let held = ""
    return text => {
        const lines = (held + text).split(/\r?\n|\r/)
        held = lines.pop()!.slice(-LINE_CHARS_MAX)
        for (const line of lines) {
            const plain = line.replace(ESCAPES, "").replace(/^>?(\[J)?/, "")
            if (plain.trim() !== "" && !BANNER.test(plain)) hear(plain.slice(0, LINE_CHARS_MAX))
        }
    }
}

/** Starts Espruino with `args` in `folder`, whose espruino.flash it uses; every line of its console goes to `hear`. */
export function runEspruino(binary: string, args: readonly string[], folder: string, hear: (line: string) => void): EspruinoRun {
    const child = spawn("sh", ["-c", GUARD, "sh", binary, ...args], { cwd: folder, stdio: ["pipe", "pipe", "ignore", "pipe"] })
    const lines = createLines(hear)
    child.stdout!.setEncoding("latin1").on("data", lines)
    // Whoever ends first, a pipe that breaks is no news.
    child.stdin!.on("error", () => undefined)
    const ended = new Promise<number>(settle => {
        child.on("error", () => settle(-1))
        child.on("close", code => {
            lines("\n")
            // Shells tell of a signal by a status above 128.
            settle(code === null || code > 128 ? -1 : code)
        })
    })
    return { kill: () => void child.stdin!.end(), ended }
}
