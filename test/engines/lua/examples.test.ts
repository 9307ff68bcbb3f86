// The examples of docs/examples on Lua boards: packed, installed, updated over real HTTP.

import { join } from "node:path"
import { packFolder } from "../../../build/pack"
import { projectRoot } from "../../../build/root"
import { STATUS_SKIPPED_BY_APP } from "../../../firmware/status"
import { until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { createLuaBoard, installedFlash, type LuaBoard } from "./lua-board"

const LIMIT_MS = 60_000
const CONFIG = { first: 0, update: { period: 1, retry: 1 } }
let server: AgentServer
let board: LuaBoard | undefined

beforeEach(async () => void (server = await startServer()))
afterEach(async () => {
    board?.stop()
    await server.close()
})

async function packExample(name: string, version: string): Promise<Buffer> {
    const overrides = { version, target: "nodemcu" as const }
    return (await packFolder(join(projectRoot(), "docs/examples", name), { overrides })).bytes
}

/** Runs an example with an update to `version` on offer until it reports. Returns the report. */
async function updateExample(name: string, version: string): Promise<{ success: boolean; status: number; version: string }> {
    const files = {
        "config.json": JSON.stringify({ ...CONFIG, builder: server.url }),
        "device.json": '{"id":"e1"}',
    }
    board = createLuaBoard(installedFlash(await packExample(name, "1.0.0"), files))
    server.offer(await packExample(name, version), "u1", version)
    board.board.powerOn()
    await until(() => server.of("report").length > 0, "a report", LIMIT_MS)
    return server.of("report")[0]!.body
}

test(
    "blink warns of its update, and is replaced",
    async () => {
        expect(await updateExample("blink", "1.1.0")).toMatchObject({ success: true, version: "1.1.0" })
        const wanted = ["blink 1.0.0 every 250 ms", "blink: an update is ready", "blink 1.1.0 every 250 ms"]
        expect(board!.lines).toEqual(expect.arrayContaining(wanted))
    },
    LIMIT_MS,
)

test(
    "opt-in-beta skips a beta that nobody asked for",
    async () => {
        const report = await updateExample("opt-in-beta", "1.1.0-beta.1")
        expect(report).toMatchObject({ success: false, status: STATUS_SKIPPED_BY_APP, version: "1.0.0" })
    },
    LIMIT_MS,
)

test(
    "deferred-apply is replaced between two jobs",
    async () => {
        expect(await updateExample("deferred-apply", "1.1.0")).toMatchObject({ success: true, version: "1.1.0" })
        const { lines } = board!
        expect(lines.indexOf("update: applied, restarting")).toBeGreaterThan(lines.indexOf("job: done"))
    },
    LIMIT_MS,
)
