// Boards with the real Espruino, killed at random moments of updates: always a whole image, always finished in the end.

import { join } from "node:path"
import { makeFolder, until } from "../../board/board-fixture"
import { startSupervisorProcess } from "../../board/supervisor-process"
import { STATUS_ROLLED_BACK } from "../../../firmware/status"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { installEspruino, packApp } from "./fixture"
import { describeEspruino } from "./real"

/** KILLS=50 proves more, and takes a minute. */
const KILLS = Number(process.env["KILLS"] ?? 15)
/** Latest moment of a kill, counted from the start of a boot; an update takes about as long. */
const KILL_MS_MAX = 1500
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)

/** Numbers in [0, 1) that depend on the seed alone (Park–Miller). */
function seededRandom(seed: number): () => number {
    let state = (seed % 2147483646) + 1
    return () => (state = (state * 48271) % 2147483647) / 2147483647
}

const home = makeFolder()
const random = seededRandom(SEED)
let server: AgentServer

beforeAll(async () => void (server = await startServer()))
afterAll(async () => {
    await server.close()
    home.remove()
})

/** What the reports said so far, the next update offered after each. */
interface Progress {
    finished: number
    rolledBack: number
    updates: number
}

describeEspruino("a supervisor of an Espruino board", () => {
    test(
        `killed ${KILLS} times`,
        async () => {
            process.stderr.write(`sigkill on Espruino: SEED=${SEED}\n`)
            const images: Record<string, Buffer> = {}
            for (const version of ["1.0.0", "1.1.0"])
                images[version] = await packApp(home.path, { version, files: { "v.txt": version } })
            const folder = join(home.path, "board")
            await installEspruino(folder, images["1.0.0"]!, server.url)

            const progress: Progress = { finished: 0, rolledBack: 0, updates: 0 }
            const offerNext = (running: string): void => {
                const version = running === "1.0.0" ? "1.1.0" : "1.0.0"
                progress.updates += 1
                server.offer(images[version]!, `u${progress.updates}`, version)
            }
            offerNext("1.0.0")
            let taken = 0
            const follow = (): void => {
                for (const { body } of server.of("report").slice(taken)) {
                    taken += 1
                    if (body.update !== `u${progress.updates}`) continue
                    if (body.success === true) progress.finished += 1
                    else if (body.status === STATUS_ROLLED_BACK) progress.rolledBack += 1
                    else throw new Error(`an update failed: ${JSON.stringify(body)}`)
                    offerNext(body.version)
                }
            }

            const lines: string[] = []
            const versions = new Set<unknown>()
            const run = async (isDone: () => boolean, what: string, afterMs: number): Promise<void> => {
                const running = startSupervisorProcess(folder, home.path)
                await until(() => running.messages.some(message => message.kind === "boot"), "a boot", 20_000)
                await until(isDone, what, 40_000)
                await new Promise(resolve => setTimeout(resolve, afterMs))
                await running.kill()
                for (const message of running.messages) {
                    if (message.kind === "log") lines.push(message.line)
                    if (message.kind === "event" && message.name === "version") versions.add(message.value)
                }
                follow()
            }
            for (let kill = 0; kill < KILLS; kill++) await run(() => true, "", random() * KILL_MS_MAX)
            const wanted = progress.finished + 2
            await run(() => (follow(), progress.finished >= wanted), "two updates without kills", 0)

            expect(lines.filter(line => /panic|no slot|ASSERT/.test(line))).toEqual([])
            expect(versions).toEqual(new Set(["1.0.0", "1.1.0"]))
            process.stderr.write(`sigkill on Espruino: ${progress.finished} updates, ${progress.rolledBack} rolled back\n`)
        },
        60_000 + KILLS * 6000,
    )
})
