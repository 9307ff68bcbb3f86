// The updater on the built core: whole updates, any split, continued downloads, the same image, files that survive.

import fc from "fast-check"
import {
    STATUS_BUSY,
    STATUS_DONE,
    STATUS_NOT_COMMITTED,
    STATUS_NO_UPDATE,
    STATUS_OK,
    STATUS_TRUNCATED,
} from "../../firmware/status"
import { bootSlot, createRig, engine, feed, install, slotBytes, startCore, updateOptions, type Rig } from "./core"
import { imageOf, seededBytes } from "./images"

const OLD = seededBytes(9000, 1)
const NEW = seededBytes(20_001, 2)
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

function updated(rig: Rig, image: Buffer, chunkBytes: number): number {
    const core = startCore(rig)
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_OK)
    const status = feed(core, image, chunkBytes)
    return status === STATUS_DONE ? core.updater.updaterFinish() : status
}

test("an update boots on trial, and stays after its commit", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    expect(bootSlot(rig)).toBe(0)
    expect(updated(rig, imageOf({ app: NEW }), 1000)).toBe(STATUS_OK)
    expect(slotBytes(rig, 1, NEW.length).equals(NEW)).toBe(true)
    expect(bootSlot(rig)).toBe(1)
    const core = startCore(rig)
    expect(core.commit.bootState()).toMatchObject({
        activeSlot: 1,
        revertSlot: 0,
        isCommitted: false,
        commitTimeoutS: 60,
        updateId: "u1",
    })
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_NOT_COMMITTED)
    expect(core.commit.commit()).toBe(STATUS_OK)
    for (let boot = 0; boot < 5; boot++) expect(bootSlot(rig)).toBe(1)
    expect(core.commit.bootState()).toMatchObject({ activeSlot: 1, revertSlot: -1, isCommitted: true, cameBack: false })
})

test("an image that never commits gets its three trials, then the old one is back for good", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    updated(rig, imageOf({ app: NEW }), 4096)
    expect([1, 2, 3, 4, 5, 6].map(() => bootSlot(rig))).toEqual([1, 1, 1, 0, 0, 0])
    expect(startCore(rig).commit.bootState()).toMatchObject({
        isCommitted: true,
        cameBack: true,
        lastResult: -42,
        updateId: "u1",
    })
})

test("the running slot and the boot record are untouched until the flip", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    const { boot, app0 } = rig.layout.regions
    const look = () =>
        [boot, app0].map(r => rig.flash.array.toString("latin1", r.offsetBytes, r.offsetBytes + r.sizeBytes)).join()
    const before = look()
    const core = startCore(rig)
    core.updater.updaterContextCreate(updateOptions())
    expect(feed(core, imageOf({ app: NEW, files: { a: "b" } }), 777)).toBe(STATUS_DONE)
    expect(look()).toBe(before)
})

test("any split of an image gives the same flash and the same result", () => {
    const image = imageOf({ app: NEW, files: { "page.html": "x".repeat(5000), "b.txt": "bb" } })
    const reference = createRig(SMALL)
    install(reference, OLD, { "user.txt": "mine" })
    expect(updated(reference, image, 65536)).toBe(STATUS_OK)
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.info(`splits: seed ${seed}`)
    const sizesOf = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65536 }))
    const splits = fc.array(sizesOf, { minLength: 1 })
    fc.assert(
        fc.property(splits, sizes => {
            const rig = createRig(SMALL)
            install(rig, OLD, { "user.txt": "mine" })
            const core = startCore(rig)
            core.updater.updaterContextCreate(updateOptions())
            let status = 0
            for (let at = 0, turn = 0; at < image.length; turn++) {
                const size = sizes[turn % sizes.length]!
                status = core.updater.updaterProcess(image.toString("latin1", at, Math.min(at + size, image.length)))
                at += size
            }
            expect(status).toBe(STATUS_DONE)
            expect(core.updater.updaterFinish()).toBe(STATUS_OK)
            expect(rig.flash.array.equals(reference.flash.array)).toBe(true)
        }),
        { seed, numRuns: engine.stride > 1 ? 5 : 40, examples: [[[1]]] },
    )
})

