// The boot loader's decision, commit, revert and snapshot, row by row, and with damaged records and slots.

import * as status from "../../firmware/status"
import { bootSlot, createRig, engine, feed, install, slotBytes, startCore, updateOptions, type Rig } from "./core"
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
    const offsets = [0, 256, 512, 768, 4096, 4352, 4608, 4864].filter(offset => rig.flash.array[base + offset] === 0x4f)
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
    for (let offset = 0; offset < 256; offset += engine.stride) {
        const rig = pendingRig()
        rot(rig, "boot", newestRecord(rig) + offset)
        expect(bootSlot(rig)).toBe(1)
        expect(startCore(rig).commit.bootState()).toMatchObject({ isCommitted: false, updateId: "u1" })
    }
})

test("all records rotten: nothing is overwritten", () => {
    const rig = pendingRig()
    for (let slot = 0; slot < 4; slot++) for (const unit of [0, 4096]) rot(rig, "boot", unit + slot * 256 + 10)
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
