// Whole updates on the real Espruino over real HTTP: committed, rolled back, continued, refused.

import { rmSync } from "node:fs"
import { join } from "node:path"
import { STATUS_BLOCK_HASH, STATUS_COMMIT_TIMEOUT, STATUS_ROLLED_BACK } from "../../../firmware/status"
import { makeFolder, until } from "../../board/board-fixture"
import { startServer, wholeImage, type AgentServer } from "../../firmware/agent-server"
import { installEspruino, packApp, superviseBoard, type TestApp, type TestBoard } from "./fixture"
import { describeEspruino } from "./real"

const home = makeFolder()
let server: AgentServer
let board: TestBoard | undefined

beforeEach(async () => void (server = await startServer()))
afterEach(async () => {
    await board?.supervisor.stop()
    await server.close()
    board = undefined
    rmSync(join(home.path, "board"), { recursive: true, force: true })
})
afterAll(() => home.remove())

/** A board with `first` that runs, and `next` offered to it as update u1. */
async function startBoard(first: TestApp, next: TestApp, watchdogMsMax?: number): Promise<TestBoard> {
    const folder = join(home.path, "board")
    await installEspruino(folder, await packApp(home.path, first), server.url)
    server.offer(await packApp(home.path, next), "u1", next.version)
    board = superviseBoard(folder, home.path, watchdogMsMax)
    board.supervisor.start()
    return board
}

/** What the board reported of update u1, once it did. */
async function outcome(limitMs = 30_000): Promise<{ success: boolean; status: number; version: string }> {
    const reports = () => server.of("report").filter(({ body }) => body.update === "u1")
    await until(() => reports().length > 0, `a report; the board said:\n${board!.lines().slice(-8).join("\n")}`, limitMs)
    return reports()[0]!.body
}

describeEspruino("an update on Espruino", () => {
    test("is written, booted, committed and reported; the app's files survive, the image's override", async () => {
        const first = `import { fileWrite, log } from "otary"
            fileWrite("user.txt", "mine"); fileWrite("both.txt", "old"); log("first")`
        const next = `import { fileRead, log } from "otary"
            log("files " + fileRead("user.txt") + " " + fileRead("both.txt") + " " + fileRead("new.txt"))`
        const files = { "both.txt": "new", "new.txt": "fresh" }
        const { events, lines } = await startBoard({ version: "1.0.0", code: first }, { version: "1.1.0", code: next, files })
        expect(await outcome()).toMatchObject({ success: true, status: 0, version: "1.1.0" })
        expect(events("version")).toEqual(["1.0.0", "1.1.0"])
        expect(lines()).toContain("files mine new fresh")
        expect(events("device:progress").at(-1)).toBe(100)
    }, 60_000)

    test("that throws at its start goes back after its trials", async () => {
        const { events, lines } = await startBoard({ version: "1.0.0" }, { version: "1.1.0", code: `throw new Error("bad app")` })
        expect(await outcome()).toMatchObject({ success: false, status: STATUS_ROLLED_BACK, version: "1.0.0" })
        expect(events("version")).toEqual(["1.0.0", "1.1.0", "1.1.0", "1.1.0", "1.0.0"])
        expect(lines()).toContain("panic: Error: bad app")
    }, 60_000)

    test("that hangs is reset by the watchdog, and goes back", async () => {
        const hanging = "for (;;);"
        const { events, messages } = await startBoard({ version: "1.0.0" }, { version: "1.1.0", code: hanging }, 4500)
        expect(await outcome(50_000)).toMatchObject({ success: false, status: STATUS_ROLLED_BACK, version: "1.0.0" })
        expect(events("version")).toEqual(["1.0.0", "1.1.0", "1.1.0", "1.1.0", "1.0.0"])
        expect(messages.filter(message => message.kind === "boot" && message.cause === "watchdog")).toHaveLength(3)
    }, 80_000)

    test("that never commits goes back when its time is up", async () => {
        const config = { update: { period: 1, retry: 1, commit: "app" }, timeouts: { commit: 2 } }
        await startBoard({ version: "1.0.0", config }, { version: "1.1.0", config })
        expect(await outcome()).toMatchObject({ success: false, status: STATUS_COMMIT_TIMEOUT, version: "1.0.0" })
    }, 60_000)

    test("goes on where its download broke off", async () => {
        server.imageScript = (response, image, from, count) => {
            if (count > 2) return wholeImage(response, image, from, count)
            response.writeHead(from > 0 ? 206 : 200, {
                "Content-Length": image.length - from,
                ...(from > 0 && { "Content-Range": `bytes ${from}-${image.length - 1}/${image.length}` }),
            })
            response.write(image.subarray(from, from + 15_000), () => setTimeout(() => response.destroy(), 200))
        }
        await startBoard({ version: "1.0.0" }, { version: "1.1.0" })
        expect(await outcome()).toMatchObject({ success: true, version: "1.1.0" })
        const ranges = server.of("image").map(({ range }) => range)
        expect(ranges).toHaveLength(3)
        expect(ranges[0]).toBe("")
        for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=\d{4,}-$/)
    }, 60_000)

    test("with a damaged block is refused, and the running image goes on", async () => {
        const { events } = await startBoard({ version: "1.0.0" }, { version: "1.1.0" })
        server.image = Buffer.from(server.image)
        server.image[30_000]! ^= 1
        expect(await outcome()).toMatchObject({ success: false, status: STATUS_BLOCK_HASH, version: "1.0.0" })
        expect(events("version")).toEqual(["1.0.0"])
    }, 60_000)
})
