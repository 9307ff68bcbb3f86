// The agent at its edges: flash that wears out under it, clouds and servers that answer oddly, failures that may pass, and odd times.

import * as status from "../../firmware/status"
import type { Ports } from "../../firmware/ports"
import { lmsKey, signedImage } from "../attacks/signed-rig"
import { AgentBoard, appOf, type BoardOptions } from "./agent-rig"
import { keepSilent, startServer, type AgentServer, type ImageScript } from "./agent-server"
import { imageOf } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const device = { id: "DEV1", product: "P" }
const version = { version: "1.1.0", build_id: "b-1.1.0" }
const IMAGE = imageOf({ app: appOf("1.1.0"), manifest: version })
const noon = Date.parse("2026-11-20T12:00:00Z") / 1000

function boardWith(config: object = {}, more: Partial<BoardOptions> = {}): AgentBoard {
    return new AgentBoard({ server, device, config: { api: server.url, token: "T", ...config }, startS: noon, ...more })
}

/** Flash that takes no write any more. Returns how it takes them again. */
function worn({ rig: { flash } }: AgentBoard): () => void {
    const { erase, program, programStaged } = flash
    Object.assign(flash, { erase: () => -1, program: () => -1, programStaged: () => -1 })
    return () => void Object.assign(flash, { erase, program, programStaged })
}

const statuses = (): number[] => server.of("report").map(({ body }) => body.status)

describe("flash that takes no write", () => {
    test("check-ins go on; the state that cannot be kept is said", async () => {
        const board = boardWith({ update: { period: 3600 } })
        worn(board)
        await board.until(() => server.of("checkin").length === 3)
        expect(board.lines).toContain(`agent: agent.json cannot be written, status ${status.STATUS_FLASH}`)
    })

    test("a download fails and is reported, but the image is not to blame: it is tried again", async () => {
        const board = boardWith({ update: { period: 60 } })
        const mend = worn(board)
        server.offer(IMAGE, "u1")
        await board.until(() => server.of("image").length === 3)
        mend()
        await board.until(() => board.version === "1.1.0")
        expect(new Set(statuses())).toEqual(new Set([status.STATUS_FLASH]))
    })

    test("an image that cannot be applied is reported at once, between two check-ins, and tried again", async () => {
        let mend = (): void => undefined
        const app: BoardOptions["app"] = (agent, running) =>
            void (running === "1.0.0" && agent.signals.rWatch("device:update", () => void (mend = worn(board)), 0))
        const board = boardWith({ update: { period: 600 } }, { app })
        server.offer(IMAGE, "u1")
        await board.until(() => server.of("report").length === 1)
        expect([statuses(), server.of("checkin").length]).toEqual([[status.STATUS_FLASH], 1])
        mend()
        await board.until(() => server.of("image").length === 2)
    })

    test("a new image can be neither committed nor left; once flash works again, it is left", async () => {
        server.offer(IMAGE, "u1")
        const board = boardWith({ timeouts: { commit: 60 } })
        await board.until(() => board.version === "1.1.0")
        const mend = worn(board)
        await board.until(() => board.lines.some(line => line.startsWith("agent: not committed in time")))
        expect(board.lines).toContain(`agent: commit failed, status ${status.STATUS_FLASH}`)
        expect(board.lines).toContain(`agent: not committed in time, and cannot go back: status ${status.STATUS_FLASH}`)
        mend()
        board.boot()
        await board.until(() => board.agent.commit.bootState()!.isCommitted)
    })
})

describe("offers", () => {
    test("without a checksum, the URL makes the image itself", async () => {
        server.image = IMAGE
        const offer = JSON.stringify({ url: `${server.url}/image`, update: "u1", version: "1.1.0" })
        server.answers.checkin = () => ({ status: 200, body: offer })
        const board = boardWith()
        await board.until(() => board.version === "1.1.0")
    })

    test.each(["a b", "t\u00e4st", "x".repeat(64), ""])("with the id %j cannot even be reported", async update => {
        const offer = JSON.stringify({ url: `${server.url}/image`, update })
        server.answers.checkin = () => ({ status: 200, body: offer })
        const board = boardWith()
        await board.until(() => server.of("checkin").length === 2)
        expect(board.lines).toContain(`agent: check-in failed, status ${status.STATUS_ANSWER}`)
        expect([server.of("report").length, server.of("image").length]).toEqual([0, 0])
    })

    test("that ask for another running version may be right later: refused, reported, and fetched again", async () => {
        const board = boardWith({ update: { period: 60 } })
        server.offer(imageOf({ app: appOf("1.1.0"), manifest: { ...version, requires: ">=2.0.0" } }), "u1")
        await board.until(() => server.of("image").length === 2)
        expect([statuses()[0], board.agent.agentState.quarantineHas("u1")]).toEqual([status.STATUS_REQUIRES, false])
    })

    test.each([
        ["https", 0, false],
        ["https", 1, true],
        ["http", 0, false],
        ["http", 1017, true],
        ["http", 1018, false],
    ])("are asked of %s:// and %i bytes of host: %p", (scheme, hostBytes, isGood) => {
        const url = `${scheme}://${"h".repeat(hostBytes)}`
        const board = boardWith({}, { files: { "config.json": { api: url } } })
        expect(board.agent.settings.settings().api === url).toBe(isGood)
    })
})

