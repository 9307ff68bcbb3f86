// Attacks 8, 11 and 12 over the network: bodies without an end, lengths that wrap, servers that redirect or stand still.

import * as status from "../../firmware/status"
import { AgentBoard, appOf } from "../firmware/agent-rig"
import { keepSilent, startServer, type AgentServer } from "../firmware/agent-server"
import { imageEntries, imageOf } from "../firmware/images"
import { NEW } from "./signed-rig"

let server: AgentServer
beforeEach(async () => void (server = await startServer()))
afterEach(() => server.close())

const GOOD = imageOf({ app: appOf("1.1.0", 30_000), manifest: { version: "1.1.0", build_id: "b-1.1.0" } })

function boardFor(image: Buffer): AgentBoard {
    server.offer(image, "u1")
    const update = { period: 600, retry: 60 }
    const config = { api: server.url, token: "T", update, timeouts: { api: 5, stall: 5, download: 60 } }
    return new AgentBoard({ server, device: { id: "DEV1", product: "P" }, config })
}

/** Waits for the report of a failure. The board has not restarted, and still runs what it ran. */
async function reported(board: AgentBoard, wanted: number): Promise<void> {
    await board.until(() => server.of("report").length === 1)
    expect(server.of("report")[0]!.body).toMatchObject({ success: false, update: "u1", status: wanted, version: "1.0.0" })
    expect([board.boots, board.version]).toEqual([1, "1.0.0"])
}

describe("attack 8: a body without an end", () => {
    test("ends at the declared length", async () => {
        server.imageScript = response => void response.writeHead(200, { "Content-Length": 5000 }).end(GOOD.subarray(0, 5000))
        await reported(boardFor(GOOD), status.STATUS_TRUNCATED)
    })

    test("below the least rate, the whole download in its time, it is given up and the board goes on", async () => {
        server.imageScript = response => {
            response.writeHead(200, { "Content-Length": GOOD.length }).write(GOOD.subarray(0, 10))
            keepSilent(server, response)
        }
        const board = boardFor(GOOD)
        await reported(board, status.STATUS_TIMEOUT)
        expect(board.clock.upMs()).toBeLessThan(120_000)
    })
})

describe("attack 11: lengths near 2^31 and 2^32", () => {
    test.each(["2147483648", "4294967296", "9007199254740993"])("a body of %s bytes", async length => {
        server.imageScript = response => void response.writeHead(200, { "Content-Length": length }).flushHeaders()
        await reported(boardFor(GOOD), status.STATUS_NO_ROOM)
    })
})

describe("attack 12: a server that redirects or stands still", () => {
    test("a redirect is not followed, and reported", async () => {
        server.imageScript = response => void response.writeHead(302, { Location: `${server.url}/image?again` }).end()
        await reported(boardFor(GOOD), status.STATUS_HTTP_REDIRECT)
        expect(server.of("image").length).toBe(1)
    })

    test("the hashes decide over what another server sends", async () => {
        const other = Buffer.from(NEW)
        other[5]! ^= 1
        const forged = imageOf({ app: NEW, bend: ([first]) => [first!, ...imageEntries({ app: other }).slice(1)] })
        server.imageScript = response => void response.end(forged)
        await reported(boardFor(GOOD), status.STATUS_PAGE_HASH)
    })

    test("one that stands still: every check-in ends in time and says so, the board runs on and catches up later", async () => {
        const board = boardFor(GOOD)
        const errors: unknown[] = []
        board.agent.signals.rWatch("device:error", (_data, error) => void errors.push(error), undefined)
        server.silence("checkin")
        await board.until(() => errors.length >= 2)
        expect(errors[0]).toMatchObject({ status: status.STATUS_TIMEOUT })
        expect([board.boots, board.version]).toEqual([1, "1.0.0"])
        server.silence("none")
        await board.until(() => server.of("report").length === 1)
        expect(server.of("report")[0]!.body).toMatchObject({ success: true, version: "1.1.0" })
    })

    test("one that stands still in time: an image that has expired is refused, and reported", async () => {
        await reported(boardFor(imageOf({ app: NEW, manifest: { expires: "2020-01-01T00:00:00Z" } })), status.STATUS_EXPIRED)
    })
})
