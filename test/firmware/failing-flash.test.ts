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
const READ_KINDS: readonly string[] = ["wink", "blink", "blind"]
const TIGHT = { ...LARGE, journalBytes: 196608 }
const KINDS = ["error", "dead", "silent", "torn", "wink", "blink", "blind"] as const

/** A call under test: what it starts from, what it does, and which statuses may come of it. */
interface Work {
    readonly name: string
    readonly geometry?: Parameters<typeof createRig>[0]
    readonly prepare?: (core: Core, rig: Rig) => void
    readonly run: (core: Core) => number
    readonly mayBe: readonly number[]
    /** The image that is offered afterwards. */
    readonly image?: Buffer
    /** Attempts after which it must be in: 2 where good neighbours of a torn block must be fetched again. */
    readonly attempts?: number
    /** Every how many operations of a sort fail in turn: where units are large, there are many alike. */
    readonly stride?: number
}

function update(core: Core, image: Buffer): number {
    const begun = core.updater.updaterContextCreate(updateOptions(sha256Hex(image)))
    if (begun !== status.STATUS_OK) return begun
    const result = feed(core, image, 1000)
    return result === status.STATUS_DONE ? core.updater.updaterFinish() : result
}

const FULL = imageOf({ app: NEW, files: { page: "new page" } })
const PLAIN = imageOf({ app: NEW, files: { page: "new page" }, hasLists: false })
const APP = imageOf({ app: NEW })
const { STATUS_OK, STATUS_FLASH, STATUS_NO_BOOT_RECORD } = status
const FLASH_ONLY = [STATUS_OK, STATUS_FLASH, STATUS_NO_BOOT_RECORD]
const UPDATE_MAY = [
    ...FLASH_ONLY,
    status.STATUS_BLOCK_HASH,
    status.STATUS_PART_HASH,
    status.STATUS_FILES_FORMAT,
    status.STATUS_PAGE_HASH,
]

/** An update, and what follows when writes of its first lives were torn: `torn` counts each life's. */
const updateWork = (name: string, image: Buffer, more: Partial<Work> = {}, torn: readonly number[] = []): Work => ({
    name,
    run: core => update(core, image),
    mayBe: UPDATE_MAY,
    image,
    prepare: (_core, rig) => {
        for (const at of torn) {
            const { flash } = failing(rig, { kind: "torn", at })
            expect(() => update(startCore({ ...rig, flash }), image)).toThrow(PowerCut)
        }
    },
    ...more,
})

const fileWork = (name: string, prepare: Work["prepare"], run: Work["run"], ...more: number[]): Work => ({
    name,
    ...(prepare && { prepare }),
    run,
    mayBe: [...FLASH_ONLY, ...more],
})

/** Log files until the area has room for no other one. */
function fill(core: Core): void {
    for (let i = 0; i < 6; i++) expect(core.files.fileWrite("log", `${i}`.repeat(2200))).toBe(STATUS_OK)
}

/** Writes a file a second time, and loses power at write `at` of it. */
const tornFile =
    (at: number): Work["prepare"] =>
    (core, rig) => {
        core.files.fileWrite("torn", "first")
        const { flash } = failing(rig, { kind: "torn", at })
        expect(() => startCore({ ...rig, flash }).files.fileWrite("torn", "second")).toThrow(PowerCut)
    }

