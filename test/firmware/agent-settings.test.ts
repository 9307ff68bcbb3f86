// firmware/settings.ts and checkin-time.ts: where values come from, what bad ones do, and when check-ins come.

import { ANSWER_BYTES_MAX, QUARANTINE_MAX } from "../../firmware/constants"
import { STATUS_UNAUTHORIZED } from "../../firmware/status"
import { AgentBoard, type BoardOptions } from "./agent-rig"
import { startServer, type AgentServer } from "./agent-server"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const device = { id: "DEV1", product: "P" }
const noon = Date.parse("2026-11-20T12:00:00Z") / 1000
const boardWith = (config: object, more: Partial<BoardOptions> = {}) =>
    new AgentBoard({ server, device, config: { api: server.url, token: "T", ...config }, startS: noon, ...more })
const settingsOf = (board: AgentBoard) => board.agent.settings.settings()

describe("settings", () => {
    test("defaults", () => {
        expect(settingsOf(boardWith({}))).toEqual({
            api: server.url,
            builder: server.url,
            token: "T",
            isEnabled: true,
            schedule: "anytime",
            apply: "anytime",
            isCommittedByApp: false,
            periodS: 86400,
            jitterS: 0,
            retryS: 60,
            firstS: 15,
            throttleMs: 0,
            utcOffsetMin: 0,
            apiTimeoutS: 30,
            downloadTimeoutS: 14400,
            stallTimeoutS: 30,
            commitTimeoutS: 0,
        })
    })
    test("a file on the board counts before the image, key by key", () => {
        const files = {
            "config.json": { api: "http://other/", update: { period: 60 } },
            "device.json": { id: "DEV2", color: "red" },
        }
        const board = boardWith({ update: { period: 3600, jitter: 5 } }, { files })
        expect(settingsOf(board)).toMatchObject({ api: "http://other", periodS: 60, jitterS: 5 })
        expect(board.agent.settings.deviceProperties()).toEqual({ id: "DEV2", product: "P", color: "red" })
    })
    test.each([
        [{ api: "ftp://x" }, "api", "an http or https URL"],
        [{ update: { period: 0 } }, "update.period", "a whole number from 1 to 31536000"],
        [{ update: { period: "24 hrs" } }, "update.period", "a whole number from 1 to 31536000"],
        [{ update: { period: 1.5 } }, "update.period", "a whole number from 1 to 31536000"],
        [{ update: { throttle: 5001 } }, "update.throttle", "a whole number from 0 to 5000"],
        [{ update: { schedule: "sometimes" } }, "update.schedule", 'a schedule such as "* 0-5 * * *" or midnight'],
        [{ update: { enable: "yes" } }, "update.enable", "true or false"],
        [{ update: { commit: "nobody" } }, "update.commit", "agent or app"],
        [{ timeouts: { commit: 86401 } }, "timeouts.commit", "a whole number from 1 to 86400"],
        [{ token: "a b" }, "token", "1 to 256 visible ASCII characters"],
    ])("a bad value in the file is ignored, and said: %j", (file, key, wanted) => {
        const board = boardWith({}, { files: { "config.json": file } })
        expect(board.lines).toContain(`settings: ${key} must be ${wanted}; ignored`)
        expect(settingsOf(board)).toEqual(settingsOf(boardWith({})))
    })
    test.each(["no json", "7", "null"])("a file that is no object is ignored, and said: %s", text => {
        const board = boardWith({}, { files: { "config.json": text, "device.json": text, "agent.json": text } })
        expect(board.lines.filter(line => line.endsWith("is not a JSON object; ignored")).length).toBe(2)
        expect(settingsOf(board)).toEqual(settingsOf(boardWith({})))
    })
    test("without a cloud, or disabled, there are no check-ins", async () => {
        for (const config of [{ api: undefined }, { update: { enable: false } }]) {
            const board = boardWith(config)
            await board.pass(2 * 86400)
            expect([board.agent.agent.checkinNow(), server.seen.length]).toEqual([STATUS_UNAUTHORIZED, 0])
        }
    })
})

