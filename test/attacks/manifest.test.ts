// Attacks 3, 4, 5 and 13: images for other boards, older counters, replayed manifests, and images that crash again and again.

import * as status from "../../firmware/status"
import { feed, updateOptions, type Core, type Rig } from "../firmware/core"
import { imageOf, type ImageOptions } from "../firmware/images"
import { boots, createBoard, lmsKey, NEW, offer, OLD, signedImage, startAs, type RunningImage } from "./signed-rig"

const key = lmsKey(1)
const running: Partial<RunningImage> = { keys: [key.publicKey] }

/** Signed by the right key, and refused all the same, before any erase. */
function refused(options: ImageOptions, wanted: number): void {
    const outcome = offer(signedImage([key], options), running)
    expect([outcome.status, outcome.isTouched]).toEqual([wanted, false])
    expect(boots(outcome.rig)).toBe(0)
}

/** Installs a signed image on a board and boots it. Returns the core of the new boot. */
function installed(rig: Rig, core: Core, options: ImageOptions, image: Partial<RunningImage>): Core {
    expect(core.updater.updaterContextCreate(updateOptions(JSON.stringify(options)))).toBe(status.STATUS_OK)
    expect(feed(core, signedImage([key], options), 1000)).toBe(status.STATUS_DONE)
    expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
    expect(boots(rig)).toBe(core.bootRecord.bootRecordRead()!.activeApp)
    return startAs(rig, { ...running, ...image })
}

describe("attack 3: a valid image for another board", () => {
    test("of another platform", () => refused({ manifest: { platform: "esp32" } }, status.STATUS_PLATFORM))

    test("of another product", () => {
        const { rig } = createBoard()
        const core = startAs(rig, running)
        core.running.runningProductInstall("thermostat")
        const before = rig.flash.array.toString("latin1")
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, signedImage([key], { manifest: { product: "door lock" } }), 1000)).toBe(status.STATUS_PRODUCT)
        expect(rig.flash.array.toString("latin1")).toBe(before)
    })

    test("of another hardware revision, named by `requires` or by its platform", () => {
        refused({ manifest: { requires: ">=2.0.0" } }, status.STATUS_REQUIRES)
        refused({ manifest: { platform: "host-rev2" } }, status.STATUS_PLATFORM)
    })
})

describe("attacks 4 and 15: the security counter", () => {
    test("counts from the commit on, not before; then an older one is refused before any erase", () => {
        const { rig, core } = createBoard(running)
        const next = installed(rig, core, { manifest: { security: 5 } }, { version: "1.1.0", security: 5 })
        expect(next.bootRecord.bootRecordRead()!.security).toBe(0)
        expect(next.commit.commit()).toBe(status.STATUS_OK)
        expect(next.bootRecord.bootRecordRead()!.security).toBe(5)
        const before = rig.flash.array.toString("latin1")
        for (const security of [4, 0, undefined]) {
            next.updater.updaterContextCreate(updateOptions())
            const manifest = { version: "1.2.0", build_id: "b3", ...(security !== undefined && { security }) }
            expect(feed(next, signedImage([key], { manifest }), 1000)).toBe(status.STATUS_SECURITY)
        }
        expect(rig.flash.array.toString("latin1")).toBe(before)
    })

    test("until the commit the old image still boots, and is not refused for its counter", () => {
        const { rig, core } = createBoard(running)
        installed(rig, core, { manifest: { security: 5 } }, { version: "1.1.0", security: 5 })
        expect([1, 2, 3].map(() => boots(rig))).toEqual([1, 1, 0])
        const back = startAs(rig, running)
        expect(back.bootRecord.bootRecordRead()).toMatchObject({ security: 0, isCommitted: true, cameBack: true })
        back.updater.updaterContextCreate(updateOptions())
        expect(feed(back, signedImage([key], { manifest: { version: "1.0.5" } }), 1000)).toBe(status.STATUS_DONE)
    })

    test.each([
        [5, status.STATUS_SLOT_DAMAGED],
        [0, 0],
    ])("an older image is refused at boot, too: counter %i → %i", (security, wanted) => {
        const { rig, core } = createBoard(running)
        const next = installed(rig, core, { manifest: { security } }, { version: "1.1.0", security })
        next.commit.commit()
        rig.flash.array[rig.layout.regions.app1.offsetBytes + 100]! ^= 1
        // The other slot still holds the old image, whole: it boots only where no counter was raised above its own.
        expect([boots(rig), boots(rig)]).toEqual([wanted, wanted])
    })

    test("values that are no counters", () => {
        for (const security of [-1, 1.5, "9", null, true]) refused({ manifest: { security } }, status.STATUS_MANIFEST_FIELD)
    })
})

