// Where the embedded database lies: its cluster, its socket, and the password, written down in <dataDir>/database.json.

import { createHash, randomBytes } from "node:crypto"
import {
    chmodSync,
    chownSync,
    existsSync,
    lstatSync,
    mkdirSync,
    mkdtempSync,
    readFileSync,
    readdirSync,
    realpathSync,
} from "node:fs"
import { renameSync, rmSync, rmdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SHARED_FOLDER, canUse, type DatabaseUser } from "./user"

/** Longest path of a socket that every system takes (macOS: 103 characters). */
const SOCKET_PATH_CHARS_MAX = 103
const SOCKET_NAME = ".s.PGSQL.5432"
const OWNER_FILE = "data-folder"
const FOLDER_MODE = 0o700

/** What <dataDir>/database.json holds. */
export interface Place {
    /** Folder of the database; `data` in it is the cluster. */
    folder: string
    /** Name of the user that runs the database; null for the user of the cloud. */
    user: string | null
    /** Password of the database's one role. */
    password: string
}

function digest(text: string): string {
    return createHash("sha256").update(text).digest("hex").slice(0, 16)
}

function inside(folder: string, path: string): boolean {
    return path.startsWith(`${folder}/`)
}

/** A folder that only the database's user can enter. */
function makeFolder(folder: string, user: DatabaseUser | null): void {
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
    chmodSync(folder, FOLDER_MODE)
    if (user !== null) chownSync(folder, user.uid, user.gid)
}

/** Removes databases of temporary data folders that are gone, so that tests and demos leave nothing behind. */
function sweep(): void {
    for (const name of existsSync(SHARED_FOLDER) ? readdirSync(SHARED_FOLDER) : []) {
        const note = join(SHARED_FOLDER, name, OWNER_FILE)
        if (!existsSync(note)) continue
        const dataDir = readFileSync(note, "utf8")
        if (inside(realpathSync(tmpdir()), dataDir) && !existsSync(dataDir))
            rmSync(join(SHARED_FOLDER, name), { recursive: true, force: true })
    }
}

/** A folder outside of the data folder, for a user that cannot enter that. */
function sharedFolder(dataDir: string, user: DatabaseUser): string {
    mkdirSync(SHARED_FOLDER, { recursive: true, mode: 0o755 })
    sweep()
    const folder = join(SHARED_FOLDER, `${digest(dataDir)}-${randomBytes(4).toString("hex")}`)
    makeFolder(folder, user)
    writeFileSync(join(folder, OWNER_FILE), dataDir, { mode: 0o600 })
    return folder
}

function chooseFolder(dataDir: string, user: DatabaseUser | null): string {
    const folder = join(dataDir, "postgres")
    makeFolder(folder, user)
    if (user === null || canUse(folder, user)) return folder
    rmdirSync(folder)
    return sharedFolder(dataDir, user)
}

/** Writes a file as a whole: another name first, then the right one. */
function writeWhole(path: string, text: string): void {
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
}

/** The database's place: as written down, or chosen and written down now. `dataDir` exists. */
export function findPlace(dataDir: string, user: DatabaseUser | null): Place {
    const file = join(dataDir, "database.json")
    if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Place
    const folder = chooseFolder(realpathSync(dataDir), user)
    const place = { folder, user: user?.name ?? null, password: randomBytes(24).toString("base64url") }
    writeWhole(file, `${JSON.stringify(place, null, 4)}\n`)
    return place
}

/** A folder of that name that is ours and closed to others. */
function ours(folder: string, user: DatabaseUser | null): boolean {
    const stat = lstatSync(folder)
    return stat.isDirectory() && stat.uid === (user?.uid ?? process.getuid?.()) && (stat.mode & 0o077) === 0
}

/**
 * The folder of the database's socket, made if needed: in its place, or below the temporary folder where that path is too long.
 */
export function socketFolder(place: Place, user: DatabaseUser | null): string {
    const near = join(place.folder, "socket")
    if (join(near, SOCKET_NAME).length <= SOCKET_PATH_CHARS_MAX) {
        makeFolder(near, user)
        return near
    }
    const short = join(tmpdir(), `otary-${digest(place.folder)}`)
    if (!existsSync(short)) makeFolder(short, user)
    if (ours(short, user)) return short
    const other = mkdtempSync(join(tmpdir(), "otary-"))
    makeFolder(other, user)
    return other
}

/** Removes the socket's folder after the server has ended, so that none is left below the temporary folder. */
export function removeSocketFolder(folder: string): void {
    try {
        rmdirSync(folder)
    } catch {
        // It is not empty, or gone: nothing depends on it.
    }
}
