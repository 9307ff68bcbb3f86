// firmware/download.ts against servers that misbehave over real HTTP: what is taken up again, what fails, and with which status.

import {
    STATUS_ANSWER,
    STATUS_BLOCK_HASH,
    STATUS_HTTP_RANGE,
    STATUS_HTTP_REDIRECT,
    STATUS_HTTP_STATUS,
    STATUS_NET,
    STATUS_NO_ROOM,
    STATUS_STALLED,
    STATUS_TIMEOUT,
    STATUS_TRAILING_DATA,
    STATUS_TRUNCATED,
    STATUS_ZIP_FORMAT,
} from "../../firmware/status"
import { AgentBoard, appOf } from "./agent-rig"
import { keepSilent, startServer, wholeImage, type AgentServer, type ImageScript } from "./agent-server"
import { imageOf } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const image = imageOf({ app: appOf("1.1.0", 60_000), manifest: { version: "1.1.0", build_id: "b-1.1.0" } })

function boardWith(script: ImageScript, config: object = {}): AgentBoard {
    server.offer(image, "u1")
    server.imageScript = script
    return new AgentBoard({ server, device: { id: "DEV1", product: "P" }, config: { api: server.url, token: "T", ...config } })
}

const silence = (response: Parameters<ImageScript>[0]): void => keepSilent(server, response)

/** Sends `count` bytes of what was asked for, then breaks the connection. */
const breakAfter =
    (count: number): ImageScript =>
    (response, whole, from) => {
        const headers: Record<string, string | number> = { "Content-Length": whole.length - from }
        if (from > 0) headers["Content-Range"] = `bytes ${from}-${whole.length - 1}/${whole.length}`
        response.writeHead(from > 0 ? 206 : 200, headers)
        response.write(whole.subarray(from, from + count), () => response.destroy())
    }

async function updated(board: AgentBoard): Promise<void> {
    await board.until(() => server.of("report").length === 1)
    expect(server.of("report")[0]!.body).toMatchObject({ success: true, update: "u1", version: "1.1.0" })
    expect(board.version).toBe("1.1.0")
}

/** The update fails with `status`, the cloud hears it once, and nothing that boots has changed. */
async function refused(board: AgentBoard, status: number): Promise<void> {
    const record = board.agent.commit.bootState()
    await board.until(() => server.of("report").length === 1)
    expect(server.of("report")[0]!.body).toMatchObject({ success: false, update: "u1", status, version: "1.0.0" })
    expect(server.of("report")[0]!.body.message).toMatch(/^(byte \d+( of \d+)?|HTTP status \d+)$/)
    expect([board.boots, board.agent.commit.bootState()]).toEqual([1, record])
    // It runs on: the next period begins with a check-in.
    const before = server.of("checkin").length
    await board.until(() => server.of("checkin").length > before)
}

