// firmware/api.ts: what apps import from "otary" does what it says, on a board; and the clock's wrap.

import { elapsedMs } from "../../firmware/elapsed"
import { portsInstall, type Ports } from "../../firmware/ports"
import { scheduleNextS } from "../../firmware/schedule"
import { AgentBoard } from "./agent-rig"

const START_S = 1_800_000_000

test("version, console, time, timers and reset", async () => {
    const board = new AgentBoard({ server: { silent: 0 }, startS: START_S })
    const { api } = board.agent
    expect([api.version(), api.nowS()]).toEqual(["1.0.0", START_S])
    api.log("hello")
    expect(board.lines).toContain("hello")
    const ran: string[] = []
    const first = api.after(1000, () => void ran.push("first"))
    api.after(2000, () => void ran.push("second"))
    api.cancel(first)
    api.cancel(first)
    await board.pass(3)
    expect([ran, api.nowS()]).toEqual([["second"], START_S + 3])
    api.reset()
    await board.until(() => board.boots === 2)
})

test("the other names are the core's own functions", () => {
    const { agent } = new AgentBoard({ server: { silent: 0 } })
    expect(agent.api.fileRead).toBe(agent.files.fileRead)
    expect(agent.api.commit).toBe(agent.commit.commit)
    expect(agent.api.rWatch).toBe(agent.signals.rWatch)
    expect(agent.api.updateWait).toBe(agent.applyWindow.updateWait)
    expect(agent.api.checkinNow).toBe(agent.agent.checkinNow)
})

test("time that has passed, also when the clock starts again at 2^31", () => {
    let nowMs = 0
    portsInstall({ clock: { upMs: () => nowMs } } as unknown as Ports)
    nowMs = 5000
    expect(elapsedMs(2000)).toBe(3000)
    nowMs = 10
    expect(elapsedMs(2 ** 31 - 5)).toBe(15)
})

test("blanks between a schedule's fields may be many", () => {
    expect(scheduleNextS(" 30   4  * *  * ", Date.parse("2026-05-01T00:00:00Z") / 1000, 0)).toBe(4.5 * 3600)
})
