// Which one-time keys of a tree are spent: a log that only grows, and a second record of it that a copied-back log cannot hide from.

import { randomBytes } from "node:crypto"
import * as nodeFs from "node:fs"
import { dirname } from "node:path"
import { PackError } from "./errors"

/** The file functions that keys use; tests put something between them and the disk. */
export type KeyFs = Pick<
    typeof nodeFs,
    "closeSync" | "existsSync" | "fsyncSync" | "mkdirSync" | "openSync" | "readFileSync" | "writeSync"
>

/** Where a key's spent leaves are written down. */
export interface KeyLog {
    readonly fs: KeyFs
    /** The log: a record of RECORD_BYTES for each spent leaf, the one of leaf N at N × RECORD_BYTES. */
    readonly statePath: string
    /** The second record, apart from the key's folder: `leaf nonce` on each line. */
    readonly markPath: string
    /** Leaves of the tree. */
    readonly leaves: number
}

const NONCE_BYTES = 16
/** Time (20), nonce (32) and SHA-256 of the message (64), with two blanks and an end of line. */
const RECORD_BYTES = 119
const NONCE_AT = 21
const MARK_LINE = /^(\d+) ([0-9a-f]{32})$/

/** Makes a folder's own entries durable. Windows has no such call and needs none. */
function syncFolder(fs: KeyFs, folder: string): void {
    if (process.platform === "win32") return
    const file = fs.openSync(folder, "r")
    try {
        fs.fsyncSync(file)
    } finally {
        fs.closeSync(file)
    }
}

/** Writes `bytes` through to the disk, with the file's name. `flag` is "a" to append, "wx" for a file that must be new. Throws KEY_FILE. */
export function writeSynced(fs: KeyFs, path: string, flag: "a" | "wx", bytes: Uint8Array): void {
    try {
        fs.mkdirSync(dirname(path), { recursive: true })
        const file = fs.openSync(path, flag, 0o600)
        try {
            // One call: where the system appends, it does so at the end of that moment.
            const written = bytes.length === 0 ? 0 : fs.writeSync(file, bytes)
            if (written !== bytes.length) throw new Error("the disk is full")
            fs.fsyncSync(file)
        } finally {
            fs.closeSync(file)
        }
        syncFolder(fs, dirname(path))
    } catch (error) {
        throw new PackError(
            "KEY_FILE",
            `cannot write ${path}: ${(error as Error).message}`,
            "keys belong on a local disk with room",
        )
    }
}

const readText = ({ fs }: KeyLog, path: string): string | undefined =>
    fs.existsSync(path) ? fs.readFileSync(path, "latin1") : undefined

/** Whatever lies in a record's place counts as spent, half a record too: its signature was not given away, but might have been. */
function spentOf(state: string): number {
    return Math.ceil(state.length / RECORD_BYTES)
}

interface Mark {
    readonly leaf: number
    readonly nonce: string
}

function marksOf(text: string): Mark[] {
    return text.split("\n").flatMap(line => {
        const match = MARK_LINE.exec(line)
        return match === null ? [] : [{ leaf: Number(match[1]), nonce: match[2]! }]
    })
}

const highest = (marks: readonly Mark[]): number => marks.reduce((most, { leaf }) => Math.max(most, leaf), -1)

function copiedBack(log: KeyLog): PackError {
    return new PackError(
        "KEY_COPIED_BACK",
        `${log.statePath} is older than what this machine remembers of the key: it was restored or copied back, or is missing`,
        "put the newest one back; if it is lost, `otary keygen --adopt KEY` goes on behind the highest leaf that was used here",
    )
}

function moved(log: KeyLog): PackError {
    return new PackError(
        "KEY_MOVED",
        `this machine has no record of the key (${log.markPath}): it was made elsewhere, or by another user`,
        "if no copy of it will ever sign again: `otary keygen --adopt KEY`",
    )
}

