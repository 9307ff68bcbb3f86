// Brokers for tests: a real one (aedes), and servers that answer an MQTT client as a test tells them, byte by byte.

import { createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { Aedes } from "aedes"

/** A broker on a port of its own. */
export interface TestBroker {
    readonly port: number
    readonly url: string
    /** Client ids that are connected. */
    clients(this: void): string[]
    /** Topics that a client has subscribed. */
    readonly subscribed: string[]
    /** Publishes with QoS 1. */
    publish(this: void, topic: string, payload?: string | Buffer): Promise<void>
    /** Ends every connection; the sessions stay. */
    drop(this: void): void
    close(this: void): Promise<void>
}

async function listen(server: Server, port: number): Promise<number> {
    await new Promise<void>((done, failed) => server.once("error", failed).listen(port, "127.0.0.1", done))
    return (server.address() as AddressInfo).port
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
    for (const socket of sockets) socket.destroy()
    return new Promise(done => void server.close(() => done()))
}

function keepSockets(server: Server): Set<Socket> {
    const sockets = new Set<Socket>()
    server.on("connection", socket => {
        sockets.add(socket.on("close", () => void sockets.delete(socket)).on("error", () => undefined))
    })
    return sockets
}

/** Starts a broker; `port` 0 takes any that is free. With `password`, it lets nobody in who does not know it. */
export async function startBroker(port = 0, password?: string): Promise<TestBroker> {
    const aedes = await Aedes.createBroker({
        authenticate: (_client, _user, given, done) => done(null, password === undefined || given?.toString() === password),
    })
    const server = createServer(socket => void aedes.handle(socket))
    const sockets = keepSockets(server)
    const subscribed: string[] = []
    const clients = new Set<string>()
    aedes.on("subscribe", subscriptions => void subscribed.push(...subscriptions.map(({ topic }) => topic)))
    aedes.on("client", ({ id }) => void clients.add(id))
    aedes.on("clientDisconnect", ({ id }) => void clients.delete(id))
    const ownPort = await listen(server, port)
    return {
        port: ownPort,
        url: `mqtt://127.0.0.1:${ownPort}`,
        subscribed,
        clients: () => [...clients],
        publish: (topic, payload = "") =>
            new Promise((done, failed) => {
                const packet = { cmd: "publish" as const, topic, payload, qos: 1 as const, retain: false, dup: false }
                aedes.publish(packet, error => (error ? failed(error) : done()))
            }),
        drop: () => sockets.forEach(socket => socket.destroy()),
        async close() {
            await closeServer(server, sockets)
            await new Promise<void>(done => aedes.close(done))
        },
    }
}

/** What a scripted server does with one connection: it answers each packet of the client, by its type. */
export type Script = (socket: Socket, type: number, packet: Buffer) => void

/** A server whose connections each follow the script that is set then. */
export interface ScriptedBroker {
    readonly port: number
    /** Of the next connections. */
    script: Script
    /** Connections so far. */
    connections: number
    close(this: void): Promise<void>
}

/** Splits what a client sends into packets; a test's client sends none of 128 bytes or more. */
function packets(take: (packet: Buffer) => void): (bytes: Buffer) => void {
    let held = Buffer.alloc(0)
    return bytes => {
        held = Buffer.concat([held, bytes])
        while (held.length >= 2 && held.length >= 2 + held[1]!) {
            const packet = held.subarray(0, 2 + held[1]!)
            held = held.subarray(packet.length)
            take(packet)
        }
    }
}

/** Starts a scripted server. */
export async function startScripted(script: Script): Promise<ScriptedBroker> {
    const server = createServer(socket => {
        const own = broker.script
        broker.connections += 1
        socket.setNoDelay(true)
        socket.on(
            "data",
            packets(packet => own(socket, packet[0]! >>> 4, packet)),
        )
    })
    const sockets = keepSockets(server)
    const broker = { port: await listen(server, 0), script, connections: 0, close: () => closeServer(server, sockets) }
    return broker
}
