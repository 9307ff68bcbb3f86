// What the core finds in flash and did not write so: rot, forgeries with a right check, areas that a packer filled to the last byte.

import { filesAreaEncode } from "../../build/files-area"
import * as status from "../../firmware/status"
import { bootSlot, cells, checkOf, createRig, feed, install, RECORD_OFFSETS, recordCells, recordSeal, startCore } from "./core"
import { updateOptions, type Core, type Rig } from "./core"
import { failing, PowerCut } from "./failing-flash"
import { imageEntries, imageOf, seededBytes, zipOf } from "./images"

const OLD = seededBytes(5000, 1)
const NEW = seededBytes(20_001, 2)
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }
const { STATUS_DONE, STATUS_OK } = status

function board(files: Record<string, string> = { "user.txt": "mine" }): { rig: Rig; core: Core } {
    const rig = createRig(SMALL)
    return { rig, core: install(rig, OLD, files) }
}

describe("boot records that no core writes are not believed for their check", () => {
    test.each([
        ["an active app slot of 2", 8, 2],
        ["an app slot to go back to of 2", 9, 2],
        ["an active files area of 200", 10, 200],
        ["a files area to go back to of 254", 11, 254],
        ["a sequence above 2^31", 7, 0x80],
    ])("%s", (_name, at, value) => {
        const { rig } = board()
        // The first installation wrote the record and its double.
        for (const offset of RECORD_OFFSETS.slice(0, 2)) {
            const record = recordCells(rig, offset)
            record[at] = value
            recordSeal(record)
        }
        const before = Buffer.from(rig.flash.array)
        expect(bootSlot(rig)).toBe(status.STATUS_NO_BOOT_RECORD)
        expect(rig.flash.array.equals(before)).toBe(true)
    })

    test.each([
        ["no bytes", 0],
        ["more bytes than the slot", 40000],
    ])("an app of %s is no image", (_name, lengthBytes) => {
        const { rig } = board()
        for (const offset of RECORD_OFFSETS.slice(0, 2)) {
            const record = recordCells(rig, offset)
            record.writeUInt32LE(lengthBytes, 24)
            recordSeal(record)
        }
        expect(bootSlot(rig)).toBe(status.STATUS_SLOT_DAMAGED)
    })
})

describe("a files area", () => {
    test.each([0, 4, 5, 8])("whose header is rotten in byte %i is read all the same, and goes on", at => {
        const { rig } = board({ "user.txt": "mine", other: "x".repeat(600) })
        cells(rig, "files0", at, 1)[0]! ^= 0x40
        const { files } = startCore(rig)
        expect([files.fileRead("user.txt"), files.fileRead("other")]).toEqual(["mine", "x".repeat(600)])
        expect(files.fileWrite("more", "m")).toBe(STATUS_OK)
        expect(startCore(rig).files.fileRead("more")).toBe("m")
    })

    test("whose header and first record are rotten has no files, and the next write formats another", () => {
        const { rig } = board()
        cells(rig, "files0", 4, 1)[0]! ^= 0x40
        cells(rig, "files0", 40, 1)[0]! ^= 0x40
        const { files } = startCore(rig)
        expect(files.fileList()).toEqual([])
        expect(files.fileWrite("new", "n")).toBe(STATUS_OK)
        expect(startCore(rig).files.fileRead("new")).toBe("n")
    })

    test("that cannot be read has no files and takes none; nothing is lost by it", () => {
        const { rig } = board()
        const { flash } = failing(rig, { kind: "blind", at: 0, region: "files0" })
        const core = startCore({ ...rig, flash })
        expect([core.files.filesMount(), core.files.fileList(), core.files.fileRead("user.txt")]).toEqual([
            status.STATUS_FLASH,
            [],
            undefined,
        ])
        expect(core.files.fileWrite("a", "b")).toBe(status.STATUS_FLASH)
        expect(core.files.fileRemove("user.txt")).toBe(status.STATUS_FILE_NOT_FOUND)
        expect(core.commit.createSnapshot(false, 0)).toBe(status.STATUS_FLASH)
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, imageOf({ app: NEW, files: { page: "p" } }), 4096)).toBe(STATUS_DONE)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_FLASH)
        expect(startCore(rig).files.fileRead("user.txt")).toBe("mine")
    })

    test("with a file whose write was cut, and that reads differently the second time, has the version before it", () => {
        const { rig, core } = board({ a: "old" })
        const { flash } = failing(rig, { kind: "cut", at: 3, region: "files0" })
        expect(() => startCore({ ...rig, flash }).files.fileWrite("a", "new")).toThrow(PowerCut)
        const dataAt = rig.layout.regions.files0.offsetBytes + core.filesLog.logFirst(32) + 4 * 32 + 32
        let reads = 0
        const flickering = {
            ...rig.flash,
            read: (address: number, lengthBytes: number) => {
                const bytes = rig.flash.read(address, lengthBytes)
                return address === dataAt && lengthBytes === 3 && ++reads > 1 ? "nex" : bytes
            },
        }
        expect(startCore({ ...rig, flash: flickering }).files.fileRead("a")).toBe("old")
        // Settled: the next boot reads it so, whatever the cells say.
        expect([reads > 1, startCore(rig).files.fileRead("a")]).toEqual([true, "old"])
    })
})

