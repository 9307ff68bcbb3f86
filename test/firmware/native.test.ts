// Native firmware as a part of an image: what is refused, what follows what, and that boot record and chip never disagree.

import * as status from "../../firmware/status"
import { bootSlot, createRig, engine, install, slotBytes, startCore, type Rig } from "./core"
import { BoardRestart } from "./native-port"
import {
    NATIVE_GEOMETRY,
    NEW_APP,
    NEW_NATIVE,
    OLD_APP,
    nativeImage,
    nativeRig,
    nativeVersion,
    startChip,
    takeImage,
} from "./native-rig"

const BOTH = nativeImage({ app: NEW_APP })
const ALONE = nativeImage()

/** A board with an image applied, before its restart. */
function appliedRig(image = BOTH): Rig {
    const rig = nativeRig()
    const core = startCore(rig)
    expect(takeImage(core, image)).toBe(status.STATUS_DONE)
    expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
    return rig
}

test("a board that cannot take native firmware refuses the image before anything is erased", () => {
    const rig = createRig(NATIVE_GEOMETRY)
    install(rig, OLD_APP)
    const before = Buffer.from(rig.flash.array)
    expect(takeImage(startCore(rig), BOTH)).toBe(status.STATUS_PART_UNSUPPORTED)
    expect(rig.flash.array.equals(before)).toBe(true)
    expect(bootSlot(rig)).toBe(0)
})

test("firmware and app run together and stay after the commit", () => {
    const rig = appliedRig()
    expect(startChip(rig)).toMatchObject({ slot: 1, native: "2.0" })
    expect(startCore(rig).commit.commit()).toBe(status.STATUS_OK)
    for (let turn = 0; turn < 3; turn++) expect(startChip(rig)).toMatchObject({ slot: 1, native: "2.0" })
    expect(slotBytes(rig, 1, NEW_APP.length).equals(NEW_APP)).toBe(true)
    expect(startCore(rig).commit.bootState()).toMatchObject({ isCommitted: true, cameBack: false, updateId: "u1" })
})

test("firmware alone: the app stays where it is", () => {
    const rig = appliedRig(ALONE)
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "2.0" })
    expect(startCore(rig).commit.commit()).toBe(status.STATUS_OK)
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "2.0" })
})

test.each([
    ["both", BOTH],
    ["alone", ALONE],
])("a restart before the commit goes back to both old ones: %s", (_, image) => {
    const rig = appliedRig(image)
    startChip(rig)
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "" })
    expect(startCore(rig).commit.bootState()).toMatchObject({
        isCommitted: true,
        cameBack: true,
        lastResult: status.STATUS_ROLLED_BACK,
    })
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "" })
})

test("the next update goes to the other partition, and back from there", () => {
    const rig = appliedRig()
    startChip(rig).core.commit.commit()
    const { core } = startChip(rig)
    core.running.runningInstall({ name: "demo", version: "1.1.0", build_id: "b0", security: 0 })
    expect(takeImage(core, BOTH)).toBe(status.STATUS_DONE)
    expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
    expect(startChip(rig)).toMatchObject({ slot: 0 })
    expect(rig.ota!.info().running).toBe("ota_0")
    // An app that asks to go back is left with its firmware, accepted or not.
    expect(startCore(rig).commit.revert(status.STATUS_REVERTED)).toBe(status.STATUS_OK)
    expect(startChip(rig).slot).toBe(1)
    expect(rig.ota!.info().running).toBe("ota_1")
})

test("firmware that was accepted by an image that never committed is left with it", () => {
    const rig = appliedRig()
    startChip(rig).core.commit.commit()
    const { core } = startChip(rig)
    core.running.runningInstall({ name: "demo", version: "1.1.0", build_id: "b0", security: 0 })
    takeImage(core, BOTH)
    core.updater.updaterFinish()
    // Power is cut between the two halves of the commit, then the trials run out.
    startChip(rig)
    rig.ota!.accept()
    startChip(rig)
    startChip(rig)
    expect(startChip(rig).slot).toBe(1)
    expect(rig.ota!.info().running).toBe("ota_1")
})

test("a committed slot that rots goes back together with the firmware that it came with", () => {
    const rig = appliedRig()
    startChip(rig).core.commit.commit()
    // The first partition was never chosen by number, so the chip knows of nothing to go back to: the app runs on.
    rig.flash.array[rig.layout.regions.app1.offsetBytes]! ^= 1
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "2.0" })
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "2.0" })
})

test("a snapshot belongs to the firmware that runs", () => {
    const rig = appliedRig()
    startChip(rig).core.commit.commit()
    const { core } = startChip(rig)
    expect(core.commit.createSnapshot(true, 60)).toBe(0)
    for (let turn = 0; turn < 3; turn++) expect(startChip(rig)).toMatchObject({ slot: 1, native: "2.0" })
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "2.0" })
})

test("firmware that the record does not name is left", () => {
    const rig = nativeRig()
    const { ota } = rig
    ota!.commence()
    ota!.write(NEW_NATIVE)
    ota!.complete()
    ota!.boot()
    expect(nativeVersion(rig)).toBe("2.0")
    expect(() => startCore(rig).boot.bootDecide()).toThrow(BoardRestart)
    expect(startChip(rig)).toMatchObject({ slot: 0, native: "" })
})

