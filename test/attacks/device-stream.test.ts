// Attacks 8, 9, 11, 12: bodies without an end, data behind the image, sizes that wrap, servers that redirect or stand still.

import * as status from "../../firmware/status"
import { AgentBoard, appOf } from "../firmware/agent-rig"
import { keepSilent, startServer, type AgentServer } from "../firmware/agent-server"
import { imageEntries, imageOf, zipOf } from "../firmware/images"
import { NEW, offer } from "./signed-rig"

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

/** Refused by the core, with everything that boots as it was. */
function refused(image: Buffer, wanted: number): void {
    expect(offer(image, {})).toMatchObject({ status: wanted, isHarmed: false })
}

describe("attack 8: a body without an end", () => {
    test("ends at the declared length", async () => {
        server.imageScript = response => void response.writeHead(200, { "Content-Length": 5000 }).end(GOOD.subarray(0, 5000))
        await reported(boardFor(GOOD), status.STATUS_TRUNCATED)
    })

    test("a directory, entries and headers without an end are refused", () => {
        const central = Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.alloc(42)])
        const image = zipOf(imageEntries({ app: NEW }))
        const directory = Array.from({ length: 70 }, () => central)
        refused(Buffer.concat([image.subarray(0, image.indexOf("PK\x01\x02")), ...directory]), status.STATUS_ZIP_LIMIT)
        const many = Array.from({ length: 70 }, (_, i) => ({ name: `n${i}`, bytes: Buffer.from("x") }))
        refused(zipOf([...imageEntries({ app: NEW }), ...many]), status.STATUS_ZIP_LIMIT)
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

describe("attack 9: data behind the image", () => {
    test("is refused, in the same piece and in a later one", () => {
        for (const chunkBytes of [1, 1000, 100_000]) {
            const image = Buffer.concat([imageOf({ app: NEW }), Buffer.from("globalThis.owned = true")])
            expect(offer(image, {}, chunkBytes)).toMatchObject({ status: status.STATUS_TRAILING_DATA, isHarmed: false })
        }
    })

    test("in the slot behind the part it is not part of what boots", () => {
        const { core, rig, status: result } = offer(imageOf({ app: NEW }), {})
        expect([result, core.updater.updaterFinish()]).toEqual([status.STATUS_DONE, status.STATUS_OK])
        rig.flash.array.write("globalThis.owned = true", rig.layout.regions.app1.offsetBytes + NEW.length)
        expect([core.boot.bootDecide(), core.boot.bootSlotBytes(1)]).toEqual([1, NEW.length])
    })
})

describe("attack 11: sizes near 2^31 and 2^32", () => {
    const EDGES = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1]

    test.each(EDGES)("an entry of %i bytes", size => {
        for (const name of ["manifest.json", "app.js.blocks", "app.js"]) {
            const bend = imageEntries({ app: NEW }).map(entry => (entry.name === name ? { ...entry, sizeBytes: size } : entry))
            refused(zipOf(bend), status.STATUS_ZIP_LIMIT)
        }
    })

    test.each([...EDGES, 2 ** 32, 2 ** 32 + 1, 2 ** 53])("a part of %i bytes", size => {
        refused(imageOf({ app: NEW, parts: { app: { size } } }), status.STATUS_NO_ROOM)
    })

    test.each([2 ** 31, 2 ** 32 + 1, 2 ** 53])("a security counter of %i, which would fall in its field", security => {
        refused(imageOf({ app: NEW, manifest: { security } }), status.STATUS_MANIFEST_FIELD)
    })

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