describe("records of a files area", () => {
    /** A record's head as FORMAT.md says, its check right. */
    function head(nameBytes: number, dataBytes: number, at: number, name: string): Buffer {
        const stem = Buffer.from([0xf5, nameBytes, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        stem.writeUInt32LE(dataBytes, 4)
        stem.writeUInt32LE(at, 8)
        return Buffer.concat([stem, checkOf(Buffer.concat([stem, Buffer.from(name)])), Buffer.from(name)])
    }

    test.each([
        ["no name", 0, 5, ""],
        ["a name that is too long", 200, 5, "x".repeat(63)],
        ["data that is too long", 1, 65537, "a"],
        ["data that leaves the area", 1, 60000, "a"],
    ])("a head with %s, its check right, is stepped over", (_name, nameBytes, dataBytes, name) => {
        const { rig } = board({})
        head(nameBytes, dataBytes, 32, name).copy(cells(rig, "files0", 32, 200))
        const { files } = startCore(rig)
        expect(files.fileList()).toEqual([])
        expect([files.fileWrite("b", "data"), startCore(rig).files.fileRead("b")]).toEqual([STATUS_OK, "data"])
    })

    test.each([16384, 8192 + 4096 + 32])("of an image that end at byte %i are merged as far as there is room", endBytes => {
        const names = ["one", "two"]
        const empty = filesAreaEncode(new Map(names.map(name => [name, Buffer.alloc(4096)])), 32).length
        const files = { one: "1".repeat(4096), two: "2".repeat(4096 + endBytes - empty) }
        expect(filesAreaEncode(new Map(Object.entries(files).map(([n, d]) => [n, Buffer.from(d)])), 32).length).toBe(endBytes)
        for (const isFull of [false, true]) {
            const { rig, core } = board(isFull ? { "user.txt": "mine" } : {})
            core.updater.updaterContextCreate(updateOptions())
            expect(feed(core, imageOf({ app: NEW, files }), 4096)).toBe(STATUS_DONE)
            expect(core.updater.updaterFinish()).toBe(isFull ? status.STATUS_FILES_FULL : STATUS_OK)
            expect(bootSlot(rig)).toBe(isFull ? 0 : 1)
            const next = startCore(rig)
            expect(next.files.fileRead("two")).toBe(isFull ? undefined : files.two)
        }
    })
})

const image = imageOf({ app: NEW, files: { page: "p".repeat(5000) } })

/** A download that was stopped far behind the start, then bent. Returns where the next one begins. */
function resumedAt(
    bend: (journal: Buffer) => void,
    stopped = image,
    leftBytes = 2000,
    bendRig: (rig: Rig) => void = () => undefined,
): number {
    const { rig, core } = board()
    core.updater.updaterContextCreate(updateOptions())
    expect(feed(core, stopped.subarray(0, stopped.length - leftBytes), 1000)).toBe(STATUS_OK)
    bend(cells(rig, "journal", 0, rig.layout.regions.journal.sizeBytes))
    bendRig(rig)
    const next = startCore(rig)
    next.updater.updaterContextCreate(updateOptions())
    const offset = next.updater.updaterResumeOffset()
    expect(feed(next, stopped, 1000)).toBe(STATUS_DONE)
    expect([next.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_OK, 1])
    return offset
}

describe("the journal of a stopped download", () => {
    const rechecked = (journal: Buffer): void => void checkOf(journal.subarray(0, 88)).copy(journal, 88)

    test("is gone on with as it is", () => expect(resumedAt(() => undefined)).toBeGreaterThan(20_000))

    test.each([
        ["whose header is rotten", (journal: Buffer) => void (journal[40]! ^= 1)],
        ["of another update", (journal: Buffer) => void ((journal[10]! ^= 1), rechecked(journal))],
        ["of another app slot", (journal: Buffer) => void ((journal[44] = 0), rechecked(journal))],
        ["of another files area", (journal: Buffer) => void ((journal[45] = 0), rechecked(journal))],
        ["with no manifest", (journal: Buffer) => void (journal.writeUInt32LE(0, 36), rechecked(journal))],
        ["with an endless manifest", (journal: Buffer) => void (journal.writeUInt32LE(8193, 36), rechecked(journal))],
        ["whose manifest is rotten", (journal: Buffer) => void (journal[200]! ^= 1)],
        ["whose first block list is rotten", (journal: Buffer) => void (journal[4096 + 40]! ^= 1)],
    ])("%s starts anew", (_name, bend) => expect(resumedAt(bend)).toBe(0))

    test("without block lists goes on at the part that is not whole, or starts anew", () => {
        const plain = imageOf({ app: NEW, files: { page: "p".repeat(5000) }, hasLists: false })
        expect(resumedAt(() => undefined, plain)).toBeGreaterThan(20_000)
        expect(resumedAt(() => undefined, imageOf({ app: NEW, hasLists: false }))).toBe(0)
    })

    test("whose last block of the first part is rotten: that block is fetched again, and what came behind it is passed over", () => {
        const { rig, core } = board()
        core.updater.updaterContextCreate(updateOptions())
        feed(core, image.subarray(0, image.length - 100), 500)
        cells(rig, "app1", 20_000, 1)[0]! ^= 1
        const next = startCore(rig)
        next.updater.updaterContextCreate(updateOptions())
        const from = next.updater.updaterResumeOffset()
        expect(image.length - from).toBeGreaterThan(5000)
        const before = rig.flash.eraseCounts.slice()
        expect(feed(next, image, 500)).toBe(STATUS_DONE)
        expect(rig.flash.eraseCounts.reduce((sum, count, unit) => sum + count - before[unit]!, 0)).toBe(1)
        expect([next.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_OK, 1])
    })

    test("that has no room for the block lists is an update that does not fit", () => {
        const rig = createRig({ ...SMALL, journalBytes: 4096 })
        const core = install(rig, OLD)
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, image, 1000)).toBe(status.STATUS_NO_ROOM)
        expect(bootSlot(rig)).toBe(0)
    })
})

