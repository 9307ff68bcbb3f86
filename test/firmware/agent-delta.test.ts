// The agent and deltas: what it says of itself, and how the full image takes the place of a delta that does not do.

import { deltaEncode } from "../../build/delta-code"
import { slotDigestHex } from "../../build/image-format"
import * as status from "../../firmware/status"
import { AgentBoard, appOf, type BoardOptions } from "./agent-rig"
import { startServer, type AgentServer } from "./agent-server"
import { imageOf } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const RUNNING = appOf("1.0.0")
const NEXT = Buffer.concat([appOf("1.1.0").subarray(0, 12_000), Buffer.from("and more"), RUNNING.subarray(12_000)])
const manifest = { version: "1.1.0", build_id: "b-1.1.0" }
const FULL = imageOf({ app: NEXT, manifest })
const DELTA = imageOf({ app: NEXT, base: RUNNING, manifest })
const WRONG_BASE = imageOf({ app: NEXT, base: appOf("0.9.0"), manifest })

/** A delta whose payload is not what its block list was made for. */
function broken(): Buffer {
    const code = deltaEncode(RUNNING, NEXT)
    code.payload[code.payload.indexOf("and more")]! ^= 1
    return imageOf({ app: NEXT, base: RUNNING, code, manifest })
}

function boardWith(more: Partial<BoardOptions> = {}): AgentBoard {
    const device = { id: "DEV1", product: "P" }
    const config = { api: server.url, token: "T", update: { period: 60 } }
    return new AgentBoard({ server, device, config, startS: Date.parse("2026-11-20T12:00:00Z") / 1000, ...more })
}

const outcomes = (): [string, number][] => server.of("report").map(({ body }) => [body.update, body.status])

test("a check-in names the app that runs, by its slot digest; a registration does not", async () => {
    const board = boardWith()
    await board.until(() => server.of("checkin").length === 1)
    expect(server.of("checkin")[0]!.body.base).toBe(slotDigestHex(RUNNING))
})

test("a board whose boot records cannot be read names none, and goes on", async () => {
    const board = boardWith()
    const { offsetBytes, sizeBytes } = board.rig.layout.regions.boot
    board.rig.flash.array.fill(0, offsetBytes, offsetBytes + sizeBytes)
    await board.until(() => server.of("checkin").length === 2)
    expect(server.of("checkin").map(({ body }) => body.base)).toEqual([undefined, undefined])
})

test("a delta is fetched and applied; the full image is not asked for", async () => {
    expect(DELTA.length).toBeLessThan(FULL.length / 5)
    server.offerDelta(DELTA, FULL, "u1")
    const board = boardWith()
    await board.until(() => outcomes().length === 1)
    expect([board.version, outcomes(), server.of("full").length]).toEqual(["1.1.0", [["u1", status.STATUS_OK]], 0])
})

test.each([
    ["a wrong base", WRONG_BASE],
    ["a broken delta", broken()],
    ["a delta that was cut off", DELTA.subarray(0, DELTA.length - 300)],
])("%s: the full image in the same task, one report, of success", async (_, delta) => {
    server.offerDelta(delta, FULL, "u1")
    const board = boardWith()
    await board.until(() => outcomes().length === 1)
    expect([board.version, outcomes()]).toEqual(["1.1.0", [["u1", status.STATUS_OK]]])
    expect([server.of("checkin").length, server.of("full").length]).toEqual([2, 1])
    expect(board.lines.some(line => /^agent: delta of update u1 failed, status -\d+: fetching the full image$/.test(line))).toBe(
        true,
    )
})

test("a network that is down is no reason for the full image", async () => {
    server.offerDelta(DELTA, FULL, "u1")
    server.imageScript = response => void response.writeHead(503, { "Content-Length": 0 }).end()
    const board = boardWith()
    await board.until(() => outcomes().length === 1)
    expect([outcomes(), server.of("full").length]).toEqual([[["u1", status.STATUS_HTTP_STATUS]], 0])
})

test("a full image that does not do either ends the update", async () => {
    server.offerDelta(WRONG_BASE, imageOf({ app: NEXT, manifest: { ...manifest, platform: "other" } }), "u1")
    const board = boardWith()
    await board.until(() => server.of("checkin").length === 3)
    expect([outcomes()[0], server.of("image").length, server.of("full").length]).toEqual([["u1", status.STATUS_PLATFORM], 1, 1])
})

test("power lost while the full image is fetched: it goes on where it stopped, without a second try of the broken delta", async () => {
    server.offerDelta(broken(), FULL, "u1")
    const { imageScript } = server
    server.imageScript = (response, image, from, count) => {
        if (image === server.full && count === 1)
            return void (server.silent++, response.writeHead(200).write(image.subarray(0, 9000)))
        imageScript(response, image, from, count)
    }
    const board = boardWith()
    await board.until(() => board.lines.some(line => line.includes("fetching the full image")) && server.of("full").length === 1)
    await new Promise(done => setTimeout(done, 100))
    server.silent = 0
    board.boot()
    await board.until(() => outcomes().length === 1)
    expect([board.version, server.of("image").length]).toEqual(["1.1.0", 1])
    expect(server.of("full").map(({ range }) => range === "")).toEqual([true, false])
})

test("without a full image a wrong base is reported, and asked about again: another version may run by then", async () => {
    server.offer(WRONG_BASE, "u1")
    const board = boardWith()
    await board.until(() => server.of("image").length === 2)
    expect(outcomes()[0]).toEqual(["u1", status.STATUS_DELTA_BASE])
})

test.each([
    ["no object", 7],
    ["a URL that is none", { url: "ftp://x", checksum: "00".repeat(32) }],
    ["no checksum", { url: "http://x/full" }],
])("a full image with %s makes the offer a bad one", async (_, full) => {
    const body = JSON.stringify({ url: `${server.url}/image`, checksum: "00".repeat(32), version: "1.1.0", update: "u1", full })
    server.answers.checkin = () => ({ status: 200, body })
    const board = boardWith()
    await board.until(() => outcomes().length === 1)
    expect([outcomes(), server.of("image").length]).toEqual([[["u1", status.STATUS_ANSWER]], 0])
})

test("a delta without a checksum falls back, too", async () => {
    server.offerDelta(broken(), FULL, "u1")
    const { body } = server.answers["checkin"]!()
    const { checksum: _, ...offer } = JSON.parse(body) as Record<string, unknown>
    server.answers["checkin"] = () => ({ status: 200, body: JSON.stringify(offer) })
    const board = boardWith()
    await board.until(() => outcomes().length === 1)
    expect([board.version, outcomes()]).toEqual(["1.1.0", [["u1", status.STATUS_OK]]])
})
