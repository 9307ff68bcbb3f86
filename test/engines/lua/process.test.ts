// Lua boards in processes of their own: an image that hangs is left, and kills at random moments leave whole images.

import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../../build/root"
import { manufacture } from "../../../host/board/factory"
import type { BoardMessage } from "../../../host/board/messages"
import { createSupervisor } from "../../../host/board/supervisor"
import { STATUS_OK, STATUS_ROLLED_BACK } from "../../../firmware/status"
import { buildChild, makeFolder, until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { packApp } from "./images"
import { loaderText } from "./lua-board"

/** The chip's own watchdog takes five seconds; an endless loop keeps a core busy for all of them. */
const WATCHDOG_MS = 1500
const LIMIT_MS = 90_000
const KILLS = Number(process.env["KILLS"] ?? 10)
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)
const CONFIG = { first: 0, update: { period: 1, retry: 1 } }

const folder = makeFolder()
/** Within the project, so that the child finds the Lua machine's package. */
const build = join(projectRoot(), "dist", `test-lua-${process.pid}`)
const images: Record<string, Buffer> = {}
let childPath = ""
let server: AgentServer

beforeAll(async () => {
    mkdirSync(build, { recursive: true })
    childPath = buildChild(build)
    server = await startServer()
    images.first = await packApp({ version: "1.0.0", config: CONFIG })
    images.good = await packApp({ version: "1.1.0", config: CONFIG, padBytes: 50_000 })
    images.hanging = await packApp({ version: "1.2.0", config: CONFIG, does: "hang" })
}, LIMIT_MS)
afterAll(async () => {
    await server.close()
    folder.remove()
    rmSync(build, { recursive: true, force: true })
})

interface Supervised {
    readonly messages: BoardMessage[]
    versions(): unknown[]
    stop(): Promise<void>
    pid(): number
}

/** A board in a folder of its own, under supervision. */
function start(name: string): Supervised {
    const home = `${folder.path}/${name}`
    const identity = { id: name, product: "p1", cloud: server.url, attributes: {} }
    manufacture(home, { identity, loader: loaderText(), image: images.first!, engine: "lua", platform: "nodemcu" })
    const messages: BoardMessage[] = []
    const options = {
        folder: home,
        childPath,
        graceMs: 200,
        backoffMs: 10,
        watchdogMsMax: WATCHDOG_MS,
        stderr: "ignore" as const,
    }
    const supervisor = createSupervisor({ ...options, onMessage: message => void messages.push(message) })
    supervisor.start()
    const versions = (): unknown[] =>
        messages.flatMap(message => (message.kind === "event" && message.name === "version" ? [message.value] : []))
    return { messages, versions, stop: supervisor.stop, pid: supervisor.pid }
}

const outcomes = (update: string): number[] =>
    server
        .of("report")
        .filter(({ body }) => body.update === update)
        .map(({ body }) => body.status)

test(
    "an image that hangs gets its trials from the watchdog, then the one before is back",
    async () => {
        const board = start("hanging")
        server.offer(images.hanging!, "u-hang", "1.2.0")
        await until(() => outcomes("u-hang").length > 0, "a report", LIMIT_MS)
        await board.stop()
        expect(outcomes("u-hang")).toEqual([STATUS_ROLLED_BACK])
        const bites = board.messages.filter(message => message.kind === "log" && message.line.startsWith("supervisor: watchdog"))
        expect(bites).toHaveLength(3)
        expect(board.versions().filter(version => version === "1.2.0")).toHaveLength(3)
    },
    LIMIT_MS,
)

test(
    `killed ${KILLS} times at random moments of an update, a board always comes back, and finishes`,
    async () => {
        console.info(`lua kills: SEED=${SEED}`)
        let state = (SEED % 2147483646) + 1
        const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647
        const board = start("killed")
        server.offer(images.good!, "u-kill", "1.1.0")
        for (let kill = 0; kill < KILLS; kill++) {
            const boots = board.messages.filter(({ kind }) => kind === "boot").length
            await until(
                () => board.messages.filter(({ kind }) => kind === "boot").length > boots || kill === 0,
                "a boot",
                LIMIT_MS,
            )
            await new Promise(resolve => setTimeout(resolve, random() * 1200))
            if (board.pid() > 0) process.kill(board.pid(), "SIGKILL")
        }
        await until(() => outcomes("u-kill").length > 0, "a report", LIMIT_MS)
        await board.stop()
        // Three kills in a row on trial take it back, as they must; anything else is a whole update.
        expect([STATUS_OK, STATUS_ROLLED_BACK]).toContain(outcomes("u-kill")[0])
        const lines = board.messages.flatMap(message => (message.kind === "log" ? [message.line] : []))
        expect(lines.filter(line => /panic|no slot|cannot compile|not fed/.test(line))).toEqual([])
        expect(board.versions().every(version => version === "1.0.0" || version === "1.1.0")).toBe(true)
    },
    LIMIT_MS + KILLS * 3000,
)
