// firmware/agent.ts end to end on a board with real HTTP: registration, check-in, update, commit, report, rollback.

import { STATUS_BUSY, STATUS_COMMIT_TIMEOUT, STATUS_OK, STATUS_QUARANTINED, STATUS_ROLLED_BACK } from "../../firmware/status"
import { AgentBoard, appOf } from "./agent-rig"
import { startServer, type AgentServer } from "./agent-server"
import { imageOf } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const image = (version: string) => imageOf({ app: appOf(version), manifest: { version, build_id: `b-${version}` } })
const device = {
    id: "DEV1",
    product: "PROD",
    memory: 512,
    "try-beta-features": 1,
    name: Buffer.from("Müller 設備").toString("latin1"),
}
const token = (extra: object = {}) => ({ api: server.url, token: "T0", ...extra })

test("a good update: offered, downloaded, applied, committed, reported once", async () => {
    server.offer(image("1.1.0"), "u1")
    const board = new AgentBoard({ server, device, config: token() })
    await board.until(() => server.of("report").length === 1)
    expect(board.version).toBe("1.1.0")
    // The new version on trial is no success yet: its first check-in says so, no other one does.
    const trials = server.of("checkin").map(({ body }) => [body.version, body.committed])
    expect(trials).toEqual([
        ["1.0.0", undefined],
        ["1.1.0", false],
    ])
    expect(server.of("report")[0]!.body).toEqual({
        success: true,
        id: "DEV1",
        update: "u1",
        status: 0,
        message: "",
        version: "1.1.0",
    })
    expect(board.agent.commit.bootState()).toMatchObject({ isCommitted: true, updateId: "u1" })
    await board.pass(3 * 86400)
    expect([server.of("report").length, board.boots, server.of("image").length]).toEqual([1, 2, 5])
})

test("the check-in has every property, bearer in lower case, the versions, and the base of deltas", async () => {
    const board = new AgentBoard({ server, device: { id: "X", product: "P" }, config: token(), files: { "device.json": device } })
    await board.until(() => server.of("checkin").length === 1)
    const { body, authorization } = server.of("checkin")[0]!
    expect(authorization).toBe("bearer T0")
    expect(body).toMatchObject({
        id: "DEV1",
        product: "PROD",
        memory: 512,
        "try-beta-features": 1,
        name: "Müller 設備",
        version: "1.0.0",
        platform: "host",
    })
    expect(body.iotoVersion).toMatch(/^\d+\.\d+\.\d+$/)
    expect(Object.keys(body).length).toBe(Object.keys(device).length + 4)
})

test("the watchdog is fed all the time", async () => {
    const board = new AgentBoard({ server, config: token() })
    await board.pass(600)
    expect(board.feeds).toBeGreaterThanOrEqual(200)
})

describe("registration", () => {
    const builder = () => ({ builder: server.url })

    test("with the product as bearer; token and cloud are kept over restarts", async () => {
        const board = new AgentBoard({ server, device: { ...device, id: undefined }, config: builder() })
        await board.until(() => server.of("checkin").length === 1)
        expect(server.of("register")[0]).toMatchObject({ authorization: "bearer PROD", body: { memory: 512, version: "1.0.0" } })
        expect(server.of("checkin")[0]).toMatchObject({ authorization: "bearer T1", body: { id: "DEV1" } })
        board.boot()
        expect(board.agent.agent.checkinNow()).toBe(STATUS_OK)
        await board.until(() => server.of("checkin").length === 2)
        expect(server.of("register").length).toBe(1)
    })
    test("known but unclaimed: asks again, later and later", async () => {
        let claimed = false
        const answer = server.answers.register!
        server.answers.register = () => (claimed ? answer() : { status: 200, body: '{"registered":true}' })
        const board = new AgentBoard({ server, device, config: builder() })
        await board.pass(15 + 60 + 120 + 240 + 1)
        expect([server.of("register").length, server.of("checkin").length]).toEqual([4, 0])
        claimed = true
        await board.until(() => server.of("checkin").length === 1)
    })
    test("refused: stops, and says so", async () => {
        server.answers.register = () => ({ status: 200, body: "{}" })
        const errors: unknown[] = []
        const app = (agent: AgentBoard["agent"]) => agent.signals.rWatch("device:error", (_, arg) => errors.push(arg), 0)
        const board = new AgentBoard({ server, device, config: builder(), app })
        await board.pass(5 * 86400)
        expect([server.of("register").length, errors]).toEqual([1, [{ status: -67 }]])
    })
    test.each([
        "nonsense",
        '{"registered":true,"api":7,"token":"T"}',
        '{"registered":true,"api":"http://h","token":"a b"}',
        "[1]",
    ])("an answer that cannot be used is no registration: %s", async body => {
        server.answers.register = () => ({ status: 200, body })
        const board = new AgentBoard({ server, device, config: builder() })
        await board.until(() => server.of("register").length === 2)
        expect(board.lines).toContain("agent: registration failed, status -65")
        expect(server.of("checkin").length).toBe(0)
    })
    test.each([
        ["Cannot find device", 1],
        ["Authentication failed", 1],
        ['{"message":"Authentication failed"}', 0],
    ])("a refusal %j throws the registration away %d times", async (body, times) => {
        const board = new AgentBoard({ server, device, config: builder() })
        await board.until(() => server.of("checkin").length === 1)
        server.answers.checkin = () => ({ status: 401, body })
        await board.until(() => server.of("checkin").length === 2)
        server.answers.checkin = () => ({ status: 200, body: "{}" })
        await board.until(() => server.of("checkin").length === 3)
        expect(server.of("register").length).toBe(1 + times)
    })
})

