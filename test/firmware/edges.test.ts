// The core at its edges: arguments out of range, calls at odd times, images in rare but good forms, platforms with less.

import * as status from "../../firmware/status"
import { hostPorts } from "../../shims/host/main"
import { bootSlot, createRig, feed, hardwareOf, install, slotBytes, startCore, updateOptions, type Core, type Rig } from "./core"
import { failing } from "./failing-flash"
import { imageEntries, imageOf, seededBytes, zipOf } from "./images"

const OLD = seededBytes(9000, 1)
const NEW = seededBytes(20_001, 2)
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }
const { STATUS_DONE, STATUS_OK } = status

function board(files: Record<string, string> = { "user.txt": "mine" }): { rig: Rig; core: Core } {
    const rig = createRig(SMALL)
    return { rig, core: install(rig, OLD, files) }
}

/** Downloads an image and finishes it. */
function updated(core: Core, image: Buffer): number {
    core.updater.updaterContextCreate(updateOptions())
    const result = feed(core, image, 1000)
    return result === STATUS_DONE ? core.updater.updaterFinish() : result
}

/** Flash that takes no write any more. */
function worn(rig: Rig): () => void {
    const { erase, program, programStaged } = rig.flash
    Object.assign(rig.flash, { erase: () => -1, program: () => -1, programStaged: () => -1 })
    return () => void Object.assign(rig.flash, { erase, program, programStaged })
}

test("an update is refused for arguments out of range", () => {
    const { core } = board()
    const create = core.updater.updaterContextCreate
    for (const bad of [{ updateId: "x".repeat(64) }, { sizeBytes: 67108865 }, { commitTimeoutS: -1 }, { commitTimeoutS: 86401 }])
        expect(create({ ...updateOptions(), ...bad })).toBe(status.STATUS_ARGUMENT)
    expect(create({ ...updateOptions(), updateId: "x".repeat(63), sizeBytes: 67108864, commitTimeoutS: 86400 })).toBe(STATUS_OK)
})

test("progress: 0 without a size, whole percents with one, 100 at the end, exact for large images", () => {
    const { core } = board()
    const { updaterContextCreate, updaterProgressPercent, updaterProcess, updaterAbort } = core.updater
    const image = imageOf({ app: NEW })
    updaterContextCreate(updateOptions())
    updaterProcess(image.toString("latin1", 0, 10_000))
    expect(updaterProgressPercent()).toBe(0)
    updaterAbort()
    const percents: number[] = []
    updaterContextCreate({ ...updateOptions("id-2"), sizeBytes: image.length })
    for (let at = 0; at < image.length; at += 1000) {
        updaterProcess(image.toString("latin1", at, Math.min(at + 1000, image.length)))
        percents.push(updaterProgressPercent())
    }
    expect(percents).toEqual(percents.map((_, i) => Math.min(100, Math.floor(((i + 1) * 100_000) / image.length))))
    updaterAbort()
    updaterContextCreate({ ...updateOptions("id-3"), sizeBytes: 1024 * 1000 })
    updaterProcess(image.toString("latin1", 0, 20_480))
    expect(updaterProgressPercent()).toBe(2)
})

test("once applied, nothing stops an update, no file is changed, and nothing is committed before the reset", () => {
    const { rig, core } = board()
    expect(updated(core, imageOf({ app: NEW }))).toBe(STATUS_OK)
    core.updater.updaterAbort()
    expect([core.updater.updaterIsBusy(), core.updater.updaterProgressPercent()]).toEqual([true, 100])
    expect([core.files.fileRemove("user.txt"), core.files.fileWrite("a", "b")]).toEqual([status.STATUS_BUSY, status.STATUS_BUSY])
    expect(core.commit.commit()).toBe(status.STATUS_BUSY)
    expect([bootSlot(rig), startCore(rig).commit.commit()]).toEqual([1, STATUS_OK])
})

test("a snapshot to go back to has the default timeout where none is named, and is committed like an update", () => {
    const { rig, core } = board()
    expect(core.commit.createSnapshot(true, 0)).toBe(1)
    expect(core.commit.bootState()).toMatchObject({ commitTimeoutS: 300, isCommitted: false })
    expect([bootSlot(rig), core.commit.commit()]).toEqual([0, STATUS_OK])
})

test("cleaning up waits for the commit", () => {
    const { rig, core } = board()
    updated(core, imageOf({ app: NEW }))
    expect(bootSlot(rig)).toBe(1)
    const trial = startCore(rig, { name: "demo", version: "1.1.0", build_id: "b2", security: 0 })
    let result: number = STATUS_OK
    for (let i = 0; i < 30 && result === STATUS_OK; i++) result = trial.files.fileWrite("log", `${i}`.repeat(500))
    expect(result).toBe(status.STATUS_NOT_COMMITTED)
    expect(trial.files.fileRead("user.txt")).toBe("mine")
    expect([trial.commit.commit(), trial.files.fileWrite("log", "now")]).toEqual([STATUS_OK, STATUS_OK])
    expect(startCore(rig).files.fileRead("log")).toBe("now")
})

test("flash that takes no write: commit and revert say so, and the old decision stands", () => {
    const { rig, core } = board()
    updated(core, imageOf({ app: NEW }))
    bootSlot(rig)
    const trial = startCore(rig)
    const mend = worn(rig)
    expect([trial.commit.commit(), trial.commit.revert(-1)]).toEqual([status.STATUS_FLASH, status.STATUS_FLASH])
    mend()
    expect(startCore(rig).commit.bootState()).toMatchObject({ isCommitted: false, activeSlot: 1, revertSlot: 0 })
})

