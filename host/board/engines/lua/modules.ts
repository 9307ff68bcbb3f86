// What the host does for a Lua board's modules: hashes, timers, the network, the watchdog.

import { createHash, type Hash } from "node:crypto"
import type { Clock, Http, Uart } from "../../../../firmware/ports"
import { STATUS_OK } from "../../../../firmware/status"
import type { HostMqtt } from "../../../../shims/host/mqtt"
import { createDevice, type Device, type Request } from "./device"
import { mqttHandlers } from "./mqtt"
import { uartHandlers } from "./uart"
import type { Ota } from "./ota"
import type { Socket, Sockets } from "./sockets"

/** What the modules stand on. */
export interface ModulePorts {
    readonly clock: Clock
    readonly http: Http
    /** Makes an MQTT client; default: the firmware has no module mqtt. */
    readonly createMqtt?: (this: void) => HostMqtt
    /** The serial line; default: nothing is connected. */
    readonly uart?: Uart | undefined
    random(this: void): number
    /** The board wants to restart. */
    restart(this: void): void
    /** The watchdog was fed. */
    feed(this: void): void
    /** Sockets of the ESP8266's module `net`; default: the chip has other means. */
    readonly sockets?: Sockets | undefined
    /** The ESP8266's software watchdog was armed, or disarmed by less than 0; default: there is none. */
    readonly softWatchdog?: (this: void, timeoutS: number) => void
    /** A function was compiled that is to have no names and line numbers; default: nobody counts the heap. */
    readonly strip?: (this: void, address: number) => void
    /** Native firmware; default: the chip has no partitions for it. */
    readonly ota?: Ota | undefined
    /** An event lies ready on the device. */
    deliver(this: void): void
}

/** A connection of the module `http`. */
interface Connection {
    readonly url: string
    readonly method: number
    readonly headers: string[][]
    body: string
    pieceBytes: number
    handle: number
    statusCode: number
    /** What came and was not delivered yet. */
    queue: Buffer[]
    /** Whether a piece was delivered and not acknowledged. */
    isHeld: boolean
    /** The end, once it came: a status code, negative for an error. */
    end: number | undefined
}

/** Negative status codes of the module: no connection, or it broke (ESP-IDF's ESP_FAIL). */
const FAILED = -1
/** For ever, as far as a board's life goes: until an acknowledgement. */
const HOLD_MS = 0x7fffffff
const NOTHING = Buffer.alloc(0)
const NO_UART: Uart = { open: () => undefined, write: () => undefined }
const ANSWER_HEADERS = ["content-length", "content-range", "content-type", "location", "retry-after"]

/** Takes a request of one operation. */
export type Handler = (this: void, request: Request) => void

/** The modules `crypto`, `tmr`, `node` and `time`. */
function systemHandlers(ports: ModulePorts, device: () => Device): Record<string, Handler> {
    const hashes = new Map<number, Hash>()
    const timers = new Map<number, number>()
    const { clock } = ports
    return {
        c: ({ a, b }) => void hashes.set(a, createHash(b === 1 ? "sha1" : "sha256")),
        u: ({ a, bytes }) => void hashes.get(a)!.update(bytes),
        f({ a }) {
            device().answerBytes(hashes.get(a)!.digest())
            hashes.delete(a)
        },
        t({ a, b }) {
            const run = (): void => {
                timers.delete(a)
                device().event("t", a, 0, NOTHING)
                ports.deliver()
            }
            timers.set(a, clock.after(b, run))
        },
        T({ a }) {
            clock.cancel(timers.get(a) ?? 0)
            timers.delete(a)
        },
        n: () => device().answer(clock.nowS()),
        // The counter has 31 bits.
        m: () => device().answer((clock.upMs() * 1000) % 0x80000000),
        r: ({ a, b }) => device().answer(a + (ports.random() % (b - a + 1))),
        R: () => ports.restart(),
        w: () => ports.feed(),
        D: ({ a }) => ports.strip?.(a),
        W: ({ b }) => ports.softWatchdog?.(b),
    }
}

/** Sends a request; what comes back waits in the connection's queue until `pump` hands it on. Returns the request's handle. */
function requestStart(ports: ModulePorts, device: () => Device, id: number, connection: Connection, pump: () => void): number {
    const { url, method, headers, body } = connection
    return ports.http.request(method === 1 ? "POST" : "GET", url, headers, body, {
        onHead({ statusCode, header }) {
            connection.statusCode = statusCode
            const lines = ANSWER_HEADERS.filter(name => header(name) !== "").map(name => `${name}: ${header(name)}\n`)
            device().event("h", id, statusCode, Buffer.from(lines.join(""), "latin1"))
            ports.deliver()
        },
        onData(text) {
            const bytes = Buffer.from(text, "latin1")
            for (let at = 0; at < bytes.length; at += connection.pieceBytes) {
                connection.queue.push(bytes.subarray(at, at + connection.pieceBytes))
            }
            ports.http.pause(connection.handle, HOLD_MS)
            pump()
        },
        onEnd(status) {
            connection.end = status === STATUS_OK ? connection.statusCode : FAILED
            pump()
        },
    })
}

