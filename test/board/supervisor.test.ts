// The supervisor with real processes: hangs, kills, lost supervisors, and what the board's script wishes for.

import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BoardMessage } from "../../host/board/messages"
import { createSupervisor, type Supervisor, type SupervisorOptions } from "../../host/board/supervisor"
import { buildChild, loaderOf, makeFolder, until, writeBoard } from "./board-fixture"
import { startSupervisorProcess } from "./supervisor-process"

const build = makeFolder()
let childPath = ""
const supervisors: Supervisor[] = []
const folders: { remove(): void }[] = []

beforeAll(() => {
    childPath = buildChild(build.path)
})
afterEach(async () => {
    await Promise.all(supervisors.splice(0).map(supervisor => supervisor.stop()))
    for (const folder of folders.splice(0)) folder.remove()
})
afterAll(() => build.remove())

interface Supervised {
    readonly folder: string
    readonly supervisor: Supervisor
    readonly messages: BoardMessage[]
    lines(): string[]
    count(kind: BoardMessage["kind"]): number
}

/** A supervised board, started. `app` is its slot 0; the watchdog is at a second before the app runs. */
function supervise(app: string, options: Partial<SupervisorOptions> = {}, script = ""): Supervised {
    const folder = makeFolder()
    folders.push(folder)
    writeBoard(folder.path, `hardware.watchdog(1); ${loaderOf(app).slice("hardware.watchdog(10); ".length)}`, app, script)
    const messages: BoardMessage[] = []
    const supervisor = createSupervisor({
        folder: folder.path,
        childPath,
        graceMs: 200,
        backoffMs: 10,
        onMessage: message => void messages.push(message),
        ...options,
    })
    supervisors.push(supervisor)
    supervisor.start()
    const lines = (): string[] => messages.flatMap(message => (message.kind === "log" ? [message.line] : []))
    return {
        folder: folder.path,
        supervisor,
        messages,
        lines,
        count: kind => messages.filter(message => message.kind === kind).length,
    }
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0)
        return true
    } catch {
        return false
    }
}

/** Feeds for ever, and counts its boots in flash: a unit of the journal for each. */
const COUNTING = `
    const { flash, layout } = hardware
    let boots = 0
    while (flash.read(layout.journal.offsetBytes + boots * 16, 1) === "B") boots++
    flash.program(layout.journal.offsetBytes + boots * 16, "B".repeat(16))
    hardware.notify("version", "1.0." + boots)
    setInterval(() => hardware.watchdog(1), 200)`

test("tells boots, lines and events, and goes on from the flash file after a stop", async () => {
    const board = supervise(`${COUNTING}; hardware.log("boot " + boots)`)
    await until(() => board.lines().length === 1, "the first line")
    expect(board.messages).toEqual(
        expect.arrayContaining([
            { kind: "boot", cause: "power", boots: 1 },
            { kind: "log", line: "boot 0" },
            { kind: "event", name: "version", value: "1.0.0" },
            { kind: "watchdog", timeoutS: 1 },
        ]),
    )
    const pid = board.supervisor.pid()
    await board.supervisor.stop()
    expect([isAlive(pid), existsSync(join(board.folder, "lock"))]).toEqual([false, false])
    board.supervisor.start()
    await until(() => board.lines().length === 2, "the second line")
    expect(board.lines()[1]).toBe("boot 1")
})

test("an endless loop is ended by the watchdog, and the next boot hears so", async () => {
    const board = supervise(`${COUNTING}; if (boots === 0) setTimeout(() => { for (;;); }, 300)`)
    await until(() => board.count("boot") === 2, "the boot after the hang")
    const start = board.messages.filter(message => message.kind === "boot")
    expect(start.map(message => message.kind === "boot" && message.cause)).toEqual(["power", "watchdog"])
    expect(board.lines()).toContain("supervisor: watchdog not fed for 1 s, the board is reset")
    expect(board.messages).toContainEqual({ kind: "power", isOn: false, reason: "its process ended (SIGKILL)" })
})

test("a supervisor may bite sooner than the board asks for", async () => {
    const app = `${COUNTING}; if (boots === 0) setTimeout(() => { hardware.watchdog(3600); for (;;); }, 50)`
    const board = supervise(app, { watchdogMsMax: 300 })
    await until(() => board.count("boot") === 2, "the boot after the hang", 5000)
    expect(board.lines()).toContain("supervisor: watchdog not fed for 0.3 s, the board is reset")
})

test("a board that only forgets to feed resets itself, without the loss of its process", async () => {
    const board = supervise(`hardware.log("up"); setTimeout(() => hardware.log("never"), 5000)`)
    await until(() => board.count("boot") === 2, "the second boot")
    expect(board.lines()).toEqual(expect.arrayContaining(["reset (watchdog)"]))
    expect(board.count("power")).toBe(1)
})

