// Writes that a cut left in doubt, which read one way at one boot and another way at the next: none of them speaks for what came after.

import * as status from "../../firmware/status"
import { bootSlot, cells, createRig, feed, install, startCore, updateOptions, type Core, type Rig } from "./core"
import { failing, PowerCut } from "./failing-flash"
import { imageOf, seededBytes } from "./images"

const { STATUS_DONE, STATUS_OK } = status
const BLOCKS = 5
const BLOCK = 4096
const app = seededBytes(BLOCKS * BLOCK, 2)
const image = imageOf({ app, files: { page: "p".repeat(5000) } })
const GEOMETRY = { programBytes: 16, appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }
/** Offsets in the journal as FORMAT.md says: list (five digests), place, eight notes, marks, a unit each but for the list. */
const NOTES_AT = BLOCK + BLOCKS * 32 + 16
const MARKS_AT = NOTES_AT + 8 * 16

type RegionName = keyof Rig["layout"]["regions"]

/** A unit that reads as erased and is not: the chip takes no second program there. */
function fade(rig: Rig, region: RegionName, offset: number, length = 16): void {
    cells(rig, region, offset, length).fill(255)
}

function board(files: Record<string, string> = { "user.txt": "mine" }): Rig {
    const rig = createRig(GEOMETRY)
    install(rig, seededBytes(5000, 1), files)
    return rig
}

/** A board whose download stopped within the app, `blocks` of its blocks marked. */
function stopped(blocks: number): Rig {
    const rig = board()
    const core = begin(rig)
    const payloadAt = image.indexOf(app.subarray(0, 64))
    expect(feed(core, image.subarray(0, payloadAt + blocks * BLOCK + 100), 1000)).toBe(STATUS_OK)
    return rig
}

function begin(rig: Rig): Core {
    const core = startCore(rig)
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_OK)
    return core
}

/** The block of the app at which the next download goes on; -1: it starts anew. */
function resumedBlock(core: Core): number {
    const offset = core.updater.updaterResumeOffset()
    return offset === 0 ? -1 : (offset - image.indexOf(app.subarray(0, 64))) / BLOCK
}

/** One boot that takes the block at which the download goes on, and no other. */
function takeBlock(rig: Rig): void {
    const core = begin(rig)
    expect(feed(core, image.subarray(0, core.updater.updaterResumeOffset() + BLOCK + 10), 1000)).toBe(STATUS_OK)
}

function finishes(rig: Rig): void {
    const core = begin(rig)
    expect(feed(core, image, 1000)).toBe(STATUS_DONE)
    expect([core.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_OK, 1])
}

describe("a mark that is not read at one boot and is at the next", () => {
    test("does not speak for a block whose erase was cut in between", () => {
        const rig = stopped(3)
        const mark = cells(rig, "journal", MARKS_AT + 2 * 16, 16)
        expect(mark[0]).toBe(0)
        fade(rig, "journal", MARKS_AT + 2 * 16)
        const core = begin(rig)
        expect(resumedBlock(core)).toBe(2)
        const { flash } = failing(rig, { kind: "cut", at: 0, region: "app1" })
        const cut = startCore({ ...rig, flash })
        cut.updater.updaterContextCreate(updateOptions())
        expect(() => feed(cut, image, 1000)).toThrow(PowerCut)
        mark.fill(0)
        // The block reads right, and so does its mark: both by chance.
        expect(resumedBlock(begin(rig))).toBe(2)
        finishes(rig)
    })

    test("is replaced by a note once its block was written anew", () => {
        const rig = stopped(3)
        fade(rig, "journal", MARKS_AT + 2 * 16)
        takeBlock(rig)
        expect(resumedBlock(begin(rig))).toBe(3)
        finishes(rig)
    })

    test("is none where the block is not whole: it needs no note", () => {
        const rig = stopped(2)
        expect(resumedBlock(begin(rig))).toBe(2)
        expect(cells(rig, "journal", NOTES_AT, 16).every(byte => byte === 255)).toBe(true)
        finishes(rig)
    })

    test("of a block that has rotted is void, too", () => {
        const rig = stopped(3)
        cells(rig, "app1", 2 * BLOCK, 1)[0]! ^= 1
        expect(resumedBlock(begin(rig))).toBe(2)
        cells(rig, "app1", 2 * BLOCK, 1)[0]! ^= 1
        expect(resumedBlock(begin(rig))).toBe(2)
        finishes(rig)
    })
})

