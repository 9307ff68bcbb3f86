// Flash that fails at any operation of any call: the call says so, a whole image boots, files are there, and the next try succeeds.

import * as status from "../../firmware/status"
import { bootSlot, createRig, feed, install, slotBytes, startCore, updateOptions, type Core, type Rig } from "./core"
import { chipSave, failing, PowerCut, type Failure } from "./failing-flash"
import { imageOf, seededBytes, sha256Hex } from "./images"

const OLD = seededBytes(5000, 1)
const NEW = seededBytes(9001, 2)
const USER = "mine ".repeat(20)
const SMALL = { appBytes: 12288, filesBytes: 16384, journalBytes: 16384 }
const LARGE = {
    eraseBytes: 65536,
    programBytes: 32,
    appBytes: 65536,
    filesBytes: 131072,
    journalBytes: 262144,
    loaderBytes: 65536,
}
const KINDS = ["error", "dead", "silent", "torn", "blink", "blind"] as const

/** A call under test: what it starts from, what it does, and which statuses may come of it. */
interface Work {
    readonly name: string
    readonly geometry?: Parameters<typeof createRig>[0]
    readonly prepare?: (core: Core) => void
    readonly run: (core: Core) => number
    readonly mayBe: readonly number[]
    /** Attempts after which the image must be in: 2 where good neighbours of a torn block must be fetched again. */
    readonly attempts?: number
    /** Every how many operations of a sort fail in turn: where units are large, there are many alike. */
    readonly stride?: number
}

const update =
    (image: Buffer) =>
    (core: Core): number => {
        const begun = core.updater.updaterContextCreate(updateOptions(sha256Hex(image)))
        if (begun !== status.STATUS_OK) return begun
        const result = feed(core, image, 1000)
        return result === status.STATUS_DONE ? core.updater.updaterFinish() : result
    }

const FULL = imageOf({ app: NEW, files: { page: "new page" } })
const PLAIN = imageOf({ app: NEW, files: { page: "new page" }, hasLists: false })
const { STATUS_OK, STATUS_FLASH, STATUS_NO_BOOT_RECORD } = status
const FLASH_ONLY = [STATUS_OK, STATUS_FLASH, STATUS_NO_BOOT_RECORD]
const UPDATE_MAY = [
    ...FLASH_ONLY,
    status.STATUS_BLOCK_HASH,
    status.STATUS_PART_HASH,
    status.STATUS_FILES_FORMAT,
    status.STATUS_PAGE_HASH,
]

const WORKS: readonly Work[] = [
    { name: "update", run: update(FULL), mayBe: UPDATE_MAY },
    { name: "update without block lists", run: update(PLAIN), mayBe: UPDATE_MAY },
    { name: "update, large units", geometry: LARGE, run: update(imageOf({ app: NEW })), mayBe: UPDATE_MAY, stride: 3 },
    {
        name: "update, large units, no scratch unit",
        geometry: { ...LARGE, journalBytes: 196608 },
        run: update(FULL),
        mayBe: UPDATE_MAY,
        stride: 3,
        attempts: 2,
    },
    {
        name: "commit",
        prepare: core => void update(FULL)(core),
        run: core => core.commit.commit(),
        mayBe: [...FLASH_ONLY],
    },
    {
        name: "revert",
        prepare: core => void update(FULL)(core),
        run: core => core.commit.revert(status.STATUS_REVERTED),
        // An older record than the newest may be all that can be read.
        mayBe: [...FLASH_ONLY, status.STATUS_NO_REVERT],
    },
    {
        name: "snapshot",
        run: core => Math.min(STATUS_OK, core.commit.createSnapshot(false, 0)),
        mayBe: [...FLASH_ONLY, status.STATUS_SLOT_DAMAGED],
    },
    { name: "write a file", run: core => core.files.fileWrite("new", "x".repeat(5000)), mayBe: FLASH_ONLY },
    { name: "remove a file", run: core => core.files.fileRemove("other"), mayBe: [...FLASH_ONLY, status.STATUS_FILE_NOT_FOUND] },
    {
        name: "compaction",
        prepare: core => {
            for (let i = 0; i < 3; i++) core.files.fileWrite("log", `${i}`.repeat(2000))
        },
        run: core => core.files.fileWrite("log", "last".repeat(500)),
        mayBe: [...FLASH_ONLY, status.STATUS_FILES_FULL],
    },
]

function factory({ geometry, prepare }: Work): Rig {
    const rig = createRig(geometry ?? SMALL)
    install(rig, OLD, { "user.txt": USER, other: "o" })
    prepare?.(startCore(rig))
    return rig
}

/**
 * Boots on a chip that works again: a whole image, the user's file, and the image offered once more ends well. A file that could not be
 * read, three times over, may have been given up.
 */
function recovers(rig: Rig, kind: Failure["kind"], attempts: number): void {
    const slot = bootSlot(rig)
    const isNew = slot >= 0 && slotBytes(rig, slot, NEW.length).equals(NEW)
    expect([slot === 0 || slot === 1, isNew || slotBytes(rig, slot, OLD.length).equals(OLD)]).toEqual([true, true])
    const core = startCore(rig, { name: "demo", version: isNew ? "1.1.0" : "1.0.0", build_id: isNew ? "b2" : "b1", security: 0 })
    const mayBe = kind === "blink" || kind === "blind" ? [USER, undefined] : [USER]
    expect(mayBe).toContain(core.files.fileRead("user.txt"))
    expect(core.commit.commit()).toBe(STATUS_OK)
    if (isNew) return
    const results = Array.from({ length: attempts }, () => update(FULL)(core))
    expect(results).toContain(STATUS_OK)
}

/** Runs a work on a board whose chip fails. Returns how many operations the chip has counted. */
function attempt(work: Work, rig: Rig, failure: Failure): number {
    const { flash, count } = failing(rig, failure)
    try {
        const result = work.run(startCore({ ...rig, flash }))
        if (!work.mayBe.includes(result)) throw new Error(JSON.stringify([failure, result]))
    } catch (error) {
        if (!(error instanceof PowerCut)) throw error
    }
    return count()
}

test.each(WORKS)("$name", work => {
    const rig = factory(work)
    const back = chipSave(rig)
    for (const kind of KINDS) {
        let hits = 0
        for (let at = 0; ; at += work.stride ?? 1) {
            back()
            const count = attempt(work, rig, { kind, at })
            if (count <= at) break
            hits += 1
            try {
                recovers(rig, kind, work.attempts ?? 1)
            } catch (e) {
                throw new Error(`${kind} ${at}: ${e}`)
            }
        }
        expect(hits).toBeGreaterThan(2)
    }
})
