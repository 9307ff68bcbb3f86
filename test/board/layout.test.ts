// Layouts: the regions tile the chip, and impossible ones are refused with a reason.

import * as fc from "fast-check"
import { boardPaths, isInstalled, readSettings, writeSettings } from "../../host/board/board-folder"
import { checkLayout, makeLayout, REGION_NAMES, type Geometry } from "../../host/board/layout"
import { writeFileSync } from "node:fs"
import { makeFolder } from "./board-fixture"

test("every geometry tiles its chip without gap or overlap", () => {
    const power = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max }).map(bits => 2 ** bits)
    const count = fc.integer({ min: 1, max: 9 })
    const geometries = fc.tuple(power(10, 16), power(0, 8), count, count, count, count)
    fc.assert(
        fc.property(geometries, ([eraseBytes, programBytes, loader, journal, app, files]) => {
            fc.pre(programBytes <= 32 || eraseBytes >= 32 * programBytes)
            const block = Math.max(eraseBytes, 4096)
            const layout = makeLayout({
                eraseBytes,
                programBytes,
                loaderBytes: loader * eraseBytes,
                journalBytes: journal * eraseBytes,
                appBytes: app * block,
                filesBytes: files * block,
            })
            let end = 0
            for (const name of REGION_NAMES) {
                const range = layout.regions[name]
                expect([range.offsetBytes, range.sizeBytes % eraseBytes]).toEqual([end, 0])
                end += range.sizeBytes
            }
            expect(layout.sizeBytes).toBe(end)
            expect(layout.regions.boot.sizeBytes).toBe(2 * eraseBytes)
        }),
    )
})

const BAD: [string, Partial<Geometry>, RegExp][] = [
    ["an erase unit of 512", { eraseBytes: 512 }, /erase unit of 512 bytes is not a power of two/],
    ["an erase unit of 5000", { eraseBytes: 5000 }, /erase unit of 5000/],
    ["a program unit of 3", { programBytes: 3 }, /program unit of 3/],
    ["program units too large for the boot records", { eraseBytes: 1024, programBytes: 64 }, /boot records take 1280 bytes/],
    ["a program unit of 512", { programBytes: 512 }, /program unit of 512/],
    ["slots of half a block", { eraseBytes: 1024, appBytes: 2048 }, /appBytes of 2048 bytes is not a whole number of 4096/],
    ["no journal", { journalBytes: 0 }, /journalBytes of 0/],
    ["a chip beyond all limits", { appBytes: 2 ** 28 }, /more than the largest chip/],
]

test.each(BAD)("refuses %s", (_, geometry, message) => {
    expect(() => makeLayout(geometry)).toThrow(
        expect.objectContaining({ code: "BOARD_LAYOUT", message: expect.stringMatching(message) }),
    )
})

test("refuses a layout out of a file whose regions overlap or leave the chip", () => {
    const good = makeLayout()
    const { regions } = good
    expect(() => checkLayout(good)).not.toThrow()
    const overlap = { ...good, regions: { ...regions, app1: { ...regions.app1, offsetBytes: regions.app0.offsetBytes } } }
    expect(() => checkLayout(overlap)).toThrow(/app1 at \d+ overlaps/)
    expect(() => checkLayout({ ...good, sizeBytes: good.sizeBytes - 4096 })).toThrow(/the regions end at/)
    const uneven = { ...good, regions: { ...regions, files1: { ...regions.files1, sizeBytes: 4096 } } }
    expect(() => checkLayout(uneven)).toThrow(/files0 and files1 differ/)
})

test("board.json is read back, and a broken one is told from a missing one", () => {
    const folder = makeFolder()
    const settings = { format: 1 as const, id: "b1", layout: makeLayout(), script: "" }
    expect(isInstalled(folder.path)).toBe(false)
    expect(() => readSettings(folder.path)).toThrow(/ENOENT/)
    writeSettings(folder.path, settings)
    expect(readSettings(folder.path)).toEqual(settings)
    expect(isInstalled(folder.path)).toBe(false)
    const { settings: path } = boardPaths(folder.path)
    const broken: [string, RegExp][] = [
        ["{", /JSON/],
        ["null", /no object/],
        [JSON.stringify({ ...settings, format: 2 }), /its format is 2/],
        [JSON.stringify({ ...settings, script: 5 }), /must be texts/],
        [JSON.stringify({ ...settings, layout: undefined }), /layout is missing/],
        [JSON.stringify({ ...settings, layout: { ...settings.layout, regions: {} } }), /whole numbers/],
    ]
    for (const [text, message] of broken) {
        writeFileSync(path, text)
        expect(() => readSettings(folder.path)).toThrow(
            expect.objectContaining({ code: "BOARD_SETTINGS", message: expect.stringMatching(message) }),
        )
    }
    folder.remove()
})
