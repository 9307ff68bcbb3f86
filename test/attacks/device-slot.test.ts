// Attacks 10 and 14: slots changed behind the core's back, and power lost in the middle of any other attack.

import * as status from "../../firmware/status"
import { bootSlot, feed, slotBytes, startCore, updateOptions, type Rig } from "../firmware/core"
import { imageEntries, imageOf, zipOf } from "../firmware/images"
import { createBoard, NEW, offer, OLD } from "./signed-rig"

describe("attack 10: a slot changed between verification and boot", () => {
    const places = [0, 1, 4095, 4096, 8191, NEW.length - 1]

    test.each(places)("byte %i of a block, before the flip: not applied", at => {
        const { core, rig, status: result } = offer(imageOf({ app: NEW }), {})
        expect(result).toBe(status.STATUS_DONE)
        rig.flash.array[rig.layout.regions.app1.offsetBytes + at]! ^= 1
        expect(core.updater.updaterFinish()).toBe(status.STATUS_BLOCK_HASH)
        expect(bootSlot(rig)).toBe(0)
    })

    test.each(places)("byte %i, behind the flip: verified again at boot, and left for the old image", at => {
        const { core, rig } = offer(imageOf({ app: NEW }), {})
        expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
        rig.flash.array[rig.layout.regions.app1.offsetBytes + at]! ^= 1
        expect([bootSlot(rig), bootSlot(rig)]).toEqual([0, 0])
        const record = startCore(rig).bootRecord.bootRecordRead()!
        expect(record).toMatchObject({ isCommitted: true, cameBack: true, result: status.STATUS_SLOT_DAMAGED })
    })
})

class PowerCut extends Error {}

/** Lets a rig lose its power at write `cutAt`: before it, or with half of it done. Returns how to switch it on again. */
function cutAt(rig: Rig, at: number, isHalf: boolean): () => void {
    const { erase, program, programStaged } = rig.flash
    let writes = 0
    const cut = (half: () => void): void => {
        if (writes++ !== at) return
        if (isHalf) half()
        throw new PowerCut()
    }
    const { programBytes, eraseBytes } = rig.layout
    Object.assign(rig.flash, {
        erase: (address: number) => {
            cut(() => rig.flash.array.fill(255, address, address + eraseBytes / 2))
            return erase(address)
        },
        program: (address: number, bytes: string) => {
            const half = Math.floor(bytes.length / 2 / programBytes) * programBytes
            cut(() => half > 0 && program(address, bytes.slice(0, half)))
            return program(address, bytes)
        },
        programStaged: (address: number, lengthBytes: number) => {
            cut(() => lengthBytes > programBytes && programStaged(address, Math.floor(lengthBytes / 2)))
            return programStaged(address, lengthBytes)
        },
    })
    return () => void Object.assign(rig.flash, { erase, program, programStaged })
}

const flipped = Buffer.from(NEW)
flipped[15_000]! ^= 1
const bent = imageEntries({ app: NEW }).map(entry => (entry.name === "app.js" ? { ...entry, bytes: flipped, crc: 0 } : entry))
const ATTACKS: readonly (readonly [string, Buffer])[] = [
    ["1, a flipped bit", zipOf(bent)],
    ["9, trailing data", imageOf({ app: NEW, tail: Buffer.from("more") })],
    [
        "11, a size that wraps",
        zipOf([...imageEntries({ app: NEW }), { name: "x", bytes: Buffer.from("x"), sizeBytes: 2 ** 32 - 1 }]),
    ],
    ["8, an image without its end", imageOf({ app: NEW }).subarray(0, -30)],
]

describe("attack 14: power lost at any point of another attack", () => {
    test.each(ATTACKS)("%s", (_name, image) => {
        for (const isHalf of [false, true]) {
            let cuts = 0
            for (let at = 0; at === cuts; at++) {
                const { rig, core } = createBoard()
                const back = cutAt(rig, at, isHalf)
                try {
                    core.updater.updaterContextCreate(updateOptions())
                    feed(core, image, 1000)
                    core.updater.updaterFinish()
                } catch (error) {
                    if (!(error instanceof PowerCut)) throw error
                    cuts += 1
                }
                back()
                expect(bootSlot(rig)).toBe(0)
                expect(slotBytes(rig, 0, OLD.length).equals(OLD)).toBe(true)
                const next = startCore(rig)
                expect(next.files.fileRead("user.txt")).toBe("mine")
                expect(next.bootRecord.bootRecordRead()).toMatchObject({ isCommitted: true, activeApp: 0, security: 0 })
                next.updater.updaterContextCreate(updateOptions())
                expect(feed(next, image, 1000)).not.toBe(status.STATUS_DONE)
            }
            expect(cuts).toBeGreaterThan(10)
        }
    })
})
