// The contract of an Http port (firmware/ports.ts) against a real server that behaves and misbehaves.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTcpServer, type AddressInfo } from "node:net"
import type { Http } from "../../firmware/ports"
import { STATUS_NET, STATUS_OK } from "../../firmware/status"

/** What a listener heard of one request. */
interface Heard {
    statusCode: number
    header(name: string): string
    readonly pieces: string[]
    readonly ends: number[]
}

const BODY = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 13 + (i >> 8)) & 0xff))

let seen: { method: string; headers: string[]; body: Buffer } | undefined

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const path = request.url ?? ""
    seen = { method: request.method ?? "", headers: request.rawHeaders, body }
    if (path === "/echo") response.setHeader("X-Answer", "yes").end(body)
    else if (path === "/big") response.setHeader("Content-Length", BODY.length).end(BODY)
    else if (path === "/chunked") {
        response.write(BODY.subarray(0, 1000))
        response.end(BODY.subarray(1000, 2000))
    } else if (path === "/302") response.writeHead(302, { location: "/echo" }).end("elsewhere")
    else if (path === "/204") response.writeHead(204).end()
    else if (path === "/500") response.writeHead(500).end("broken")
    else if (path === "/short") {
        response.setHeader("Content-Length", 1000)
        response.write(BODY.subarray(0, 400), () => response.destroy())
    } else if (path === "/stall") {
        response.setHeader("Content-Length", 1000)
        response.write(BODY.subarray(0, 10))
    } else response.destroy()
}

function startServer(): Promise<Server> {
    const server = createServer((request, response) => {
        const chunks: Buffer[] = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => answer(request, response, Buffer.concat(chunks)))
    })
    return new Promise(resolve => server.listen(0, "127.0.0.1", () => resolve(server)))
}

/** A server whose answers are bytes on the wire. */
function startRaw(reply: string): Promise<{ url: string; close(): void }> {
    const server = createTcpServer(socket => {
        socket.on("error", () => undefined)
        socket.once("data", () => socket.end(Buffer.from(reply, "latin1")))
    })
    const close = (): void => void server.close()
    return new Promise(resolve => {
        server.listen(0, "127.0.0.1", () =>
            resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close }),
        )
    })
}

function listen(heard: Heard, onData: () => void, done: () => void): Parameters<Http["request"]>[4] {
    return {
        onHead(head) {
            heard.statusCode = head.statusCode
            heard.header = head.header
        },
        onData(bytes) {
            heard.pieces.push(bytes)
            onData()
        },
        onEnd(status) {
            heard.ends.push(status)
            done()
        },
    }
}

/** The port under test, and the address of the server. */
interface HttpUnderTest {
    http: Http
    base: string
}

/** Runs the suite over one port. */
export function httpSuite(name: string, open: () => Http): void {
    describe(`Http of ${name}`, () => {
        let server: Server
        const under = { base: "" } as HttpUnderTest
        beforeAll(async () => {
            server = await startServer()
            under.base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
            under.http = open()
        })
        afterAll(() => {
            server.closeAllConnections()
            server.close()
        })
        goodAnswers(under)
        brokenConnections(under)
        oddAnswers(under)
        flow(under)
    })
}

function heardNothing(): Heard {
    return { statusCode: 0, header: () => "", pieces: [], ends: [] }
}

/** Runs a request to its end. */
function run(
    { http }: HttpUnderTest,
    url: string,
    method = "GET",
    body = "",
    headers: string[][] = [],
    onData: (handle: number) => void = () => undefined,
): Promise<Heard> {
    const heard = heardNothing()
    return new Promise(resolve => {
        const whenData = (): void => onData(handle)
        const whenDone = (): void => resolve(heard)
        const handle: number = http.request(method, url, headers, body, listen(heard, whenData, whenDone))
        expect(handle).toBeGreaterThan(0)
        // Every outcome comes later, or a caller could hear of a request that it has no handle of yet.
        expect(heard.ends).toEqual([])
    })
}