describe("reports", () => {
    const failing = imageOf({ app: appOf("1.1.0"), manifest: { ...version, platform: "esp32" } })

    test.each([401, 403, 408, 429, 500])("answered with %i wait, and are sent again", async code => {
        server.answers.report = () => ({ status: code, body: "" })
        server.offer(failing, "u1")
        const board = boardWith()
        await board.until(() => server.of("report").length === 2)
        expect(board.kept().report).toMatchObject({ update: "u1", status: status.STATUS_PLATFORM })
    })

    test.each([400, 404, 410])("answered with %i are dropped, and said", async code => {
        server.answers.report = () => ({ status: code, body: "" })
        server.offer(failing, "u1")
        const board = boardWith()
        await board.until(() => board.kept().report === undefined && server.of("report").length === 1)
        expect(board.lines).toContain(`report: the cloud does not take it, HTTP status ${code}`)
    })

    test("that goes out on its own while a check-in is due: the check-in comes right behind it", async () => {
        const board = boardWith({ update: { period: 60, apply: "never" } })
        server.offer(IMAGE, "u1")
        await board.until(() => board.lines.some(line => line.includes("has no window")))
        server.silence("report")
        const checkins = server.of("checkin").length
        const leftS = 60 - ((board.clock.upMs() / 1000 - 15) % 60)
        board.clock.after((leftS - 1) * 1000, () => void board.agent.applyWindow.updateSkip())
        await board.until(() => server.of("report").length === 1)
        expect(server.of("checkin").length).toBe(checkins)
        server.silence("none")
        await board.until(() => server.of("checkin").length > checkins)
        expect(board.clock.upMs()).toBeGreaterThan((15 + 60) * 1000)
    })
})

describe("registration", () => {
    test("without a product there is none, and the agent says so", async () => {
        const board = boardWith({ token: undefined }, { device: { id: "DEV1" } })
        await board.pass(30)
        expect(board.lines).toContain(`agent: no product to register with, and no token, status ${status.STATUS_ARGUMENT}`)
        expect(server.seen.length).toBe(0)
    })

    test("fails with the server's status, and with no server at all", async () => {
        server.answers.register = () => ({ status: 500, body: "" })
        const board = boardWith({ token: undefined })
        await board.until(() => server.of("register").length === 2)
        expect(board.lines).toContain(`agent: registration failed, status ${status.STATUS_HTTP_STATUS}`)
        await server.close()
        await board.until(() => board.lines.includes(`agent: registration failed, status ${status.STATUS_NET}`))
    })
})

describe("times", () => {
    test("a board that was off for longer than the period checks in at once", async () => {
        const board = boardWith({ update: { period: 3600 } }, { files: { "agent.json": { lastS: noon - 7200 } } })
        await board.pass(16)
        expect(server.of("checkin").length).toBe(1)
    })

    test("an app that has put an update off for a day may not again, though its window is still closed", async () => {
        server.offer(IMAGE, "u1")
        const board = boardWith(
            { update: { period: 40 * 86400, apply: "0 3 * * 0" } },
            { startS: Date.parse("2026-11-16T12:00:00Z") / 1000 },
        )
        await board.until(() => board.lines.some(line => line.endsWith("is ready")))
        expect(board.agent.applyWindow.updateWait(86400)).toBe(status.STATUS_OK)
        await board.pass(86400 + 60)
        expect([board.boots, board.agent.applyWindow.updateWait(60)]).toEqual([1, status.STATUS_BUSY])
        await board.until(() => board.version === "1.1.0")
        expect(new Date(board.clock.nowS() * 1000).toISOString().slice(0, 13)).toBe("2026-11-22T03")
    })

    test("without a cloud, an app that commits itself is not committed by the agent", async () => {
        server.offer(IMAGE, "u1")
        const board = boardWith()
        await board.until(() => board.version === "1.1.0")
        board.agent.files.fileWrite("config.json", '{"update":{"enable":false,"commit":"app"}}')
        board.boot()
        await board.pass(60)
        expect(board.agent.commit.bootState()!.isCommitted).toBe(false)
    })

    test("a snapshot that is committed after a trial is no second trial", async () => {
        server.offer(IMAGE, "u1")
        const board = boardWith()
        await board.until(() => server.of("report").length === 1)
        expect([board.version, board.agent.commit.createSnapshot(true, 0)]).toEqual(["1.1.0", 0])
        expect(board.agent.commit.commit()).toBe(status.STATUS_OK)
        await board.pass(600)
        expect([board.version, server.of("report").length, board.boots]).toEqual(["1.1.0", 1, 2])
    })
})

