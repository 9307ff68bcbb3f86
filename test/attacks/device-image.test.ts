// Attacks 8, 9 and 11 in the image itself: headers without an end, data behind the image, sizes that wrap.

import * as status from "../../firmware/status"
import { imageEntries, imageOf, zipOf } from "../firmware/images"
import { NEW, offer } from "./signed-rig"

/** Refused by the core, with everything that boots as it was. */
function refused(image: Buffer, wanted: number): void {
    expect(offer(image, {})).toMatchObject({ status: wanted, isHarmed: false })
}

describe("attack 8: an image without an end", () => {
    test("a directory, entries and headers without an end are refused", () => {
        const central = Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.alloc(42)])
        const image = zipOf(imageEntries({ app: NEW }))
        const directory = Array.from({ length: 70 }, () => central)
        refused(Buffer.concat([image.subarray(0, image.indexOf("PK\x01\x02")), ...directory]), status.STATUS_ZIP_LIMIT)
        const many = Array.from({ length: 70 }, (_, i) => ({ name: `n${i}`, bytes: Buffer.from("x") }))
        refused(zipOf([...imageEntries({ app: NEW }), ...many]), status.STATUS_ZIP_LIMIT)
    })
})

describe("attack 9: data behind the image", () => {
    test("is refused, in the same piece and in a later one", () => {
        for (const chunkBytes of [1, 1000, 100_000]) {
            const image = Buffer.concat([imageOf({ app: NEW }), Buffer.from("globalThis.owned = true")])
            expect(offer(image, {}, chunkBytes)).toMatchObject({ status: status.STATUS_TRAILING_DATA, isHarmed: false })
        }
    })

    test("in the slot behind the part it is not part of what boots", () => {
        const { core, rig, status: result } = offer(imageOf({ app: NEW }), {})
        expect([result, core.updater.updaterFinish()]).toEqual([status.STATUS_DONE, status.STATUS_OK])
        rig.flash.array.write("globalThis.owned = true", rig.layout.regions.app1.offsetBytes + NEW.length)
        expect([core.boot.bootDecide(), core.boot.bootSlotBytes(1)]).toEqual([1, NEW.length])
    })
})

describe("attack 11: sizes near 2^31 and 2^32", () => {
    const EDGES = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1]

    test.each(EDGES)("an entry of %i bytes", size => {
        for (const name of ["manifest.json", "app.js.blocks", "app.js"]) {
            const bend = imageEntries({ app: NEW }).map(entry => (entry.name === name ? { ...entry, sizeBytes: size } : entry))
            refused(zipOf(bend), status.STATUS_ZIP_LIMIT)
        }
    })

    test.each([...EDGES, 2 ** 32, 2 ** 32 + 1, 2 ** 53])("a part of %i bytes", size => {
        refused(imageOf({ app: NEW, parts: { app: { size } } }), status.STATUS_NO_ROOM)
    })

    test.each([2 ** 31, 2 ** 32 + 1, 2 ** 53])("a security counter of %i, which would fall in its field", security => {
        refused(imageOf({ app: NEW, manifest: { security } }), status.STATUS_MANIFEST_FIELD)
    })
})
