// Lua boards against the real cloud over real HTTP: whole updates, what becomes of bad images, downloads that go on, files that stay.

import { BLOCK_BYTES } from "../../../firmware/constants"
import { STATUS_ROLLED_BACK } from "../../../firmware/status"
import { startCloudFixture, type CloudFixture } from "../../api/cloud-fixture"
import { until } from "../../board/board-fixture"
import { packApp } from "./images"
import { createLuaBoard, installedFlash, type LuaBoard } from "./lua-board"

jest.setTimeout(120_000)

const LIMIT_MS = 60_000

const images: Record<string, Buffer> = {}
const boards: LuaBoard[] = []
let cloud: CloudFixture
beforeAll(async () => {
    cloud = await startCloudFixture()
    images.first = await packApp({ version: "1.0.0", files: { "page.html": "old page" } })
    images.good = await packApp({ version: "1.1.0", does: "tell", files: { "page.html": "new page" } })
    images.throwing = await packApp({ version: "1.2.0", does: "throw" })
    images.large = await packApp({ version: "1.3.0", padBytes: 60_000 })
}, 120_000)
afterEach(() => boards.splice(0).forEach(board => board.stop()))
afterAll(() => cloud.close())

/** A board with version 1.0.0 on it, switched on and registered. */
async function start(version: "5.1" | "5.3", id: string): Promise<LuaBoard> {
    const product = (await cloud.api("POST", "/products", { name: id })).body.id
    const config = { builder: cloud.url, first: 1, update: { period: 2, retry: 1 } }
    const files = { "device.json": JSON.stringify({ id, product }), "config.json": JSON.stringify(config), "user.txt": "mine" }
    const board = createLuaBoard(installedFlash(images.first!, files), version)
    boards.push(board)
    board.board.powerOn()
    await until(() => board.events.includes("device:checkin "), "the first check-in", LIMIT_MS)
    return board
}

async function release(id: string, image: Buffer): Promise<void> {
    const { product } = (await cloud.api("GET", `/devices/${id}`)).body
    const artifact = await cloud.upload(image)
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

test.each(["5.1", "5.3"] as const)(
    "Lua %s: update, commit, files kept and replaced; then a throwing image is left",
    async version => {
        const id = `lua-${version.replace(".", "")}`
        const board = await start(version, id)
        await release(id, images.good!)
        expect(await taskEnd(id, "1.1.0")).toMatchObject({ state: "succeeded" })
        expect([board.version(), board.lines.some(line => /^files \d mine new page$/.test(line))]).toEqual(["1.1.0", true])
        await release(id, images.throwing!)
        expect(await taskEnd(id, "1.2.0")).toMatchObject({ state: "failed", status: STATUS_ROLLED_BACK })
        expect(board.version()).toBe("1.1.0")
        expect(board.events.filter(event => event === "version 1.2.0")).toHaveLength(3)
    },
)

test("a download goes on at the block where the power was cut", async () => {
    const board = await start("5.1", "cut")
    await release("cut", images.large!)
    await until(() => board.events.includes("device:progress 50"), "half of the download", LIMIT_MS)
    board.board.powerOff()
    const marked = board.events.length
    board.board.powerOn()
    expect(await taskEnd("cut", "1.3.0")).toMatchObject({ state: "succeeded" })
    const percents = board.events.slice(marked).flatMap(event => /^device:progress (\d+)$/.exec(event)?.[1] ?? [])
    expect(Number(percents[0])).toBeGreaterThanOrEqual(50 - Math.ceil((BLOCK_BYTES / 100_000) * 100))
})
