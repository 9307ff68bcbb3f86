// The app's files: whole or not at all, through power cuts, resets and compaction, against a simple model.

import fc from "fast-check"
import { filesAreaDecode } from "../../build/files-area"
import * as status from "../../firmware/status"
import type { NorFlash } from "../../shims/host/nor-flash"
import { createRig, engine, feed, install, startCore, updateOptions, type Core, type Rig } from "./core"
import { imageOf, seededBytes } from "./images"

const APP = seededBytes(5000, 1)
const GEOMETRIES = [
    { appBytes: 8192, filesBytes: 8192, journalBytes: 16384 },
    { eraseBytes: 1024, programBytes: 1, appBytes: 8192, filesBytes: 8192, journalBytes: 16384 },
    { programBytes: 256, appBytes: 8192, filesBytes: 16384, journalBytes: 16384 },
    { eraseBytes: 65536, programBytes: 4, appBytes: 65536, filesBytes: 65536, journalBytes: 65536, loaderBytes: 65536 },
]

class PowerCut extends Error {}

/** Runs `work` with power for `operations` more flash operations. Returns whether it came to its end. */
function withPower(rig: Rig, operations: number, work: (core: Core) => void): boolean {
    let left = operations
    const step = () => {
        if (left === 0) throw new PowerCut()
        left -= 1
    }
    const chip = rig.flash
    const flash: NorFlash = {
        ...chip,
        erase: address => (step(), chip.erase(address)),
        program: (address, bytes) => (step(), chip.program(address, bytes)),
        programStaged: (address, lengthBytes) => (step(), chip.programStaged(address, lengthBytes)),
    }
    try {
        work(startCore({ ...rig, flash }))
        return true
    } catch (error) {
        if (error instanceof PowerCut) return false
        throw error
    }
}

function contents(core: Core): Record<string, string | undefined> {
    return Object.fromEntries(core.files.fileList().map(name => [name, core.files.fileRead(name)]))
}

interface Step {
    name: string
    length: number
    isRemoval: boolean
    /** Flash operations until power is lost; -1 = never. */
    cut: number
}

const STEP: fc.Arbitrary<Step> = fc.record({
    name: fc.constantFrom("a", "b", "long/name.of-a-file"),
    length: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constant(1500)),
    isRemoval: fc.boolean(),
    cut: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 14 })),
})

test.each(GEOMETRIES)("writes, removals and cuts agree with the model, %j", geometry => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.info(`files: seed ${seed}`)
    fc.assert(
        fc.property(fc.array(STEP, { minLength: 1, maxLength: 40 }), steps => {
            const rig = createRig(geometry)
            install(rig, APP)
            const model: Record<string, string> = {}
            for (const [turn, step] of steps.entries()) {
                const before = { ...model }
                const data = seededBytes(step.length, turn + 1).toString("latin1")
                const isWhole = withPower(rig, step.cut, core => {
                    const result = step.isRemoval ? core.files.fileRemove(step.name) : core.files.fileWrite(step.name, data)
                    const wanted =
                        step.isRemoval && before[step.name] === undefined ? status.STATUS_FILE_NOT_FOUND : status.STATUS_OK
                    expect(result).toBe(wanted)
                })
                if (step.isRemoval) delete model[step.name]
                else model[step.name] = data
                const found = contents(startCore(rig))
                if (!isWhole && JSON.stringify(sorted(found)) === JSON.stringify(sorted(before))) {
                    for (const name of Object.keys(model)) delete model[name]
                    Object.assign(model, before)
                }
                expect(sorted(found)).toEqual(sorted(model))
            }
        }),
        { seed, numRuns: engine.stride > 1 ? 3 : 60 },
    )
})

function sorted(record: Record<string, string | undefined>): [string, string | undefined][] {
    return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}

