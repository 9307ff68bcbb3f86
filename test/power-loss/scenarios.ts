// What a board does while faults strike: each scenario is one life's work, repeated after every reset until its goal is reached.

import { STATUS_DONE, STATUS_FILE_NOT_FOUND, STATUS_OK, STATUS_REVERTED } from "../../firmware/status"
import { Violation } from "./chip"
import type { SearchCore } from "./entry"
import { createRandom } from "./faults"
import { IMAGE_FILES, USER_FILES, type Lab } from "./lab"

/** Files by name. */
export type FileModel = Record<string, string>

/** What the test knows across resets; plain data, copied with every snapshot. */
export interface Memory {
    /** Bytes of the image that were fed so far. */
    fedBytes: number
    /** Files whose writes were acknowledged; another object after every change. */
    files: Readonly<FileModel>
    /** The same as a number. */
    filesHash: number
    /** A write that was not acknowledged: the old or the new content is there. `undefined` data: a removal. */
    pending: { readonly name: string; readonly data: string | undefined } | undefined
    /** How far the scenario's own steps came. */
    step: number
    /** Stops of a download before the scenario began. */
    stops: number
}

/** Notes that the file `name` holds `data`, or is gone. */
export function fileNote(memory: Memory, name: string, data: string | undefined): void {
    const files = { ...memory.files }
    if (data === undefined) delete files[name]
    else files[name] = data
    memory.files = files
    memory.filesHash = 0
    for (const [other, content] of Object.entries(files)) memory.filesHash += hashOfFile(other, content)
}

/** A number for a file. Contents that scenarios write differ in their length, their first 16 characters, or their last one. */
export function hashOfFile(name: string, data: string | undefined): number {
    const text = data === undefined ? `${name} is gone` : `${name}=${data.length} ${data.slice(0, 16)}${data.slice(-1)}`
    let hash = 1
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1) ^ (hash >>> 15)
    return hash
}

/** One life, behind a good boot. */
export interface Life {
    readonly lab: Lab
    readonly core: SearchCore
    /** Which app runs. */
    readonly isNew: boolean
    readonly memory: Memory
    /** Whether a fault that leaves power on has struck in this life: errors are then no surprise. */
    readonly mayFail: () => boolean
    /** Whether no fault destroys what cannot be had again. */
    readonly isStrict: boolean
}

/** A scenario. */
export interface Scenario {
    readonly name: string
    /** Brings a board from the factory to where the scenario starts, without faults. */
    prepare(lab: Lab): Memory
    /** One life's work. Returns whether the goal is reached; false: the board is reset. */
    live(life: Life): boolean
    /** Image whose download is counted: a cut costs one block of it at most. */
    readonly image?: "full" | "app" | "delta"
}

/** Piece of the image that one call takes. */
export const CHUNK_BYTES = 1024

/** Fails the case unless a fault explains the status. Returns whether the status is the wanted one. */
function isWanted(life: Life, what: string, got: number, wanted: number): boolean {
    if (got === wanted) return true
    if (life.mayFail()) return false
    throw new Violation(`${what} answered ${got} instead of ${wanted}`)
}

function options(identity: string) {
    return { identity, updateId: "u1", commitTimeoutS: 60, sizeBytes: 0, ignoreSameVersion: false }
}

const pieces = new WeakMap<Buffer, Map<number, string>>()

/** Bytes [at, to) of an image as a text; kept, since every case feeds the same ones. */
function pieceOf(image: Buffer, at: number, to: number): string {
    let kept = pieces.get(image)
    if (kept === undefined) pieces.set(image, (kept = new Map()))
    const key = at * CHUNK_BYTES + (to - at - 1)
    let piece = kept.get(key)
    if (piece === undefined) kept.set(key, (piece = image.toString("latin1", at, to)))
    return piece
}

