// firmware/push.ts: what a message leads to, how often, and how a broker that is away is looked for. The broker is scripted.

import {
    PUSH_CHECKIN_S,
    PUSH_CONNECT_TIMEOUT_S,
    PUSH_KEEPALIVE_S,
    PUSH_RETRY_S_FIRST,
    PUSH_RETRY_S_MAX,
    PUSH_STEADY_S,
} from "../../firmware/constants"
import type { Mqtt, MqttListener, MqttOptions } from "../../firmware/ports"
import { AgentBoard, appOf, type BoardOptions } from "./agent-rig"
import { startServer, type AgentServer } from "./agent-server"
import { imageOf } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

/** A broker as the port shows it. */
class Broker {
    readonly connects: MqttOptions[] = []
    /** Uptime of each attempt in seconds. */
    readonly timesS: number[] = []
    readonly topics: string[] = []
    closes = 0
    listener!: MqttListener
    board!: AgentBoard
    readonly port: Mqtt = {
        connect: (options, listener) => {
            this.connects.push({ ...options })
            this.timesS.push(this.board.clock.upMs() / 1000)
            this.listener = listener
        },
        subscribe: topic => void this.topics.push(topic),
        close: () => void (this.closes += 1),
    }
}

const URL = "mqtt://broker.example"
const QUIET = { period: 30 * 86400 }

/** A board that has made its first check-in, with a broker that has been asked for a connection. */
async function start(mqtt: object = { url: URL }, more: Partial<BoardOptions> = {}): Promise<Broker> {
    const broker = new Broker()
    const config = { api: server.url, token: "T", update: QUIET, mqtt }
    const app: BoardOptions["app"] = agent => agent.push.pushStart(broker.port)
    const board = new AgentBoard({ server, device: { id: "DEV1", product: "P" }, config, app, ...more })
    broker.board = board
    await pass(board, 15)
    return broker
}

/** Lets exactly so much time pass. */
async function pass(board: AgentBoard, seconds: number): Promise<void> {
    const atMs = board.clock.upMs() + seconds * 1000
    board.clock.after(seconds * 1000, () => undefined)
    await board.until(() => board.clock.upMs() >= atMs, `${seconds} s`)
    // Requests that began meanwhile take no time, but turns.
    await board.pass(0)
}

const checkins = () => server.of("checkin").length
const toldOf = (broker: Broker) => broker.board.lines.filter(line => line.startsWith("push:"))

describe("a message", () => {
    test("leads to a check-in at once, and to the update that is offered there", async () => {
        const broker = await start()
        broker.listener.onConnect()
        expect([checkins(), broker.topics]).toEqual([1, ["otary/DEV1/checkin"]])
        server.offer(imageOf({ app: appOf("1.1.0"), manifest: { version: "1.1.0", build_id: "b2" } }), "u1")
        broker.listener.onMessage()
        await broker.board.until(() => server.of("report").length === 1, "an update")
        expect(broker.board.version).toBe("1.1.0")
    })

    test("is one of a burst: all of them lead to one check-in, and the next comes no sooner than the limit allows", async () => {
        const broker = await start()
        broker.listener.onConnect()
        for (let count = 0; count < 50; count++) broker.listener.onMessage()
        await pass(broker.board, 1)
        expect(checkins()).toBe(2)
        for (let count = 0; count < 50; count++) broker.listener.onMessage()
        await pass(broker.board, PUSH_CHECKIN_S - 2)
        expect(checkins()).toBe(2)
        await pass(broker.board, 2)
        expect(checkins()).toBe(3)
        await pass(broker.board, 3 * PUSH_CHECKIN_S)
        expect(checkins()).toBe(3)
        broker.listener.onMessage()
        await pass(broker.board, 1)
        expect(checkins()).toBe(4)
    })

    test("is not lost while a check-in is under way: another one follows", async () => {
        const broker = await start()
        broker.listener.onConnect()
        server.silence("checkin")
        expect(broker.board.agent.agent.checkinNow()).toBe(0)
        broker.listener.onMessage()
        await broker.board.until(() => server.of("checkin").length === 2, "a check-in that hangs")
        await pass(broker.board, 5)
        server.silence("")
        await broker.board.until(() => checkins() === 3, "the check-in for the message")
        expect(broker.board.clock.upMs() / 1000).toBeLessThan(16 + 60 + 2 * PUSH_CHECKIN_S)
    })

    test("comes with a first connection no sooner than a first check-in", async () => {
        const broker = await start()
        expect(broker.timesS).toEqual([15])
    })
})