describe("a note on a mark", () => {
    test("takes the next place where its own does not take it", () => {
        const rig = stopped(3)
        fade(rig, "journal", MARKS_AT + 2 * 16)
        const { flash } = failing(rig, { kind: "error", at: 0, region: "journal" })
        const core = startCore({ ...rig, flash })
        core.updater.updaterContextCreate(updateOptions())
        expect(resumedBlock(core)).toBe(2)
        expect(cells(rig, "journal", NOTES_AT + 16, 1)[0]).not.toBe(255)
        finishes(rig)
    })

    test.each([7, 8])("finds a place behind %i others, or the download starts anew", taken => {
        const rig = stopped(3)
        fade(rig, "journal", MARKS_AT + 2 * 16)
        cells(rig, "journal", NOTES_AT, taken * 16).fill(0x55)
        expect(resumedBlock(begin(rig))).toBe(taken === 8 ? -1 : 2)
        finishes(rig)
    })
})

describe("boots that end ahead of the block in doubt", () => {
    test("take two notes for it, however many they are", () => {
        const rig = stopped(3)
        fade(rig, "journal", MARKS_AT + 2 * 16)
        for (let boot = 0; boot < 20; boot++) expect(resumedBlock(begin(rig))).toBe(2)
        expect(cells(rig, "journal", NOTES_AT, 32).subarray(0, 16)).toEqual(cells(rig, "journal", NOTES_AT + 16, 16))
        expect(cells(rig, "journal", NOTES_AT + 32, 16).every(byte => byte === 255)).toBe(true)
        finishes(rig)
    })

    test("take them anew once it was done and is in doubt again", () => {
        const rig = stopped(3)
        fade(rig, "journal", MARKS_AT + 2 * 16)
        takeBlock(rig)
        // The note that says "done", behind the one that makes the mark void, was cut as well.
        cells(rig, "journal", NOTES_AT + 16, 16).fill(0x55)
        for (let boot = 0; boot < 20; boot++) expect(resumedBlock(begin(rig))).toBe(2)
        expect(cells(rig, "journal", NOTES_AT + 48, 16).every(byte => byte === 255)).toBe(true)
        finishes(rig)
    })
})

test("a block that a note calls done, and that has rotted, is made void once more", () => {
    const rig = stopped(3)
    fade(rig, "journal", MARKS_AT + 2 * 16)
    takeBlock(rig)
    cells(rig, "app1", 2 * BLOCK, 1)[0]! ^= 1
    for (let boot = 0; boot < 20; boot++) expect(resumedBlock(begin(rig))).toBe(2)
    expect(cells(rig, "journal", NOTES_AT + 32, 16)).toEqual(cells(rig, "journal", NOTES_AT, 16))
    // The second one only where the block reads right: a wrong one is not believed, whatever its mark says.
    expect(cells(rig, "journal", NOTES_AT + 48, 16).every(byte => byte === 255)).toBe(true)
    finishes(rig)
})

describe("a compaction while a download is stopped", () => {
    const fill = (core: Core): number => {
        let result: number = STATUS_OK
        for (let turn = 0; turn < 40 && result === STATUS_OK; turn++) result = core.files.fileWrite("log", turn + "#".repeat(600))
        return result
    }

    test("takes the area that the download has filled: its marks do not count any more, even where the compaction is cut", () => {
        const rig = board()
        const stop = image.length - 2000
        expect(feed(begin(rig), image.subarray(0, stop), 1000)).toBe(STATUS_OK)
        const { flash } = failing(rig, { kind: "cut", at: 0, region: "files1" })
        expect(() => fill(startCore({ ...rig, flash }))).toThrow(PowerCut)
        expect(begin(rig).updater.updaterResumeOffset()).toBe(0)
        finishes(rig)
    })

    test("does not begin over a journal that cannot be erased", () => {
        const rig = board()
        const { flash } = failing(rig, { kind: "dead", at: 0, region: "journal" })
        expect(fill(startCore({ ...rig, flash }))).toBe(status.STATUS_FLASH)
        expect(startCore(rig).files.fileRead("user.txt")).toBe("mine")
    })

    test("leaves the download of an app alone", () => {
        const rig = board()
        const alone = imageOf({ app })
        expect(feed(begin(rig), alone.subarray(0, alone.length - 5000), 1000)).toBe(STATUS_OK)
        expect(fill(startCore(rig))).toBe(STATUS_OK)
        expect(begin(rig).updater.updaterResumeOffset()).toBeGreaterThan(10_000)
    })
})

