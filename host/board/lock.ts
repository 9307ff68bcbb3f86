// One process at a time: a lock file that a killed owner leaves behind without harm.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { BoardError } from "./board-error"

/** A lock that is held. */
export interface Lock {
    release(this: void): void
}

/** Times that a lock whose owner is gone is taken over before another process is believed to be faster. */
const TAKEOVERS_MAX = 10

/** Who holds a lock: process id and, where the system tells, the time of its start, because ids are used again. */
function describeProcess(pid: number): string {
    return `${pid} ${startTime(pid)}`.trim()
}

/** Fields of /proc/<pid>/stat behind the name, which may hold blanks and parentheses itself (proc(5)). */
function statFields(pid: number): string[] {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
        return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    } catch {
        return []
    }
}

/** Start of a process in ticks since the system's boot (field 22); "" where /proc does not tell. */
function startTime(pid: number): string {
    return statFields(pid)[19] ?? ""
}

function isAlive(owner: string): boolean {
    const pid = Number(owner.split(" ")[0])
    if (!Number.isInteger(pid) || pid <= 0) return false
    try {
        process.kill(pid, 0)
    } catch (error) {
        // EPERM: it lives, but belongs to another user.
        if ((error as NodeJS.ErrnoException).code !== "EPERM") return false
    }
    const [state = ""] = statFields(pid)
    // A dead process whose parent does not ask for its end stays as a zombie.
    return state !== "Z" && state !== "X" && describeProcess(pid) === owner
}

function readOwner(path: string): string {
    try {
        return readFileSync(path, "utf8").trim()
    } catch {
        return ""
    }
}

/** Makes `path` with `owner` in it, whole or not at all. Returns false when it is there already. */
function create(path: string, owner: string): boolean {
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, `${owner}\n`)
    try {
        linkSync(temporary, path)
        return true
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
        throw error
    } finally {
        rmSync(temporary, { force: true })
    }
}

/** Takes the lock of a dead owner away. Another process may do the same: what was taken by mistake is put back. */
function removeStale(path: string, stale: string): void {
    const taken = `${path}.stale.${process.pid}`
    try {
        renameSync(path, taken)
        if (readOwner(taken) !== stale) linkSync(taken, path)
    } catch (error) {
        const code = (error as NodeJS.ErrnoException).code
        if (code !== "ENOENT" && code !== "EEXIST") throw error
    } finally {
        rmSync(taken, { force: true })
    }
}

/**
 * Takes the lock at `path`. `what` names what it guards, for the message.
 * Errors: BoardError BOARD_LOCKED when a living process holds it.
 */
export function takeLock(path: string, what: string): Lock {
    const own = describeProcess(process.pid)
    let owner = ""
    for (let tries = 0; tries < TAKEOVERS_MAX; tries++) {
        if (create(path, own)) return { release: () => release(path, own) }
        owner = readOwner(path)
        if (owner !== "" && isAlive(owner)) break
        removeStale(path, owner)
    }
    const message = `${what} is in use by process ${owner.split(" ")[0]} (lock ${path})`
    throw new BoardError("BOARD_LOCKED", message, "stop that process, or name another data folder")
}

function release(path: string, own: string): void {
    if (readOwner(path) === own) rmSync(path, { force: true })
}

/** takeLock, but waits up to `waitMs` for an owner that is about to end. Errors as takeLock's. */
export async function waitForLock(path: string, what: string, waitMs: number): Promise<Lock> {
    const endMs = performance.now() + waitMs
    for (;;) {
        try {
            return takeLock(path, what)
        } catch (error) {
            if (!(error instanceof BoardError) || performance.now() >= endMs) throw error
        }
        await new Promise(resolve => setTimeout(resolve, 20))
    }
}
