// Lua boards against the real cloud over real HTTP: whole updates, what becomes of bad images, downloads that go on, files that stay.

import { BLOCK_BYTES } from "../../../firmware/constants"
import { STATUS_ROLLED_BACK } from "../../../firmware/status"
import { startCloudFixture, type CloudFixture } from "../../api/cloud-fixture"
import { until } from "../../board/board-fixture"
import { packApp } from "./images"
import { createLuaBoard, installedFlash, type LuaBoard } from "./lua-board"

jest.setTimeout(120_000)

const CONFIG = { first: 1, update: { period: 2, retry: 1 } }
const LIMIT_MS = 60_000
const boards: LuaBoard[] = []
let cloud: CloudFixture
beforeAll(async () => (cloud = await startCloudFixture()), 60_000)
afterEach(() => boards.splice(0).forEach(board => board.stop()))
afterAll(() => cloud.close())

async function productOf(name: string): Promise<string> {
    return (await cloud.api("POST", "/products", { name })).body.id
}

/** A board with version 1.0.0 on it, switched on. */
async function start(version: "5.1" | "5.3", id: string, product: string): Promise<LuaBoard> {
    const config = { ...CONFIG, builder: cloud.url }
    const image = await packApp({ version: "1.0.0", config, device: { product }, files: { "page.html": "old page" } })
    const device = JSON.stringify({ id, product })
    const board = createLuaBoard(installedFlash(image, { "device.json": device, "user.txt": "mine" }), version)
    boards.push(board)
    board.board.powerOn()
    await until(() => board.events.includes("device:checkin "), "the first check-in", LIMIT_MS)
    return board
}

async function release(product: string, version: string, app: string, files: Record<string, string> = {}): Promise<void> {
    const artifact = await cloud.upload(await packApp({ version, app, config: { ...CONFIG, builder: cloud.url }, files }))
    expect((await cloud.api("POST", "/releases", { product, artifact })).status).toBe(201)
}

const tasksOf = async (device: string) => (await cloud.api("GET", `/tasks?device=${device}`)).body.items

/** Asks the cloud until the task of `version` has come to an end. */
async function taskEnd(device: string, version: string): Promise<{ state: string; status: number }> {
    for (let turn = 0; turn < 600; turn++) {
        const task = (await tasksOf(device)).find((one: { version: string }) => one.version === version)
        if (task !== undefined && ["succeeded", "failed"].includes(task.state)) return task
        await new Promise(resolve => setTimeout(resolve, 100))
    }
    throw new Error(`no end of ${version}: ${JSON.stringify(await tasksOf(device))}`)
}

const TELL = `import { fileList, fileRead, log } from "otary"
log("files " + fileList().length + " " + fileRead("user.txt") + " " + fileRead("page.html"))`

test.each(["5.1", "5.3"] as const)(
    "Lua %s: update, commit, files kept and replaced; then a throwing image is left",
    async version => {
        const id = `lua-${version.replace(".", "")}`
        const product = await productOf(id)
        const board = await start(version, id, product)
        await release(product, "1.1.0", TELL, { "page.html": "new page" })
        expect(await taskEnd(id, "1.1.0")).toMatchObject({ state: "succeeded" })
        expect([board.version(), board.lines.some(line => /^files \d mine new page$/.test(line))]).toEqual(["1.1.0", true])
        await release(product, "1.2.0", `throw new Error("broken from the start")`)
        expect(await taskEnd(id, "1.2.0")).toMatchObject({ state: "failed", status: STATUS_ROLLED_BACK })
        expect(board.version()).toBe("1.1.0")
        expect(board.events.filter(event => event === "version 1.2.0")).toHaveLength(3)
    },
)

test("a download goes on at the block where the power was cut", async () => {
    const product = await productOf("cut")
    const board = await start("5.1", "cut", product)
    await release(
        product,
        "1.1.0",
        `const text = "${"x".repeat(100_000)}"\nlog("" + text.length)`.replace(/^/, 'import { log } from "otary"\n'),
    )
    await until(() => board.events.includes("device:progress 50"), "half of the download", LIMIT_MS)
    board.board.powerOff()
    const marked = board.events.length
    board.board.powerOn()
    expect(await taskEnd("cut", "1.1.0")).toMatchObject({ state: "succeeded" })
    const percents = board.events.slice(marked).flatMap(event => /^device:progress (\d+)$/.exec(event)?.[1] ?? [])
    expect(Number(percents[0])).toBeGreaterThanOrEqual(50 - Math.ceil((BLOCK_BYTES / 100_000) * 100))
})
