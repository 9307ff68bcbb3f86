// Lua boards in processes of their own, under supervision, against a scripted cloud.

import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../../build/root"
import { CHIPS, type ChipName } from "../../../host/board/engines/lua/chips"
import { manufacture } from "../../../host/board/factory"
import type { BoardMessage } from "../../../host/board/messages"
import { createSupervisor, type Supervisor } from "../../../host/board/supervisor"
import { buildChild, makeFolder, until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { loaderText } from "./lua-board"

/** The chip's own watchdog takes five seconds; an endless loop keeps a core busy for all of them. */
const WATCHDOG_MS = 1500
/** What a test may take besides its kills. */
export const LIMIT_MS = 90_000
/** Checks in at once, and again every second. */
export const QUICK_CONFIG = { first: 0, update: { period: 1, retry: 1 } }

/** A board in a folder of its own. */
export interface Supervised {
    readonly home: string
    readonly messages: BoardMessage[]
    versions(this: void): unknown[]
    lines(this: void): string[]
    boots(this: void): number
    stop(this: void): Promise<void>
    /** Another supervisor takes over: it has seen no kills yet, and so does not wait between two starts. */
    renew(this: void): Promise<void>
    pid(this: void): number
}

/** The cloud, and what makes boards. */
export interface ProcessRig {
    readonly server: AgentServer
    /** A board of this chip; default: "esp32". */
    start(this: void, name: string, image: Buffer, chip?: ChipName): Supervised
    /** Status codes that were reported for an update. */
    outcomes(this: void, update: string): number[]
    close(this: void): Promise<void>
}

function supervise(home: string, childPath: string): Supervised {
    const messages: BoardMessage[] = []
    const options = {
        folder: home,
        childPath,
        graceMs: 200,
        backoffMs: 10,
        watchdogMsMax: WATCHDOG_MS,
        stderr: "ignore" as const,
    }
    const start = (): Supervisor => {
        const supervisor = createSupervisor({ ...options, onMessage: message => void messages.push(message) })
        supervisor.start()
        return supervisor
    }
    let supervisor = start()
    return {
        home,
        messages,
        versions: () => messages.flatMap(one => (one.kind === "event" && one.name === "version" ? [one.value] : [])),
        lines: () => messages.flatMap(one => (one.kind === "log" ? [one.line] : [])),
        boots: () => messages.filter(({ kind }) => kind === "boot").length,
        stop: () => supervisor.stop(),
        async renew() {
            await supervisor.stop()
            supervisor = start()
        },
        pid: () => supervisor.pid(),
    }
}

/** Builds the boards' process and starts the cloud. */
export async function startProcessRig(): Promise<ProcessRig> {
    const folder = makeFolder()
    // Within the project, so that the child finds the Lua machine's package.
    const build = join(projectRoot(), "dist", `test-lua-${process.pid}`)
    mkdirSync(build, { recursive: true })
    const childPath = buildChild(build)
    const server = await startServer()
    return {
        server,
        start(name, image, chip = "esp32") {
            const home = `${folder.path}/${name}`
            const identity = { id: name, product: "p1", cloud: server.url, attributes: {} }
            const { platform } = CHIPS[chip]
            manufacture(home, { identity, loader: loaderText(chip), image, engine: "lua", platform, chip })
            return supervise(home, childPath)
        },
        outcomes: update =>
            server
                .of("report")
                .filter(({ body }) => body.update === update)
                .map(({ body }) => body.status),
        async close() {
            await server.close()
            folder.remove()
            rmSync(build, { recursive: true, force: true })
        },
    }
}

/** Kills that one supervisor sees: it waits longer after each. */
const RENEW_KILLS = 5

/** Kills a board `kills` times, each at a moment of its own: up to `latestMs` after a boot. */
export async function killAtRandom(board: Supervised, kills: number, latestMs: number, seed: number): Promise<void> {
    let state = (seed % 2147483646) + 1
    const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647
    for (let kill = 0; kill < kills; kill++) {
        const boots = board.boots()
        await until(() => board.boots() > boots || kill === 0, "a boot", LIMIT_MS)
        await new Promise(resolve => setTimeout(resolve, random() * latestMs))
        if (board.pid() > 0) process.kill(board.pid(), "SIGKILL")
        if (kill % RENEW_KILLS === RENEW_KILLS - 1) await board.renew()
    }
}
