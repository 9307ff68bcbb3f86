// The note that a running cloud leaves in `.otary/cloud.json`, so that commands in the same folder find it without being told.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Folder, below the current one, of everything that the command line keeps. */
export const LOCAL_FOLDER = ".otary"

/** Where a cloud of this machine runs. */
export interface LocalCloud {
    readonly url: string
    /** Absolute path of its data folder, which holds admin.token. */
    readonly data: string
    /** Process that runs it. */
    readonly pid: number
}

function notePath(cwd: string): string {
    return join(cwd, LOCAL_FOLDER, "cloud.json")
}

/** The cloud that was started in this folder; undefined when none is noted. */
export function readLocalCloud(cwd: string): LocalCloud | undefined {
    try {
        const { url, data, pid } = JSON.parse(readFileSync(notePath(cwd), "utf8")) as Partial<LocalCloud>
        if (typeof url === "string" && typeof data === "string" && typeof pid === "number") return { url, data, pid }
    } catch {
        // No note, or none that can be read: the same as none.
    }
    return undefined
}

/** Notes a cloud of this process; another one that is noted is forgotten. */
export function writeLocalCloud(cwd: string, cloud: Omit<LocalCloud, "pid">): void {
    const path = notePath(cwd)
    mkdirSync(join(cwd, LOCAL_FOLDER), { recursive: true })
    writeFileSync(`${path}.${process.pid}`, `${JSON.stringify({ ...cloud, pid: process.pid })}\n`)
    renameSync(`${path}.${process.pid}`, path)
}

/** Removes the note of this process's cloud. */
export function forgetLocalCloud(cwd: string): void {
    if (readLocalCloud(cwd)?.pid === process.pid) rmSync(notePath(cwd), { force: true })
}

/** The API token in a data folder; "" when it cannot be read. */
export function readAdminToken(data: string): string {
    try {
        return readFileSync(join(data, "admin.token"), "utf8").trim()
    } catch {
        return ""
    }
}
