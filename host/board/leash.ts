// Ends a board's process together with its supervisor, even while the board's code loops without end.

import { Worker } from "node:worker_threads"

/**
 * What the watching thread runs, as text, since it must not load the board's own modules: it waits for the end of the pipe on
 * stdin, whose other end the supervisor holds and never writes to. That end comes when the supervisor dies, however it dies.
 */
const WATCH = `
const die = () => process.kill(process.pid, "SIGKILL")
const { Socket } = require("node:net")
const pipe = new Socket({ fd: 0, readable: true, writable: false })
pipe.on("error", die).on("close", die).resume()
`

/** Kills this process at once: what a power cut does. */
export function die(): void {
    process.kill(process.pid, "SIGKILL")
}

/** Starts the watch in a thread of its own, because the main thread may be stuck in the board's code. */
export function leashStart(): void {
    const watcher = new Worker(WATCH, { eval: true, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 16 } })
    // A board without its leash could outlive its supervisor.
    watcher.on("error", die)
    watcher.on("exit", die)
    watcher.unref()
}
