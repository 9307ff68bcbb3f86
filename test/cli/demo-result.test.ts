// The demo's bookkeeping: boards out of their messages, and a result that counts only what board and cloud both say.

import type { Device, Task } from "../../host/cli/api-types"
import { demoBar, demoBoardFirst, demoBoardNext, demoNews, type DemoBoard } from "../../host/cli/demo/board-model"
import { differencesOf, resultOf, type Observed } from "../../host/cli/demo/result"
import type { BoardMessage } from "../../host/board/messages"

const event = (name: string, value: string | number = ""): BoardMessage => ({ kind: "event", name, value })
const boot = (cause: "power" | "software" | "watchdog"): BoardMessage => ({ kind: "boot", cause, boots: 1 })

const UPDATE = [
    boot("power"),
    event("version", "1.0.0"),
    event("device:checkin"),
    event("device:progress", 40),
    event("device:progress", 100),
    event("device:update", "1.1.0"),
    boot("software"),
    event("version", "1.1.0"),
    event("device:checkin"),
    event("device:commit"),
]
const BAD_UPDATE = [
    event("device:update", "1.2.0"),
    boot("software"),
    event("version", "1.2.0"),
    boot("watchdog"),
    event("version", "1.2.0"),
    boot("watchdog"),
    event("version", "1.1.0"),
    event("device:rollback"),
]

function after(messages: readonly BoardMessage[], id = "b1"): { board: DemoBoard; labels: string[]; news: string[] } {
    let board = demoBoardFirst(id, "T-100", "1.0.0")
    const labels: string[] = []
    const news: string[] = []
    for (const message of messages) {
        const next = demoBoardNext(board, message)
        news.push(demoNews(board, next))
        labels.push(`${demoBar(next).before} ${demoBar(next).after}`)
        board = next
    }
    return { board, labels, news: news.filter(text => text !== "") }
}

test("an update is drawn from its download to its commit", () => {
    const { board, labels, news } = after(UPDATE)
    expect(labels.slice(1)).toEqual([
        "1.0.0 starting",
        "1.0.0 in touch",
        "1.0.0 40 %",
        "1.0.0 100 %",
        "1.0.0 → 1.1.0 100 %",
        "1.0.0 → 1.1.0 restarting",
        "1.1.0 on trial",
        "1.1.0 on trial",
        "1.1.0 committed",
    ])
    expect(board).toMatchObject({ state: "running", version: "1.1.0", commits: ["1.1.0"], checkins: 2, rollbacks: 0 })
    expect(news).toEqual(["b1: 1.1.0 committed"])
})

test("an image that hangs is drawn until the board is back", () => {
    const { board, labels, news } = after([...UPDATE, ...BAD_UPDATE])
    expect(labels.slice(UPDATE.length + 2)).toEqual([
        "1.2.0 on trial",
        "1.2.0 hangs, watchdog reset 1",
        "1.2.0 hangs, watchdog reset 1",
        "1.2.0 hangs, watchdog reset 2",
        "1.1.0 → 1.2.0 hangs, watchdog reset 2",
        "1.1.0 rolled back",
    ])
    expect(board).toMatchObject({ state: "running", version: "1.1.0", commits: ["1.1.0"], rollbacks: 1, watchdogResets: 2 })
    expect(news.at(-1)).toBe("b1: rolled back to 1.1.0")
})

test("a board that cannot be run says why", () => {
    const { board, labels } = after([{ kind: "failed", code: "BOARD_SETTINGS", message: "m", hint: "h" }])
    expect([board.failure, labels[0]]).toEqual(["BOARD_SETTINGS: m", "1.0.0 cannot run"])
})

function task(device: string, state: Task["state"], version: string): Task {
    return { id: `${device}-${version}`, device, release: "r", version, state, attempt: 1, reason: "", status: null }
}

function observed(changes: Partial<Observed> = {}): Observed {
    const boards = [after([...UPDATE, ...BAD_UPDATE], "b1").board, after(UPDATE, "b2").board]
    const devices = ["b1", "b2"].map(id => ({ id, version: "1.1.0" }) as Device)
    const goodTasks = ["b1", "b2"].map(id => task(id, "succeeded", "1.1.0"))
    const badTasks = [task("b1", "failed", "1.2.0")]
    return { boards, devices, goodTasks, badTasks, version: "1.1.0", listed: ["b1"], silent: [], seconds: 1.5, ...changes }
}

test("all well: no differences, and the numbers of boards and cloud", () => {
    expect(differencesOf(observed())).toEqual([])
    expect(resultOf(observed())).toEqual({
        boards: 2,
        versions: { "1.1.0": 2 },
        updated: 2,
        rolledBack: 1,
        bricked: 0,
        seconds: 1.5,
    })
})

test.each<[string, Partial<Observed>, object, RegExp]>([
    [
        "the cloud did not see the commit",
        { goodTasks: [task("b1", "succeeded", "1.1.0")] },
        { updated: 1 },
        /^b2 committed .* cloud no/,
    ],
    [
        "the cloud did not see the rollback",
        { badTasks: [] },
        { rolledBack: 0 },
        /^b1 rolled .* board yes, cloud no, expected yes/,
    ],
    ["a board rolled back that was not listed", { listed: [] }, { rolledBack: 1 }, /^b1 rolled .* expected no/],
    [
        "the board never went back",
        { boards: [after(UPDATE, "b1").board, after(UPDATE, "b2").board] },
        { rolledBack: 0 },
        /^b1 rolled .* board no/,
    ],
    [
        "the cloud recorded another version",
        { devices: [{ id: "b1", version: "1.0.0" } as Device, { id: "b2", version: "1.1.0" } as Device] },
        { versions: { "1.1.0": 2 } },
        /^b1 runs 1\.1\.0, the cloud recorded 1\.0\.0/,
    ],
    ["a board is silent", { silent: ["b2"] }, { bricked: 1 }, /^b2 was not heard of/],
])("%s", (_, changes, numbers, difference) => {
    const differences = differencesOf(observed(changes))
    expect(differences).toHaveLength(1)
    expect(differences[0]).toMatch(difference)
    expect(resultOf(observed(changes))).toMatchObject(numbers)
})
