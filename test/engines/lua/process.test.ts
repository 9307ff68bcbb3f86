// Lua boards in processes of their own: an image that hangs is left, and kills at random moments leave whole images.

import { STATUS_OK, STATUS_ROLLED_BACK } from "../../../firmware/status"
import { until } from "../../board/board-fixture"
import { packApp } from "./images"
import { killAtRandom, LIMIT_MS, QUICK_CONFIG, startProcessRig, type ProcessRig } from "./process-rig"

const KILLS = Number(process.env["KILLS"] ?? 10)
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)

const images: Record<string, Buffer> = {}
let rig: ProcessRig
beforeAll(async () => {
    rig = await startProcessRig()
    images.first = await packApp({ version: "1.0.0", config: QUICK_CONFIG })
    images.good = await packApp({ version: "1.1.0", config: QUICK_CONFIG, padBytes: 50_000 })
    images.hanging = await packApp({ version: "1.2.0", config: QUICK_CONFIG, does: "hang" })
}, LIMIT_MS)
afterAll(() => rig.close())

test(
    "an image that hangs gets its trials from the watchdog, then the one before is back",
    async () => {
        rig.server.offer(images.hanging!, "u-hang", "1.2.0")
        const board = rig.start("hanging", images.first!)
        await until(() => rig.outcomes("u-hang").length > 0, "a report", LIMIT_MS)
        await board.stop()
        expect(rig.outcomes("u-hang")).toEqual([STATUS_ROLLED_BACK])
        expect(board.lines().filter(line => line.startsWith("supervisor: watchdog"))).toHaveLength(3)
        expect(board.versions().filter(version => version === "1.2.0")).toHaveLength(3)
    },
    LIMIT_MS,
)

test(
    `killed ${KILLS} times at random moments of an update, a board always comes back, and finishes`,
    async () => {
        console.info(`lua kills: SEED=${SEED}`)
        rig.server.offer(images.good!, "u-kill", "1.1.0")
        const board = rig.start("killed", images.first!)
        await killAtRandom(board, KILLS, 1200, SEED)
        await until(() => rig.outcomes("u-kill").length > 0, "a report", LIMIT_MS)
        await board.stop()
        // Three kills in a row on trial take it back, as they must; anything else is a whole update.
        expect([STATUS_OK, STATUS_ROLLED_BACK]).toContain(rig.outcomes("u-kill")[0])
        expect(board.lines().filter(line => /panic|no slot|cannot compile|not fed/.test(line))).toEqual([])
        expect(board.versions().every(version => version === "1.0.0" || version === "1.1.0")).toBe(true)
    },
    LIMIT_MS + KILLS * 3000,
)