test("the packer's reader finds what the core wrote, and the other way round", () => {
    const rig = createRig(GEOMETRIES[0])
    const core = install(rig, APP, { a: "1", b: "x".repeat(5000) })
    core.files.fileRemove("a")
    core.files.fileWrite("c/d.txt", "")
    const { files0 } = rig.layout.regions
    const area = rig.flash.array.subarray(files0.offsetBytes, files0.offsetBytes + files0.sizeBytes)
    const decoded = filesAreaDecode(Buffer.from(area))!
    expect(sorted(Object.fromEntries([...decoded].map(([name, data]) => [name, data.toString("latin1")])))).toEqual(
        sorted(contents(core)),
    )
})

test("names, sizes and counts have limits", () => {
    const rig = createRig({ filesBytes: 131072 })
    const { files } = install(rig, APP)
    for (const name of ["", "with blank", "ctrl\n", "back\\slash", "\xe4", "x".repeat(64)]) {
        expect(files.fileWrite(name, "x")).toBe(status.STATUS_FILE_NAME)
    }
    expect(files.fileWrite("x".repeat(63), "x")).toBe(status.STATUS_OK)
    expect(files.fileWrite("big", "x".repeat(65537))).toBe(status.STATUS_FILE_SIZE)
    expect(files.fileWrite("big", "x".repeat(65536))).toBe(status.STATUS_OK)
    for (let i = 0; i < 62; i++) expect(files.fileWrite(`f${i}`, "x")).toBe(status.STATUS_OK)
    expect(files.fileWrite("one-too-many", "x")).toBe(status.STATUS_FILES_FULL)
    expect(files.fileWrite("f1", "other")).toBe(status.STATUS_OK)
    expect(files.fileRemove("none")).toBe(status.STATUS_FILE_NOT_FOUND)
    expect(files.fileRead("none")).toBeUndefined()
})

test("a full area is cleaned up, one that is full of live files says so, and the old content stays", () => {
    const rig = createRig(GEOMETRIES[0])
    const { files } = install(rig, APP, { keep: "k".repeat(1000) })
    for (let i = 0; i < 50; i++) expect(files.fileWrite("log", `${i}`.repeat(400))).toBe(status.STATUS_OK)
    expect(startCore(rig).files.fileRead("log")).toBe("49".repeat(400))
    expect(startCore(rig).files.fileRead("keep")).toBe("k".repeat(1000))
    expect(files.fileWrite("log", "x".repeat(7000))).toBe(status.STATUS_FILES_FULL)
    expect(startCore(rig).files.fileRead("log")).toBe("49".repeat(400))
})

test("the same content again wears nothing", () => {
    const rig = createRig(GEOMETRIES[0])
    const { files } = install(rig, APP, { a: "content" })
    const before = Buffer.from(rig.flash.array)
    expect(files.fileWrite("a", "content")).toBe(status.STATUS_OK)
    expect(rig.flash.array.equals(before)).toBe(true)
})

test("while an update writes the other area, cleaning up waits", () => {
    const rig = createRig(GEOMETRIES[0])
    const core = install(rig, APP)
    core.updater.updaterContextCreate(updateOptions())
    let result: number = status.STATUS_OK
    for (let i = 0; i < 30 && result === status.STATUS_OK; i++) result = core.files.fileWrite("log", `${i}`.repeat(400))
    expect(result).toBe(status.STATUS_FILES_FULL)
    core.updater.updaterAbort()
    expect(core.files.fileWrite("log", "after")).toBe(status.STATUS_OK)
})

test("files that do not fit beside the image's refuse the update, and stay", () => {
    const rig = createRig(GEOMETRIES[0])
    const core = install(rig, APP, { user: "u".repeat(5000) })
    core.updater.updaterContextCreate(updateOptions())
    expect(feed(core, imageOf({ app: APP, files: { page: "p".repeat(3000) } }), 1000)).toBe(status.STATUS_DONE)
    expect(core.updater.updaterFinish()).toBe(status.STATUS_FILES_FULL)
    expect(core.files.fileWrite("more", "still works")).toBe(status.STATUS_OK)
    expect(startCore(rig).files.fileRead("user")).toBe("u".repeat(5000))
})