test("a new files area that cannot be read at the finish is not applied, wherever that begins", () => {
    const results = new Set<number>()
    for (let at = 0; at < 40; at++) {
        const { rig, core } = board()
        core.updater.updaterContextCreate(updateOptions())
        feed(core, image.subarray(0, image.length - 100), 1000)
        const { flash } = failing(rig, { kind: "blind", at, region: "files1" })
        const next = startCore({ ...rig, flash })
        next.updater.updaterContextCreate(updateOptions())
        const fed = feed(next, image, 1000)
        const result = fed === STATUS_DONE ? next.updater.updaterFinish() : fed
        results.add(result)
        expect(bootSlot(rig)).toBe(result === STATUS_OK ? 1 : 0)
    }
    expect(results).toContain(status.STATUS_FILES_FORMAT)
})

test("a download whose first part lost its first block begins anew", () => {
    expect(
        resumedAt(
            () => undefined,
            image,
            100,
            rig => void (cells(rig, "app1", 10, 1)[0]! ^= 1),
        ),
    ).toBe(0)
})

test("parts whose names are not in the order of the image are gone on with all the same", () => {
    const [manifest, appList, app, filesList, files] = imageEntries({ app: NEW, files: { page: "p".repeat(5000) } })
    const turned = zipOf([manifest!, filesList!, files!, appList!, app!])
    expect(resumedAt(() => undefined, turned, 6000)).toBeGreaterThan(turned.length - 6000 - 4096 - 1000)
})

describe("a stopped download with all block lists ahead of the parts", () => {
    const [manifest, appList, app, filesList, files] = imageEntries({ app: NEW, files: { page: "p".repeat(5000) } })
    const ahead = zipOf([manifest!, appList!, filesList!, app!, files!])

    test("goes on wherever it was stopped, and fetches less than a block again", () => {
        for (let stop = 3000; stop < ahead.length; stop += 500) {
            const { rig, core } = board()
            core.updater.updaterContextCreate(updateOptions())
            expect(feed(core, ahead.subarray(0, stop), 500)).toBe(STATUS_OK)
            const next = startCore(rig)
            next.updater.updaterContextCreate(updateOptions())
            const from = next.updater.updaterResumeOffset()
            expect(stop - from).toBeLessThan(from === 0 ? 8192 : 4096 + 1000)
            expect(feed(next, ahead, 500)).toBe(STATUS_DONE)
            expect([next.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_OK, 1])
        }
    })

    test("whose blocks and marks contradict each other begins anew at the second try", () => {
        const { rig, core } = board()
        core.updater.updaterContextCreate(updateOptions())
        feed(core, ahead.subarray(0, ahead.length - 100), 500)
        cells(rig, "files1", 100, 1)[0]! ^= 1
        const results = [1, 2].map(() => {
            const next = startCore(rig)
            next.updater.updaterContextCreate(updateOptions())
            return feed(next, ahead, 500)
        })
        expect(results).toEqual([status.STATUS_FLASH, STATUS_DONE])
    })
})