/** Unix times of the check-ins that come within `seconds`. */
async function checkins(board: AgentBoard, seconds: number): Promise<number[]> {
    const times: number[] = []
    const answer = server.answers.checkin!
    server.answers.checkin = () => (times.push(board.clock.nowS() - noon), answer())
    await board.pass(seconds)
    return times
}

describe("check-ins come", () => {
    test("after 15 s, then every period", async () => {
        expect(await checkins(boardWith({ update: { period: 3600 } }), 8000)).toEqual([15, 3615, 7215])
    })
    test("with jitter", async () => {
        expect(await checkins(boardWith({ first: 5, update: { period: 3600, jitter: 99 } }, { random: 1042 }), 8000)).toEqual([
            5, 3647, 7289,
        ])
    })
    test("in the next slot of the schedule", async () => {
        const times = await checkins(boardWith({ update: { schedule: "0 3 * * *", period: 3600 } }), 2 * 86400)
        expect(times).toEqual([15 * 3600, 39 * 3600])
    })
    test("never, when the schedule says so", async () => {
        expect(await checkins(boardWith({ update: { schedule: "never" } }), 86400)).toEqual([])
    })
    test("after weeks, beyond what one timer can hold", async () => {
        expect(await checkins(boardWith({ update: { period: 30 * 86400 } }), 31 * 86400)).toEqual([15, 30 * 86400 + 15])
    })
    test("later and later while they fail, and as before once one succeeds", async () => {
        let left = 4
        const answer = server.answers.checkin!
        server.answers.checkin = () => (left-- > 0 ? { status: 500, body: "" } : answer())
        expect(await checkins(boardWith({ update: { retry: 10, period: 50 } }), 250)).toEqual([15, 25, 45, 85, 135, 185, 235])
    })
    test("not anew at every restart: the last one is remembered", async () => {
        const board = boardWith({ update: { period: 7200 } })
        expect(await checkins(board, 60)).toEqual([15])
        board.boot()
        expect(await checkins(board, 7200)).toEqual([7215])
    })
    test("every period on a board that does not know the time", async () => {
        const board = boardWith({ update: { period: 600, schedule: "0 3 * * *" } }, { startS: 0 })
        await board.pass(1300)
        expect(server.of("checkin").length).toBe(3)
    })
    test("at once after the clock went back", async () => {
        const board = boardWith({}, { files: { "agent.json": { lastS: noon + 86400 } } })
        expect(await checkins(board, 60)).toEqual([15])
    })
})

test("a check-in that is answered with too much, or not in time, fails", async () => {
    const board = boardWith({ timeouts: { api: 5 } })
    server.answers.checkin = () => ({ status: 200, body: " ".repeat(ANSWER_BYTES_MAX + 1) })
    await board.until(() => board.lines.includes("agent: check-in failed, status -65"))
    await server.close()
    await board.until(() => board.lines.includes("agent: check-in failed, status -60"))
})

test("flash is spared: frequent check-ins are written down once an hour", async () => {
    const board = boardWith({ update: { period: 60 } })
    await board.pass(30)
    const first = board.kept().lastS
    await board.pass(3000)
    expect([first, board.kept().lastS, server.of("checkin").length > 45]).toEqual([noon + 15, noon + 15, true])
    await board.pass(3600)
    expect(board.kept().lastS).toBeGreaterThan(noon + 3600)
})

test("the newest failed updates are remembered", () => {
    const { agentState } = boardWith({}).agent
    for (let count = 0; count < QUARANTINE_MAX + 2; count += 1) agentState.quarantineAdd(`u${count}`)
    agentState.quarantineAdd("u5")
    expect([
        agentState.quarantineHas("u1"),
        agentState.quarantineHas("u2"),
        agentState.quarantineHas(`u${QUARANTINE_MAX + 1}`),
    ]).toEqual([false, true, true])
    expect([agentState.quarantineHas("u"), agentState.quarantineHas("")]).toEqual([false, false])
})

test("a cloud that answers late: the call ends in time, and nothing of the answer counts any more", async () => {
    const board = boardWith({ timeouts: { api: 5 }, update: { retry: 1000 } })
    server.silence("checkin")
    await board.until(() => board.lines.includes("agent: check-in failed, status -61"))
    expect(board.clock.upMs()).toBe(20_000)
})
