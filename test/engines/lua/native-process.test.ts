// Native firmware on Lua boards in processes: taken with an app and kept; left when it hangs or fails; kills at random moments.

import { existsSync } from "node:fs"
import { join } from "node:path"
import { createOta } from "../../../host/board/engines/lua/ota"
import { otaActive, otaEntries } from "../../../host/board/engines/lua/ota-data"
import { otaImageEncode } from "../../../host/board/engines/lua/ota-image"
import { createOtaFiles } from "../../../host/board/engines/lua/ota-store"
import { STATUS_NATIVE, STATUS_OK, STATUS_ROLLED_BACK } from "../../../firmware/status"
import { until } from "../../board/board-fixture"
import { packApp } from "./images"
import { killAtRandom, LIMIT_MS, QUICK_CONFIG, startProcessRig, type ProcessRig, type Supervised } from "./process-rig"

const KILLS = Number(process.env["KILLS"] ?? 5)
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)
/** As much as a small build of NodeMCU. */
const PAD_BYTES = 120_000
const COMMITTED = /^agent: 1\.1\.0 is committed$/

const firmware = (program: string): Buffer => otaImageEncode({ version: "2.0", program }, PAD_BYTES)
const images: Record<string, Buffer> = {}
let rig: ProcessRig
beforeAll(async () => {
    rig = await startProcessRig()
    images.first = await packApp({ version: "1.0.0", config: QUICK_CONFIG })
    const next = (native: Buffer) => packApp({ version: "1.1.0", config: QUICK_CONFIG, native })
    images.good = await next(firmware('print("native 2.0")'))
    images.hanging = await next(firmware("while true do end"))
    images.throwing = await next(firmware('error("no radio")'))
    images.damaged = await next(Buffer.concat([firmware("").subarray(0, PAD_BYTES), Buffer.alloc(100, 7)]))
}, LIMIT_MS)
afterAll(() => rig.close())

/** What the chip would start next, and in which state. */
function choice({ home }: Supervised): string {
    const store = createOtaFiles(join(home, "native"))
    const { next, partitions } = createOta(store).info()
    return `${next} ${partitions.find(({ label }) => label === next)!.state}`
}

async function update(name: string, image: Buffer): Promise<Supervised> {
    rig.server.offer(image, `u-${name}`, "1.1.0")
    const board = rig.start(name, images.first!)
    await until(() => rig.outcomes(`u-${name}`).length > 0, "a report", LIMIT_MS)
    await board.stop()
    return board
}

test(
    "app and firmware are taken together, and stay",
    async () => {
        const board = await update("good", images.good!)
        expect(rig.outcomes("u-good")).toEqual([STATUS_OK])
        expect(choice(board)).toBe("ota_1 valid")
        const lines = board.lines()
        expect(lines.findIndex(line => COMMITTED.test(line))).toBeGreaterThan(lines.indexOf("native 2.0"))
        expect(board.versions()).toEqual(["1.0.0", "1.1.0"])
    },
    LIMIT_MS,
)

test.each([
    ["hanging", "supervisor: watchdog"],
    ["throwing", "panic: "],
])(
    "firmware that is %s has one trial; then both old ones are back",
    async (name, sign) => {
        const board = await update(name, images[name]!)
        expect(rig.outcomes(`u-${name}`)).toEqual([STATUS_ROLLED_BACK])
        expect(board.lines().filter(line => line.startsWith(sign))).toHaveLength(1)
        expect(board.versions()).toEqual(["1.0.0", "1.0.0"])
        const entries = otaEntries(createOtaFiles(join(board.home, "native")).read("otadata"))
        expect([otaActive(entries), entries.map(entry => entry?.state)]).toEqual([-1, ["aborted", undefined]])
    },
    LIMIT_MS,
)

test(
    "firmware that the chip does not take: what runs is untouched",
    async () => {
        const board = await update("damaged", images.damaged!)
        expect(rig.outcomes("u-damaged")).toEqual([STATUS_NATIVE])
        expect(existsSync(join(board.home, "native", "otadata.bin"))).toBe(false)
        expect(new Set(board.versions())).toEqual(new Set(["1.0.0"]))
    },
    LIMIT_MS,
)

test(
    `killed ${KILLS} times at random moments, app and firmware are always of one image`,
    async () => {
        console.info(`lua kills with native firmware: SEED=${SEED}`)
        rig.server.offer(images.good!, "u-kill", "1.1.0")
        const board = rig.start("killed", images.first!)
        await killAtRandom(board, KILLS, 1200, SEED)
        await until(() => rig.outcomes("u-kill").length > 0, "a report", LIMIT_MS)
        await board.stop()
        const [outcome] = rig.outcomes("u-kill")
        // One kill on trial takes it back: the chip gives a firmware no second one.
        expect([STATUS_OK, STATUS_ROLLED_BACK]).toContain(outcome)
        if (outcome === STATUS_OK) expect(choice(board)).toBe("ota_1 valid")
        const told = board.lines().filter(line => line === "native 2.0" || line === "boot: leaves this native firmware")
        const versions = board.versions()
        expect(versions.filter(version => version === "1.1.0").length).toBeLessThanOrEqual(told.length)
        expect(board.lines().filter(line => /panic|no slot|cannot compile|not fed/.test(line))).toEqual([])
    },
    LIMIT_MS + KILLS * 3000,
)
