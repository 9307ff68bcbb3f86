// A real Espruino in trouble: no memory, flash that takes nothing, a full Storage, a broken connection. What runs goes on, and says why.

import { rmSync } from "node:fs"
import { join } from "node:path"
import { UPDATE_RESTARTS_MAX } from "../../../firmware/constants"
import { STATUS_FLASH, STATUS_MEMORY, STATUS_NET, STATUS_OK, STATUS_RESTARTED } from "../../../firmware/status"
import { makeFolder, until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { installEspruino, packApp, superviseBoard, type TestBoard } from "./fixture"
import { describeEspruino } from "./real"

const home = makeFolder()
let server: AgentServer
let board: TestBoard | undefined

/** A board whose connection always breaks: it is tried again for half a minute, while the others have their turns. */
let broken: { readonly server: AgentServer; readonly board: TestBoard } | undefined

async function startBroken(): Promise<NonNullable<typeof broken>> {
    const folder = join(home.path, "broken")
    const own = await startServer()
    await installEspruino(folder, await packApp(folder, { version: "1.0.0" }), own.url)
    own.offer(await packApp(folder, { version: "1.1.0" }), "u1", "1.1.0")
    own.imageScript = response => void response.destroy()
    const started = superviseBoard(folder, folder)
    started.supervisor.start()
    return { server: own, board: started }
}

beforeEach(async () => void (server = await startServer()))
afterEach(async () => {
    await board?.supervisor.stop()
    await server.close()
    rmSync(join(home.path, "board"), { recursive: true, force: true })
})
afterAll(async () => {
    await broken?.board.supervisor.stop()
    await broken?.server.close()
    home.remove()
})

/** Code that runs before the update, in an app or of the board's own, and what the update comes to. */
const TROUBLES: [string, string, number][] = [
    // What Espruino's natives answer when memory is short.
    [
        "no memory for the hash of a block",
        `var crypto = require("crypto"), hash = crypto.SHA256
        crypto.SHA256 = function (data) { return data.length === 4096 && typeof data !== "string" ? undefined : hash(data) }`,
        STATUS_MEMORY,
    ],
    [
        "no memory for the hash of a block list",
        `var crypto = require("crypto"), hash = crypto.SHA256
        crypto.SHA256 = function (data) { return typeof data !== "string" ? undefined : hash(data) }`,
        STATUS_MEMORY,
    ],
    [
        "no memory for a read-back",
        `var flash = require("Flash"), read = flash.read
        flash.read = function (length, address) { return length === 4096 ? undefined : read(length, address) }`,
        STATUS_FLASH,
    ],
    [
        "flash that takes no block",
        `var flash = require("Flash"), write = flash.write
        flash.write = function (data, address) { if (data.length !== 4096) write(data, address) }`,
        STATUS_FLASH,
    ],
    [
        "flash that erases nothing",
        `var flash = require("Flash")
        flash.erasePage = function () {}
        for (var at = 0; at < 90112; at += 16) flash.write("0123456789abcdef", 0x10000000 + 1024 + 2048 + 16384 + 90112 + at)`,
        STATUS_FLASH,
    ],
    [
        "a full Storage",
        `var storage = require("Storage"), count = 0, isFull = false
        while (!isFull) {
            try { isFull = !storage.write("fill" + count, "0123456789".repeat(50)) } catch (error) { isFull = true }
            count++
        }`,
        STATUS_OK,
    ],
]

describeEspruino("an update", () => {
    beforeAll(async () => void (broken = await startBroken()), 60_000)

    test.each(TROUBLES)(
        "with %s",
        async (_name, code, status) => {
            const folder = join(home.path, "board")
            const app = {
                version: "1.0.0",
                code: `import { fileWrite, log } from "otary"\nfileWrite("user.txt", "mine")\n${code}\nlog("in trouble")`,
            }
            const next = { version: "1.1.0", code: `import { fileRead, log } from "otary"\nlog("file " + fileRead("user.txt"))` }
            await installEspruino(folder, await packApp(home.path, app), server.url)
            server.offer(await packApp(home.path, next), "u1", "1.1.0")
            board = superviseBoard(folder, home.path)
            board.supervisor.start()
            await until(() => server.of("report").length > 0, `a report; ${board.lines().slice(-8).join("\n")}`, 30_000)
            const isTaken = status === STATUS_OK
            const version = isTaken ? "1.1.0" : "1.0.0"
            expect(server.of("report")[0]!.body).toMatchObject({ success: isTaken, status, version })
            expect(board.lines()).toContain("in trouble")
            expect(board.lines().filter(line => /panic|no slot/.test(line))).toEqual([])
            // The running image is whole: it boots again.
            await board.supervisor.stop()
            const boots = board.events("version").length
            board.supervisor.start()
            await until(() => board!.events("version").length > boots, "another boot", 30_000)
            expect(board.events("version").at(-1)).toBe(version)
        },
        80_000,
    )

    test("whose app throws whenever an image is ready restarts the board, but not for ever", async () => {
        const folder = join(home.path, "board")
        const code = `import { rWatch, SIGNAL_UPDATE } from "otary"\nrWatch(SIGNAL_UPDATE, () => { throw new Error("no update, please") })`
        await installEspruino(folder, await packApp(home.path, { version: "1.0.0", code }), server.url)
        server.offer(await packApp(home.path, { version: "1.1.0" }), "u1", "1.1.0")
        board = superviseBoard(folder, home.path)
        board.supervisor.start()
        await until(() => server.of("report").length > 0, `a report; ${board.lines().slice(-8).join("\n")}`, 60_000)
        expect(server.of("report")[0]!.body).toMatchObject({ success: false, status: STATUS_RESTARTED, version: "1.0.0" })
        // The first boot fetched the image, and each of the others began where it ended.
        expect(board.lines().filter(line => /panic.*no update, please/.test(line))).toHaveLength(UPDATE_RESTARTS_MAX + 1)
    }, 80_000)

    test("whose connection breaks every time is given up, and reported", async () => {
        const { server: own, board: tried } = broken!
        await until(() => own.of("report").length > 0, "a report", 60_000)
        expect(own.of("report")[0]!.body).toMatchObject({ success: false, status: STATUS_NET, version: "1.0.0" })
        expect(tried.events("version")).toEqual(["1.0.0"])
    }, 80_000)
})