describe("rollback", () => {
    test("an image that never reaches its cloud goes back in time, is reported, and is not tried again", async () => {
        server.offer(image("1.1.0"), "u1")
        const offer = server.answers.checkin!
        const rollbacks: string[] = []
        const app = (agent: AgentBoard["agent"], version: string) => {
            if (version === "1.1.0") server.answers.checkin = () => ({ status: 500, body: "" })
            else server.answers.checkin = offer
            agent.signals.rWatch("device:rollback", () => rollbacks.push(version), 0)
        }
        const board = new AgentBoard({ server, device, config: token({ timeouts: { commit: 120 } }), app })
        await board.until(() => server.of("report").length === 1)
        expect(server.of("report")[0]!.body).toMatchObject({
            success: false,
            update: "u1",
            status: STATUS_COMMIT_TIMEOUT,
            version: "1.0.0",
        })
        expect([board.version, board.boots, rollbacks]).toEqual(["1.0.0", 3, ["1.0.0"]])
        await board.pass(4 * 86400)
        const reports = server.of("report").map(report => report.body.status)
        expect([reports, server.of("image").length]).toEqual([[STATUS_COMMIT_TIMEOUT, STATUS_QUARANTINED], 1])
    })
    test("an image that crashes uses up its trials", async () => {
        server.offer(image("1.1.0"), "u1")
        let crashes = 0
        const board = new AgentBoard({ server, device, config: token() })
        await board.until(() => board.version === "1.1.0")
        while (board.version === "1.1.0") {
            crashes += 1
            // Not committed in its first seconds, though the cloud can be reached.
            await board.pass(5)
            board.boot()
        }
        await board.until(() => server.of("report").length === 1)
        expect([crashes, server.of("report")[0]!.body.status]).toEqual([3, STATUS_ROLLED_BACK])
        expect(board.kept().failed).toBe("u1 ")
    })
    test("the report of a rollback survives a power cut and a cloud that is away", async () => {
        server.offer(image("1.1.0"), "u1")
        server.answers.report = () => ({ status: 503, body: "" })
        const board = new AgentBoard({ server, device, config: token() })
        await board.until(() => board.version === "1.1.0")
        while (board.version === "1.1.0") board.boot()
        await board.until(() => server.of("report").length >= 3)
        board.boot()
        server.answers.report = () => ({ status: 200, body: "{}" })
        const before = server.of("report").length
        await board.until(() => server.of("report").length === before + 1)
        expect(new Set(server.of("report").map(report => report.body.status))).toEqual(new Set([STATUS_ROLLED_BACK]))
        await board.until(() => board.kept().report === undefined)
        board.boot()
        await board.pass(60)
        expect(server.of("report").length).toBe(before + 1)
    })
})

describe("commit", () => {
    test("by the app, when it is configured so", async () => {
        server.offer(image("1.1.0"), "u1")
        const board = new AgentBoard({ server, device, config: token({ update: { commit: "app" } }) })
        await board.until(
            () => board.version === "1.1.0" && server.of("checkin").some(request => request.body.version === "1.1.0"),
        )
        expect(board.agent.commit.bootState()!.isCommitted).toBe(false)
        await board.pass(20)
        expect(server.of("report").length).toBe(0)
        expect(board.agent.commit.commit()).toBe(STATUS_OK)
        await board.until(() => server.of("report").length === 1)
        expect(server.of("report")[0]!.body).toMatchObject({ success: true, update: "u1", version: "1.1.0" })
        await board.pass(600)
        expect(board.version).toBe("1.1.0")
    })
    test("without a cloud, after having run for a while", async () => {
        server.offer(image("1.1.0"), "u1")
        const board = new AgentBoard({ server, device, config: token() })
        await board.until(() => board.version === "1.1.0")
        expect(board.agent.files.fileWrite("config.json", '{"update":{"enable":false}}')).toBe(STATUS_OK)
        const before = server.seen.length
        board.boot()
        await board.pass(60)
        expect([board.agent.commit.bootState()!.isCommitted, server.seen.length]).toEqual([true, before])
    })
})

test("one check-in at a time", async () => {
    const board = new AgentBoard({ server, device, config: token() })
    expect([board.agent.agent.checkinNow(), board.agent.agent.checkinNow()]).toEqual([STATUS_OK, STATUS_BUSY])
    await board.pass(30)
    expect(server.of("checkin").length).toBe(1)
})

test("the running image, offered again, is reported and not written", async () => {
    server.offer(imageOf({ app: appOf("1.0.0"), manifest: { version: "1.0.0", build_id: "b-1.0.0" } }), "u9")
    const board = new AgentBoard({ server, device, config: token() })
    await board.until(() => server.of("report").length === 1)
    expect(server.of("report")[0]!.body).toMatchObject({ success: true, update: "u9", version: "1.0.0" })
    expect(board.boots).toBe(1)
})
