// The contract of the port Mqtt (firmware/ports.ts), for any platform: a program that connects over and over, and tells what it hears.

import type { Socket } from "node:net"
import type { MqttOptions } from "../../firmware/ports"
import { until } from "../board/board-fixture"
import { startBroker, startScripted, type Script } from "./broker"

/** The program: it prints `connect`, `message` and `end`, and connects again after each end. */
export interface MqttProgram {
    /** What it has printed so far, in order. */
    readonly events: string[]
    stop(this: void): void
}

/** The program's text, for platforms that a bundle is made for. `later` calls `again` after a moment. */
export function programText(shim: string, port: number, keepaliveS: number, later: string): string {
    return `import { mqttPort } from "./shims/${shim}/mqtt"
declare const print: (line: string) => void
const options = ${JSON.stringify(optionsFor(port, keepaliveS))}
function connected(): void {
    print("told connect")
    mqttPort.subscribe("otary/test")
}
function message(): void {
    print("told message")
}
function ended(): void {
    print("told end")
    ${later}
}
function again(): void {
    mqttPort.connect(options, { onConnect: connected, onMessage: message, onEnd: ended })
}
again()
`
}

/** How the program reaches its broker. */
export function optionsFor(port: number, keepaliveS: number): MqttOptions {
    return { host: "127.0.0.1", port, isSecure: false, clientId: "otary-t", user: "me", password: "secret", keepaliveS }
}

/** Longer than any test: no ping comes in between. */
const KEEPALIVE_S = 100
const CONNECT = 1
const PUBACK = 4
const SUBSCRIBE = 8
const PINGREQ = 12
const CONNACK = Buffer.from([0x20, 2, 0, 0])
const PINGRESP = Buffer.from([0xd0, 0])

/** A message of QoS 1 with packet id 7; `length` is what its head says, if it lies. */
function publish(payload: Buffer, length?: number): Buffer {
    const body = Buffer.concat([Buffer.from([0, 10]), Buffer.from("otary/test"), Buffer.from([0, 7]), payload])
    const size = length ?? body.length
    const head = [0x32]
    for (let left = size; ; left = Math.floor(left / 128)) {
        head.push(left > 127 ? (left % 128) | 128 : left)
        if (left <= 127) return Buffer.concat([Buffer.from(head), body])
    }
}

/** A broker that behaves until `then` has something else in mind; `suback` answers the subscription. */
function polite(then: Script = () => undefined, suback = 1): Script {
    return (socket, type, packet) => {
        if (type === CONNECT) socket.write(CONNACK)
        if (type === SUBSCRIBE) socket.write(Buffer.from([0x90, 3, packet[2]!, packet[3]!, suback]))
        if (type === PINGREQ) socket.write(PINGRESP)
        then(socket, type, packet)
    }
}

/** Sends one byte at a time, each in a segment of its own. */
function trickle(socket: Socket, bytes: Buffer): void {
    if (bytes.length === 0 || !socket.writable) return
    socket.write(bytes.subarray(0, 1))
    // One timer after the other: many at once may fire in another order.
    setTimeout(() => trickle(socket, bytes.subarray(1)), 1)
}

const onConnect =
    (answer: (socket: Socket) => void): Script =>
    (socket, type) => {
        if (type === CONNECT) answer(socket)
    }

