// otary push over the serial line of a board on every engine: an image is taken, goes on after a cut, and is refused when it is bad.

import { rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { createSerialReader, SERIAL_KINDS, serialFrame } from "../../build/serial-line"
import { makeFolder, until } from "../board/board-fixture"
import { run, type Ran } from "../cli/cli-fixture"
import { buildBoards, ENGINES, packVersion, startBoard, type Engine, type RunningBoard } from "./boards"
import { hasPty, openWire, type Wire } from "./pty"

const LIMIT_MS = 60_000
/** No cloud: a board on a bench commits what runs for a second. */
const CONFIG = { first: 1 }

const home = makeFolder()
const childPath = buildBoards()
let board: RunningBoard | undefined
let wire: Wire | undefined
afterEach(async () => {
    await board?.stop()
    wire?.close()
    wire = undefined
})
afterAll(() => {
    home.remove()
    rmSync(dirname(childPath), { recursive: true, force: true })
})

function write(name: string, bytes: Buffer): string {
    const path = join(home.path, name)
    writeFileSync(path, bytes)
    return path
}

/** A board whose serial line is at `port`. */
async function start(engine: Engine): Promise<{ board: RunningBoard; port: string; next: Buffer }> {
    wire = engine === "espruino" ? await openWire() : undefined
    const config = { ...CONFIG, uart: wire === undefined ? {} : { path: wire.board } }
    const folder = join(home.path, engine.replaceAll(/[ .]/g, "-"))
    const image = await packVersion(home.path, engine, "1.0.0", config)
    const next = await packVersion(home.path, engine, "1.1.0", config)
    board = await startBoard(folder, engine, image, "", childPath)
    const runs = board
    await until(() => runs.lines().includes("app 1.0.0"), `the first image\n${runs.lines().join("\n")}`, LIMIT_MS)
    return { board: runs, port: wire?.sender ?? join(folder, "uart.sock"), next }
}

const push = (image: string, port: string, stop?: AbortSignal): Promise<Ran> =>
    run(["push", image, "--port", port, "--json"], { ...(stop && { stop }) })

const engines = ENGINES.filter(engine => engine !== "espruino" || hasPty)

test.each(engines)(
    "on %s",
    async engine => {
        const { board, port, next } = await start(engine)
        const bad = Buffer.from(next)
        bad[bad.length - 3000]! ^= 1
        const refused = await push(write("bad.zip", bad), port)
        expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringMatching(/CLI_PUSH_REFUSED.*STATUS_BLOCK_HASH/)])
        // The sender goes away in the middle; the next one goes on behind what is in flash.
        const stop = new AbortController()
        const path = write("next.zip", next)
        const first = push(path, port, stop.signal)
        await until(
            () => board.lines().filter(line => line.startsWith("serial: an update")).length === 2,
            "a beginning",
            LIMIT_MS,
        )
        await new Promise(resolve => setTimeout(resolve, 700))
        stop.abort()
        const stopped = await first
        const taken = stopped.exitCode === 0 ? stopped : await push(path, port)
        const said = board.lines().slice(-8).join("\n")
        expect([taken.exitCode, taken.stderr, said]).toEqual([0, "", said])
        await until(() => board.versions().at(-1) === "1.1.0", `the new version\n${board.lines().slice(-8).join("\n")}`, LIMIT_MS)
        await until(() => board.lines().some(line => line.endsWith("1.1.0 is committed")), "a commit", LIMIT_MS)
        expect(board.lines().filter(line => /panic|reset \((panic|watchdog)/.test(line))).toEqual([])
    },
    4 * LIMIT_MS,
)

describe("otary push", () => {
    test("over TCP, as a terminal server has it; a board that is silent is given up", async () => {
        const kinds: number[] = []
        const server = createServer(socket => {
            const read = createSerialReader((kind, sequence) => {
                kinds.push(kind)
                const payload = Buffer.concat([
                    Buffer.from([kind === SERIAL_KINDS.begin ? 1 : 0, 0, 0, 0, 0]),
                    Buffer.from("1.0.0"),
                ])
                socket.write(Buffer.concat([Buffer.from("\r\n> noise OU"), serialFrame(kind + 128, sequence, payload)]))
            })
            socket.on("data", read).on("error", () => undefined)
        })
        await new Promise<void>(done => server.listen(0, "127.0.0.1", done))
        const { port } = server.address() as AddressInfo
        const ran = await push(write("any.zip", Buffer.alloc(100)), `tcp://127.0.0.1:${port}`)
        server.close()
        expect([ran.exitCode, ran.stderr, kinds]).toEqual([3, expect.stringMatching(/STATUS_BUSY \(-1\)/), [SERIAL_KINDS.begin]])
    })

    test.each([
        ["nowhere/tty", /no such file/],
        ["tcp://127.0.0.1", /tcp:\/\/HOST:PORT/],
        ["tcp://127.0.0.1:1", /ECONNREFUSED/],
        [".", /neither a serial device nor a socket/],
        ["/dev/null", /stty/],
    ])("says why the port %s cannot be used", async (port, why) => {
        const ran = await push(write("any.zip", Buffer.alloc(100)), port)
        expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringMatching(/CLI_PORT/)])
        expect(ran.stderr).toMatch(why)
    })

    test("says what is wrong with its arguments", async () => {
        expect((await run(["push", "x.zip"])).exitCode).toBe(2)
        expect((await run(["push", "x.zip", "--port", "p", "--baud", "fast"])).exitCode).toBe(2)
        expect((await push(join(home.path, "gone.zip"), "p")).stderr).toMatch(/CLI_FILE/)
    })
})