describe("a file whose last write was cut, on a chip that takes no write while it is settled", () => {
    /**
     * The content of "a", or its removal, is in doubt: its seal was not written. Returns a core over flash that takes no write until it
     * is healed, or not the next `writes`.
     */
    function inDoubt(content: string | undefined): { rig: Rig; core: Core; heal: (writes?: number) => void } {
        const rig = board({ a: "old" })
        const at = content === undefined ? 2 : 3
        const { flash } = failing(rig, { kind: "cut", at, region: "files0" })
        const { files } = startCore({ ...rig, flash })
        expect(() => (content === undefined ? files.fileRemove("a") : files.fileWrite("a", content))).toThrow(PowerCut)
        let failures = Infinity
        const isDead = (): boolean => failures-- > 0
        const dead = {
            ...rig.flash,
            erase: (address: number) => (isDead() ? -1 : rig.flash.erase(address)),
            program: (address: number, bytes: string) => (isDead() ? -1 : rig.flash.program(address, bytes)),
            programStaged: (address: number, lengthBytes: number) =>
                isDead() ? -1 : rig.flash.programStaged(address, lengthBytes),
        }
        return { rig, core: startCore({ ...rig, flash: dead }), heal: (writes = 0) => void (failures = writes) }
    }

    test("is not acknowledged because the content is the same", () => {
        const { rig, core, heal } = inDoubt("new")
        expect([core.files.fileRead("a"), core.files.fileWrite("a", "new")]).toEqual(["new", status.STATUS_FLASH])
        heal()
        expect(core.files.fileWrite("a", "new")).toBe(STATUS_OK)
        expect(startCore(rig).files.fileRead("a")).toBe("new")
        // Once written down, the same again is nothing to do.
        const before = Buffer.from(rig.flash.array)
        expect([core.files.fileWrite("a", "new"), rig.flash.array.equals(before)]).toEqual([STATUS_OK, true])
    })

    test("is settled ahead of another file's write, which would vouch for it; without that, nothing is written", () => {
        const written = (rig: Rig, text: string): number =>
            ["files0", "files1"].reduce(
                (sum, area) =>
                    sum +
                    cells(rig, area as RegionName, 0, 16384)
                        .toString("latin1")
                        .split(text).length -
                    1,
                0,
            )
        const results = Array.from({ length: 10 }, (_, writes) => {
            const { rig, core, heal } = inDoubt("new")
            heal(writes)
            const result = core.files.fileWrite("b", "other")
            expect([written(rig, "new") > 1, written(rig, "other") > 0]).toEqual([result === STATUS_OK, result === STATUS_OK])
            const next = startCore(rig).files
            expect([next.fileRead("a"), next.fileRead("b")]).toEqual(["new", result === STATUS_OK ? "other" : undefined])
            return result
        })
        expect(new Set(results)).toEqual(new Set([STATUS_OK, status.STATUS_FLASH]))
    })

    test("and was to be removed is removed though it cannot be found", () => {
        const { rig, core, heal } = inDoubt(undefined)
        expect([core.files.fileRead("a"), core.files.fileRemove("a")]).toEqual([undefined, status.STATUS_FLASH])
        heal()
        expect([core.files.fileRemove("a"), core.files.fileRemove("a")]).toEqual([STATUS_OK, status.STATUS_FILE_NOT_FOUND])
        expect(startCore(rig).files.fileRead("a")).toBeUndefined()
    })
})
