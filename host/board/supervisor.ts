// The power supply and the watchdog of a board whose flash is in a folder: runs it in a process of its own.

import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { createBackoff } from "./backoff"
import type { ResetCause } from "./board"
import { BoardError } from "./board-error"
import { boardPaths } from "./board-folder"
import { takeLock } from "./lock"
import type { BoardMessage, ChildMessage } from "./messages"

/** What makes a supervisor. */
export interface SupervisorOptions {
    /** The board's folder, installed. */
    readonly folder: string
    /** The built host/board/child.ts; default: board-child.js beside the running bundle. */
    readonly childPath?: string
    /** Everything that the board and its power tell. */
    readonly onMessage?: (this: void, message: BoardMessage) => void
    /** Ms behind the board's own watchdog, which gets the chance to reset without the loss of the process. Default 1000. */
    readonly graceMs?: number
    /** Longest watchdog in ms, whatever the board asks for: chips have such a limit too. Default: none. */
    readonly watchdogMsMax?: number
    /** Ms in which the board's process must have started its first boot. Default 20000. */
    readonly startMs?: number
    /** Shortest wait in ms before the power comes back; it doubles for as long as the process lives short. Default 50. */
    readonly backoffMs?: number
    /** Where the last words of a process that crashes go. Default "inherit". */
    readonly stderr?: "inherit" | "ignore"
}

/** A board under supervision. */
export interface Supervisor {
    /** Switches the power on. Errors: BoardError BOARD_LOCKED when the folder is in use, BOARD_START when the child is not built. */
    start(this: void): void
    /** Cuts the power for good; resolves when the board's process is gone and the folder is free. */
    stop(this: void): Promise<void>
    /** Process id of the board's process; 0 when there is none. */
    pid(this: void): number
}

const GRACE_MS_DEFAULT = 1000
const START_MS_DEFAULT = 20_000
const BACKOFF_MS_DEFAULT = 50
/** Heap of a board in MiB: an image that eats memory ends its own process, not the host. */
const HEAP_MIB = 256

/** One process of a board. Its end is told once, whichever way it came. */
interface BoardProcess {
    readonly child: ChildProcess
    /** Cuts its power. */
    kill(this: void): void
}

/** What is started, and where its last words go. */
interface Launch {
    readonly path: string
    readonly args: string[]
    readonly stderr: "inherit" | "ignore"
}

function launch(
    { path, args, stderr }: Launch,
    hear: (message: ChildMessage) => void,
    ended: (reason: string) => void,
): BoardProcess {
    const child = fork(path, args, {
        execArgv: [`--max-old-space-size=${HEAP_MIB}`],
        stdio: ["pipe", "ignore", stderr, "ipc"],
    })
    let isOver = false
    const end = (reason: string): void => {
        if (isOver) return
        isOver = true
        ended(reason)
    }
    child.on("message", message => {
        if (!isOver) hear(message as ChildMessage)
    })
    // A start that failed is told here, and "exit" may not follow.
    child.on("error", error => end(`its process failed: ${error.message}`))
    child.on("exit", (code, signal) => end(`its process ended (${signal ?? `exit ${code}`})`))
    return { child, kill: () => void child.kill("SIGKILL") }
}

/** A dog of which at most one leap is ahead. */
interface Watchdog {
    /** Bites after `delayMs` unless it is fed or called off. */
    wait(this: void, delayMs: number, reason: string): void
    /** Bites when nothing feeds it within `timeoutS` and the grace; 0 calls it off. */
    feed(this: void, timeoutS: number): void
}

function createWatchdog(options: SupervisorOptions, bite: (reason: string) => void): Watchdog {
    const { graceMs = GRACE_MS_DEFAULT, watchdogMsMax = Infinity } = options
    let timer: NodeJS.Timeout | undefined
    const wait = (delayMs: number, reason: string): void => {
        clearTimeout(timer)
        timer = setTimeout(() => bite(reason), delayMs)
    }
    return {
        wait,
        feed(timeoutS) {
            clearTimeout(timer)
            const timeoutMs = Math.min(timeoutS * 1000, watchdogMsMax)
            if (timeoutMs > 0) wait(timeoutMs + graceMs, `watchdog not fed for ${timeoutMs / 1000} s`)
        },
    }
}

/** Refuses to start what was not built. */
function checkChild(path: string): void {
    if (existsSync(path)) return
    const message = `the program of a board's process is missing: ${path}`
    throw new BoardError("BOARD_START", message, "build it with `npm run build`")
}

/** Creates a supervisor; the power is off until start(). */
export function createSupervisor(options: SupervisorOptions): Supervisor {
    const { folder, startMs = START_MS_DEFAULT } = options
    const childPath = options.childPath ?? join(__dirname, "board-child.js")
    const tell = options.onMessage ?? (() => undefined)
    const watchdog = createWatchdog(options, reason => bite(reason))
    let restart: NodeJS.Timeout | undefined
    let board: BoardProcess | undefined
    let isWanted = false
    const backoff = createBackoff(options.backoffMs ?? BACKOFF_MS_DEFAULT)
    let cause: ResetCause = "power"
    let release: () => void = () => undefined
    const whenGone: (() => void)[] = []

    const bite = (reason: string): void => {
        tell({ kind: "log", line: `supervisor: ${reason}, the board is reset` })
        cause = "watchdog"
        board?.kill()
    }
    const hear = (message: ChildMessage): void => {
        tell(message)
        if (message.kind === "boot") watchdog.feed(0)
        if (message.kind === "watchdog") watchdog.feed(message.timeoutS)
        if (message.kind !== "failed" && message.kind !== "wish") return
        isWanted = message.kind === "wish" && message.wish === "restart"
        board?.kill()
    }
    const powerOn = (): void => {
        const startedMs = performance.now()
        board = launch({ path: childPath, args: [folder, cause], stderr: options.stderr ?? "inherit" }, hear, reason =>
            ended(reason, performance.now() - startedMs),
        )
        cause = "power"
        watchdog.wait(startMs, `no boot within ${startMs} ms`)
        tell({ kind: "power", isOn: true, reason: `process ${board.child.pid ?? 0}` })
    }
    const ended = (reason: string, livedMs: number): void => {
        board = undefined
        watchdog.feed(0)
        tell({ kind: "power", isOn: false, reason })
        if (!isWanted) return settle()
        restart = setTimeout(powerOn, backoff.next(livedMs))
    }
    const settle = (): void => {
        release()
        release = () => undefined
        for (const resolve of whenGone.splice(0)) resolve()
    }
    return {
        start() {
            if (isWanted || board !== undefined) return
            checkChild(childPath)
            release = takeLock(boardPaths(folder).lock, `the board in ${folder}`).release
            isWanted = true
            backoff.clear()
            powerOn()
        },
        stop() {
            isWanted = false
            clearTimeout(restart)
            return new Promise(resolve => {
                whenGone.push(resolve)
                // The power is cut: nothing on a board may count on a farewell.
                if (board === undefined) settle()
                else board.kill()
            })
        },
        pid: () => board?.child.pid ?? 0,
    }
}