describe("taken up again", () => {
    test("a connection that breaks: goes on behind the last byte, nothing twice", async () => {
        const board = boardWith((response, whole, from, count) =>
            (count < 4 ? breakAfter(17_001) : wholeImage)(response, whole, from, count),
        )
        await updated(board)
        expect(
            server
                .of("image")
                .slice(0, 4)
                .map(request => request.range),
        ).toEqual(["", "bytes=17001-", "bytes=34002-", "bytes=51003-"])
    })
    test("a server that ignores Range: what is there already is dropped", async () => {
        const ignore: ImageScript = (response, whole) => wholeImage(response, whole, 0, 0)
        const board = boardWith((response, whole, from, count) =>
            (count === 1 ? breakAfter(30_001) : ignore)(response, whole, from, count),
        )
        await updated(board)
        expect(server.of("image")[1]!.range).toBe("bytes=30001-")
    })
    test("a stall", async () => {
        const board = boardWith((response, whole, from, count) => {
            if (count > 1) return wholeImage(response, whole, from, count)
            response.writeHead(200, { "Content-Length": whole.length })
            response.write(whole.subarray(0, 20_000), () => silence(response))
        })
        await updated(board)
        expect(server.of("image")[1]!.range).toBe("bytes=20000-")
    })
    test("a server that gives less than the range asked for", async () => {
        const board = boardWith((response, whole, from) => {
            const end = Math.min(from + 20_000, whole.length)
            response.writeHead(206, { "Content-Length": end - from, "Content-Range": `bytes ${from}-${end - 1}/${whole.length}` })
            response.end(whole.subarray(from, end))
        })
        await updated(board)
    })
    test("after a power cut: the blocks in flash are not fetched again", async () => {
        const board = boardWith((response, whole, from, count) => {
            if (count > 1) return wholeImage(response, whole, from, count)
            response.writeHead(200, { "Content-Length": whole.length })
            response.write(whole.subarray(0, 45_000), () => silence(response))
        })
        await board.until(() => server.silent === 1 && board.agent.updater.updaterResumeOffset() === 45_000)
        board.boot()
        expect(board.agent.agent.checkinNow()).toBe(0)
        await updated(board)
        const from = Number(server.of("image")[1]!.range.slice(6, -1))
        expect([from > 45_000 - 2 * 4096, from <= 45_000]).toEqual([true, true])
    })
    test("chunked coding without a length", async () => {
        await updated(boardWith((response, whole, from) => void response.writeHead(200).end(whole.subarray(from))))
    })
    test("pauses grow, and the number of tries has a limit", async () => {
        const board = boardWith(breakAfter(1000))
        const times: number[] = []
        server.imageScript = (...args) => (times.push(board.clock.upMs()), breakAfter(1000)(...args))
        await refused(board, STATUS_NET)
        expect(times.slice(1, 6).map((ms, index) => ms - times[index]!)).toEqual([1000, 2000, 4000, 8000, 16000])
    })
})

describe("fails", () => {
    test.each([
        [302, STATUS_HTTP_REDIRECT],
        [404, STATUS_HTTP_STATUS],
        [500, STATUS_HTTP_STATUS],
        [204, STATUS_HTTP_STATUS],
        [416, STATUS_HTTP_RANGE],
    ])("HTTP status %d", async (code, status) => {
        const board = boardWith(response => void response.writeHead(code, { Location: "/elsewhere" }).end())
        await refused(board, status)
        expect(server.of("report")[0]!.body.message).toBe(`HTTP status ${code}`)
    })
    test("a server that always stalls", async () => {
        const board = boardWith(response => silence(response), { timeouts: { stall: 5 } })
        await refused(board, STATUS_STALLED)
        expect(server.of("image").length).toBe(6)
    })
    test("a body that trickles for longer than the whole download may take", async () => {
        const board = boardWith(
            (response, whole) => {
                let at = 0
                response.writeHead(200, { "Content-Length": whole.length })
                silence(response)
                const timer = setInterval(() => response.write(whole.subarray(at, (at += 1))), 1)
                response.on("close", () => clearInterval(timer))
            },
            { timeouts: { download: 20, stall: 86400 } },
        )
        await refused(board, STATUS_TIMEOUT)
    })
    test("a body that ends before the image does", async () => {
        const board = boardWith((response, whole) => void response.end(whole.subarray(0, whole.length - 100)))
        await refused(board, STATUS_TRUNCATED)
    })
    test("data behind the image", async () => {
        const board = boardWith((response, whole) => void response.end(Buffer.concat([whole, Buffer.from("PK")])))
        await refused(board, STATUS_TRAILING_DATA)
    })
    test.each([
        ["another start", (from: number, size: number) => `bytes ${from - 1}-${size - 1}/${size}`],
        ["another length", (from: number, size: number) => `bytes ${from}-${size}/${size + 1}`],
        ["nonsense", () => "bytes"],
    ])("a range with %s", async (_, range) => {
        const board = boardWith((response, whole, from, count) => {
            if (count === 1) return breakAfter(20_000)(response, whole, 0, 1)
            response.writeHead(206, { "Content-Range": range(from, whole.length), "Content-Length": whole.length - from })
            response.end(whole.subarray(from))
        })
        await refused(board, STATUS_HTTP_RANGE)
    })
    test.each(["999999999", "67108865"])("a length of %s is refused before any byte counts", async length => {
        const board = boardWith(response => void (response.writeHead(200, { "Content-Length": length }), response.flushHeaders()))
        await refused(board, STATUS_NO_ROOM)
    })
    test("an image with a bent byte", async () => {
        const board = boardWith((response, whole) => {
            const bent = Buffer.from(whole)
            bent[50_000] ^= 1
            response.end(bent)
        })
        await refused(board, STATUS_BLOCK_HASH)
        expect(board.kept().failed).toBe("u1 ")
    })
    test("something that is no image", async () => {
        await refused(
            boardWith(response => void response.end("<html>".repeat(1000))),
            STATUS_ZIP_FORMAT,
        )
    })
})

