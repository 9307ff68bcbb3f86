// Devices that check in over HTTP, in a process of their own: each connection is kept alive and has one request under way.

import { connect, type Socket } from "node:net"

/** What the load is told, as JSON in its first argument. */
export interface LoadOrder {
    port: number
    /** Check-ins in all; device n is `dev-` and eight digits, with the token `token-ID`. */
    count: number
    connections: number
    version: string
}

/** What it found, as JSON on stdout. */
export interface LoadFound {
    perS: number
    p50Ms: number
    p99Ms: number
    /** Answers other than 200. */
    refused: number
}

/** The id of a device of the benches. */
function deviceId(index: number): string {
    return `dev-${String(index).padStart(8, "0")}`
}

function requestOf(index: number, version: string): string {
    const id = deviceId(index)
    const body = JSON.stringify({ id, version })
    const head = `Host: cloud\r\nAuthorization: bearer token-${id}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    return `POST /tok/provision/update HTTP/1.1\r\n${head}\r\n\r\n${body}`
}

/** Whether a whole answer has come. */
function isWhole(text: string): boolean {
    const end = text.indexOf("\r\n\r\n")
    if (end < 0) return false
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? "0"
    return text.length >= end + 4 + Number(length)
}

function run({ port, count, connections, version }: LoadOrder): Promise<LoadFound> {
    const times: number[] = []
    let next = 0
    let refused = 0
    const startedMs = performance.now()
    const found = (): LoadFound => {
        times.sort((a, b) => a - b)
        const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0
        return { perS: (count * 1000) / (performance.now() - startedMs), p50Ms: at(0.5), p99Ms: at(0.99), refused }
    }
    return new Promise((resolve, reject) => {
        const live = (socket: Socket): void => {
            let sentMs = 0
            let answer = ""
            const send = (): void => {
                if (next === count) return void socket.end()
                sentMs = performance.now()
                socket.write(requestOf(next++, version))
            }
            socket.setNoDelay(true).setEncoding("latin1").on("error", reject)
            socket.on("data", (chunk: string) => {
                answer += chunk
                if (!isWhole(answer)) return
                times.push(performance.now() - sentMs)
                if (!answer.startsWith("HTTP/1.1 200")) refused += 1
                answer = ""
                if (times.length === count) resolve(found())
                send()
            })
            send()
        }
        for (let index = 0; index < connections; index += 1) {
            const socket = connect(port, "127.0.0.1", () => live(socket))
        }
    })
}

void run(JSON.parse(process.argv[2] ?? "{}") as LoadOrder).then(found => console.log(JSON.stringify(found)))