const WORKS: readonly Work[] = [
    updateWork("update", FULL),
    updateWork("update without block lists", PLAIN),
    updateWork("update, large units", APP, { geometry: LARGE, stride: 5 }),
    updateWork("update, large units, a block torn", APP, { geometry: LARGE, stride: 2 }, [9]),
    updateWork("update, large units, a block torn, then its rescue", APP, { geometry: LARGE, stride: 2 }, [9, 5]),
    updateWork("update, large units, a block torn, no scratch unit", FULL, { geometry: TIGHT, attempts: 2, stride: 2 }, [12]),
    fileWork(
        "commit",
        core => void update(core, FULL),
        core => core.commit.commit(),
    ),
    // An older record than the newest may be all that can be read.
    fileWork(
        "revert",
        core => void update(core, FULL),
        core => core.commit.revert(status.STATUS_REVERTED),
        status.STATUS_NO_REVERT,
    ),
    fileWork(
        "snapshot",
        undefined,
        core => Math.min(STATUS_OK, core.commit.createSnapshot(false, 0)),
        status.STATUS_SLOT_DAMAGED,
    ),
    fileWork("write a file", undefined, core => core.files.fileWrite("new", "x".repeat(5000))),
    fileWork("remove a file", undefined, core => core.files.fileRemove("other"), status.STATUS_FILE_NOT_FOUND),
    fileWork("compaction", fill, core => core.files.fileWrite("log", "last".repeat(550)), status.STATUS_FILES_FULL),
    ...[0, 1, 2, 3].map(at => fileWork(`mount, write ${at} of a file torn`, tornFile(at), core => core.files.filesMount())),
    ...[1, 2].map(count =>
        fileWork(
            `boot record, ${count} written before`,
            core => {
                const record = core.bootRecord.bootRecordRead()!
                for (let i = 0; i < count; i++) expect(core.bootRecord.bootRecordWrite(record)).toBe(STATUS_OK)
            },
            core => {
                const record = core.bootRecord.bootRecordRead()
                return record === undefined ? STATUS_NO_BOOT_RECORD : core.bootRecord.bootRecordWrite(record)
            },
        ),
    ),
]

function factory({ geometry, prepare }: Work): Rig {
    const rig = createRig(geometry ?? SMALL)
    install(rig, OLD, { "user.txt": USER, other: "o" })
    prepare?.(startCore(rig), rig)
    return rig
}

/**
 * Boots on a chip that works again: a whole image, the user's file, and the image offered once more ends well. A file that could not be
 * read, three times over, may have been given up.
 */
function recovers(rig: Rig, { kind }: Failure, { image = FULL, attempts = 1 }: Work): void {
    const slot = bootSlot(rig)
    const isNew = slot >= 0 && slotBytes(rig, slot, NEW.length).equals(NEW)
    expect([slot === 0 || slot === 1, isNew || slotBytes(rig, slot, OLD.length).equals(OLD)]).toEqual([true, true])
    const core = startCore(rig, { name: "demo", version: isNew ? "1.1.0" : "1.0.0", build_id: isNew ? "b2" : "b1", security: 0 })
    const mayBe = kind === "blink" || kind === "blind" ? [USER, undefined] : [USER]
    expect(mayBe).toContain(core.files.fileRead("user.txt"))
    expect(core.commit.commit()).toBe(STATUS_OK)
    if (isNew) return
    const results = Array.from({ length: attempts }, () => update(core, image))
    expect(results).toContain(STATUS_OK)
}

/** Runs a work on a board whose chip fails. Returns how many operations the chip has counted. */
function attempt(work: Work, rig: Rig, failure: Failure): number {
    const { flash, count } = failing(rig, failure)
    try {
        const result = work.run(startCore({ ...rig, flash }))
        expect(work.mayBe).toContain(result)
    } catch (error) {
        if (!(error instanceof PowerCut)) throw error
    }
    return count()
}

test.each(WORKS)("$name", work => {
    const rig = factory(work)
    const back = chipSave(rig)
    let hits = 0
    for (const kind of KINDS) {
        // There are many reads, and many alike.
        const step = (work.stride ?? 1) * (READ_KINDS.includes(kind) ? 3 : 1)
        for (let at = 0; ; at += step, hits++) {
            const failure = { kind, at }
            back()
            try {
                if (attempt(work, rig, failure) <= at) break
                recovers(rig, failure, work)
            } catch (error) {
                throw new Error(`${kind} at ${at}: ${error}`)
            }
        }
    }
    expect(hits).toBeGreaterThan(10)
})
