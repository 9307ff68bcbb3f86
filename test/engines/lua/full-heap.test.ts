// A Lua heap that is really full: the machine's own allocator has no more to give, at whatever point of an update that is.

import { STATUS_OK } from "../../../firmware/status"
import { until } from "../../board/board-fixture"
import { startServer } from "../../firmware/agent-server"
import { packApp } from "./images"
import { createLuaBoard, installedFlash, LAYOUT } from "./lua-board"
import { QUICK_CONFIG } from "./process-rig"

/**
 * Limits of the heap in bytes beyond an empty machine: from too little for the agent to enough for all of an update. HEAPS=n: so many. A
 * stock Lua collects nothing when its allocator has no more to give, as NodeMCU does: garbage counts.
 */
const HEAPS = Number(process.env["HEAPS"] ?? 6)
const LEAST_BYTES = 200_000
const MOST_BYTES = 450_000
/** How long a board tries with too little memory. */
const SHORT_MS = 10_000
const LIMIT_MS = 60_000

const images: Record<string, Buffer> = {}
beforeAll(async () => {
    images.first = await packApp({ version: "1.0.0" })
    images.next = await packApp({ version: "1.1.0", files: { "page.html": "new" }, padBytes: 9000 })
})

/** What became of an update on a board with a full heap, and of the board once memory was there again. */
async function outcomeWith(heapBytesMax: number): Promise<{ wasDone: boolean; lines: string[] }> {
    const server = await startServer()
    const flash = installedFlash(images.first!, {
        "device.json": '{"id":"h1","product":"p1"}',
        "config.json": JSON.stringify({ ...QUICK_CONFIG, builder: server.url }),
        "user.txt": "mine",
    })
    const { offsetBytes, sizeBytes } = LAYOUT.regions.app0
    const slot = (): Buffer => Buffer.from(flash.array.subarray(offsetBytes, offsetBytes + sizeBytes))
    const before = slot()
    const done = (): boolean => server.of("report").some(({ body }) => body.update === "u1" && body.status === STATUS_OK)
    server.offer(images.next!, "u1", "1.1.0")
    const short = createLuaBoard(flash, "5.1", { heapBytesMax })
    short.board.powerOn()
    await until(() => done(), "", SHORT_MS).catch(() => undefined)
    short.stop()
    const wasDone = done()
    // The image that ran has not been written to, whatever happened.
    expect([heapBytesMax, slot().equals(before)]).toEqual([heapBytesMax, true])
    const board = createLuaBoard(flash, "5.1")
    board.board.powerOn()
    // What failed for want of memory is not given up for good: with a new rollout it goes on, and ends well.
    server.offer(images.next!, "u2", "1.1.0")
    await until(() => board.version() === "1.1.0", `1.1.0 after ${heapBytesMax} bytes`, LIMIT_MS)
    await until(() => wasDone || server.of("report").some(({ body }) => body.status === STATUS_OK), "a report", LIMIT_MS)
    board.stop()
    await server.close()
    return { wasDone, lines: short.lines }
}

test(
    `${HEAPS} heaps, from too small to large enough: the image that runs stays whole, and the update ends well once there is memory`,
    async () => {
        const outcomes = []
        for (let k = 0; k < HEAPS; k++) {
            const heapBytesMax = Math.round(LEAST_BYTES + ((MOST_BYTES - LEAST_BYTES) * k) / (HEAPS - 1))
            const { wasDone, lines } = await outcomeWith(heapBytesMax)
            const told = lines.find(line => /memory|no Lua that|failed/.test(line)) ?? "nothing"
            outcomes.push(wasDone)
            process.stderr.write(`full heap: ${heapBytesMax} B: ${wasDone ? "updated" : "not updated"}; it said: ${told}\n`)
        }
        // The sweep covers both ends.
        expect([outcomes[0], outcomes.at(-1)]).toEqual([false, true])
    },
    HEAPS * 2 * LIMIT_MS,
)