/** Downloads, up to `endBytes`. Returns whether the image is whole. */
function download(life: Life, image: Buffer, endBytes = image.length): boolean {
    const { core, memory } = life
    if (!isWanted(life, "updaterContextCreate", core.updaterContextCreate(options("id")), STATUS_OK)) return false
    let status: number = STATUS_OK
    for (let at = core.updaterResumeOffset(); at < endBytes && status === STATUS_OK; at += CHUNK_BYTES) {
        const to = Math.min(at + CHUNK_BYTES, image.length)
        memory.fedBytes += to - at
        status = core.updaterProcess(pieceOf(image, at, to))
    }
    return isWanted(life, "updaterProcess", status, endBytes < image.length ? STATUS_OK : STATUS_DONE) && status === STATUS_DONE
}

function update(life: Life, image: Buffer): boolean {
    if (life.isNew) return isWanted(life, "commit", life.core.commit(), STATUS_OK)
    if (download(life, image)) isWanted(life, "updaterFinish", life.core.updaterFinish(), STATUS_OK)
    return false
}

/** Writes or removes a file; the model follows once the call is back. */
export function changeFile(life: Life, name: string, data: string | undefined): boolean {
    const { core, memory } = life
    memory.pending = { name, data }
    const status = data === undefined ? core.fileRemove(name) : core.fileWrite(name, data)
    const isGone = data === undefined && status === STATUS_FILE_NOT_FOUND && (memory.files[name] === undefined || !life.isStrict)
    if (!isGone && !isWanted(life, `writing ${name}`, status, STATUS_OK)) return false
    memory.pending = undefined
    fileNote(memory, name, data)
    return true
}

function fresh(files: FileModel = {}): Memory {
    const memory: Memory = { fedBytes: 0, files: {}, filesHash: 0, pending: undefined, step: 0, stops: 0 }
    for (const [name, data] of Object.entries(files)) fileNote(memory, name, data)
    return memory
}

function calmLife(lab: Lab, isNew: boolean, memory: Memory): Life {
    const core = lab.start(lab.load())
    core.runningInstall({ name: "demo", version: isNew ? "1.1.0" : "1.0.0", build_id: isNew ? "b2" : "b1", security: 0 })
    core.filesMount()
    return { lab, core, isNew, memory, mayFail: () => false, isStrict: true }
}

function installed(lab: Lab): Memory {
    lab.install(USER_FILES)
    return fresh(USER_FILES)
}

/** A board on trial. */
function pending(lab: Lab): Memory {
    const memory = installed(lab)
    update(calmLife(lab, false, memory), lab.images.full)
    return fresh(USER_FILES)
}

/** Most of a download, stopped. */
function halfDone(image: Buffer, lab: Lab): Memory {
    const memory = installed(lab)
    download(calmLife(lab, false, memory), image, Math.floor(image.length * 0.6))
    memory.stops = 1
    return memory
}

/** A board whose files area is nearly full of old versions. */
function worn(lab: Lab): Memory {
    const memory = installed(lab)
    const life = calmLife(lab, false, memory)
    const room = lab.geometry.filesBytes
    const data = "#".repeat(Math.min(room / 16, 60000))
    for (let i = 0; i < 11; i++) changeFile(life, "log", i + data)
    return memory
}

/** User files that were changed before an update. */
function busy(lab: Lab): Memory {
    const memory = installed(lab)
    const life = calmLife(lab, false, memory)
    changeFile(life, "user.txt", "changed")
    changeFile(life, "empty", undefined)
    changeFile(life, "a/b", "x".repeat(300))
    return memory
}