describe("a stopped download whose parts", () => {
    const [manifest, appList, app, filesList, files] = imageEntries({ app: NEW, files: { page: "p".repeat(9000) } })
    const appFirst = zipOf([manifest!, appList!, app!, filesList!, files!])
    const filesFirst = zipOf([manifest!, filesList!, files!, appList!, app!])

    test.each([
        ["come in the order of their names", appFirst, "app1", 30_000, false],
        ["come in another order", filesFirst, "files1", 30_000, false],
        ["came, but whose first one lost its first block", appFirst, "app1", 0, true],
        ["came, but whose first one lost its last block while the second one is torn", appFirst, "app1", 20_000, true],
    ] as const)("%s", (_name, whole, region, rottenAt, isAnew) => {
        const { rig, core } = board()
        core.updater.updaterContextCreate(updateOptions())
        feed(core, whole.subarray(0, whole.length - 3000), 500)
        if (isAnew) cells(rig, region, rottenAt, 1)[0]! ^= 1
        const next = startCore(rig)
        next.updater.updaterContextCreate(updateOptions())
        expect(next.updater.updaterResumeOffset() === 0).toBe(isAnew)
        expect(feed(next, whole, 500)).toBe(STATUS_DONE)
        expect([next.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_OK, 1])
    })
})

test("a good neighbour of a torn block that rots before it is carried away: the update fails, and the next one succeeds", () => {
    const large = {
        eraseBytes: 65536,
        programBytes: 32,
        appBytes: 65536,
        filesBytes: 65536,
        journalBytes: 262144,
        loaderBytes: 65536,
    }
    const rig = createRig(large)
    const core = install(rig, OLD)
    const whole = imageOf({ app: NEW })
    const torn = failing(rig, { kind: "torn", at: 2, region: "app1" })
    const cut = startCore({ ...rig, flash: torn.flash })
    cut.updater.updaterContextCreate(updateOptions())
    expect(() => feed(cut, whole, 500)).toThrow(PowerCut)
    core.updater.updaterContextCreate(updateOptions())
    expect(core.updater.updaterResumeOffset()).toBeGreaterThan(4096)
    cells(rig, "app1", 100, 1)[0]! ^= 1
    expect(feed(core, whole, 500)).toBe(status.STATUS_FLASH)
    const next = startCore(rig)
    next.updater.updaterContextCreate(updateOptions())
    expect([feed(next, whole, 500), next.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_DONE, STATUS_OK, 1])
})

test("files that cannot be read since the start are no reason to lose them: an update that brings files is refused", () => {
    const { rig } = board()
    const core = startCore({ ...rig, flash: failing(rig, { kind: "blind", at: 0, region: "files0" }).flash })
    core.updater.updaterContextCreate(updateOptions())
    expect([feed(core, image, 1000), core.updater.updaterFinish()]).toEqual([STATUS_DONE, status.STATUS_FLASH])
    expect([bootSlot(rig), startCore(rig).files.fileRead("user.txt")]).toEqual([0, "mine"])
})

test("an area that goes blind while files are merged into it: the old image stays, whatever the call says", () => {
    const results: number[] = []
    for (let at = 0; at < 60; at++) {
        const { rig } = board()
        const core = startCore({ ...rig, flash: failing(rig, { kind: "blind", at, region: "files1" }).flash })
        core.updater.updaterContextCreate(updateOptions())
        if (feed(core, image, 4096) !== STATUS_DONE) continue
        results.push(core.updater.updaterFinish())
        expect([bootSlot(rig), startCore(rig).files.fileRead("user.txt")]).toEqual([results.at(-1) === STATUS_OK ? 1 : 0, "mine"])
    }
    expect(results).toEqual(expect.arrayContaining([status.STATUS_BLOCK_HASH, status.STATUS_FILES_FORMAT, status.STATUS_FLASH]))
})
