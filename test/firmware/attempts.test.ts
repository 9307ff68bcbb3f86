// Boards that restart within an update: given up for now when nothing comes of it, and taken up again later.

import { STATUS_FILES_FULL, STATUS_OK, STATUS_RESTARTED, STATUS_SKIPPED_BY_APP } from "../../firmware/status"
import { UPDATE_RESTARTS_MAX } from "../../firmware/constants"
import { AgentBoard, appOf, type BoardOptions } from "./agent-rig"
import { keepSilent, startServer, wholeImage, type AgentServer } from "./agent-server"
import { imageOf } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const version = { version: "1.1.0", build_id: "b-1.1.0" }
const noon = Date.parse("2026-11-20T12:00:00Z") / 1000
/** An app of twenty blocks. */
const LARGE = imageOf({ app: Buffer.concat([appOf("1.1.0"), Buffer.alloc(80_000, "x")]), manifest: version })

function boardWith({ config: more, ...options }: Partial<BoardOptions> = {}): AgentBoard {
    const config = { api: server.url, token: "T", first: 0, update: { period: 3600, ...more } }
    return new AgentBoard({ server, device: { id: "DEV1", product: "P" }, config, startS: noon, ...options })
}

/** Times that an image was ready. */
let readies = 0
/** What the board does then: restart, which is what a panic comes to; or make the image wait or refuse it, as apps may. */
let then: "restart" | "wait" | "skip" | "apply" = "restart"
beforeEach(() => {
    readies = 0
    then = "restart"
})

/** A board that does so. `before` is what its app does ahead of that. */
function readyBoard(
    before: (agent: AgentBoard["agent"]) => void = () => undefined,
    config: Record<string, unknown> = {},
): AgentBoard {
    const app: BoardOptions["app"] = agent => {
        const ready = (): void => {
            readies += 1
            before(agent)
            if (then === "restart") board.reset()
            if (then === "wait") agent.applyWindow.updateWait(600)
            if (then === "skip") agent.applyWindow.updateSkip()
        }
        agent.signals.rWatch("device:update", ready, 0)
    }
    const board = boardWith({ app, config })
    server.offer(LARGE, "u1")
    return board
}

const reports = (): [string, number][] => server.of("report").map(({ body }) => [body.update, body.status])

test("an update within which the board always restarts is given up, reported, and tried again with a later check-in", async () => {
    const board = readyBoard()
    await board.until(() => reports().length > 0)
    // The second boot begins with all that the first one has fetched: from there on it comes no further.
    expect([reports(), board.version, readies]).toEqual([[["u1", STATUS_RESTARTED]], "1.0.0", UPDATE_RESTARTS_MAX + 1])
    expect(server.of("report")[0]!.body.message).toMatch(/^the board restarted within it again and again, at byte \d+$/)
    // Nothing more is begun until the next check-in; then whatever restarted it may be gone.
    const images = server.of("image").length
    await board.pass(3000)
    expect([readies, server.of("image").length]).toEqual([UPDATE_RESTARTS_MAX + 1, images])
    then = "apply"
    await board.until(() => reports().length === 2)
    expect([reports()[1], board.version]).toEqual([["u1", STATUS_OK], "1.1.0"])
})

test("an app that fills its files area while an image is ready does not hide the restarts", async () => {
    const full = jest.fn()
    const fill = ({ files }: AgentBoard["agent"]): void => {
        let last: number = STATUS_OK
        // The same content again would not be written.
        for (let at = 0; at < 5000 && last === STATUS_OK; at += 1) last = files.fileWrite("pad", String(at))
        full(last)
    }
    // Within the hour in which the time of a check-in is not written down: nothing else makes room.
    const board = readyBoard(fill, { period: 60 })
    await board.until(() => reports().length > 0)
    expect([reports(), board.version]).toEqual([[["u1", STATUS_RESTARTED]], "1.0.0"])
    expect(full.mock.calls).toEqual(Array.from({ length: UPDATE_RESTARTS_MAX + 1 }, () => [STATUS_FILES_FULL]))
})

test("restarts do not count while an image waits: a board may sleep and wake until its time", async () => {
    then = "wait"
    const board = readyBoard()
    for (let count = 1; count <= UPDATE_RESTARTS_MAX + 5; count += 1) {
        await board.until(() => readies === count)
        board.boot()
    }
    then = "apply"
    await board.until(() => reports().length > 0)
    expect([reports(), board.version]).toEqual([[["u1", STATUS_OK]], "1.1.0"])
})

test("nor while it waits for its window", async () => {
    // At noon, the window of tomorrow's first hour is twelve hours away.
    const board = boardWith({ config: { period: 600, apply: "* 0 * * *" } })
    server.offer(LARGE, "u1")
    for (let count = 1; count <= UPDATE_RESTARTS_MAX + 5; count += 1) {
        const isReady = (): boolean => board.lines.filter(line => line === "update: 1.1.0 is ready").length === count
        await board.until(isReady)
        await board.pass(10)
        board.boot()
    }
    await board.until(() => reports().length > 0)
    expect([reports(), board.version]).toEqual([[["u1", STATUS_OK]], "1.1.0"])
})

test("restarts do not count while the download comes further", async () => {
    let heard = 0
    const app: BoardOptions["app"] = agent => void agent.signals.rWatch("device:progress", () => void (heard += 1), 0)
    const board = boardWith({ app })
    server.imageScript = (response, image, from) => {
        const headers = {
            "Content-Length": image.length - from,
            "Content-Range": `bytes ${from}-${image.length - 1}/${image.length}`,
        }
        response.writeHead(from > 0 ? 206 : 200, headers)
        if (from + 6000 >= image.length) response.end(image.subarray(from))
        else {
            response.write(image.subarray(from, from + 6000))
            keepSilent(server, response)
        }
    }
    server.offer(LARGE, "u1")
    for (let count = 0; count < UPDATE_RESTARTS_MAX + 2; count += 1) {
        heard = 0
        await board.until(() => heard > 0)
        board.boot()
    }
    server.imageScript = wholeImage
    await board.until(() => reports().length > 0)
    expect([reports(), server.of("image").length > UPDATE_RESTARTS_MAX + 2]).toEqual([[["u1", STATUS_OK]], true])
})

test("another update begins to count anew, and so does one that has ended", async () => {
    const begun: string[] = []
    const board = readyBoard(() => {
        begun.push(board.kept().begun)
        if (begun.length === 2) server.offer(LARGE, "u2")
        if (begun.length === 3) then = "skip"
    })
    await board.until(() => reports().length === 1)
    const at = begun[1]!.split(" ")[1]!
    expect(begun).toEqual(["u1 0 1", `u1 ${at} 1`, `u2 ${at} 1`])
    expect([reports(), board.kept().begun]).toEqual([[["u2", STATUS_SKIPPED_BY_APP]], ""])
})

test("the running image, offered again and again, is no restart", async () => {
    const board = boardWith()
    server.offer(imageOf({ app: appOf("1.0.0"), manifest: { version: "1.0.0", build_id: "b-1.0.0" } }), "u1", "1.0.0")
    for (let count = 1; count <= UPDATE_RESTARTS_MAX + 2; count += 1) {
        await board.until(() => server.of("image").length === count && board.kept().begun === "")
        board.boot()
    }
    expect([reports(), board.kept().begun]).toEqual([[["u1", STATUS_OK]], ""])
})