test("a process that dies is started anew", async () => {
    const board = supervise(COUNTING)
    for (let kill = 1; kill <= 3; kill++) {
        await until(() => board.count("event") === kill, `boot ${kill}`)
        process.kill(board.supervisor.pid(), "SIGKILL")
    }
    await until(() => board.count("event") === 4, "the fourth boot")
    expect(board.messages).toContainEqual({ kind: "event", name: "version", value: "1.0.3" })
})

test("a board that eats memory ends its own process only", async () => {
    const board = supervise(
        `${COUNTING}; const hoard = []; if (boots === 0) setInterval(() => hoard.push(new Array(3e6).fill(1)), 1)`,
        {
            stderr: "ignore",
        },
    )
    await until(() => board.count("event") === 2, "the boot after it", 14_000)
})

test("two supervisors do not share a folder", async () => {
    const board = supervise(COUNTING)
    const other = createSupervisor({ folder: board.folder, childPath })
    expect(() => other.start()).toThrow(expect.objectContaining({ code: "BOARD_LOCKED" }))
    await board.supervisor.stop()
    other.start()
    await other.stop()
})

test("a folder that holds no board is a failure, told once and not tried again", async () => {
    const folder = makeFolder()
    folders.push(folder)
    const messages: BoardMessage[] = []
    const supervisor = createSupervisor({ folder: folder.path, childPath, onMessage: message => void messages.push(message) })
    supervisors.push(supervisor)
    supervisor.start()
    await until(() => messages.some(message => message.kind === "power" && !message.isOn), "the end")
    expect(messages).toContainEqual(expect.objectContaining({ kind: "failed", code: "BOARD_SETTINGS" }))
    expect(supervisor.pid()).toBe(0)
})

test("a child that was not built is an error with a hint", () => {
    const folder = makeFolder()
    folders.push(folder)
    const supervisor = createSupervisor({ folder: folder.path, childPath: join(folder.path, "absent.js") })
    expect(() => supervisor.start()).toThrow(
        expect.objectContaining({ code: "BOARD_START", hint: expect.stringMatching(/npm run build/) }),
    )
})

test.each([
    ["exit", false],
    ["restart", true],
])("after the flip a script's wish to %s is carried out", async (wish, isOnAgain) => {
    const folder = makeFolder()
    folders.push(folder)
    const script = join(folder.path, "update")
    writeFileSync(script, `#!/bin/sh\necho ${wish}\n`)
    chmodSync(script, 0o755)
    const app = `${COUNTING}
        const ended = status => { hardware.log("status " + status); hardware.reset() }
        if (boots === 0) { hardware.imageFile.write(0, "image"); hardware.imageFile.run("", ended) }`
    const board = supervise(app, {}, script)
    await until(() => board.messages.some(message => message.kind === "power" && !message.isOn), "the end of the process")
    expect(board.lines()).toContain("status 1")
    expect(board.messages).toContainEqual({ kind: "wish", wish })
    if (isOnAgain) await until(() => board.count("event") === 2, "the restart")
    else expect(board.supervisor.pid()).toBe(0)
})

test.each([
    ["idles", ""],
    ["hangs in an endless loop", "setTimeout(() => { for (;;) hardware.watchdog(60) }, 50)"],
])("a killed supervisor takes the board with it, even one that %s, and the next goes on from the flash", async (_, more) => {
    const folder = makeFolder()
    folders.push(folder)
    const app = `${COUNTING}; ${more}`
    writeBoard(folder.path, loaderOf(app), app)
    for (let round = 0; round < 3; round++) {
        const { messages, kill } = startSupervisorProcess(folder.path, build.path)
        await until(() => messages.some(message => message.kind === "event"), "the board's version")
        expect(messages).toContainEqual({ kind: "event", name: "version", value: `1.0.${round}` })
        const power = messages.find(message => message.kind === "power")
        const pid = Number(/\d+/.exec(power?.kind === "power" ? power.reason : "")?.[0])
        await new Promise(resolve => setTimeout(resolve, 100))
        await kill()
        await until(() => !isRunning(pid), "the end of the board's process", 2000)
    }
})

/** Whether it runs: a zombie, which waits for an init that does not come, does not. */
function isRunning(pid: number): boolean {
    return isAlive(pid) && !/\) [ZX] /.test(statOf(pid))
}

function statOf(pid: number): string {
    try {
        return readFileSync(`/proc/${pid}/stat`, "latin1")
    } catch {
        return ") X "
    }
}