/** An HTTP port at which everything of an answer comes in one turn, its end too. The paths' answers, by the URL's last word. */
function abruptHttp(answers: Record<string, [body: string, end: number]>): { http: Ports["http"]; bodies: string[] } {
    const bodies: string[] = []
    const http: Ports["http"] = {
        request: (_method, url, _headers, body, listener) => {
            bodies.push(body)
            const [answer, end] = answers[url.slice(url.lastIndexOf("/") + 1)]!
            server.silent = 1
            setTimeout(() => {
                server.silent = 0
                listener.onHead({ statusCode: 200, header: () => "" })
                listener.onData(answer)
                listener.onEnd(end)
            })
            return 1
        },
        abort: () => undefined,
        pause: () => undefined,
    }
    return { http, bodies }
}

const updateWith = (script: ImageScript, config: object = {}, more: Partial<BoardOptions> = {}): AgentBoard => {
    server.offer(IMAGE, "u1")
    server.imageScript = script
    return boardWith(config, more)
}

/** The whole image, and the connection stays open. */
const unending: ImageScript = (response, whole) => {
    response.writeHead(200).write(whole)
    keepSilent(server, response)
}

describe("servers", () => {
    test.each([
        ["stall", { stall: 5 }],
        ["download", { download: 5 }],
    ])("that do not end behind a whole image: it counts when the %s timeout is over", async (_name, timeouts) => {
        const board = updateWith(unending, { timeouts })
        await board.until(() => board.version === "1.1.0")
        expect(server.of("image").length).toBe(1)
    })

    test("that end without a length before the image does: tried again, then truncated", async () => {
        const board = updateWith((response, whole) => {
            response.writeHead(200).write(whole.subarray(0, 9000))
            response.end()
        })
        await board.until(() => server.of("report").length === 1)
        expect([statuses(), server.of("image").length]).toEqual([[status.STATUS_TRUNCATED], 6])
    })

    const ranged =
        (contentRange: (from: number, size: number) => string): ImageScript =>
        (response, whole, from, count) => {
            if (count > 1) {
                response.writeHead(206, {
                    "Content-Range": contentRange(from, whole.length),
                    "Content-Length": whole.length - from,
                })
                return void response.end(whole.subarray(from))
            }
            response.writeHead(200, { "Content-Length": whole.length })
            response.write(whole.subarray(0, 9000), () => response.destroy())
        }

    test("that send more than the range they name", async () => {
        const board = updateWith(ranged((from, size) => `bytes ${from}-${from + 999}/${size}`))
        await board.until(() => server.of("report").length === 1)
        expect(statuses()).toEqual([status.STATUS_TRAILING_DATA])
    })

    test.each(["bytes FROMx-LAST/SIZE", "bytes FROM-/SIZE", "bytes FROM-.LAST/SIZE"])("whose range is none: %s", async range => {
        const fill = (from: number, size: number): string =>
            range
                .replace("FROM", `${from}`)
                .replace("LAST", `${size - 1}`)
                .replace("SIZE", `${size}`)
        const board = updateWith(ranged(fill))
        await board.until(() => server.of("report").length === 1)
        expect(statuses()).toEqual([status.STATUS_HTTP_RANGE])
    })

    test("that break off while signatures are checked: a bad one is refused for what it is", async () => {
        const key = lmsKey(1)
        const image = signedImage([lmsKey(2)], { app: appOf("1.1.0"), manifest: version })
        // Named after the board's key, made by another.
        Buffer.from(key.keyId, "hex").copy(image, image.indexOf("OTS1") + 8)
        image.writeUInt32LE(0, image.indexOf("manifest.sig") - 16)
        const { http, bodies } = abruptHttp({
            update: [JSON.stringify({ url: `${server.url}/image`, update: "u1" }), status.STATUS_OK],
            image: [image.toString("latin1", 0, image.indexOf("PK\x03\x04", image.indexOf("OTS1"))), status.STATUS_NET],
            updateReport: ["", status.STATUS_OK],
        })
        const board = boardWith({}, { image: { keys: [key.publicKey] }, ports: { signatureStepsMax: 1, http } })
        await board.until(() => bodies.length === 3)
        expect(JSON.parse(bodies[2]!)).toMatchObject({ update: "u1", status: status.STATUS_SIGNATURE_INVALID })
    })
})

test("a piece of an image that finds no memory: the download ends at once, and says why", async () => {
    const image = imageOf({ app: appOf("1.1.0"), manifest: version })
    const { http, bodies } = abruptHttp({
        update: [JSON.stringify({ url: `${server.url}/image`, update: "u1" }), status.STATUS_OK],
        image: [image.toString("latin1", 0, 9000), status.STATUS_MEMORY],
        updateReport: ["", status.STATUS_OK],
    })
    const board = boardWith({}, { ports: { http } })
    await board.until(() => bodies.length === 3)
    expect(JSON.parse(bodies[2]!)).toMatchObject({ update: "u1", status: status.STATUS_MEMORY, version: "1.0.0" })
})