test("a running slot that cannot be read gives no snapshot; one failed read is tried again", () => {
    for (const [kind, wanted] of [
        ["blind", status.STATUS_FLASH],
        ["blink", status.STATUS_FLASH],
        ["wink", 1],
    ] as const) {
        const { rig } = board()
        const { flash } = failing(rig, { kind, at: 0, region: "app0" })
        expect(startCore({ ...rig, flash }).commit.createSnapshot(false, 0)).toBe(wanted)
        expect(bootSlot(rig)).toBe(0)
    }
})

test("before any boot record there are no files", () => {
    const core = startCore(createRig(SMALL))
    expect([core.files.fileRead("a"), core.files.fileList()]).toEqual([undefined, []])
})

test("on trial, with both slots rotten, nothing boots; the record stays as it was", () => {
    const { rig, core } = board()
    updated(core, imageOf({ app: NEW }))
    for (const name of ["app0", "app1"] as const) rig.flash.array[rig.layout.regions[name].offsetBytes + 50]! ^= 1
    const before = Buffer.from(rig.flash.array)
    expect(bootSlot(rig)).toBe(status.STATUS_SLOT_DAMAGED)
    expect(rig.flash.array.equals(before)).toBe(true)
})

describe("good images in rare forms", () => {
    const good = (image: Buffer, core = board().core): void => expect(updated(core, image)).toBe(STATUS_OK)

    test("a folder's own entry first, and its name before every other", () => {
        const entries = imageEntries({ app: NEW }).map(entry => ({ ...entry, name: `demo-1.1.0/${entry.name}` }))
        good(zipOf([{ name: "demo-1.1.0/", bytes: Buffer.alloc(0) }, ...entries]))
    })

    test("a block list twice: the first one counts", () => {
        good(imageOf({ app: NEW, bend: ([manifest, list, ...rest]) => [manifest!, list!, list!, ...rest] }))
    })

    test("a comment behind the end record, whole or in pieces", () => {
        const image = Buffer.concat([imageOf({ app: NEW }), Buffer.from("built by hand")])
        image.writeUInt16LE(13, image.length - 13 - 2)
        for (const chunkBytes of [1, 7, 100_000]) {
            const { core } = board()
            core.updater.updaterContextCreate(updateOptions())
            expect(feed(core, image, chunkBytes)).toBe(STATUS_DONE)
        }
    })

    test("a long extra field, skipped", () => {
        good(imageOf({ app: NEW, bend: ([first, ...rest]) => [{ ...first!, extra: Buffer.alloc(3000) }, ...rest] }))
    })

    test("a version that is asked for, and a product of its own", () => {
        good(imageOf({ app: NEW, manifest: { requires: ">=1.0.0 <2.0.0" } }))
        good(imageOf({ app: NEW, manifest: { requires: "", product: "lamp" } }))
        const { core } = board()
        core.running.runningProductInstall("lamp")
        good(imageOf({ app: NEW, manifest: { product: "lamp" } }), core)
    })

    test("a part with SHA-1 alone, and one with both hashes, of which SHA-256 counts", () => {
        const sha1 = { cs_sha1: "00".repeat(20) }
        good(imageOf({ app: NEW, hasLists: false, parts: { app: sha1 } }))
    })
})

test("a part without a block list that changes before the finish is refused, and fetched anew", () => {
    const { rig, core } = board()
    const image = imageOf({ app: NEW, hasLists: false })
    core.updater.updaterContextCreate(updateOptions())
    expect(feed(core, image, 1000)).toBe(STATUS_DONE)
    rig.flash.array[rig.layout.regions.app1.offsetBytes + 777]! ^= 1
    expect([core.updater.updaterFinish(), bootSlot(rig)]).toEqual([status.STATUS_PART_HASH, 0])
    core.updater.updaterContextCreate(updateOptions())
    expect(core.updater.updaterResumeOffset()).toBe(0)
    expect([feed(core, image, 1000), core.updater.updaterFinish(), bootSlot(rig)]).toEqual([STATUS_DONE, STATUS_OK, 1])
})

describe("a platform with less", () => {
    test("without CRC-32 in hardware, SHA-256 alone decides over payload", () => {
        const { rig, core } = board()
        const ports = hostPorts(hardwareOf(rig))
        core.portsInstall({ ...ports, stage: { ...ports.stage, hasCrc32: false } })
        const wrong = imageEntries({ app: NEW }).map(entry => (entry.name === "app.js" ? { ...entry, crc: 77 } : entry))
        expect(updated(core, zipOf(wrong))).toBe(STATUS_OK)
        expect(slotBytes(rig, 1, NEW.length).equals(NEW)).toBe(true)
    })

    test("without ECDSA, signatures of that kind do not count", () => {
        const { rig } = board()
        const core = startCore(rig, { name: "demo", version: "1.0.0", build_id: "b1", security: 0, keys: ["MFkw"] } as never)
        const extra = Buffer.from(':)\x0e\x00{"sig0":"abc"}')
        const signed = imageOf({ app: NEW, bend: ([first, ...rest]) => [{ ...first!, extra }, ...rest] })
        expect(updated(core, signed)).toBe(status.STATUS_SIGNATURE_MISSING)
    })

    test("a signed board is not done with a manifest alone", () => {
        const { rig } = board()
        const core = startCore(rig, { name: "demo", version: "1.0.0", build_id: "b1", security: 0, keys: ["MFkw"] } as never)
        expect(updated(core, zipOf(imageEntries({ app: NEW }).slice(0, 1)))).toBe(status.STATUS_SIGNATURE_MISSING)
    })
})