function record(at: Date, nonce: string, messageSha256: string): Buffer {
    return Buffer.from(`${at.toISOString().slice(0, 19)}Z ${nonce} ${messageSha256}\n`, "latin1")
}

/** A line break comes first, so that the rest of a torn line stays apart. */
const markLine = (leaf: number, nonce: string): Buffer => Buffer.from(`\n${leaf} ${nonce}`, "latin1")

/** Begins the log of a new key. Throws KEY_FILE when one of the files is there. */
export function keyLogCreate(log: KeyLog): void {
    writeSynced(log.fs, log.statePath, "wx", Buffer.alloc(0))
    writeSynced(log.fs, log.markPath, "wx", Buffer.alloc(0))
}

/** How many leaves are spent. Throws KEY_COPIED_BACK or KEY_MOVED when that cannot be believed. */
export function keyLogSpent(log: KeyLog): number {
    // The mark is read first: the log only grows, so that another process at work cannot make it look older.
    const mark = readText(log, log.markPath)
    const state = readText(log, log.statePath)
    if (mark === undefined) throw moved(log)
    if (state === undefined || highest(marksOf(mark)) >= spentOf(state)) throw copiedBack(log)
    return spentOf(state)
}

/**
 * Takes the next leaf for a message: both records are on the disk before this returns, and no other call, in whatever process, ever
 * returns the same leaf. There is no lock that a killed process could leave behind: the system puts each appended record in a place
 * of its own, and the place is the leaf.
 * Throws KEY_USED_UP, KEY_COPIED_BACK, KEY_MOVED or KEY_FILE.
 */
export function keyLogTake(log: KeyLog, messageSha256: string, at: Date): number {
    if (keyLogSpent(log) >= log.leaves) throw usedUp(log)
    const nonce = randomBytes(NONCE_BYTES).toString("hex")
    writeSynced(log.fs, log.statePath, "a", record(at, nonce, messageSha256))
    const place = readText(log, log.statePath)!.indexOf(nonce) - NONCE_AT
    // A shared folder without real appending may have put another record over this one.
    if (place < 0) throw copiedBack(log)
    // Behind a torn record, places are no multiples any more; they stay a record's length apart, so no two round to one leaf.
    const leaf = Math.ceil(place / RECORD_BYTES)
    if (leaf >= log.leaves) throw usedUp(log)
    writeSynced(log.fs, log.markPath, "a", markLine(leaf, nonce))
    const first = marksOf(readText(log, log.markPath)!).find(mark => mark.leaf === leaf)
    if (first?.nonce !== nonce) throw copiedBack(log)
    return leaf
}

function usedUp(log: KeyLog): PackError {
    const message = `all ${log.leaves} one-time keys of ${log.statePath.replace(/\.state$/, "")} are spent`
    return new PackError("KEY_USED_UP", message, "make a new key; docs/signing.md tells how boards get it")
}

/**
 * Makes this machine the key's home: its log and what the machine remembers are brought to the higher of both.
 * Returns the leaves that are spent then. Throws KEY_MOVED when there is neither, KEY_FILE.
 */
export function keyLogAdopt(log: KeyLog, at: Date): number {
    const mark = readText(log, log.markPath)
    const state = readText(log, log.statePath)
    if (state === undefined && mark === undefined) throw moved(log)
    const spent = Math.max(spentOf(state ?? ""), highest(marksOf(mark ?? "")) + 1)
    const nonce = randomBytes(NONCE_BYTES).toString("hex")
    const missing = spent * RECORD_BYTES - (state ?? "").length
    const filler = record(at, nonce, "0".repeat(64)).toString("latin1")
    writeSynced(
        log.fs,
        log.statePath,
        "a",
        Buffer.from(filler.repeat(Math.ceil(missing / RECORD_BYTES)).slice(0, missing), "latin1"),
    )
    writeSynced(log.fs, log.markPath, "a", spent === 0 ? Buffer.alloc(0) : markLine(spent - 1, nonce))
    return spent
}
