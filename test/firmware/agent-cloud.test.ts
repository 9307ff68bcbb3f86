// The agent against the real device cloud: registration, update, report, rollback, as both sides tell it.

import { startCloudFixture, type CloudFixture } from "../api/cloud-fixture"
import { STATUS_ROLLED_BACK } from "../../firmware/status"
import { AgentBoard, appOf } from "./agent-rig"
import { imageOf } from "./images"

let cloud: CloudFixture
beforeAll(async () => (cloud = await startCloudFixture()), 60_000)
afterAll(() => cloud.close())

const image = (version: string) => imageOf({ app: appOf(version), manifest: { version, build_id: `b-${version}` } })

async function release(product: string, version: string): Promise<void> {
    const artifact = await cloud.upload(image(version))
    expect((await cloud.api("POST", "/releases", { product, artifact })).status).toBe(201)
}

const tasksOf = async (device: string) => (await cloud.api("GET", `/tasks?device=${device}`)).body.items
const deviceOf = async (device: string) => (await cloud.api("GET", `/devices/${device}`)).body

test("a board registers, is updated, and rolls a bad release back; the cloud knows each step", async () => {
    const { id: product } = (await cloud.api("POST", "/products", { name: "blank" })).body
    const config = { builder: cloud.url, first: 1, update: { period: 60 } }
    const board = new AgentBoard({ server: { silent: 0 }, device: { id: "BOARD1", product, memory: 512 }, config })
    await board.pass(5)
    expect(await deviceOf("BOARD1")).toMatchObject({ version: "1.0.0", claimed: true, attributes: { memory: 512 } })

    await release(product, "1.1.0")
    await board.until(() => board.version === "1.1.0" && board.agent.commit.bootState()!.isCommitted)
    await board.pass(120)
    expect(await tasksOf("BOARD1")).toMatchObject([{ version: "1.1.0", state: "succeeded" }])

    await release(product, "1.2.0")
    await board.until(() => board.version === "1.2.0")
    while (board.version === "1.2.0") board.boot()
    await board.pass(300)
    expect([board.version, (await deviceOf("BOARD1")).version]).toEqual(["1.1.0", "1.1.0"])
    const [bad] = (await tasksOf("BOARD1")).filter((task: { version: string }) => task.version === "1.2.0")
    expect(bad).toMatchObject({ state: "failed", status: STATUS_ROLLED_BACK })
}, 60_000)