describe("the connection", () => {
    test("comes anew after its end, with pauses that double up to their limit, and one line on the log", async () => {
        const broker = await start()
        while (broker.connects.length < 12) {
            const { length } = broker.connects
            broker.listener.onEnd()
            await broker.board.until(() => broker.connects.length > length, "another attempt")
        }
        const pauses = broker.timesS.slice(1).map((timeS, at) => timeS - broker.timesS[at]!)
        const wanted = [1, 2, 4, 8, 16, 32, 64].map(factor => PUSH_RETRY_S_FIRST * factor)
        expect(pauses).toEqual([...wanted, ...Array<number>(4).fill(PUSH_RETRY_S_MAX)])
        expect(toldOf(broker)).toEqual(["push: no connection to broker.example, trying again"])
    })

    test("waits longer by chance, so that a fleet does not come back at once", async () => {
        const broker = await start({ url: URL }, { random: 2 * PUSH_RETRY_S_FIRST - 1 })
        broker.listener.onEnd()
        await broker.board.until(() => broker.connects.length === 2, "another attempt")
        expect(broker.timesS[1]! - broker.timesS[0]!).toBe(2 * PUSH_RETRY_S_FIRST - 1)
    })

    test("that lasted makes the next pause short again; one that did not leaves it as it is", async () => {
        const broker = await start()
        for (const lastedS of [1, PUSH_STEADY_S, 1]) {
            const { length } = broker.connects
            broker.listener.onConnect()
            await pass(broker.board, lastedS)
            broker.listener.onEnd()
            await broker.board.until(() => broker.connects.length > length, "another attempt")
        }
        const pauses = broker.timesS.slice(1).map((timeS, at) => timeS - broker.timesS[at]!)
        expect(pauses).toEqual([1 + PUSH_RETRY_S_FIRST, PUSH_STEADY_S + PUSH_RETRY_S_FIRST, 1 + 2 * PUSH_RETRY_S_FIRST])
        expect(toldOf(broker).slice(0, 3)).toEqual([
            "push: connected to broker.example",
            "push: no connection to broker.example, trying again",
            "push: connected to broker.example",
        ])
    })

    test("that never comes about is given up and tried again", async () => {
        const broker = await start()
        await pass(broker.board, PUSH_CONNECT_TIMEOUT_S)
        expect([broker.closes, broker.connects.length]).toEqual([1, 1])
        await pass(broker.board, PUSH_RETRY_S_FIRST)
        expect(broker.connects.length).toBe(2)
        broker.listener.onConnect()
        await pass(broker.board, 10 * PUSH_CONNECT_TIMEOUT_S)
        expect([broker.closes, broker.connects.length]).toEqual([1, 2])
    })
})

describe("the configuration", () => {
    test.each([
        ["mqtt://h", { host: "h", port: 1883, isSecure: false }],
        ["mqtts://broker.example", { host: "broker.example", port: 8883, isSecure: true }],
        ["mqtt://10.0.0.1:18830", { host: "10.0.0.1", port: 18830, isSecure: false }],
    ])("%s names a broker", async (url, wanted) => {
        const broker = await start({ url })
        const more = { clientId: "otary-DEV1", user: "", password: "", keepaliveS: PUSH_KEEPALIVE_S }
        expect(broker.connects).toEqual([{ ...wanted, ...more }])
    })

    test.each([
        "http://h",
        "mqtt://",
        "mqtt://h:",
        "mqtt://h:0",
        "mqtt://h:65536",
        "mqtt://h:1x",
        "mqtt://u:p@h",
        "mqtt://h/path",
        "x",
    ])("%s names none, and is said", async url => {
        const broker = await start({ url })
        expect(broker.connects).toEqual([])
        expect(toldOf(broker)).toEqual(["push: no broker, or no cloud: no messages"])
        expect(broker.board.lines.some(line => line.startsWith("settings: mqtt.url must be mqtt://HOST"))).toBe(true)
    })

    test("user, password and topic are taken; a topic with wildcards is not", async () => {
        const broker = await start({ url: URL, user: "u", password: "p", topic: "fleet/now" })
        broker.listener.onConnect()
        expect([broker.connects[0], broker.topics]).toEqual([
            expect.objectContaining({ user: "u", password: "p" }),
            ["fleet/now"],
        ])
        const other = await start({ url: URL, topic: "fleet/#" })
        other.listener.onConnect()
        expect(other.topics).toEqual(["otary/DEV1/checkin"])
    })

    test("without a cloud there is nothing to listen for", async () => {
        const broker = await start({ url: URL }, { config: { mqtt: { url: URL } } })
        expect([broker.connects, toldOf(broker)]).toEqual([[], ["push: no broker, or no cloud: no messages"]])
    })

    test("the topic waits for the id that the registration brings", async () => {
        const config = { builder: server.url, first: 15, update: QUIET, mqtt: { url: URL } }
        server.answers.register = () => ({ status: 200, body: JSON.stringify({ registered: true }) })
        const broker = await start({ url: URL }, { config, device: { product: "P" } })
        expect([broker.connects, toldOf(broker)]).toEqual([[], ["push: no device id that makes a topic"]])
        server.answers.register = () => {
            return { status: 200, body: JSON.stringify({ id: "D7", api: server.url, token: "T" }) }
        }
        await broker.board.until(() => broker.connects.length === 1, "a connection")
        broker.listener.onConnect()
        expect([broker.connects[0]!.clientId, broker.topics]).toEqual(["otary-D7", ["otary/D7/checkin"]])
    })

    test.each(["a+b", "a#b"])("an id such as %s makes no topic", async id => {
        const broker = await start({ url: URL }, { device: { id, product: "P" } })
        expect([broker.connects, toldOf(broker)]).toEqual([[], ["push: no device id that makes a topic"]])
    })
})
