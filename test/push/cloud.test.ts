// A rollout that is pushed: the cloud tells the device by MQTT, the device checks in and updates, days before it would by itself.

import { rmSync } from "node:fs"
import { dirname, join } from "node:path"
import pino from "pino"
import { PUSH_QUEUE_MAX } from "../../host/cloud/limits"
import { startPusher } from "../../host/cloud/push"
import { startCloudFixture, type CloudFixture } from "../api/cloud-fixture"
import { makeFolder, until } from "../board/board-fixture"
import { run } from "../cli/cli-fixture"
import { buildBoards, packVersion, startBoard, type RunningBoard } from "./boards"
import { startBroker, type TestBroker } from "./broker"

const LIMIT_MS = 30_000
const log = pino({ level: "silent" })

let broker: TestBroker
let cloud: CloudFixture
let board: RunningBoard | undefined
const home = makeFolder()
let childPath = ""

beforeAll(async () => {
    childPath = buildBoards()
    broker = await startBroker(0, "secret")
    cloud = await startCloudFixture({ mqttUrl: broker.url.replace("//", "//otary:secret@") })
    expect((await cloud.api("POST", "/products", { id: "p1" })).status).toBe(201)
}, 60_000)
afterAll(async () => {
    await board?.stop()
    await cloud?.close()
    await broker.close()
    home.remove()
    rmSync(dirname(childPath), { recursive: true, force: true })
})

/** Releases an image to one device. */
async function rollOut(image: Buffer, delivery: "push" | "pull", device: string): Promise<void> {
    const artifact = await cloud.upload(image)
    const release = (await cloud.api("POST", "/releases", { product: "p1", artifact, scope: null })).body.id
    const made = await cloud.api("POST", "/rollouts", { release, scope: { kind: "devices", ids: [device] }, knobs: { delivery } })
    expect([made.status, made.text]).toEqual([201, made.text])
}

const measure = async (name: string): Promise<number> => {
    const headers = { Authorization: `Bearer ${cloud.token}` }
    const text = await (await fetch(`${cloud.url}/metrics`, { headers })).text()
    return Number(new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} (\\d+)$`, "m").exec(text)?.[1] ?? NaN)
}

test("reaches a device at once, one that is not pushed waits for its check-in; both are measured", async () => {
    const mqtt = { url: broker.url, user: "board", password: "secret" }
    const config = { first: 1, update: { period: 86400, retry: 1 }, mqtt }
    const image = await packVersion(home.path, "host", "1.0.0", config)
    board = await startBoard(join(home.path, "board"), "host", image, cloud.url, childPath)
    const runs = board
    await until(() => broker.subscribed.includes("otary/DEV1/checkin"), "a subscription", LIMIT_MS)
    await until(() => runs.events("device:checkin").length === 1, "the first check-in", LIMIT_MS)
    await rollOut(await packVersion(home.path, "host", "1.1.0", config), "push", "DEV1")
    await until(() => runs.versions().at(-1) === "1.1.0", `the update\n${runs.lines().slice(-5).join("\n")}`, LIMIT_MS)
    await until(() => runs.lines().some(line => line.endsWith("1.1.0 is committed")), "a commit", LIMIT_MS)
    expect(await measure('otary_push_messages_total{result="sent"}')).toBe(1)
    expect([await measure("otary_push_broker_up"), await measure("otary_push_waiting")]).toEqual([1, 0])
    const before = runs.events("device:checkin").length
    await rollOut(await packVersion(home.path, "host", "1.2.0", config), "pull", "DEV1")
    await new Promise(resolve => setTimeout(resolve, 2500))
    expect([runs.events("device:checkin").length, await measure('otary_push_messages_total{result="sent"}')]).toEqual([before, 1])
}, 120_000)

test("a broker that is away: messages wait, as many as there is room for, and go out when it is there", async () => {
    const first = await startBroker()
    const { port } = first
    const pusher = startPusher(first.url, log)
    await until(() => pusher.counts().isConnected, "a connection", LIMIT_MS)
    await first.close()
    await until(() => !pusher.counts().isConnected, "its end", LIMIT_MS)
    const many = Array.from({ length: PUSH_QUEUE_MAX - 1 }, (_, at) => `d${at}`)
    pusher.tell(["a+b", "c#d", ...many, "last", "too-many"])
    expect(pusher.counts()).toEqual({ sent: 0, dropped: 3, waiting: PUSH_QUEUE_MAX, isConnected: false })
    const second = await startBroker(port)
    await until(() => pusher.counts().sent > 1000, "messages", LIMIT_MS)
    await pusher.close()
    await second.close()
    expect(pusher.counts().dropped).toBeGreaterThanOrEqual(3)
}, 90_000)

test.each(["http://broker", "mqtt://", "broker"])("otary cloud refuses %s as a broker", async url => {
    const ran = await run(["cloud", "--mqtt-url", url], { cwd: home.path })
    expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringMatching(/CLI_USAGE.*mqtt:\/\/HOST:PORT/s)])
})
