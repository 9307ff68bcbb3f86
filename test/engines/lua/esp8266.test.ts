// ESP8266 boards over real files and sockets: whole updates by the built bundle, bad images, downloads that go on, and what it all takes.

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { packFolder } from "../../../build/pack"
import type { LuaHeap } from "../../../host/board/engines/lua/heap"
import { installBoard } from "../../../host/board/install"
import { STATUS_OK, STATUS_ROLLED_BACK } from "../../../firmware/status"
import { LUA_SMALL_BUDGET } from "../../../build/lua/measure"
import { createNorFlash } from "../../../shims/host/nor-flash"
import { makeFolder, until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { packApp } from "./images"
import { createLuaBoard, installedFlash, LAYOUT, type LuaBoard } from "./lua-board"
import { QUICK_CONFIG } from "./process-rig"

jest.setTimeout(400_000)

/** Every function is compiled when it is called: an update takes a quarter of a minute on a machine that does nothing else. */
const LIMIT_MS = 180_000
const TARGET = "nodemcu-esp8266"
const CHIP = "esp8266"

const images: Record<string, Buffer> = {}
const boards: LuaBoard[] = []
let server: AgentServer
beforeAll(async () => {
    images.first = await packApp({ version: "1.0.0", target: TARGET, files: { "page.html": "old page" } })
    images.good = await packApp({ version: "1.1.0", target: TARGET, does: "tell", files: { "page.html": "new page" } })
    images.throwing = await packApp({ version: "1.2.0", target: TARGET, does: "throw" })
    images.large = await packApp({ version: "1.3.0", target: TARGET, padBytes: 20_000 })
})
beforeEach(async () => {
    server = await startServer()
})
afterEach(async () => {
    boards.splice(0).forEach(board => board.stop())
    await server.close()
})

const provision = (): Record<string, string> => ({
    "device.json": '{"id":"e1","product":"p1"}',
    // A check-in at once: an app that has failed at its start must not be committed by it within the second to the restart.
    "config.json": JSON.stringify({ ...QUICK_CONFIG, first: 0, builder: server.url }),
    "user.txt": "mine",
})

function start(version: "5.1" | "5.3"): LuaBoard {
    const board = createLuaBoard(installedFlash(images.first!, provision(), CHIP), version, { chip: CHIP })
    boards.push(board)
    board.board.powerOn()
    return board
}

/** The status that was reported for an update. */
async function outcome(update: string): Promise<number> {
    const reports = (): number[] =>
        server.seen.filter(({ path, body }) => path === "report" && body.update === update).map(({ body }) => body.status)
    await until(() => reports().length > 0, `a report of ${update}`, LIMIT_MS)
    return reports()[0]!
}

test.each(["5.1", "5.3"] as const)("Lua %s: update, commit, files kept and replaced", async version => {
    server.offer(images.good!, "u1", "1.1.0")
    const board = start(version)
    expect(await outcome("u1")).toBe(STATUS_OK)
    expect([board.version(), board.lines.some(line => /^files \d mine new page$/.test(line))]).toEqual(["1.1.0", true])
})

test("an image that throws at its start has three trials, and is left", async () => {
    server.offer(images.throwing!, "u1", "1.2.0")
    const board = start("5.1")
    expect(await outcome("u1")).toBe(STATUS_ROLLED_BACK)
    expect([board.version(), board.lines.filter(line => /panic/.test(line))]).toEqual(["1.0.0", []])
    expect(board.lines.filter(line => line === "boot: the app failed at its start")).toHaveLength(3)
})

test("a download goes on at the block where the power was cut", async () => {
    server.offer(images.large!, "u1", "1.3.0")
    const board = start("5.1")
    await until(() => board.events.includes("device:progress 50"), "half of the download", LIMIT_MS)
    board.board.powerOff()
    board.board.powerOn()
    expect(await outcome("u1")).toBe(STATUS_OK)
    const ranges = server.of("image").map(({ range }) => range)
    expect([ranges.length, ranges[0], ranges[1]]).toEqual([2, "", expect.stringMatching(/^bytes=\d+-$/)])
})

/** What a boot loader leaves: nothing but the app. So the figures are the agent's own. */
const BARE_LOADER = String.raw`
node.egc.setmode(node.egc.ON_ALLOC_FAILURE, 0)
node.stripdebug(3)
otarySlot = 0
local slot = file.open("app0.bin", "r")
local app = load(function()
  local text = slot:read(512)
  return text and string.match(text, "^[^\255]*")
end, "=app")
slot:close()
slot = nil
collectgarbage()
app()
`

/** An image of the agent with an app that does nothing. */
async function packEmpty(version: string): Promise<Buffer> {
    const folder = makeFolder()
    writeFileSync(join(folder.path, "app.js"), "")
    writeFileSync(join(folder.path, "otary.json5"), JSON.stringify({ name: "demo", version, target: TARGET }))
    const { bytes } = await packFolder(folder.path)
    folder.remove()
    return bytes
}

test("an update stays within its heap: once loaded, and at most", async () => {
    const flash = createNorFlash(LAYOUT)
    const [first, next] = [await packEmpty("1.0.0"), await packEmpty("1.1.0")]
    const bare = { loader: BARE_LOADER, image: first, files: provision(), platform: TARGET }
    installBoard(flash, LAYOUT.regions, bare)
    let heap: LuaHeap | undefined
    const options = {
        chip: CHIP,
        heapBytesMax: LUA_SMALL_BUDGET.peakBytes,
        onHeap: (counted: LuaHeap) => (heap ??= counted),
    } as const
    const board = createLuaBoard(flash, "5.1", options)
    boards.push(board)
    board.board.powerOn()
    await until(() => board.events.includes("device:checkin "), "a check-in", LIMIT_MS)
    const loadedBytes = heap!.usedBytes()
    server.offer(next, "u1", "1.1.0")
    await until(() => board.lines.includes("update: applied, restarting"), "the end of an update", LIMIT_MS)
    const peakBytes = heap!.takePeakBytes()
    console.info(`ESP8266: heap once loaded ${loadedBytes} B, at most ${peakBytes} B, of ${LUA_SMALL_BUDGET.peakBytes}`)
    expect(board.lines.filter(line => /panic|memory/.test(line))).toEqual([])
    expect(loadedBytes).toBeLessThanOrEqual(LUA_SMALL_BUDGET.loadedBytes)
})
