// The files area and durations in Node: what is written is read back, torn records are stepped over, units are understood.

import fc from "fast-check"
import { durationS } from "../../build/durations"
import { chainDigest, filesAreaDecode, filesAreaEncode } from "../../build/files-area"

const name = fc.stringMatching(/^[a-z0-9./-]{1,20}$/)
const content = fc.uint8Array({ maxLength: 9000 }).map(bytes => Buffer.from(bytes))
const align = fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128, 256)

describe("a files area", () => {
    it("reads back as it was written, at every alignment", () => {
        fc.assert(
            fc.property(fc.dictionary(name, content, { maxKeys: 6 }), align, (files, alignBytes) => {
                const map = new Map(Object.entries(files))
                const area = Buffer.concat([filesAreaEncode(map, alignBytes), Buffer.alloc(8192, 0xff)])
                expect(filesAreaDecode(area)).toEqual(map)
            }),
            { seed: 7, numRuns: 60 },
        )
    })

    it("takes the last committed record of a name, and steps over a torn one", () => {
        const files = new Map([
            ["a", Buffer.from("one")],
            ["b", Buffer.from("two")],
        ])
        const area = filesAreaEncode(files, 32)
        const torn = Buffer.from(area)
        torn[torn.length - 32]! ^= 1
        expect([...filesAreaDecode(torn)!.keys()]).toEqual(["a"])
    })

    it("is told from other bytes", () => {
        expect(filesAreaDecode(Buffer.from("not a files area at all"))).toBeUndefined()
        const damaged = filesAreaEncode(new Map())
        damaged[4]! ^= 1
        expect(filesAreaDecode(damaged)).toBeUndefined()
    })

    it("chains the digests of blocks; no data has the empty digest", () => {
        expect(chainDigest(Buffer.alloc(0)).length).toBe(0)
        expect(chainDigest(Buffer.alloc(4096)).equals(chainDigest(Buffer.alloc(4097)))).toBe(false)
    })
})

describe("durations", () => {
    it.each([
        ["24 hrs", 86400],
        ["30 secs", 30],
        ["1 day", 86400],
        ["2weeks", 1209600],
        ["1.5 mins", 90],
        ["1 year", 31536000],
        ["45", 45],
        [90, 90],
        ["10 s", 10],
        [0, 0],
    ])("%p is %d seconds", (text, seconds) => {
        expect(durationS(text, "here")).toBe(seconds)
    })

    it.each(["soon", "", "5 parsecs", "-1 day", "100 years", -1, Number.NaN, Number.POSITIVE_INFINITY, "1 2 secs"])(
        "%p is none",
        text => {
            expect(() => durationS(text, "config.json5: update.period")).toThrow(/update\.period/)
        },
    )
})
