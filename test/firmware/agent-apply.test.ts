// firmware/apply-window.ts on a board: the app waits, agrees or refuses; the window decides; a script runs before the flip.

import {
    STATUS_ARGUMENT,
    STATUS_DONE,
    STATUS_NO_UPDATE,
    STATUS_OK,
    STATUS_QUARANTINED,
    STATUS_SCRIPT,
    STATUS_SKIPPED_BY_APP,
} from "../../firmware/status"
import { AgentBoard, appOf, type Agent, type BoardOptions } from "./agent-rig"
import { startServer, type AgentServer } from "./agent-server"
import { imageOf, sha256Hex } from "./images"

let server: AgentServer
beforeEach(async () => (server = await startServer()))
afterEach(() => server.close())

const image = imageOf({ app: appOf("1.1.0"), manifest: { version: "1.1.0", build_id: "b-1.1.0" } })
/** Milliseconds of uptime at which the image was ready, by the app's watch. */
let readyMs = 0

function boardWith(
    onUpdate: (agent: Agent, arg: unknown) => void,
    update: object = {},
    more: Partial<BoardOptions> = {},
): AgentBoard {
    server.offer(image, "u1")
    const app = (agent: Agent, version: string) =>
        version === "1.0.0" &&
        agent.signals.rWatch(
            "device:update",
            (_, arg) => {
                readyMs = board.clock.upMs()
                onUpdate(agent, arg)
            },
            0,
        )
    const config = { api: server.url, token: "T", update }
    const board = new AgentBoard({ server, config, app, device: { id: "DEV1" }, ...more })
    return board
}

/** Seconds from "ready" to the restart. */
async function appliedAfterS(board: AgentBoard): Promise<number> {
    await board.until(() => board.boots === 2)
    expect(board.version).toBe("1.1.0")
    return Math.round((board.resetMs - readyMs) / 1000)
}

describe("the app", () => {
    test("hears version and id; without a word of it the update is applied at once", async () => {
        const heard: unknown[] = []
        expect(await appliedAfterS(boardWith((_, arg) => heard.push(arg)))).toBe(0)
        expect(heard).toEqual([{ version: "1.1.0", update: "u1" }])
    })
    test("puts it off, and again", async () => {
        const board = boardWith(agent => {
            expect([agent.applyWindow.updateWait(600), agent.applyWindow.updateWait(1200)]).toEqual([STATUS_OK, STATUS_OK])
        })
        expect(await appliedAfterS(board)).toBe(1200)
    })
    test("agrees later", async () => {
        const board = boardWith(agent => {
            agent.applyWindow.updateWait(3600)
            board.clock.after(90_000, () => void agent.applyWindow.updateApply())
        })
        expect(await appliedAfterS(board)).toBe(90)
    })
    test("cannot put it off for longer than a day in all", async () => {
        const board = boardWith(agent => {
            const again = (): void => {
                if (agent.applyWindow.updateWait(7200) === STATUS_OK) board.clock.after(3_600_000, again)
            }
            again()
        })
        expect(await appliedAfterS(board)).toBe(86400)
    })
    test("refuses: reported, and not offered to it again", async () => {
        let asked = 0
        const board = boardWith(agent => {
            asked += 1
            agent.applyWindow.updateSkip()
        })
        await board.until(() => server.of("report").length === 2)
        expect(server.of("report").map(request => request.body.status)).toEqual([STATUS_SKIPPED_BY_APP, STATUS_QUARANTINED])
        expect([asked, board.boots]).toEqual([1, 1])
    })
    test("has no say without an update, and only whole seconds up to a day", async () => {
        let asked = false
        const board = boardWith(agent => {
            asked = true
            const { updateWait } = agent.applyWindow
            expect([updateWait(0), updateWait(86401), updateWait(0.5)]).toEqual([
                STATUS_ARGUMENT,
                STATUS_ARGUMENT,
                STATUS_ARGUMENT,
            ])
        })
        const { updateWait, updateApply, updateSkip } = board.agent.applyWindow
        expect([updateWait(1), updateApply(), updateSkip()]).toEqual([STATUS_NO_UPDATE, STATUS_NO_UPDATE, STATUS_NO_UPDATE])
        await board.until(() => asked)
    })
})

describe("the window", () => {
    const startS = Date.parse("2026-11-20T12:00:00Z") / 1000

    test("is waited for, past midnight and days", async () => {
        // First check-in at 12:00:15; Sunday 03:00.
        expect(await appliedAfterS(boardWith(() => undefined, { apply: "0-29 3 * * 0" }, { startS }))).toBe(
            Date.parse("2026-11-22T03:00:00Z") / 1000 - startS - 15,
        )
    })
    test("counts in local time", async () => {
        const update = { apply: "* 15 * * *", utcOffset: 120 }
        expect(await appliedAfterS(boardWith(() => undefined, update, { startS }))).toBe(3600 - 15)
    })
    test("follows the app's wait", async () => {
        const board = boardWith(agent => agent.applyWindow.updateWait(3600), { apply: "30 * * * *" }, { startS })
        expect(await appliedAfterS(board)).toBe(5400 - 15)
    })
    test("never: only the app's word applies it; meanwhile check-ins go on and nothing is fetched twice", async () => {
        const board = boardWith(() => undefined, { apply: "never", period: 3600 })
        await board.pass(5 * 3600)
        expect([board.boots, server.of("checkin").length, server.of("image").length]).toEqual([1, 5, 1])
        board.agent.applyWindow.updateApply()
        expect(await appliedAfterS(board)).toBeGreaterThan(0)
    })
    test("cannot be kept by a board without the time", async () => {
        expect(await appliedAfterS(boardWith(() => undefined, { apply: "0 3 * * 0" }, { startS: 0 }))).toBe(0)
    })
})

describe("scripts/update", () => {
    function scriptWith(status: number) {
        const kept = { bytes: Buffer.alloc(image.length), checksum: "" }
        const imageFile: BoardOptions["imageFile"] = {
            write: (offset, bytes) => void kept.bytes.write(bytes, offset, "latin1"),
            run: (checksum, done) => {
                kept.checksum = checksum
                setTimeout(() => done(status), 5)
            },
        }
        return { kept, imageFile }
    }
    test.each([STATUS_OK, STATUS_DONE])("gets the whole image and its checksum; status %d goes on to the flip", async status => {
        const { kept, imageFile } = scriptWith(status)
        const board = boardWith(() => undefined, {}, { imageFile })
        await board.until(() => kept.checksum !== "")
        expect([kept.checksum, kept.bytes.equals(image)]).toEqual([sha256Hex(image), true])
        await new Promise(next => setTimeout(next, 10))
        await board.until(() => board.boots === 2)
    })
    test("fails: reported, nothing flips, not tried again", async () => {
        const { kept, imageFile } = scriptWith(STATUS_SCRIPT)
        const board = boardWith(() => undefined, {}, { imageFile })
        await board.until(() => kept.checksum !== "")
        await new Promise(next => setTimeout(next, 10))
        await board.until(() => server.of("report").length === 2)
        expect(server.of("report").map(request => request.body.status)).toEqual([STATUS_SCRIPT, STATUS_QUARANTINED])
        expect([board.boots, board.kept().failed]).toEqual([1, "u1 "])
    })
})