test("a stopped download goes on at its last whole block, after a reset too", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    const image = imageOf({ app: NEW, files: { a: "b".repeat(6000) } })
    let fedBytes = 0
    let stops = 0
    for (let done = false; !done; stops++) {
        const core = startCore(rig)
        expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_OK)
        const from = core.updater.updaterResumeOffset()
        const to = Math.min(from + 6000, image.length)
        fedBytes += to - from
        done = core.updater.updaterProcess(image.toString("latin1", from, to)) === STATUS_DONE
        if (done) expect(core.updater.updaterFinish()).toBe(STATUS_OK)
    }
    expect(stops).toBeGreaterThan(4)
    // Each stop costs less than one block and the headers between entries.
    expect(fedBytes).toBeLessThan(image.length + stops * (4096 + 200))
    expect(bootSlot(rig)).toBe(1)
    expect(startCore(rig).files.fileRead("a")).toBe("b".repeat(6000))
})

test("another identity starts anew, an empty one never goes on", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    const image = imageOf({ app: NEW })
    for (const identity of ["id-1", "id-2", "", ""]) {
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions(identity))
        expect(core.updater.updaterResumeOffset()).toBe(0)
        core.updater.updaterProcess(image.toString("latin1", 0, 15_000))
    }
})

test("user files survive, the image's files override, and what the old image had wins nothing", () => {
    const rig = createRig(SMALL)
    install(rig, OLD, { "user.txt": "mine", "page.html": "old page", "gone.txt": "x" }).files.fileRemove("gone.txt")
    expect(updated(rig, imageOf({ app: NEW, files: { "page.html": "new page", "extra.txt": "e" } }), 512)).toBe(STATUS_OK)
    expect(bootSlot(rig)).toBe(1)
    const { files } = startCore(rig)
    expect([...files.fileList()].sort()).toEqual(["extra.txt", "page.html", "user.txt"])
    expect(files.fileRead("user.txt")).toBe("mine")
    expect(files.fileRead("page.html")).toBe("new page")
})

test("an image without block lists is taken, checked by its part hashes", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    expect(updated(rig, imageOf({ app: NEW, hasLists: false }), 1024)).toBe(STATUS_OK)
    expect(bootSlot(rig)).toBe(1)
})

test("the running image again is done at once, and writes nothing", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    const before = Buffer.from(rig.flash.array)
    const core = startCore(rig)
    core.updater.updaterContextCreate(updateOptions())
    expect(feed(core, imageOf({ app: NEW, manifest: { version: "1.0.0", build_id: "b1" } }), 100)).toBe(STATUS_DONE)
    expect(core.updater.updaterSame()).toBe(true)
    expect(core.updater.updaterFinish()).toBe(STATUS_OK)
    expect(rig.flash.array.equals(before)).toBe(true)
})

test("calls at the wrong time are refused", () => {
    const rig = createRig(SMALL)
    install(rig, OLD)
    const core = startCore(rig)
    expect(core.updater.updaterProcess("PK")).toBe(STATUS_NO_UPDATE)
    expect(core.updater.updaterFinish()).toBe(STATUS_NO_UPDATE)
    core.updater.updaterContextCreate(updateOptions())
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_BUSY)
    expect(core.updater.updaterFinish()).toBe(STATUS_TRUNCATED)
    core.updater.updaterContextCreate(updateOptions())
    feed(core, imageOf({ app: NEW }), 5000)
    expect(core.updater.updaterFinish()).toBe(STATUS_OK)
    expect(core.files.fileWrite("late.txt", "lost")).toBe(STATUS_BUSY)
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_BUSY)
})
