// The examples of docs/examples on the real Espruino: packed, installed, updated by real HTTP.

import { join } from "node:path"
import { packFolder } from "../../../build/pack"
import { projectRoot } from "../../../build/root"
import { STATUS_SKIPPED_BY_APP } from "../../../firmware/status"
import { makeFolder, until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { installEspruino, superviseBoard, type TestBoard } from "./fixture"
import { describeEspruino } from "./real"

const home = makeFolder()
let server: AgentServer
let board: TestBoard | undefined

beforeEach(async () => void (server = await startServer()))
afterEach(async () => {
    await board?.supervisor.stop()
    await server.close()
})
afterAll(() => home.remove())

async function packExample(name: string, version: string): Promise<Buffer> {
    const overrides = { version, target: "espruino" as const }
    return (await packFolder(join(projectRoot(), "docs/examples", name), { overrides })).bytes
}

/** Runs an example with an update to `version` on offer until it reports. */
async function updateExample(
    name: string,
    version: string,
): Promise<{ body: { success: boolean; status: number }; lines: string[] }> {
    const folder = join(home.path, name)
    await installEspruino(folder, await packExample(name, "1.0.0"), server.url, name)
    server.offer(await packExample(name, version), "u1", version)
    board = superviseBoard(folder, home.path)
    board.supervisor.start()
    await until(() => server.of("report").length > 0, "a report", 40_000)
    return { body: server.of("report")[0]!.body, lines: board.lines() }
}

describeEspruino("the example", () => {
    test("blink warns of its update, and is replaced", async () => {
        const { body, lines } = await updateExample("blink", "1.1.0")
        expect(body).toMatchObject({ success: true, version: "1.1.0" })
        expect(lines).toEqual(
            expect.arrayContaining(["blink 1.0.0 every 250 ms", "blink: an update is ready", "blink 1.1.0 every 250 ms"]),
        )
    }, 80_000)

    test("opt-in-beta skips a beta that nobody asked for", async () => {
        const { body } = await updateExample("opt-in-beta", "1.1.0-beta.1")
        expect(body).toMatchObject({ success: false, status: STATUS_SKIPPED_BY_APP, version: "1.0.0" })
    }, 80_000)

    test("deferred-apply is replaced between two jobs", async () => {
        const { body, lines } = await updateExample("deferred-apply", "1.1.0")
        expect(body).toMatchObject({ success: true, version: "1.1.0" })
        expect(lines.indexOf("update: applied, restarting")).toBeGreaterThan(lines.indexOf("job: done"))
    }, 80_000)
})
