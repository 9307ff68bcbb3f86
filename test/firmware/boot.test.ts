// The boot loader's decision, commit, revert and snapshot, row by row, and with damaged records and slots.

import * as status from "../../firmware/status"
import {
    bootSlot,
    cells,
    checkOf,
    createRig,
    engine,
    feed,
    install,
    MARK_OFFSETS,
    RECORD_BYTES,
    RECORD_OFFSETS,
    recordCells,
} from "./core"
import { slotBytes, startCore, updateOptions, type Rig } from "./core"
import { imageOf, seededBytes } from "./images"

const OLD = seededBytes(9000, 1)
const NEW = seededBytes(20_001, 2)
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

function pendingRig(security = 3): Rig {
    const rig = createRig(SMALL)
    install(rig, OLD, { "user.txt": "mine" })
    const core = startCore(rig)
    core.updater.updaterContextCreate(updateOptions())
    feed(core, imageOf({ app: NEW, files: { page: "p" }, manifest: { security } }), 4096)
    expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
    return rig
}

/** Damages one byte of a region, as rot would. */
function rot(rig: Rig, region: "boot" | "app0" | "app1", offset: number): void {
    rig.flash.array[rig.layout.regions[region].offsetBytes + offset]! ^= 0x10
}

/** The offset in `boot` of the newest record: the one with the lowest sequence. */
function newestRecord(rig: Rig): number {
    const base = rig.layout.regions.boot.offsetBytes
    const offsets = RECORD_OFFSETS.filter(offset => rig.flash.array[base + offset] === 0x4f)
    return offsets.reduce((a, b) =>
        rig.flash.array.readUInt32LE(base + a + 4) < rig.flash.array.readUInt32LE(base + b + 4) ? a : b,
    )
}

test("no readable record: nothing is written, nothing boots", () => {
    const rig = createRig(SMALL)
    expect(bootSlot(rig)).toBe(status.STATUS_NO_BOOT_RECORD)
    expect(rig.flash.array.every(byte => byte === 0xff)).toBe(true)
    const core = startCore(rig)
    expect(core.commit.commit()).toBe(status.STATUS_NO_BOOT_RECORD)
    expect(core.commit.revert(-1)).toBe(status.STATUS_NO_BOOT_RECORD)
    expect(core.commit.bootState()).toBeUndefined()
    expect(core.commit.createSnapshot(false, 0)).toBe(status.STATUS_NO_BOOT_RECORD)
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(status.STATUS_NO_BOOT_RECORD)
    expect(core.files.fileWrite("a", "b")).toBe(status.STATUS_NO_BOOT_RECORD)
})

test("every single rotten byte of the newest record changes nothing: the other copy says the same", () => {
    for (let offset = 0; offset < RECORD_BYTES; offset += engine.stride) {
        const rig = pendingRig()
        rot(rig, "boot", newestRecord(rig) + offset)
        expect(bootSlot(rig)).toBe(1)
        expect(startCore(rig).commit.bootState()).toMatchObject({ isCommitted: false, updateId: "u1" })
    }
})

test("all records rotten: nothing is overwritten", () => {
    const rig = pendingRig()
    for (const offset of RECORD_OFFSETS) rot(rig, "boot", offset + 10)
    const before = Buffer.from(rig.flash.array)
    expect(bootSlot(rig)).toBe(status.STATUS_NO_BOOT_RECORD)
    expect(rig.flash.array.equals(before)).toBe(true)
})

test("a new image that rots before its trial is never run", () => {
    const rig = pendingRig()
    rot(rig, "app1", 5000)
    expect(bootSlot(rig)).toBe(0)
    expect(startCore(rig).commit.bootState()).toMatchObject({
        isCommitted: true,
        cameBack: true,
        lastResult: status.STATUS_SLOT_DAMAGED,
    })
})

test("a committed image that rots gives way to the other slot, as long as that is whole", () => {
    const rig = pendingRig(0)
    bootSlot(rig)
    startCore(rig).commit.commit()
    rot(rig, "app1", 5000)
    expect([bootSlot(rig), bootSlot(rig)]).toEqual([0, 0])
    rot(rig, "app0", 1)
    expect(bootSlot(rig)).toBe(status.STATUS_SLOT_DAMAGED)
})

test("on trial, with the old image rotten, the new one runs on when its trials are used up", () => {
    const rig = pendingRig()
    rot(rig, "app0", 1)
    expect([1, 2, 3, 4, 5].map(() => bootSlot(rig))).toEqual([1, 1, 1, 1, 1])
})

// skipped: on engines whose file system hides the chip, so that a test cannot make it refuse
const testChip = engine.hidesChip ? test.skip : test

