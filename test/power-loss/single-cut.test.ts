// Power lost before every single flash operation of a whole update: a complete image always boots, and the update always ends well.

import { STATUS_DONE, STATUS_OK } from "../../firmware/status"
import type { NorFlash } from "../../shims/host/nor-flash"
import { createNorFlash } from "../../shims/host/nor-flash"
import { makeLayout, type Geometry } from "../../host/board/layout"
import { bootSlot, createRig, feed, install, slotBytes, startCore, updateOptions, type Rig } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"

const OLD = seededBytes(9000, 1)
const NEW = seededBytes(20_001, 2)
const USER = "mine ".repeat(300)
// Records are aligned to 256 bytes, so that the image suits every program unit.
const IMAGE = imageOf({ app: NEW, files: { "page.html": "new page" }, align: 256 })

class PowerCut extends Error {}

/** A chip that loses power before operation `cutAt`; operations are erases and programs. */
function cuttable(chip: NorFlash): { flash: NorFlash; state: { operations: number; cutAt: number } } {
    const state = { operations: 0, cutAt: -1 }
    const step = () => {
        if (state.operations === state.cutAt) throw new PowerCut()
        state.operations += 1
    }
    const flash: NorFlash = {
        ...chip,
        erase: address => (step(), chip.erase(address)),
        program: (address, bytes) => (step(), chip.program(address, bytes)),
        programStaged: (address, lengthBytes) => (step(), chip.programStaged(address, lengthBytes)),
    }
    return { flash, state }
}

/** One life of the board: boots, and goes on with whatever is left to do. Returns whether everything is done. */
function live(rig: Rig, fed: { bytes: number }): boolean {
    const slot = bootSlot(rig)
    if (slot !== 0 && slot !== 1) throw new Error(`nothing boots: ${slot}`)
    const isNew = slotBytes(rig, slot, NEW.length).equals(NEW)
    if (!isNew && !slotBytes(rig, slot, OLD.length).equals(OLD)) throw new Error("a slot boots that is no image")
    const core = startCore(rig, { name: "demo", version: isNew ? "1.1.0" : "1.0.0", build_id: isNew ? "b2" : "b1", security: 0 })
    expect(core.files.fileRead("user.txt")).toBe(USER)
    if (isNew) {
        expect(core.files.fileRead("page.html")).toBe("new page")
        expect(core.commit.commit()).toBe(STATUS_OK)
        return true
    }
    expect(core.updater.updaterContextCreate(updateOptions())).toBe(STATUS_OK)
    fed.bytes += IMAGE.length - core.updater.updaterResumeOffset()
    expect(feed(core, IMAGE, 1000)).toBe(STATUS_DONE)
    expect(core.updater.updaterFinish()).toBe(STATUS_OK)
    return false
}

const GEOMETRIES: Partial<Geometry>[] = [
    { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 },
    { eraseBytes: 1024, programBytes: 1, appBytes: 20480, filesBytes: 16384, journalBytes: 16384 },
    { eraseBytes: 4096, programBytes: 256, appBytes: 24576, filesBytes: 16384, journalBytes: 65536 },
    { eraseBytes: 65536, programBytes: 32, appBytes: 65536, filesBytes: 131072, journalBytes: 262144, loaderBytes: 65536 },
]

test.each(GEOMETRIES)("every single cut, %j", geometry => {
    const factory = createRig(geometry)
    install(factory, OLD, { "user.txt": USER, "page.html": "old page" })
    const initial = Buffer.from(factory.flash.array)
    let cuts = 0
    for (let cutAt = 0; ; cutAt++) {
        // A chip that knows which units are programmed: the factory's steps on a fresh one.
        const rig = createRig(geometry)
        install(rig, OLD, { "user.txt": USER, "page.html": "old page" })
        expect(rig.flash.array.equals(initial)).toBe(true)
        const { flash, state } = cuttable(rig.flash)
        const board: Rig = { ...rig, flash }
        state.cutAt = cutAt
        const fed = { bytes: 0 }
        let wasCut = false
        for (let lives = 0; ; lives++) {
            expect(lives).toBeLessThan(10)
            try {
                if (live(board, fed)) break
            } catch (error) {
                if (!(error instanceof PowerCut)) throw error
                wasCut = true
                state.cutAt = -1
            }
        }
        if (!wasCut) break
        cuts += 1
        // Whole lives feed the image once; the cut one was counted to its end, so twice is the bound here.
        expect(fed.bytes).toBeLessThanOrEqual(2 * IMAGE.length)
    }
    expect(cuts).toBeGreaterThan(30)
    expect(makeLayout(geometry).eraseBytes).toBe(geometry.eraseBytes ?? 4096)
})

test("the cuttable chip counts what the chip does", () => {
    const { flash, state } = cuttable(createNorFlash({ sizeBytes: 8192, eraseBytes: 4096, programBytes: 1 }))
    flash.erase(0)
    flash.program(0, "a")
    expect(state.operations).toBe(2)
    state.cutAt = 2
    expect(() => flash.program(1, "b")).toThrow(PowerCut)
    expect(flash.read(0, 2)).toBe("a\xff")
})