/** What brokers do that ends a connection, by what it is. */
const BAD: readonly (readonly [what: string, script: Script])[] = [
    ["rubbish", onConnect(socket => socket.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")))],
    ["a refusal", onConnect(socket => socket.write(Buffer.from([0x20, 2, 0, 5])))],
    ["a refused subscription", polite(undefined, 128)],
    ["an endless length", polite((socket, type) => type === SUBSCRIBE && socket.write(Buffer.alloc(9, 0xff)))],
    [
        "a long packet of a type that no broker sends",
        polite(
            (socket, type) =>
                type === SUBSCRIBE &&
                socket.write(Buffer.concat([Buffer.from([0xf0, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(100_000)])),
        ),
    ],
    [
        "a message whose topic is longer than itself",
        polite((socket, type) => type === SUBSCRIBE && socket.write(Buffer.from([0x32, 4, 0xff, 0xff, 0x61, 0x61]))),
    ],
    [
        "a message without an end",
        polite((socket, type) => {
            if (type !== SUBSCRIBE) return
            socket.write(publish(Buffer.alloc(200_000, 0x61), 260_000_000), () => setTimeout(() => socket.destroy(), 300))
        }),
    ],
    ["half of a packet, and the end", onConnect(socket => socket.end(Buffer.from([0x20, 2, 0])))],
]

type Start = (port: number, keepaliveS: number) => Promise<MqttProgram>

/** Ends after each test what it has begun, the program first: it would come back for ever. */
function keepTrack(start: Start): {
    opened: <T extends { close(): unknown }>(one: T) => T
    started: (port: number, keepaliveS?: number) => Promise<MqttProgram>
} {
    const closers: (() => unknown)[] = []
    afterEach(async () => {
        for (const close of closers.splice(0)) await close()
    })
    return {
        opened(one) {
            closers.unshift(() => one.close())
            return one
        },
        async started(port, keepaliveS = KEEPALIVE_S) {
            const program = await start(port, keepaliveS)
            closers.unshift(() => program.stop())
            return program
        },
    }
}

/** Runs the contract; `start` runs the program against a port of this machine. */
export function mqttSuite(name: string, start: Start, limitMs = 20_000): void {
    const count = (program: MqttProgram, event: string): number => program.events.filter(one => one === event).length
    const { opened, started } = keepTrack(start)
    describe(`MQTT of ${name}`, () => {
        test("hears messages of a real broker, those of its absence too, and comes back after an end", async () => {
            const broker = opened(await startBroker(0, "secret"))
            const program = await started(broker.port)
            await until(() => broker.subscribed.length === 1, "a subscription", limitMs)
            await broker.publish("otary/test", "now")
            await until(() => count(program, "message") === 1, "a message", limitMs)
            broker.drop()
            await until(() => count(program, "end") === 1 || broker.clients().length === 0, "an end", limitMs)
            await broker.publish("otary/test", "meanwhile")
            await until(() => count(program, "message") === 2, "the message that waited", limitMs)
            await broker.publish("otary/other", "not for it")
            await broker.publish("otary/test", Buffer.alloc(3000, 0xff))
            // Some platforms hand a long message out in pieces.
            await until(() => count(program, "message") >= 3, "a long message", limitMs)
            expect(program.events.slice(0, 4)).toEqual(["connect", "message", "end", "connect"])
        }, 60_000)

        test("takes packets in pieces of any size, and acknowledges each message", async () => {
            const acknowledged: Buffer[] = []
            const messages = Buffer.concat([PINGRESP, publish(Buffer.from("x")), publish(Buffer.alloc(120, 1)), PINGRESP])
            const script = polite((socket, type, packet) => {
                if (type === PUBACK) acknowledged.push(packet)
                if (type === SUBSCRIBE) trickle(socket, messages)
            })
            const broker = opened(await startScripted(script))
            const program = await started(broker.port)
            await until(() => acknowledged.length === 2, "two acknowledgements", limitMs)
            expect(acknowledged.map(packet => [...packet])).toEqual(Array(2).fill([0x40, 2, 0, 7]))
            expect(program.events).toEqual(["connect", "message", "message"])
        }, 60_000)

        test("ends when a broker no longer answers pings, and pings those that do", async () => {
            let pings = 0
            const silent: Script = (socket, type) => type === CONNECT && socket.write(CONNACK)
            const broker = opened(await startScripted(silent))
            const program = await started(broker.port, 1)
            await until(() => count(program, "end") >= 1, "an end", limitMs)
            broker.script = polite((_, type) => type === PINGREQ && (pings += 1))
            await until(() => pings >= 2, "pings", limitMs)
        }, 60_000)

        test("ends at whatever no broker does, once, and still takes a good one", async () => {
            const broker = opened(await startScripted(BAD[0]![1]))
            const program = await started(broker.port)
            for (const [at, [what]] of BAD.entries()) {
                await until(() => count(program, "end") >= at + 1, what, limitMs)
                broker.script =
                    BAD[at + 1]?.[1] ?? polite((socket, type) => type === SUBSCRIBE && socket.write(publish(Buffer.alloc(1))))
                expect([what, count(program, "end")]).toEqual([what, at + 1])
            }
            const { length } = program.events
            await until(() => program.events.slice(length).includes("message"), "a message of a good broker", limitMs)
            expect(count(program, "end")).toBe(BAD.length)
        }, 120_000)
    })
}
