// Attacks 6 and 7: deltas on the wrong base, and deltas that copy from where nothing is theirs, make more than they may, or never end.

import { deltaEncode, type DeltaCode } from "../../build/delta-code"
import * as status from "../../firmware/status"
import { feed, slotBytes, updateOptions } from "../firmware/core"
import { imageEntries, imageOf, seededBytes, zipOf } from "../firmware/images"
import { createBoard, lmsKey, NEW, offer, OLD, recordOf, signedImage } from "./signed-rig"
import { signaturesEncode } from "../../build/signatures"

const APP = Buffer.concat([OLD.subarray(0, 5000), Buffer.from("patched"), OLD.subarray(5000)])
const key = lmsKey(1)
const running = { keys: [key.publicKey] }

describe("attack 6: a delta on the wrong base", () => {
    test.each([
        ["another app", NEW],
        ["the app but for one bit", Buffer.concat([Buffer.from([OLD[0]! ^ 1]), OLD.subarray(1)])],
        ["the app and a byte", Buffer.concat([OLD, Buffer.from([0])])],
    ])("%s: refused before any erase, signed or not", (_, base) => {
        for (const [image, as] of [
            [imageOf({ app: APP, base }), {}],
            [signedImage([key], { app: APP, base }), running],
        ] as const) {
            expect(offer(image, as)).toMatchObject({ status: status.STATUS_DELTA_BASE, isTouched: false })
        }
    })

    test("what was downloaded before stays, and the full image is taken next", () => {
        const { core, rig } = createBoard()
        const full = imageOf({ app: APP })
        core.updater.updaterContextCreate(updateOptions("full"))
        feed(core, full.subarray(0, 8000), 1000)
        core.updater.updaterAbort()
        core.updater.updaterContextCreate(updateOptions("delta"))
        expect(feed(core, imageOf({ app: APP, base: NEW }), 1000)).toBe(status.STATUS_DELTA_BASE)
        core.updater.updaterContextCreate(updateOptions("full"))
        expect(core.updater.updaterResumeOffset()).toBeGreaterThan(4096)
        expect(feed(core, full, 1000)).toBe(status.STATUS_DONE)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
        expect(slotBytes(rig, 1, APP.length).equals(APP)).toBe(true)
    })

    test("a base that was changed in the manifest is not signed", () => {
        const entries = imageEntries({ app: APP, base: NEW })
        const bytes = signaturesEncode([recordOf(key, entries[0]!.bytes)])!
        const [right] = imageEntries({ app: APP, base: OLD })
        const image = zipOf([right!, { name: "manifest.sig", bytes }, ...entries.slice(1)])
        expect(offer(image, running)).toMatchObject({ status: status.STATUS_SIGNATURE_INVALID, isTouched: false })
    })

    test("a base that rots while it is read makes no block", () => {
        const { core, rig } = createBoard()
        rig.flash.array[rig.layout.regions.app0.offsetBytes + 4500]! ^= 1
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, imageOf({ app: APP, base: OLD }), 1000)).toBe(status.STATUS_BLOCK_HASH)
    })
})

const numbersOf = (...values: number[]): Buffer =>
    Buffer.from(values.flatMap(value => (value < 128 ? [value] : [(value & 127) | 128, ...numbersOf(value >>> 7)])))

/** A delta of APP whose whole payload is `payload`; the list says what it must to let it in. */
function codeOf(payload: Buffer): DeltaCode {
    const { list } = deltaEncode(OLD, APP)
    for (const at of [32, list.length - 4]) list.writeUInt32LE(payload.length, at)
    return { payload, list }
}

const refused = (payload: Buffer, wanted: number): void => {
    for (const chunkBytes of [7, 4096]) {
        const outcome = offer(imageOf({ app: APP, base: OLD, code: codeOf(payload) }), {}, chunkBytes)
        expect([outcome.status, outcome.isHarmed]).toEqual([wanted, false])
        // Not one byte of it went into the slot.
        expect(slotBytes(outcome.rig, 1, 32768).every(byte => byte === 255)).toBe(true)
    }
}

describe("attack 7: a delta with a huge output or out-of-range offsets", () => {
    test.each([4097, 9000, 65536, 2 ** 26, 2 ** 28 - 1])("%i bytes in one instruction, copied or literal", bytes => {
        refused(numbersOf(0, bytes, 0), status.STATUS_DELTA_LENGTH)
        refused(Buffer.concat([numbersOf(bytes, 0, 0), seededBytes(5000, 3)]), status.STATUS_DELTA_LENGTH)
    })

    test.each([1, 3, 2 * (9000 - 4095), 2 ** 20, 2 ** 27, 2 ** 28 - 2, 2 ** 28 - 1])("a copy from the distance %i", distance => {
        refused(numbersOf(0, 4096, distance), status.STATUS_DELTA_COPY)
    })

    test("steps that lead out of the base little by little", () => {
        refused(Buffer.concat(Array.from({ length: 8 }, () => numbersOf(0, 1, 2 * 2000))), status.STATUS_DELTA_COPY)
    })

    test("instructions without an end, or without an effect", () => {
        refused(Buffer.concat(Array.from({ length: 5000 }, () => numbersOf(0, 1, 0))), status.STATUS_DELTA_STEPS)
        refused(Buffer.alloc(60_000), status.STATUS_DELTA_LENGTH)
        refused(Buffer.alloc(60_000, 255), status.STATUS_DELTA_NUMBER)
    })

    test("the same piece over and over: the block's hash decides", () => {
        refused(Buffer.concat([numbersOf(0, 2048, 0), numbersOf(0, 2048, 4095)]), status.STATUS_BLOCK_HASH)
    })

    test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])("a list whose records end at %i", end => {
        const code = deltaEncode(OLD, APP)
        code.list.writeUInt32LE(end, code.list.length - 4)
        expect(offer(imageOf({ app: APP, base: OLD, code }), {})).toMatchObject({
            status: status.STATUS_PART_SIZE,
            isHarmed: false,
        })
    })

    test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53])("a base or an app of %i bytes", size => {
        const base = { digest: "00".repeat(32), size }
        const huge = imageOf({ app: APP, base: OLD, parts: { app: { base } } })
        expect(offer(huge, {})).toMatchObject({ status: status.STATUS_MANIFEST_FIELD, isTouched: false })
        const room = imageOf({ app: APP, base: OLD, parts: { app: { size } } })
        expect(offer(room, {})).toMatchObject({ status: status.STATUS_NO_ROOM, isTouched: false })
    })
})
