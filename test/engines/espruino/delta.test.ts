// Deltas on the real Espruino: carried out, gone on with after a reset, refused where wrong. Lua and Node run the whole suite.

import * as status from "../../../firmware/status"
import { makeFolder } from "../../board/board-fixture"
import { bootSlot, createRig, feed, install, slotBytes, startCore, updateOptions, type Rig } from "../../firmware/core"
import { imageOf, seededBytes } from "../../firmware/images"
import { describeEspruino } from "./real"
import { buildCore, endCore, runOnEspruino } from "./remote-core"

const RUNNING = seededBytes(20_000, 1)
const NEXT = Buffer.concat([RUNNING.subarray(3, 9000), Buffer.from("inserted"), RUNNING.subarray(9100), seededBytes(700, 2)])
const DELTA = imageOf({ app: NEXT, base: RUNNING, files: { "a.txt": "a" } })

describeEspruino("on Espruino", () => {
    const home = makeFolder()
    beforeAll(async () => {
        await buildCore()
        runOnEspruino(home.path)
    })
    afterAll(() => {
        endCore()
        home.remove()
    })

    function board(): Rig {
        const rig = createRig({ appBytes: 65536, filesBytes: 32768, journalBytes: 32768 })
        install(rig, RUNNING)
        return rig
    }

    test("a delta becomes the new app, over a reset in the middle of a block", () => {
        const rig = board()
        const first = startCore(rig)
        first.updater.updaterContextCreate(updateOptions())
        feed(first, DELTA.subarray(0, 1300), 100)
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        expect(core.updater.updaterResumeOffset()).toBeGreaterThan(0)
        expect([feed(core, DELTA, 1000), core.updater.updaterFinish()]).toEqual([status.STATUS_DONE, status.STATUS_OK])
        expect(slotBytes(rig, 1, NEXT.length).equals(NEXT)).toBe(true)
        expect(bootSlot(rig)).toBe(1)
    }, 60_000)

    test.each([
        ["a wrong base", imageOf({ app: NEXT, base: NEXT }), status.STATUS_DELTA_BASE],
        [
            "a broken delta",
            Buffer.from(DELTA.toString("latin1").replace("inserted", "inverted"), "latin1"),
            status.STATUS_BLOCK_HASH,
        ],
    ])(
        "%s is refused",
        (_, image, wanted) => {
            const core = startCore(board())
            core.updater.updaterContextCreate(updateOptions())
            expect(feed(core, image, 1000)).toBe(wanted)
        },
        60_000,
    )
})