/** Whether any scenario ever writes `data` as the file `name`. */
export function isKnownContent(name: string, data: string): boolean {
    if (data === USER_FILES[name] || data === IMAGE_FILES[name]) return true
    if (name === "user.txt") return data === "changed"
    if (name === "a/b") return data === "x".repeat(300)
    if (name === "boots") return /^fed \d+$/.test(data)
    if (name === "a") return data === "" || data === "\xff".repeat(70)
    return name === "log" && /^(\d+#*|1+|2+|3+|4+|5+)$/.test(data)
}

function writeSteps(life: Life): boolean {
    const { memory, lab } = life
    const size = Math.min(lab.geometry.filesBytes / 16, 60000)
    const steps: [string, string | undefined][] = [
        ["log", "1".repeat(size)],
        ["page.html", undefined],
        ["log", "2".repeat(size)],
        ["a", "\xff".repeat(70)],
        ["log", "3".repeat(size)],
        ["log", "4".repeat(size)],
        ["a", ""],
        ["log", "5".repeat(size)],
    ]
    for (; memory.step < steps.length; memory.step++) {
        const [name, data] = steps[memory.step]!
        if (!changeFile(life, name, data)) return false
    }
    return true
}

/** Operations on user files in one random scenario. */
export const FILE_OPERATIONS = 40

/** Random writes and removals: every step is made from the seed and its number, so that it is the same after a reset. */
export function randomFiles(seed: number): Scenario {
    const live = (life: Life): boolean => {
        const { memory, lab } = life
        for (; memory.step < FILE_OPERATIONS; memory.step++) {
            const random = createRandom(seed + memory.step * 7919)
            const name = ["a", "b", "c/d", "user.txt", "long-name".repeat(6)][random.below(5)]!
            // With program units of 256 bytes, seven files of this size are all that 8 KiB hold.
            const most = [8, 70, 600, lab.geometry.filesBytes / 16][random.below(4)]!
            const data = String.fromCharCode(random.below(256)).repeat(random.below(Math.min(most, 9000)))
            if (!changeFile(life, name, random.below(4) === 0 ? undefined : data)) return false
        }
        return true
    }
    return { name: "random files", prepare: installed, live }
}

function snapshot(life: Life): boolean {
    const { core, memory } = life
    const state = core.bootState()
    if (state !== undefined && !state.isCommitted) {
        if (isWanted(life, "commit", core.commit(), STATUS_OK)) memory.step = 1
        return false
    }
    if (memory.step === 1) return true
    const slot = core.createSnapshot(true, 60)
    if (slot < 0) isWanted(life, "createSnapshot", slot, 0)
    return false
}

/** Every scenario. */
export const SCENARIOS: readonly Scenario[] = [
    { name: "update with files", prepare: busy, live: life => update(life, life.lab.images.full), image: "full" },
    { name: "update of the app alone", prepare: installed, live: life => update(life, life.lab.images.app), image: "app" },
    { name: "update without block lists", prepare: installed, live: life => update(life, life.lab.images.plain) },
    {
        name: "continued download",
        prepare: lab => halfDone(lab.images.full, lab),
        live: life => update(life, life.lab.images.full),
        image: "full",
    },
    { name: "first boot and commit", prepare: pending, live: life => update(life, life.lab.images.full), image: "full" },
    {
        name: "trials used up",
        prepare: pending,
        live: life => !life.isNew,
    },
    {
        name: "revert",
        prepare: pending,
        live(life) {
            if (life.isNew) isWanted(life, "revert", life.core.revert(STATUS_REVERTED), STATUS_OK)
            return !life.isNew
        },
    },
    { name: "snapshot", prepare: busy, live: snapshot },
    { name: "files and compaction", prepare: worn, live: writeSteps },
    {
        name: "update while files are written",
        prepare: busy,
        live(life) {
            if (!life.isNew && !changeFile(life, "boots", `fed ${life.memory.fedBytes}`)) return false
            return update(life, life.lab.images.full)
        },
    },
    { name: "update by a delta", prepare: busy, live: life => update(life, life.lab.images.delta), image: "delta" },
    {
        name: "continued delta",
        prepare: lab => halfDone(lab.images.delta, lab),
        live: life => update(life, life.lab.images.delta),
        image: "delta",
    },
]

/** The files that a board must have: after an update the image's, and those of the user that it lacks. */
export function filesWanted(memory: Memory, isNew: boolean): FileModel {
    return isNew ? { ...memory.files, ...IMAGE_FILES } : memory.files
}
