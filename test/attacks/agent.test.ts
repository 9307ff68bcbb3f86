// Attacks 1, 2 and 13 against a board with its agent and a real server: reasons are reported, and no image is fetched for ever.

import { STATUS_COMMIT_TIMEOUT, STATUS_SIGNATURE_INVALID, STATUS_SIGNATURE_MISSING } from "../../firmware/status"
import { AgentBoard, appOf, type BoardOptions } from "../firmware/agent-rig"
import { startServer, type AgentServer } from "../firmware/agent-server"
import { lmsKey, signedImage, type TestKey } from "./signed-rig"

let server: AgentServer
beforeEach(async () => void (server = await startServer()))
afterEach(() => server.close())

const key = lmsKey(1)
const VERSION = { manifest: { version: "1.1.0", build_id: "b-1.1.0" } }

function signed(keys: readonly TestKey[] | Buffer): Buffer {
    return signedImage(keys, { app: appOf("1.1.0", 30_000), ...VERSION })
}

/** A board that checks in every minute and asks for signatures by `key`, while the server offers `image`. */
function boardFor(image: Buffer, options: Partial<BoardOptions> = {}): AgentBoard {
    server.offer(image, "u1")
    const config = { api: server.url, token: "T", update: { period: 60 }, ...options.config }
    return new AgentBoard({ server, device: { id: "DEV1", product: "P" }, image: { keys: [key.publicKey] }, ...options, config })
}

async function refused(image: Buffer, status: number): Promise<void> {
    const board = boardFor(image)
    await board.until(() => server.of("report").length === 1)
    expect(server.of("report")[0]!.body).toMatchObject({ success: false, update: "u1", status, version: "1.0.0" })
    expect([board.boots, board.version, board.agent.commit.bootState()!.isCommitted]).toEqual([1, "1.0.0", true])
    const checkins = server.of("checkin").length
    await board.until(() => server.of("checkin").length > checkins + 3)
    // Offered again and again, it is fetched no more.
    expect(server.of("image").length).toBe(1)
}

test("an unsigned image is refused, reported once, and not fetched again", () => refused(signed([]), STATUS_SIGNATURE_MISSING))

test("so is one with a broken signature", () => {
    const image = signed([key])
    image[image.indexOf("OTS1") + 300]! ^= 1
    // The CRC-32 of manifest.sig: 0 asks for none.
    image.writeUInt32LE(0, image.indexOf("manifest.sig") - 16)
    return refused(image, STATUS_SIGNATURE_INVALID)
})

test.each([undefined, 1, 9])("a signed one is taken, with %p steps of the check at a time", async stepsMax => {
    const board = boardFor(signed([key]), stepsMax === undefined ? {} : { ports: { signatureStepsMax: stepsMax } })
    await board.until(() => server.of("report").length === 1)
    expect(server.of("report")[0]!.body).toMatchObject({ success: true, update: "u1", version: "1.1.0" })
    expect([board.version, server.of("image").length]).toEqual(["1.1.0", 1])
})

test("attack 13: an image that starts and never commits has its time, is reported, and never fetched again", async () => {
    const board = boardFor(signed([key]), {
        config: { update: { period: 60, commit: "app" } },
    })
    await board.until(() => server.of("report").some(({ body }) => body.success === false))
    expect(server.of("report")[0]!.body).toMatchObject({
        success: false,
        update: "u1",
        status: STATUS_COMMIT_TIMEOUT,
        version: "1.0.0",
    })
    expect(board.version).toBe("1.0.0")
    const boots = board.boots
    const checkins = server.of("checkin").length
    await board.until(() => server.of("checkin").length > checkins + 5)
    expect([board.boots, server.of("image").length]).toEqual([boots, 1])
    expect(board.agent.agentState.quarantineHas("u1")).toBe(true)
})
