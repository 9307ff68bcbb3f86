// A release with a delta, end to end: a real cloud, real boards; the delta where its base runs, the full image everywhere else.

import { packDelta } from "../../build/delta"
import { slotDigestHex } from "../../build/image-format"
import { startCloudFixture, type CloudFixture, type Json } from "../api/cloud-fixture"
import { AgentBoard, appOf } from "../firmware/agent-rig"
import { imageOf } from "../firmware/images"

let cloud: CloudFixture
beforeAll(async () => {
    cloud = await startCloudFixture()
}, 60_000)
afterAll(() => cloud?.close())

const stamp = { build_timestamp: "2026-01-01T00:00:00Z" }
const image = (app: Buffer, version: string): Buffer =>
    imageOf({ app, manifest: { ...stamp, version, build_id: `b-${version}` } })
const RUNNING = appOf("1.0.0")
const NEXT = Buffer.concat([appOf("1.1.0").subarray(0, 9000), Buffer.from("new"), RUNNING.subarray(9000)])
const FULL = image(NEXT, "1.1.0")
const DELTA = packDelta(image(RUNNING, "1.0.0"), FULL).bytes
/** The same version of another build. */
const OTHER_BASE = packDelta(image(appOf("1.0.0", 15_000, 9), "1.0.0"), FULL).bytes

/** A product with a release of the full image and a delta; answers a board that checks in, and the images' hashes. */
async function released(
    product: string,
    delta: Buffer,
): Promise<{ hashes: [full: string, delta: string]; board: () => AgentBoard }> {
    await cloud.api("POST", "/products", { id: product })
    const [artifact, sha256] = [await cloud.upload(FULL), await cloud.upload(delta)]
    const { status } = await cloud.api("POST", "/releases", {
        product,
        artifact,
        deltas: { "1.0.0": sha256 },
        scope: { kind: "all" },
    })
    expect(status).toBe(201)
    const device = { id: `${product}-1`, product }
    const config = { builder: cloud.url, update: { period: 60 } }
    return { hashes: [artifact, sha256], board: () => new AgentBoard({ server: { silent: 0 }, device, config }) }
}

const fetchedOf = (board: AgentBoard): string[] =>
    board.lines.flatMap(line => /from http.*\/([0-9a-f]{64})\b/.exec(line)?.[1] ?? [])
const tasksOf = async (device: string): Promise<string[]> =>
    (await cloud.api("GET", `/tasks?device=${device}`)).body.items.map((task: Json) => task.state)

async function untilDone(board: AgentBoard, device: string): Promise<void> {
    await board.until(() => board.version === "1.1.0" && board.agent.commit.bootState()!.isCommitted)
    for (let turn = 0; turn < 50 && (await tasksOf(device))[0] !== "succeeded"; turn++) await board.until(() => true)
    expect(await tasksOf(device)).toEqual(["succeeded"])
}

test("a board that runs the base gets the delta, and becomes the new image", async () => {
    const { board, hashes } = await released("d1", DELTA)
    const one = board()
    await untilDone(one, "d1-1")
    expect(fetchedOf(one)).toEqual([hashes[1]])
    one.clock.stop()
})

test("a board that runs another build of the version gets the full image at once", async () => {
    const { board, hashes } = await released("d2", OTHER_BASE)
    const one = board()
    await untilDone(one, "d2-1")
    expect(fetchedOf(one)).toEqual([hashes[0]])
    one.clock.stop()
})

test("an agent that names no base, or another one, gets the full image; the delta comes with the full one to fall back to", async () => {
    const { hashes } = await released("d3", DELTA)
    const { token } = (await cloud.device("/device/register", "bearer d3", { id: "d3-1" })).body
    const checkin = async (more: object): Promise<Json> =>
        (
            await cloud.device("/tok/provision/update", `bearer ${token}`, {
                id: "d3-1",
                version: "1.0.0",
                platform: "host",
                ...more,
            })
        ).body
    for (const more of [{}, { base: "00".repeat(32) }, { base: 7 }]) {
        const answer = await checkin(more)
        expect([answer.checksum, answer.full]).toEqual([hashes[0], undefined])
    }
    const base = slotDigestHex(RUNNING)
    const answer = await checkin({ base })
    expect(answer).toMatchObject({ checksum: hashes[1], full: { checksum: hashes[0] } })
    const bytes = Buffer.from(await (await fetch(answer.full.url)).arrayBuffer())
    expect(bytes.equals(FULL)).toBe(true)
    const { attributes } = (await cloud.api("GET", "/devices/d3-1")).body
    expect(attributes).toMatchObject({ base: 7 })
})

test("a delta alone is released for its own sources only", async () => {
    await cloud.api("POST", "/products", { id: "d4" })
    const artifact = await cloud.upload(DELTA)
    const refused = await cloud.api("POST", "/releases", { product: "d4", artifact })
    expect([refused.status, refused.body.code, refused.body.issues[0].path]).toEqual([422, "image_mismatch", "artifact"])
    expect((await cloud.api("POST", "/releases", { product: "d4", artifact, deltas: { "1.0.0": artifact } })).status).toBe(201)
})
