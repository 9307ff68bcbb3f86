// Flash that fails while a download continues: torn blocks in erase units of several, and lists that cannot be taken anew.

import * as status from "../../firmware/status"
import { createRig, feed, install, startCore, updateOptions } from "./core"
import { failing, PowerCut } from "./failing-flash"
import { imageOf, seededBytes } from "./images"

const OLD = seededBytes(5000, 1)
const { STATUS_DONE } = status
const image = imageOf({ app: seededBytes(20_001, 2), files: { page: "p".repeat(5000) } })

describe("a torn block in an erase unit of several", () => {
    const LARGE = { eraseBytes: 65536, programBytes: 32, appBytes: 65536, filesBytes: 131072, loaderBytes: 65536 }

    test.each([262144, 196608])(
        "and reads that fail in the next life, journal of %i bytes: the update ends well",
        journalBytes => {
            for (let torn = 6; torn < 24; torn++) {
                for (const at of [-1, 0, 1, 2, 3, 4]) {
                    const rig = createRig({ ...LARGE, journalBytes })
                    install(rig, OLD)
                    const results: number[] = []
                    for (const failure of [{ kind: "torn", at: torn } as const, { kind: "blink", at, region: "app1" } as const]) {
                        const core = startCore({ ...rig, flash: failing(rig, failure).flash })
                        core.updater.updaterContextCreate(updateOptions())
                        try {
                            feed(core, image, 1000)
                        } catch (error) {
                            expect(error).toBeInstanceOf(PowerCut)
                        }
                    }
                    for (let life = 0; life < 2; life++) {
                        const core = startCore(rig)
                        core.updater.updaterContextCreate(updateOptions())
                        results.push(feed(core, image, 1000))
                    }
                    expect(results).toContain(STATUS_DONE)
                }
            }
        },
    )

    test("whose good neighbours were carried away, and have rotted there when they are wanted back: the download starts anew", () => {
        const rig = createRig({ ...LARGE, journalBytes: 262144 })
        install(rig, OLD)
        const cutAt = (at: number): void => {
            const core = startCore({ ...rig, flash: failing(rig, { kind: "torn", at, region: "app1" }).flash })
            core.updater.updaterContextCreate(updateOptions())
            expect(() => feed(core, image, 1000)).toThrow(PowerCut)
        }
        // The third block is torn; then the erase that makes room for it is.
        cutAt(3)
        cutAt(0)
        const { journal } = rig.layout.regions
        rig.flash.array[journal.offsetBytes + journal.sizeBytes - 65536 + 10]! ^= 1
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        expect([core.updater.updaterResumeOffset(), feed(core, image, 1000)]).toEqual([0, STATUS_DONE])
    })
})

test("a list that is taken anew, over a journal that erases no more, ends the attempt; the next one succeeds", () => {
    const rig = createRig({ appBytes: 32768, filesBytes: 16384, journalBytes: 65536 })
    const core = install(rig, OLD)
    core.updater.updaterContextCreate(updateOptions())
    // Up to the files area: its list is whole, and none of its blocks is marked.
    expect(feed(core, image.subarray(0, image.indexOf("OTF1")), 1000)).toBe(status.STATUS_OK)
    const results = [failing(rig, { kind: "dead", at: 0, region: "journal" }).flash, rig.flash].map(flash => {
        const next = startCore({ ...rig, flash })
        next.updater.updaterContextCreate(updateOptions())
        expect(next.updater.updaterResumeOffset()).toBeGreaterThan(20_000)
        return feed(next, image, 1000)
    })
    expect(results).toEqual([status.STATUS_FLASH, STATUS_DONE])
})