describe("attack 5: an old manifest replayed", () => {
    test("refused when it has expired; taken while the board does not know the time", () => {
        const expires = { expires: "2020-01-01T00:00:00Z" }
        refused({ manifest: expires }, status.STATUS_EXPIRED)
        const { rig, core } = createBoard(running)
        rig.clock.nowS = () => 0
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, signedImage([key], { manifest: expires }), 1000)).toBe(status.STATUS_DONE)
    })

    test("of a download that was begun: expired in between, it is not continued", () => {
        const { rig, core } = createBoard(running)
        const image = signedImage([key], { manifest: { expires: "2037-01-01T00:00:00Z" } })
        core.updater.updaterContextCreate(updateOptions())
        feed(core, image.subarray(0, image.length - 4000), 1000)
        const later = startAs(rig, running)
        later.updater.updaterContextCreate(updateOptions())
        expect(later.updater.updaterResumeOffset()).toBeGreaterThan(0)
        const expired = startAs(rig, running)
        const nowS = rig.clock.nowS
        rig.clock.nowS = () => 2_147_000_000
        expired.updater.updaterContextCreate(updateOptions())
        expect(expired.updater.updaterResumeOffset()).toBe(0)
        expect(feed(expired, image, 1000)).toBe(status.STATUS_EXPIRED)
        rig.clock.nowS = nowS
    })

    test("a signature does not carry over to a manifest that says later", () => {
        const image = signedImage([key], { manifest: { expires: "2020-01-01T00:00:00Z" } })
        const later = Buffer.from(image.toString("latin1").replace("2020-01-01", "2037-01-01"), "latin1")
        // The CRC-32 of the entry is no protection: 0 asks for none.
        later.writeUInt32LE(0, 14)
        expect(offer(later, running)).toMatchObject({ status: status.STATUS_SIGNATURE_INVALID, isTouched: false })
    })
})

describe("a download that was begun under other rules", () => {
    const unsigned = imageOf({ app: NEW })
    const signed = signedImage([key])

    /** Begins with this running image and image, cuts the power, and asks the next boot where it goes on. */
    function resumed(
        first: Partial<RunningImage>,
        image: Buffer,
        second: Partial<RunningImage>,
    ): { rig: Rig; core: Core; offset: number } {
        const { rig } = createBoard()
        const core = startAs(rig, first)
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, image.subarray(0, image.length - 6000), 1000)).toBe(status.STATUS_OK)
        const next = startAs(rig, second)
        next.updater.updaterContextCreate(updateOptions())
        return { rig, core: next, offset: next.updater.updaterResumeOffset() }
    }

    test("goes on under the same keys, without another check", () => {
        const { core, offset } = resumed(running, signed, running)
        expect(offset).toBeGreaterThan(10_000)
        expect(feed(core, signed, 1000)).toBe(status.STATUS_DONE)
    })

    test.each([
        ["no keys, then one", {}, running],
        ["one key, then another", running, { keys: [lmsKey(2).publicKey] }],
        ["one key, then a mask", running, { ...running, sig_req_mask: 1 }],
        ["another slot", running, { keys: ["", key.publicKey] }],
    ] as [string, Partial<RunningImage>, Partial<RunningImage>][])("begins anew after %s", (_name, first, second) => {
        const image = first.keys === undefined ? unsigned : signed
        expect(resumed(first, image, second).offset).toBe(0)
    })

    test("an unsigned image that was half written before the keys came is refused", () => {
        const { rig, core } = resumed({}, unsigned, running)
        expect(feed(core, unsigned, 1000)).toBe(status.STATUS_SIGNATURE_MISSING)
        expect(boots(rig)).toBe(0)
    })
})

describe("attack 13: update, crash, fetch again", () => {
    test("an image that never commits has its trials and no more, and its status is kept for the report", () => {
        const { rig, core } = createBoard(running)
        installed(rig, core, {}, { version: "1.1.0" })
        expect([1, 2, 3, 4].map(() => boots(rig))).toEqual([1, 1, 0, 0])
        const back = startAs(rig, running)
        expect(back.commit.bootState()).toMatchObject({ cameBack: true, lastResult: status.STATUS_ROLLED_BACK, updateId: "u1" })
        expect(rig.flash.array.toString("latin1", rig.layout.regions.app0.offsetBytes).slice(0, OLD.length)).toBe(
            OLD.toString("latin1"),
        )
    })
})