testChip("a trial that cannot be counted is not taken", () => {
    const rig = pendingRig()
    const dead: Rig = { ...rig, flash: { ...rig.flash, erase: () => -1, program: () => -1 } }
    expect([bootSlot(dead), bootSlot(dead)]).toEqual([0, 0])
    expect(bootSlot(rig)).toBe(1)
})

test("the security counter is raised by the commit, not before", () => {
    const rig = pendingRig()
    bootSlot(rig)
    const image = { name: "demo", version: "1.1.0", build_id: "b2", security: 3 }
    const core = startCore(rig, image)
    expect(core.bootRecord.bootRecordRead()!.security).toBe(0)
    expect(core.commit.commit()).toBe(status.STATUS_OK)
    expect(core.bootRecord.bootRecordRead()!.security).toBe(3)
    core.updater.updaterContextCreate(updateOptions("older"))
    expect(feed(core, imageOf({ app: OLD, manifest: { security: 2 } }), 4096)).toBe(status.STATUS_SECURITY)
    core.updater.updaterContextCreate(updateOptions("none"))
    expect(feed(core, imageOf({ app: OLD }), 4096)).toBe(status.STATUS_SECURITY)
})

test("revert goes back at once, with its reason; a committed image cannot go back", () => {
    const rig = pendingRig()
    bootSlot(rig)
    const core = startCore(rig)
    expect(core.commit.revert(status.STATUS_COMMIT_TIMEOUT)).toBe(status.STATUS_OK)
    expect(bootSlot(rig)).toBe(0)
    const back = startCore(rig)
    expect(back.commit.bootState()).toMatchObject({ cameBack: true, lastResult: status.STATUS_COMMIT_TIMEOUT, updateId: "u1" })
    expect(back.commit.revert(-1)).toBe(status.STATUS_NO_REVERT)
    expect(back.files.fileRead("user.txt")).toBe("mine")
    expect(back.files.fileRead("page")).toBeUndefined()
})

test("a snapshot is a whole image to go back to", () => {
    const rig = createRig(SMALL)
    const core = install(rig, OLD, { "user.txt": "before" })
    expect(core.commit.createSnapshot(true, 90)).toBe(1)
    expect(slotBytes(rig, 1, OLD.length).equals(OLD)).toBe(true)
    expect(core.commit.bootState()).toMatchObject({ activeSlot: 0, revertSlot: 1, isCommitted: false, commitTimeoutS: 90 })
    expect(core.commit.createSnapshot(true, 90)).toBe(status.STATUS_NOT_COMMITTED)
    expect(core.files.fileWrite("user.txt", "after")).toBe(status.STATUS_OK)
    expect([1, 2, 3, 4].map(() => bootSlot(rig))).toEqual([0, 0, 0, 1])
    expect(startCore(rig).files.fileRead("user.txt")).toBe("before")
})

test("a plain snapshot changes nothing of what runs, and is refused while an update is under way", () => {
    const rig = createRig(SMALL)
    const core = install(rig, OLD)
    expect(core.commit.createSnapshot(false, 0)).toBe(1)
    expect(core.commit.bootState()).toMatchObject({ activeSlot: 0, revertSlot: -1, isCommitted: true })
    rot(rig, "app0", 77)
    expect(bootSlot(rig)).toBe(1)
    core.updater.updaterContextCreate(updateOptions())
    expect(core.commit.createSnapshot(false, 0)).toBe(status.STATUS_BUSY)
    expect(core.commit.createSnapshot(false, -1)).toBe(status.STATUS_ARGUMENT)
})

test("commit tells the app once", () => {
    const rig = pendingRig()
    bootSlot(rig)
    const core = startCore(rig)
    let calls = 0
    core.signals.rWatch("device:commit", () => void (calls += 1), undefined)
    core.commit.commit()
    core.commit.commit()
    expect(calls).toBe(1)
})

