// Attacks 10 and 14: slots changed behind the core's back, and power lost in the middle of any other attack.

import { deltaEncode } from "../../build/delta-code"
import * as status from "../../firmware/status"
import { bootSlot, feed, slotBytes, startCore, updateOptions, type Core, type Rig } from "../firmware/core"
import { imageEntries, imageOf, zipOf } from "../firmware/images"
import { createBoard, lmsKey, NEW, offer, OLD, signedImage, startAs, type RunningImage } from "./signed-rig"

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
const key = lmsKey(1)
const signed: Partial<RunningImage> = { keys: [key.publicKey] }

/** A good delta but for its last instruction, which copies from behind the base. */
const { payload, list } = deltaEncode(OLD, NEW)
const outside = {
    payload: Buffer.concat([payload.subarray(0, list.readUInt32LE(list.length - 40)), Buffer.from([0, 1, 255, 255, 3])]),
    list,
}
list.writeUInt32LE(outside.payload.length, list.length - 4)

/** What an attacker has a board do. `isQuiet`: it is refused before any write, so that there is nothing to cut. */
interface Attack {
    readonly name: string
    readonly running?: Partial<RunningImage>
    readonly prepare?: (core: Core) => void
    readonly run: (core: Core, rig: Rig) => void
    readonly isQuiet?: boolean
}

const offered = (image: Buffer) => (core: Core) => {
    core.updater.updaterContextCreate(updateOptions())
    feed(core, image, 1000)
    core.updater.updaterFinish()
}

const rot = (rig: Rig): void => void (rig.flash.array[rig.layout.regions.app1.offsetBytes + 5000]! ^= 1)

const ATTACKS: readonly Attack[] = [
    { name: "1, a flipped bit", run: offered(zipOf(bent)) },
    { name: "2, an unsigned image", running: signed, run: offered(imageOf({ app: NEW })), isQuiet: true },
    { name: "2, an unknown key", running: signed, run: offered(signedImage([lmsKey(2)])), isQuiet: true },
    { name: "3, another platform", run: offered(imageOf({ app: NEW, manifest: { platform: "esp32" } })), isQuiet: true },
    {
        name: "4, an older counter",
        prepare: core => {
            const record = core.bootRecord.bootRecordRead()!
            record.security = 5
            core.bootRecord.bootRecordWrite(record)
        },
        run: offered(imageOf({ app: NEW, manifest: { security: 4 } })),
        isQuiet: true,
    },
    {
        name: "5, an expired manifest",
        run: offered(imageOf({ app: NEW, manifest: { expires: "2020-01-01T00:00:00Z" } })),
        isQuiet: true,
    },
    { name: "6, a delta on the wrong base", run: offered(imageOf({ app: NEW, base: NEW })), isQuiet: true },
    { name: "7, a delta that leads out of its base", run: offered(imageOf({ app: NEW, base: OLD, code: outside })) },
    { name: "8, an image without its end", run: offered(imageOf({ app: NEW }).subarray(0, -30)) },
    { name: "9, trailing data", run: offered(imageOf({ app: NEW, tail: Buffer.from("more") })) },
    {
        name: "10, a slot changed before the flip",
        run(core, rig) {
            core.updater.updaterContextCreate(updateOptions())
            feed(core, imageOf({ app: NEW }), 1000)
            rot(rig)
            core.updater.updaterFinish()
        },
    },
    {
        name: "10, a slot changed behind the flip",
        prepare: offered(imageOf({ app: NEW })),
        run(_core, rig) {
            rot(rig)
            bootSlot(rig)
            startCore(rig)
        },
    },
    {
        name: "11, a size that wraps",
        run: offered(zipOf([...imageEntries({ app: NEW }), { name: "x", bytes: Buffer.from("x"), sizeBytes: 2 ** 32 - 1 }])),
    },
    {
        name: "13, an image that never commits",
        prepare: offered(imageOf({ app: NEW })),
        run(_core, rig) {
            for (let boot = 0; boot < 4; boot++) bootSlot(rig)
            startCore(rig)
        },
    },
]

/** Cuts at write `at` of an attack. Returns whether there was such a write. */
function attackCut({ running = {}, prepare, run }: Attack, at: number, isHalf: boolean): { rig: Rig; wasCut: boolean } {
    const { rig } = createBoard()
    prepare?.(startAs(rig, running))
    const back = cutAt(rig, at, isHalf)
    let wasCut = false
    try {
        run(startAs(rig, running), rig)
    } catch (error) {
        if (!(error instanceof PowerCut)) throw error
        wasCut = true
    }
    back()
    return { rig, wasCut }
}

describe("attack 14: power lost at any point of another attack", () => {
    test.each(ATTACKS)("$name", attack => {
        for (const isHalf of [false, true]) {
            let cuts = 0
            for (let at = 0; at === cuts; at++) {
                const { rig, wasCut } = attackCut(attack, at, isHalf)
                if (wasCut) cuts += 1
                // What has its trials still to go uses them up.
                let slot = bootSlot(rig)
                for (let boot = 0; slot === 1 && boot < 4; boot++) slot = bootSlot(rig)
                expect([slot, slotBytes(rig, 0, OLD.length).equals(OLD)]).toEqual([0, true])
                const next = startAs(rig, attack.running)
                expect(next.files.fileRead("user.txt")).toBe("mine")
                const record = next.bootRecord.bootRecordRead()!
                expect([record.isCommitted, record.activeApp, record.security]).toEqual([
                    true,
                    0,
                    attack.name.startsWith("4") ? 5 : 0,
                ])
                // Done once more, it comes to the same.
                attack.run(next, rig)
                expect(bootSlot(rig)).toBe(0)
            }
            if (attack.isQuiet) expect(cuts).toBe(0)
            else expect(cuts).toBeGreaterThan(2)
        }
    })
})
