// A real Espruino whose heap is really full, at many moments of an update: the image that runs stays whole, and the update ends well.

import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { STATUS_FLASH, STATUS_MEMORY, STATUS_NET, STATUS_OK } from "../../../firmware/status"
import { makeFolder, until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { installEspruino, packApp, superviseBoard, type TestBoard } from "./fixture"
import { ESPRUINO } from "./real"

/** Where in an update the heap fills up. */
const MOMENTS = ["start", "checkin", "progress", "ready", "later"] as const
/** What is left of it: no piece of a block's length, or a few cells. */
const KINDS = ["holes", "cells"] as const

/** FILLS=100 proves more, and takes a quarter of an hour. */
const FILLS = Number(process.env["FILLS"] ?? MOMENTS.length)
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)
/** Bytes of a JsVar where the heap grows as it is needed (references of 32 bits): such a heap is never full. */
const GROWING_BLOCK_BYTES = 27
/** How long the heap stays full, unless a reset ends it sooner. */
const FULL_MS = 700
/** Longest watchdog: behind the agent's feeds, which come every three seconds. */
const WATCHDOG_MS = 4000

/** What may be reported ahead of success: all of these are tried again. */
const PASSING = [STATUS_MEMORY, STATUS_NET, STATUS_FLASH]

/** Whether the Espruino at hand has a heap of fixed size, as boards have. */
function hasFixedHeap(): boolean {
    if (ESPRUINO === "") return false
    const { stdout } = spawnSync(ESPRUINO, ["-e", 'print("block " + process.memory().blocksize)'], { encoding: "latin1" })
    const blockBytes = Number(/block (\d+)/.exec(stdout)?.[1])
    if (blockBytes < GROWING_BLOCK_BYTES) return true
    process.stderr.write("full heap: SKIPPED, set ESPRUINO to one built with a fixed number of variables (boards/LINUX.py)\n")
    return false
}

interface Fill {
    readonly moment: (typeof MOMENTS)[number]
    readonly kind: (typeof KINDS)[number]
    /** Cells that are left (kind "cells"). */
    readonly left: number
    /** Percent of the download, or ms after the start. */
    readonly at: number
}

/** Numbers in [0, 1) that depend on the seed alone (Park–Miller). */
function seededRandom(seed: number): () => number {
    let state = (seed % 2147483646) + 1
    return () => (state = (state * 48271) % 2147483647) / 2147483647
}

/** A good image was refused for good after this one: a piece of it had been dropped. */
const FOUND: readonly Fill[] = [{ moment: "later", kind: "cells", left: 6, at: 35 }]

function drawFills(): Fill[] {
    const random = seededRandom(SEED)
    const drawn = Array.from<unknown, Fill>({ length: FILLS }, (_, index) => ({
        moment: MOMENTS[index % MOMENTS.length]!,
        kind: random() < 0.3 ? "holes" : "cells",
        // Most of what can go wrong goes wrong with little left.
        left: Math.floor(random() ** 3 * 400),
        at: Math.floor(random() * 100),
    }))
    return [...FOUND, ...drawn]
}

/** The app: fills the heap in one boot of its life. */
function appOf({ moment, kind, left, at }: Fill): string {
    const when = {
        start: "fill()",
        checkin: "rWatch(SIGNAL_CHECKIN, fill, undefined)",
        progress: `rWatch(SIGNAL_PROGRESS, (_, percent) => { if (percent >= ${at}) fill() }, undefined)`,
        ready: "rWatch(SIGNAL_UPDATE, fill, undefined)",
        later: `setTimeout(fill, ${at * 8})`,
    }
    return `import { fileRead, fileWrite, log, rWatch, SIGNAL_CHECKIN, SIGNAL_PROGRESS, SIGNAL_UPDATE } from "otary"
        let held = [], others = [], isDone = fileRead("filled.txt") === "yes"
        function relieve() { held = others = undefined }
        function fill() {
            if (isDone) return
            isDone = true
            fileWrite("filled.txt", "yes")
            log("filling")
            setTimeout(relieve, ${FULL_MS})
            let count = process.memory().free - ${kind === "holes" ? 60 : left}
            ${
                kind === "holes"
                    ? "for (; count > 1; count -= 2) { held.push(0); others.push(0) }\n others = undefined"
                    : "for (; count > 0; count--) held.push(0)"
            }
        }
        if (!isDone) fileWrite("user.txt", "mine")
        ${when[moment]}`
}

const home = makeFolder()
const servers: AgentServer[] = []
const boards: TestBoard[] = []
let next: Buffer

async function tryFill(fill: Fill, index: number): Promise<void> {
    const server = await startServer()
    servers.push(server)
    const folder = join(home.path, `board-${index}`)
    await installEspruino(folder, await packApp(home.path, { version: "1.0.0", code: appOf(fill) }), server.url)
    server.offer(next, "u1", "1.1.0")
    const board = superviseBoard(folder, home.path, WATCHDOG_MS)
    boards.push(board)
    board.supervisor.start()
    const what = (): string => `${JSON.stringify(fill)}\n${board.lines().slice(-25).join("\n")}`
    const reported = (): number[] => server.of("report").map(({ body }) => body.status)
    const isOver = (): boolean => reported().some(status => !PASSING.includes(status))
    await until(isOver, `the end of an update with ${what()}`, 60_000)
    expect([fill, reported().find(status => !PASSING.includes(status))]).toEqual([fill, STATUS_OK])
    expect([fill, board.lines().includes("filling"), board.events("version").at(-1)]).toEqual([fill, true, "1.1.0"])
    expect([fill, ...board.lines().filter(line => /no slot/.test(line))]).toEqual([fill])
    await until(() => board.lines().includes("user mine"), what(), 10_000)
    await board.supervisor.stop()
    await server.close()
    rmSync(folder, { recursive: true })
}

afterAll(async () => {
    await Promise.all(boards.map(({ supervisor }) => supervisor.stop()))
    await Promise.all(servers.map(server => server.close().catch(() => undefined)))
    home.remove()
})

// skipped: without an Espruino whose heap is of fixed size, and says so above
const run = hasFixedHeap() ? describe : describe.skip
run("a heap that is full", () => {
    beforeAll(async () => {
        process.stderr.write(`full heap: SEED=${SEED}\n`)
        next = await packApp(home.path, {
            version: "1.1.0",
            code: `import { fileRead, log } from "otary"\nlog("user " + fileRead("user.txt"))`,
        })
    }, 60_000)
    test.each(drawFills().map((fill, index) => [fill, index] as const))("%j", tryFill, 100_000)
})
