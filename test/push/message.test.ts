// From a message to the new version, on every engine: a real broker, a real check-in, a whole update.

import { rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { makeFolder, until } from "../board/board-fixture"
import { startServer, type AgentServer } from "../firmware/agent-server"
import { buildBoards, ENGINES, packVersion, startBoard, type RunningBoard } from "./boards"
import { startBroker, type TestBroker } from "./broker"

const LIMIT_MS = 40_000
/** Far more than the test takes: no check-in comes by itself. */
const PERIOD_S = 86400

const home = makeFolder()
const childPath = buildBoards()
let server: AgentServer
let broker: TestBroker
let board: RunningBoard | undefined
beforeEach(async () => {
    server = await startServer()
    broker = await startBroker()
})
afterEach(async () => {
    await board?.stop()
    await broker.close()
    await server.close()
})
afterAll(() => {
    home.remove()
    rmSync(dirname(childPath), { recursive: true, force: true })
})

const checkins = (): number => server.of("checkin").length

test.each(ENGINES)(
    "on %s",
    async engine => {
        const config = { first: 1, update: { period: PERIOD_S, retry: 1 }, mqtt: { url: broker.url } }
        const folder = join(home.path, engine.replaceAll(/[ .]/g, "-"))
        board = await startBoard(folder, engine, await packVersion(home.path, engine, "1.0.0", config), server.url, childPath)
        const next = await packVersion(home.path, engine, "1.1.0", config)
        const said = (): string => board!.lines().slice(-8).join("\n")
        await until(() => broker.subscribed.length === 1 && checkins() === 1, `a subscription\n${said()}`, LIMIT_MS)
        expect([broker.subscribed, broker.clients()]).toEqual([["otary/DEV1/checkin"], ["otary-DEV1"]])
        server.offer(next, "u1", "1.1.0")
        await broker.publish("otary/DEV1/checkin")
        await until(() => server.of("report").length === 1, `a report\n${said()}`, LIMIT_MS)
        expect(server.of("report")[0]!.body).toMatchObject({ success: true, update: "u1", version: "1.1.0" })
        expect(board.versions()).toEqual(["1.0.0", "1.1.0"])
        // The new image listens as well, and has nothing to report of a message but a check-in.
        await until(() => broker.subscribed.length === 2, `another subscription\n${said()}`, LIMIT_MS)
        const before = checkins()
        await broker.publish("otary/DEV1/checkin", Buffer.alloc(2000, 0xff))
        await until(() => checkins() > before, `a check-in\n${said()}`, LIMIT_MS)
        expect(board.lines().filter(line => /panic|reset \((panic|watchdog)/.test(line))).toEqual([])
    },
    3 * LIMIT_MS,
)