function goodAnswers(under: HttpUnderTest): void {
    test("sends method, headers as they are spelled, and a body of any bytes", async () => {
        const body = BODY.toString("latin1", 0, 5000)
        const heard = await run(under, `${under.base}/echo`, "POST", body, [
            ["authorization", "bearer T"],
            ["X-Mixed-Case", "a b"],
        ])
        expect(heard.ends).toEqual([STATUS_OK])
        expect(heard.statusCode).toBe(200)
        expect(heard.header("x-answer")).toBe("yes")
        expect(heard.header("absent")).toBe("")
        expect(heard.pieces.join("")).toBe(body)
        expect(seen?.method).toBe("POST")
        expect(seen?.headers).toEqual(
            expect.arrayContaining(["authorization", "bearer T", "X-Mixed-Case", "a b", "Content-Length", "5000"]),
        )
        expect(seen?.body.toString("latin1")).toBe(body)
    })

    test("delivers a long body whole, in small pieces", async () => {
        const heard = await run(under, `${under.base}/big`)
        expect(heard.ends).toEqual([STATUS_OK])
        expect(Buffer.from(heard.pieces.join(""), "latin1").equals(BODY)).toBe(true)
        expect(Math.max(...heard.pieces.map(piece => piece.length))).toBeLessThanOrEqual(16384)
    })

    test("understands chunked coding and empty answers", async () => {
        expect((await run(under, `${under.base}/chunked`)).pieces.join("")).toBe(BODY.toString("latin1", 0, 2000))
        const empty = await run(under, `${under.base}/204`)
        expect([empty.statusCode, empty.pieces, empty.ends]).toEqual([204, [], [STATUS_OK]])
    })

    test.each([
        ["/302", 302],
        ["/500", 500],
    ])("hands %s on as it is", async (path, statusCode) => {
        const heard = await run(under, under.base + path)
        expect([heard.statusCode, heard.ends]).toEqual([statusCode, [STATUS_OK]])
    })
}

function brokenConnections(under: HttpUnderTest): void {
    test("tells a body that ends early from a whole one", async () => {
        const heard = await run(under, `${under.base}/short`)
        expect(heard.statusCode).toBe(200)
        expect(heard.pieces.join("").length).toBeLessThanOrEqual(400)
        expect(heard.ends).toEqual([STATUS_NET])
    })

    test.each([
        ["a connection that closes before the head", "/close"],
        ["nobody there", "http://127.0.0.1:1/"],
        ["no such protocol", "gopher://127.0.0.1/"],
        ["no URL at all", "update please"],
        ["an empty URL", ""],
    ])("ends %s with STATUS_NET", async (_, url) => {
        const heard = await run(under, url.startsWith("/") ? under.base + url : url)
        expect([heard.statusCode, heard.pieces, heard.ends]).toEqual([0, [], [STATUS_NET]])
    })

    test("ends a request whose headers cannot be sent with STATUS_NET", async () => {
        expect((await run(under, `${under.base}/echo`, "GET", "", [["bad name", "x"]])).ends).toEqual([STATUS_NET])
        expect((await run(under, `${under.base}/echo`, "GET", "", [["X-Split", "a\r\nb: c"]])).ends).toEqual([STATUS_NET])
    })
}

function oddAnswers(under: HttpUnderTest): void {
    test.each([
        ["no HTTP", "hello\r\n\r\n", [STATUS_NET], ""],
        ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: lots\r\n\r\nx", [STATUS_NET], ""],
        ["bytes behind the body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", [STATUS_OK], "abc"],
        ["a body that ends with the connection", "HTTP/1.0 200 OK\r\n\r\nabc", [STATUS_OK], "abc"],
        ["a chunk that is cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", [STATUS_NET], "abc"],
    ])("answers made of %s", async (_, reply, ends, body) => {
        const raw = await startRaw(reply)
        const heard = await run(under, raw.url)
        raw.close()
        expect([heard.ends, heard.pieces.join("")]).toEqual([ends, body])
    })
}

function flow(under: HttpUnderTest): void {
    test("says nothing more after abort, within a piece too", async () => {
        const heard = heardNothing()
        const aborted = new Promise<void>(resolve => {
            const onData = (): void => {
                under.http.abort(handle)
                resolve()
            }
            const handle: number = under.http.request(
                "GET",
                `${under.base}/big`,
                [],
                "",
                listen(heard, onData, () => undefined),
            )
        })
        await aborted
        const stalled = heardNothing()
        const handle = under.http.request(
            "GET",
            `${under.base}/stall`,
            [],
            "",
            listen(
                stalled,
                () => undefined,
                () => undefined,
            ),
        )
        under.http.abort(handle)
        under.http.abort(handle)
        under.http.abort(123_456)
        // Long enough for what is under way on the loopback to arrive.
        await new Promise(resolve => setTimeout(resolve, 100))
        expect([heard.pieces.length, heard.ends]).toEqual([1, []])
        expect([stalled.pieces.length, stalled.ends]).toEqual([0, []])
    })

    test("holds the body back while it is paused", async () => {
        const times: number[] = []
        const start = performance.now()
        const heard = await run(under, `${under.base}/big`, "GET", "", [], handle => {
            times.push(performance.now())
            if (times.length <= 3) under.http.pause(handle, 40)
        })
        expect(Buffer.from(heard.pieces.join(""), "latin1").equals(BODY)).toBe(true)
        expect(heard.ends).toEqual([STATUS_OK])
        for (let i = 1; i <= 3; i++) expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(38)
        expect(performance.now() - start).toBeLessThan(5000)
    })
}