describe("the loader writes marks of trials, and nothing else", () => {
    /** The mark of the trial under way, made independently of the core. */
    function markOf(rig: Rig): Buffer {
        const head = Buffer.concat([Buffer.from("OTT1"), recordCells(rig, newestRecord(rig)).subarray(173, 177)])
        return Buffer.concat([head, checkOf(head)])
    }

    /** Where the marks of the newest record's unit begin. */
    function marksAt(rig: Rig): number {
        return MARK_OFFSETS[newestRecord(rig) < MARK_OFFSETS[1] - 4096 ? 0 : 1]
    }

    test("one for each trial, in the unit of the record that counts", () => {
        const rig = pendingRig()
        for (let trial = 0; trial < 3; trial++) {
            const before = Buffer.from(rig.flash.array)
            expect(bootSlot(rig)).toBe(1)
            const mark = cells(rig, "boot", marksAt(rig) + trial * 16, 16)
            expect(mark.equals(markOf(rig))).toBe(true)
            mark.copy(before, rig.layout.regions.boot.offsetBytes + marksAt(rig) + trial * 16)
            expect(rig.flash.array.equals(before)).toBe(true)
        }
        const before = Buffer.from(rig.flash.array)
        expect([bootSlot(rig), bootSlot(rig)]).toEqual([0, 0])
        expect(rig.flash.array.equals(before)).toBe(true)
    })

    test("a mark in the other unit counts, a torn one does not and is passed over", () => {
        const rig = pendingRig()
        markOf(rig).copy(cells(rig, "boot", MARK_OFFSETS[0] + MARK_OFFSETS[1] - marksAt(rig), 16))
        markOf(rig).copy(cells(rig, "boot", marksAt(rig), 9))
        expect([bootSlot(rig), bootSlot(rig), bootSlot(rig)]).toEqual([1, 1, 0])
        expect(cells(rig, "boot", marksAt(rig) + 32, 16).equals(markOf(rig))).toBe(true)
    })

    test("where no mark finds room, no trial is taken", () => {
        const rig = pendingRig()
        cells(rig, "boot", marksAt(rig) + 7 * 16, 1)[0] = 0
        expect(bootSlot(rig)).toBe(0)
        expect(startCore(rig).commit.bootState()).toMatchObject({ cameBack: true, lastResult: status.STATUS_ROLLED_BACK })
    })

    test("the same image gets all its trials again when it is applied again", () => {
        const rig = pendingRig()
        for (let turn = 0; turn < 2; turn++) {
            expect([1, 2, 3, 4].map(() => bootSlot(rig))).toEqual([1, 1, 1, 0])
            const core = startCore(rig)
            core.updater.updaterContextCreate(updateOptions())
            feed(core, imageOf({ app: NEW, files: { page: "p" }, manifest: { security: 3 } }), 4096)
            expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
        }
    })
})

describe("what the loader has decided by counts from the image's start on", () => {
    test("also where a cut has left a record that is not there at the next look: it is written anew", () => {
        const rig = pendingRig()
        expect(bootSlot(rig)).toBe(1)
        // Both of the new image's records go blind; what is left says that the old one runs.
        for (const _ of [0, 1]) recordCells(rig, newestRecord(rig)).fill(0)
        expect(startCore(rig).commit.bootState()).toMatchObject({ activeSlot: 1, isCommitted: false })
        expect([bootSlot(rig), startCore(rig).commit.commit(), bootSlot(rig)]).toEqual([1, status.STATUS_OK, 1])
    })

    test("with none left that is valid, nothing is written", () => {
        const rig = pendingRig()
        bootSlot(rig)
        for (const offset of RECORD_OFFSETS) recordCells(rig, offset).fill(255)
        const before = Buffer.from(rig.flash.array)
        const core = startCore(rig)
        expect(core.commit.bootState()).toBeUndefined()
        expect(core.commit.commit()).toBe(status.STATUS_NO_BOOT_RECORD)
        expect(rig.flash.array.equals(before)).toBe(true)
    })

    testChip("and where flash takes no write: no other slot is taken for the running one", () => {
        const rig = pendingRig()
        const dead: Rig = { ...rig, flash: { ...rig.flash, erase: () => -1, program: () => -1 } }
        dead.start = { slot: bootSlot(rig), reason: status.STATUS_OK, record: rig.start!.record }
        for (const _ of [0, 1]) recordCells(rig, newestRecord(rig)).fill(255)
        const core = startCore(dead)
        expect(core.commit.bootState()).toBeUndefined()
        expect(core.updater.updaterContextCreate(updateOptions())).toBe(status.STATUS_NO_BOOT_RECORD)
    })

    testChip("a way back that cannot be written yet is known, and written with the next write", () => {
        const rig = pendingRig()
        rot(rig, "app1", 5000)
        let isDead = true
        const { flash } = rig
        const weak: Rig = {
            ...rig,
            flash: { ...flash, program: (address, bytes) => (isDead ? -1 : flash.program(address, bytes)) },
        }
        expect(bootSlot(weak)).toBe(0)
        const core = startCore(weak)
        const back = { activeSlot: 0, isCommitted: true, cameBack: true, lastResult: status.STATUS_SLOT_DAMAGED }
        expect(core.commit.bootState()).toMatchObject(back)
        isDead = false
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, imageOf({ app: OLD, manifest: { security: 3 } }), 4096)).toBe(status.STATUS_DONE)
        expect([core.updater.updaterFinish(), bootSlot(rig)]).toEqual([status.STATUS_OK, 1])
        expect(slotBytes(rig, 0, OLD.length).equals(OLD)).toBe(true)
    })
})