test("what failed for the network's sake is tried again, and continues", async () => {
    let isAway = true
    const board = boardWith((response, whole, from, count) =>
        (isAway ? breakAfter(8000) : wholeImage)(response, whole, from, count),
    )
    await refused(board, STATUS_NET)
    isAway = false
    await board.until(() => board.version === "1.1.0")
    const from = Number(server.of("image")[6]!.range.slice(6, -1))
    expect(from).toBeGreaterThan(40_000)
})

test("progress is signalled once for each percent, and a throttled download takes its time", async () => {
    server.offer(image, "u1")
    const percents: number[] = []
    const app = (agent: AgentBoard["agent"], version: string) =>
        version === "1.0.0" && agent.signals.rWatch("device:progress", (_, percent) => percents.push(percent as number), 0)
    const config = { api: server.url, token: "T", update: { throttle: 500 } }
    const board = new AgentBoard({ server, config, app, device: { id: "DEV1" } })
    await board.until(() => server.of("image").length === 1)
    const startMs = board.clock.upMs()
    await board.until(() => percents.includes(100))
    expect(board.clock.upMs() - startMs).toBeGreaterThanOrEqual(1000)
    expect(percents).toEqual([...new Set(percents)].sort((a, b) => a - b))
    await updated(board)
})

describe("an offer that cannot be used", () => {
    test.each([
        { url: "ftp://host/image" },
        { url: "http://host/a b" },
        { url: 7 },
        { checksum: "ABCD" },
        { checksum: "A".repeat(64) },
        { version: "1.1" },
        { version: 1 },
    ])("%j is reported", async change => {
        const board = boardWith(wholeImage)
        const offer = JSON.parse(server.answers.checkin!().body)
        server.answers.checkin = () => ({ status: 200, body: JSON.stringify({ ...offer, ...change }) })
        await board.until(() => server.of("report").length === 1)
        expect(server.of("report")[0]!.body).toMatchObject({ success: false, update: "u1", status: STATUS_ANSWER })
        expect(server.of("image").length).toBe(0)
    })
    test.each([
        "nonsense",
        "7",
        '{"url":"http://h/i"}',
        `{"url":"http://h/i","update":"${"x".repeat(64)}"}`,
        `{"url":"${"x".repeat(5000)}"}`,
    ])("%p counts as a failed check-in", async body => {
        const board = boardWith(wholeImage)
        server.answers.checkin = () => ({ status: 200, body })
        await board.until(() => server.of("checkin").length === 2)
        expect(board.lines).toContain(`agent: check-in failed, status ${STATUS_ANSWER}`)
        expect([server.of("report").length, server.of("image").length]).toEqual([0, 0])
    })
    test("an empty answer, or one with a message, is no offer", async () => {
        const board = boardWith(wholeImage)
        for (const body of ["", '{"message":"nothing"}']) {
            server.answers.checkin = () => ({ status: 200, body })
            const before = server.of("checkin").length
            await board.until(() => server.of("checkin").length > before)
        }
        expect([server.of("image").length, board.lines.filter(line => line.includes("failed"))]).toEqual([0, []])
    })
})
