// What the command line has of the world outside: streams, environment, folder, and the wish to stop.

import type { Readable, Writable } from "node:stream"

/** A stream that may be a terminal. */
export interface TerminalStream extends Pick<Writable, "write"> {
    readonly isTTY?: boolean
    readonly columns?: number
    readonly rows?: number
    on?(event: "resize", listener: () => void): unknown
    off?(event: "resize", listener: () => void): unknown
}

/** The outside of one run of the command line. */
export interface Io {
    readonly stdin: Readable & { readonly isTTY?: boolean }
    readonly stdout: TerminalStream
    readonly stderr: TerminalStream
    readonly env: Readonly<Record<string, string | undefined>>
    /** The folder that relative paths and `.otary` count from. */
    readonly cwd: string
    /** A signal that aborts when the user, or the system, wants the command to end (SIGINT, SIGTERM). */
    stopSignal(this: void): AbortSignal
}

/**
 * Installed once it is asked for: commands that do not ask end at once, as everywhere. Later signals are taken and dropped, because a
 * terminal and npm both deliver Ctrl-C, and every stop is bounded in time.
 */
function createStopSignal(): () => AbortSignal {
    let controller: AbortController | undefined
    return () => {
        if (controller === undefined) {
            const made = new AbortController()
            for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => made.abort())
            controller = made
        }
        return controller.signal
    }
}

/** The io of this process. */
export function processIo(): Io {
    const { stdin, stdout, stderr, env } = process
    return { stdin, stdout, stderr, env, cwd: process.cwd(), stopSignal: createStopSignal() }
}