test("without a way to accept its firmware an image is not committed", () => {
    const rig = appliedRig()
    startChip(rig)
    const noOta = { ...rig, ota: undefined } as unknown as Rig
    expect(startCore(noOta).commit.commit()).toBe(status.STATUS_NATIVE)
    // And its loader takes no trial with it.
    expect(bootSlot(noOta)).toBe(0)
    const refusing = appliedRig()
    startChip(refusing)
    const core = startCore({ ...refusing, ota: { ...refusing.ota!, accept: () => "firmware accept failed" } })
    expect(core.commit.commit()).toBe(status.STATUS_NATIVE)
    expect(startCore(refusing).commit.bootState()).toMatchObject({ isCommitted: false })
})

describe("refused", () => {
    const cases: [string, Buffer, number][] = [
        [
            "without a block list",
            nativeImage({ part: { blocks: undefined, cs_sha256: "0".repeat(64) } }),
            status.STATUS_MANIFEST_FIELD,
        ],
        ["larger than any image", nativeImage({ part: { size: 0x7000000 } }), status.STATUS_NO_ROOM],
        ["no application image", nativeImage({ native: Buffer.alloc(5000, 1) }), status.STATUS_FLASH],
        [
            "larger than its partition",
            nativeImage({ native: Buffer.concat([NEW_NATIVE, Buffer.alloc(1_240_000)]) }),
            status.STATUS_FLASH,
        ],
    ]
    test.each(cases)("%s", (_, image, wanted) => {
        const rig = nativeRig()
        expect(takeImage(startCore(rig), image, 4000)).toBe(wanted)
        expect(startChip(rig)).toMatchObject({ slot: 0, native: "" })
    })

    test("a block that does not have its hash is not written", () => {
        const bent = Buffer.from(BOTH)
        bent[bent.indexOf(NEW_NATIVE.subarray(0, 64)) + 5000]! ^= 1
        const rig = nativeRig()
        expect(takeImage(startCore(rig), bent)).toBe(status.STATUS_BLOCK_HASH)
    })

    test.each([
        ["one that is damaged although every block has its hash", undefined],
        ["one that could not be tried: the chip's firmware knows no way back", { hasRollback: false }],
    ])("by the chip: %s", (_, options) => {
        const damaged = Buffer.from(NEW_NATIVE)
        if (options === undefined) damaged[5000]! ^= 1
        const rig = nativeRig(options)
        const core = startCore(rig)
        expect(takeImage(core, nativeImage({ app: NEW_APP, native: damaged }))).toBe(status.STATUS_DONE)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_NATIVE)
        for (let turn = 0; turn < 2; turn++) expect(startChip(rig)).toMatchObject({ slot: 0 })
        expect(rig.ota!.info().running).toBe("ota_0")
    })
})

test.each([
    ["behind the app: that one is kept, the firmware begins anew", false],
    ["ahead of the app: all begins anew", true],
])("a download that goes on after a restart, %s", (_, isFirst) => {
    const image = nativeImage({ app: NEW_APP, isFirst })
    for (const cutAt of [image.indexOf(NEW_NATIVE.subarray(0, 64)) + 6000, image.length - 400]) {
        const rig = nativeRig()
        takeImage(startCore(rig), image.subarray(0, cutAt))
        const { core } = startChip(rig)
        expect(takeImage(core, image.subarray(0, 0))).toBe(status.STATUS_OK)
        const from = core.updater.updaterResumeOffset()
        if (isFirst) expect(from).toBe(0)
        else expect(from).toBe(image.indexOf(NEW_APP.subarray(0, 64)) + NEW_APP.length)
        core.updater.updaterAbort()
        expect(takeImage(core, image)).toBe(status.STATUS_DONE)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
        expect(startChip(rig)).toMatchObject({ slot: 1, native: "2.0" })
    }
})

// ---- power cuts --------------------------------------------------------------------------------

class PowerCut extends Error {}

/** One life: the update, its trial, its commit; power is cut ahead of the `cutAt`-th write. Returns how many writes there were. */
function life(rig: Rig, image: Buffer, cutAt: number): number {
    let writes = 0
    rig.onWrite = () => {
        if (writes++ === cutAt) throw new PowerCut()
    }
    try {
        const core = startCore(rig)
        takeImage(core, image)
        core.updater.updaterFinish()
        if (startChip(rig).slot >= 0) startCore(rig).commit.commit()
    } catch (error) {
        if (cutAt >= writes) throw error
    }
    rig.onWrite = undefined
    return writes
}

test.each([
    ["both", BOTH, 1],
    ["alone", ALONE, 0],
])(
    "power is cut ahead of every write of an update: app and firmware are always of one image: %s",
    (_, image, newSlot) => {
        const all = life(nativeRig(), image, 1e9)
        const stride = Math.ceil(engine.stride / 9)
        let finished = 0
        for (let cutAt = all - 1; cutAt >= 0; cutAt -= stride) {
            const rig = nativeRig()
            life(rig, image, cutAt)
            for (let turn = 0; turn < 4; turn++) {
                const { slot, native, core } = startChip(rig)
                const isNew = native === "2.0"
                expect([cutAt, slot]).toEqual([cutAt, isNew ? newSlot : 0])
                if (core.commit.bootState()?.isCommitted === false) core.commit.commit()
                if (turn === 3 && isNew) finished++
            }
            const { core, native } = startChip(rig)
            if (native === "2.0") continue
            // What was cut can be done again, and ends well.
            expect(takeImage(core, image)).toBe(status.STATUS_DONE)
            expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
            expect(startChip(rig)).toMatchObject({ slot: newSlot, native: "2.0" })
        }
        expect(finished).toBeGreaterThan(0)
        expect(finished).toBeLessThan(all)
    },
    60_000,
)