/** The module `http`, each piece of a body held until it is acknowledged. */
function httpHandlers(ports: ModulePorts, device: () => Device): Record<string, Handler> {
    const connections = new Map<number, Connection>()
    const pump = (id: number, connection: Connection): void => {
        if (connection.isHeld || !connections.has(id)) return
        const piece = connection.queue.shift()
        if (piece !== undefined) {
            connection.isHeld = true
            device().event("d", id, connection.statusCode, piece)
            return ports.deliver()
        }
        if (connection.end === undefined) return ports.http.pause(connection.handle, 0)
        connections.delete(id)
        device().event("e", id, connection.end, NOTHING)
        ports.deliver()
    }
    const start = (id: number, connection: Connection): void => {
        connection.handle = requestStart(ports, device, id, connection, () => pump(id, connection))
    }
    return {
        h: ({ a, b, bytes }) => {
            const fresh = { body: "", pieceBytes: 512, handle: 0, statusCode: 0, queue: [], isHeld: false, end: undefined }
            connections.set(a, { ...fresh, url: bytes.toString("latin1"), method: b, headers: [] })
        },
        H({ a, bytes }) {
            const [name = "", value = ""] = bytes.toString("latin1").split("\n")
            connections.get(a)?.headers.push([name, value])
        },
        b({ a, bytes }) {
            const connection = connections.get(a)
            if (connection !== undefined) connection.body = bytes.toString("latin1")
        },
        g({ a, b }) {
            const connection = connections.get(a)!
            connection.pieceBytes = b
            start(a, connection)
        },
        a({ a }) {
            const connection = connections.get(a)
            if (connection === undefined) return
            connection.isHeld = false
            ports.clock.after(0, () => pump(a, connection))
        },
        x({ a }) {
            const connection = connections.get(a)
            if (connection === undefined) return
            ports.http.abort(connection.handle)
            connection.queue = []
            connection.end = FAILED
            // In a data callback the acknowledgement comes first.
            ports.clock.after(0, () => pump(a, connection))
        },
    }
}

/** The module `net`. */
function socketHandlers(ports: ModulePorts, sockets: Sockets, device: () => Device): Record<string, Handler> {
    const open = new Map<number, Socket>()
    const tell = (kind: string, id: number, code: number, bytes: Uint8Array = NOTHING): void => {
        device().event(kind, id, code, bytes)
        ports.deliver()
    }
    return {
        s({ a, b, bytes }) {
            const socket = sockets.connect(b, bytes.toString("latin1"), {
                onConnection: () => tell("c", a, 0),
                onSent: count => tell("s", a, count),
                onReceive: piece => tell("r", a, 0, piece),
                onDisconnection(code) {
                    open.delete(a)
                    tell("d", a, code)
                },
            })
            open.set(a, socket)
        },
        S: ({ a, bytes }) => open.get(a)?.send(bytes),
        p: ({ a, b }) => open.get(a)?.hold(b === 1),
        z({ a }) {
            open.get(a)?.close()
            open.delete(a)
        },
    }
}

/** The module `otaupgrade`: each call is answered with the text of its error. */
function otaHandlers(ota: Ota, restart: () => void, device: () => Device): Record<string, Handler> {
    const answer = (text: string): void => {
        device().answer(text.length)
        device().answerBytes(Buffer.from(text, "latin1"))
    }
    return {
        C: () => answer(ota.commence()),
        O: ({ bytes }) => answer(ota.write(bytes)),
        E: () => answer(ota.complete()),
        A: () => answer(ota.accept()),
        B() {
            const message = ota.rollback()
            if (message === "") restart()
            answer(message)
        },
        i() {
            const { running, next, partitions } = ota.info()
            const lines = partitions.map(({ label, state, version }) => `${label}=${state} ${version}\n`)
            answer(`${running} ${next}\n${lines.join("")}`)
        },
    }
}

/** Creates the device behind the modules. `more` adds operations, by letter. */
export function createModules(ports: ModulePorts, more: Readonly<Record<string, Handler>> = {}): Device {
    const device = createDevice(request => {
        const handler = handlers[request.op]
        if (handler === undefined) throw new Error(`lua device: no operation ${request.op}`)
        handler(request)
    })
    const handlers: Record<string, Handler> = {
        ...systemHandlers(ports, () => device),
        ...httpHandlers(ports, () => device),
        ...(ports.createMqtt !== undefined && mqttHandlers(ports.createMqtt, () => device, ports.deliver)),
        ...uartHandlers(ports.uart ?? NO_UART, () => device, ports.deliver),
        ...(ports.sockets !== undefined && socketHandlers(ports, ports.sockets, () => device)),
        ...(ports.ota !== undefined && otaHandlers(ports.ota, ports.restart, () => device)),
        ...more,
    }
    return device
}
