// Who runs the embedded database: PostgreSQL refuses root, so root lends it an unprivileged user that exists.

import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"

/** Folder of root for what the database's user must reach, when the data folder is closed to it. */
export const SHARED_FOLDER = "/var/lib/otary"

/** Users that root lends the database, the best first. */
const NAMES = ["postgres", "nobody"]
const CHECK_TIMEOUT_MS = 10_000

/** An entry of the system's user list. */
export interface DatabaseUser {
    name: string
    uid: number
    gid: number
}

/** The first of `names` in a user list in the format of passwd(5); null when there is none, or it is root itself. */
export function userIn(passwd: string, names: readonly string[] = NAMES): DatabaseUser | null {
    for (const name of names) {
        const fields = passwd
            .split("\n")
            .find(line => line.startsWith(`${name}:`))
            ?.split(":")
        const user = { name, uid: Number(fields?.[2]), gid: Number(fields?.[3]) }
        if (user.uid > 0 && user.gid > 0) return user
    }
    return null
}

/** The user that runs the database; null when that is the user of this process. Throws when root finds nobody to lend. */
export function databaseUser(): DatabaseUser | null {
    if (process.getuid?.() !== 0) return null
    const user = userIn(readFileSync("/etc/passwd", "utf8"))
    if (user !== null) return user
    throw new Error(
        `PostgreSQL does not run as root, and this system has none of the users ${NAMES.join(", ")}. ` +
            "Start the cloud as an ordinary user, or name a database with --database-url.",
    )
}

/** Whether `user` can enter `folder` and write there, tried by really doing so. */
export function canUse(folder: string, user: DatabaseUser): boolean {
    const script = 'cd "$1" && test -w .'
    const options = { uid: user.uid, gid: user.gid, cwd: "/", timeout: CHECK_TIMEOUT_MS }
    return spawnSync("/bin/sh", ["-c", script, "sh", folder], options).status === 0
}
