// The commands that run for long, as real processes: cloud, board and demo, and nothing left behind by any of them.

import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { once } from "node:events"
import { until } from "../board/board-fixture"
import { makeFolder, run, start, writeFiles, type Started } from "./cli-fixture"

const folder = makeFolder()
const started: Started[] = []
afterEach(() => {
    // A test that failed half-way must not leave its processes; the ends of their pipes end what they started.
    for (const { child } of started.splice(0)) child.kill("SIGKILL")
})
afterAll(() => folder.remove())

/** Starts the program; it ends with the test at the latest. */
function begin(argv: readonly string[], cwd: string): Started {
    const process = start(argv, cwd)
    started.push(process)
    return process
}

/** A folder of a test's own. */
function cwdOf(name: string): string {
    const path = join(folder.path, name)
    mkdirSync(path)
    return path
}

/** Processes whose command line holds `text`. */
function processesWith(text: string): string[] {
    const all = execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8", maxBuffer: 1e8 })
    return all.split("\n").filter(line => line.includes(text) && !line.includes("ps -A"))
}

test("cloud prints its address, is found by commands in its folder, and ends with SIGTERM", async () => {
    const cwd = cwdOf("cloud")
    const cloud = begin(["cloud", "--port", "0"], cwd)
    await until(() => cloud.stdout().includes("\n"), "the cloud's address", 30_000)
    expect(cloud.stdout()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/)
    expect((await run(["product", "create", "lamp"], { cwd })).exitCode).toBe(0)

    writeFiles(join(cwd, "app"), { "app.js": "", "otary.json5": `{ name: "lamp", version: "1.0.0", product: "lamp" }` })
    writeFiles(join(cwd, "app"), { "config.json5": `{ first: 0, update: { period: 1 } }` })
    await run(["pack", "app"], { cwd })
    const board = begin(["board", "--image", "lamp-1.0.0.zip", "--product", "lamp", "--id", "lamp-1"], cwd)
    await until(() => board.stderr().includes("device:checkin"), "the board's check-in", 30_000)
    expect((await run(["device", "list"], { cwd })).stdout).toMatch(/^lamp-1 +lamp +1\.0\.0 /m)

    board.child.kill("SIGTERM")
    expect((await board.end(10_000)).exitCode).toBe(0)
    cloud.child.kill("SIGTERM")
    expect((await cloud.end(20_000)).exitCode).toBe(0)
    expect(existsSync(join(cwd, ".otary/cloud.json"))).toBe(false)
    expect(processesWith(cwd)).toEqual([])
}, 90_000)

test("a port that is taken is told, and nothing is left running", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const cwd = cwdOf("taken")
    const ran = await begin(["cloud", "--port", String(port)], cwd).end(40_000)
    server.close()
    expect([ran.exitCode, ran.stdout]).toEqual([1, ""])
    expect(ran.stderr).toMatch(/^otary: CLI_PORT_TAKEN: port \d+ of 127\.0\.0\.1 is taken/m)
    expect(processesWith(cwd)).toEqual([])
}, 60_000)

test("the demo: all boards updated, the bad release rolled back, one line of JSON", async () => {
    const cwd = cwdOf("demo")
    const ran = await begin(["demo", "--boards", "2", "--once", "--json", "--data", "data"], cwd).end(90_000)
    expect([ran.exitCode, ran.stdout.split("\n").length]).toEqual([0, 2])
    expect(JSON.parse(ran.stdout)).toEqual({
        boards: 2,
        versions: { "1.1.0": 2 },
        updated: 2,
        rolledBack: 2,
        bricked: 0,
        seconds: expect.any(Number),
    })
    expect(ran.stderr.match(/: 1\.1\.0 committed$/gm)).toHaveLength(2)
    expect(ran.stderr.match(/: rolled back to 1\.1\.0$/gm)).toHaveLength(2)
    expect(readdirSync(join(cwd, "data/boards"))).toEqual(["board-01", "board-02"])
    expect(readFileSync(join(cwd, "data/boards/board-01/flash.bin")).includes("thermostat")).toBe(true)
    expect(processesWith(cwd)).toEqual([])
    const again = await run(["demo", "--once", "--data", "data"], { cwd })
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining("otary: CLI_DEMO_FOLDER: ")])
}, 120_000)

/** Starts a demo, stops it when its boards run, and looks what is left. */
async function stopDemo(signal: "SIGINT" | "SIGTERM"): Promise<void> {
    const cwd = cwdOf(signal)
    const demo = begin(["demo", "--boards", "1", "--data", "data"], cwd)
    await until(() => demo.stderr().includes("register and check in"), "the boards' start", 30_000)
    await until(() => processesWith(join(cwd, "data/boards")).length > 0, "a board's process")
    demo.child.kill(signal)
    demo.child.kill(signal)
    const ran = await demo.end(20_000)
    expect([ran.exitCode, ran.stdout]).toEqual([1, ""])
    expect(ran.stderr).toContain("otary: CLI_STOPPED: ")
    expect(processesWith(cwd)).toEqual([])
}

test("demos that are stopped by SIGINT and by SIGTERM leave nothing behind", async () => {
    await Promise.all([stopDemo("SIGINT"), stopDemo("SIGTERM")])
}, 60_000)
