// Boot ROM and board: what a reset forgets, what a slot may reach, and how a board that keeps failing is slowed down.

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createRealClock } from "../../shims/host/clock"
import { createHttp } from "../../shims/host/net"
import { createNorFlash } from "../../shims/host/nor-flash"
import { burn, chipWith, loaderOf, makeBoard, SMALL_LAYOUT, until, type TestBoard } from "./board-fixture"

/** A board whose loader runs this code out of slot 0. */
function boardWith(app: string, options: Parameters<typeof makeBoard>[1] = {}): TestBoard {
    return makeBoard(chipWith(loaderOf(app), app), options)
}

test("halts without a loader, and with one that has no end", () => {
    const blank = makeBoard(createNorFlash(SMALL_LAYOUT))
    blank.board.powerOn()
    expect([blank.board.state(), blank.lines]).toEqual(["halted", ["halted: no boot loader in flash"]])
    const flash = createNorFlash(SMALL_LAYOUT)
    burn(flash, 0, "\xff\x0f\x00\x00hardware.log('never')")
    const wrong = makeBoard(flash)
    wrong.board.powerOn()
    expect(wrong.board.state()).toBe("halted")
    wrong.clock.advance(60_000)
    expect(wrong.boots).toEqual(["power"])
})

test("the loader runs a slot, in a context that has the hardware and nothing else of the process", () => {
    const app = `
        console.log("app", typeof process, typeof require, typeof global, typeof Buffer, typeof leftByLoader)
        globalThis.leftByApp = 1`
    const flash = chipWith(`globalThis.leftByLoader = 1; ${loaderOf(app)}; hardware.log("never")`, app)
    const { board, lines, panics } = makeBoard(flash)
    board.powerOn()
    expect(lines).toEqual(["app undefined undefined undefined undefined undefined"])
    expect([board.state(), board.boots(), panics]).toEqual(["running", 1, []])
})

test("a reset forgets RAM, timers and the stage, and nothing of the flash", () => {
    const app = `
        const { flash, layout } = hardware
        const journal = layout.journal.offsetBytes
        hardware.log("stage " + (flash.stage.take(3) === "ram") + " global " + typeof kept + " flash " + flash.read(journal, 4))
        globalThis.kept = 1
        flash.stage.put(0, "ram", 0, 3)
        if (flash.read(journal, 1) === "\\xff") flash.program(journal, "flash-is-written")
        setTimeout(() => hardware.log("late"), 500)
        setInterval(() => hardware.log("tick"), 500)
        setTimeout(() => { hardware.reset(); hardware.log("never") }, 100)`
    const { board, clock, lines, boots } = boardWith(app)
    board.powerOn()
    clock.advance(150)
    expect(lines).toEqual([
        "stage false global undefined flash \xff\xff\xff\xff",
        "reset (software)",
        "stage false global undefined flash flas",
    ])
    expect(boots).toEqual(["power", "software"])
    board.powerOff()
    expect(clock.pending()).toBe(0)
    clock.advance(10_000)
    expect(lines).toHaveLength(3)
})

test("time starts anew with each boot", () => {
    const { board, clock, lines } = boardWith(
        `hardware.log("up " + hardware.clock.upMs()); setTimeout(() => hardware.reset(), 5000)`,
    )
    clock.advance(123_456)
    board.powerOn()
    clock.advance(6000)
    expect(lines).toEqual(["up 0", "reset (software)", "up 0"])
})

test("code whose boot is over can do nothing any more", () => {
    const app = `
        const { flash, layout, clock } = hardware
        const tries = [
            () => flash.erase(layout.app1.offsetBytes), () => flash.program(layout.app1.offsetBytes, "0123456789abcdef"),
            () => flash.programStaged(layout.app1.offsetBytes, 16), () => hardware.reset(), () => hardware.watchdog(5),
            () => clock.after(1, () => hardware.log("ghost")), () => setTimeout(() => hardware.log("ghost"), 1),
            () => hardware.http.request("GET", "http://127.0.0.1:1/", [], "", {}), () => hardware.run(0, 1),
        ]
        try { hardware.reset() } catch (error) { for (const run of tries) { try { run(); hardware.log("ghost") } catch (e) {} } }`
    const { board, clock, lines, flash, panics } = boardWith(app)
    board.powerOn()
    clock.advance(1)
    expect([lines, panics, board.state()]).toEqual([["reset (software)"], [], "resetting"])
    expect(flash.read(SMALL_LAYOUT.regions.app1.offsetBytes, 16)).toBe("\xff".repeat(16))
    expect([...flash.eraseCounts].every(count => count === 0)).toBe(true)
})

test.each([
    ["while it is evaluated", `throw new Error("boom")`],
    ["that is no code", `this is no JavaScript`],
    ["in a timer", `setTimeout(() => { throw new TypeError("boom") }, 0)`],
    ["in an interval", `setInterval(() => null.x, 1)`],
    ["that is no error", `throw "text"`],
    ["that cannot be printed", `throw { get stack() { throw 1 } }`],
    ["out of the flash", `hardware.flash.read(-1, 5)`],
    ["out of the watchdog", `hardware.watchdog(0)`],
    ["because only the loader may run slots", `hardware.run(0, 4)`],
])("an exception %s is a panic: the board resets", (_, app) => {
    const { board, clock, lines, boots, panics } = boardWith(app)
    board.powerOn()
    clock.advance(15)
    expect(panics.length).toBeGreaterThan(0)
    expect(lines[0]).toMatch(/^panic: /)
    expect(lines[1]).toBe("reset (panic)")
    expect(boots.slice(0, 2)).toEqual(["power", "panic"])
})

test("a board that keeps failing is slowed down to a boot in five seconds", () => {
    const { board, clock, boots } = boardWith(`throw new Error("boom")`)
    board.powerOn()
    clock.advance(10 + 20 + 40)
    expect(boots).toHaveLength(4)
    clock.advance(600_000)
    expect(boots.length).toBeGreaterThan(120)
    expect(boots.length).toBeLessThan(135)
})

test("the watchdog resets a board that does not feed it, and a reset disarms it", () => {
    const fed: number[] = []
    const app = `let n = 0; const id = setInterval(() => { hardware.watchdog(3); if (++n === 5) clearInterval(id) }, 2000)`
    const flash = chipWith(loaderOf(app), app)
    const { board, clock, boots } = makeBoard(flash, { onWatchdog: timeoutS => void fed.push(timeoutS) })
    board.powerOn()
    clock.advance(12_900)
    expect(boots).toHaveLength(1)
    clock.advance(120)
    expect(fed.slice(0, 7)).toEqual([10, 3, 3, 3, 3, 3, 0])
    board.powerOff()
    expect(clock.pending()).toBe(0)
})

test("a power cut out of the flash ends the boot at once", () => {
    const app = `hardware.flash.erase(hardware.layout.app1.offsetBytes); hardware.log("never")`
    const chip = chipWith(loaderOf(app), app)
    const cut = {
        ...chip,
        erase(): number {
            test1.board.powerOff()
            throw new Error("power cut")
        },
    }
    const test1: TestBoard = makeBoard(cut)
    test1.board.powerOn()
    expect([test1.board.state(), test1.lines, test1.panics]).toEqual(["off", [], []])
    test1.clock.advance(60_000)
    expect(test1.board.boots()).toBe(1)
})

test("powers on once, and presses of the button count as resets", () => {
    const { board, clock, boots } = boardWith(`0`)
    board.reset()
    expect(board.state()).toBe("off")
    board.powerOn()
    board.powerOn()
    board.reset()
    expect(board.state()).toBe("resetting")
    board.powerOn()
    clock.advance(20)
    expect(boots).toEqual(["power", "software"])
})

test("an answer that comes after the reset reaches nobody", async () => {
    let answer: () => void = () => undefined
    const server = createServer((_, response) => {
        response.write("first")
        answer = () => response.end("second")
    })
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const app = `
        const onData = bytes => { hardware.log(bytes); hardware.reset() }
        const listener = { onHead() {}, onData, onEnd: status => hardware.log("end " + status) }
        if (hardware.random() === 0) hardware.http.request("GET", "${url}", [], "", listener)`
    const clock = createRealClock()
    let boots = 0
    const random = (): number => boots - 1
    const { board, lines } = makeBoard(chipWith(loaderOf(app), app), {
        clock,
        http: createHttp(clock),
        random,
        onBoot: () => void boots++,
    })
    board.powerOn()
    await until(() => lines.length === 2, "the first piece")
    answer()
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(lines).toEqual(["first", "reset (software)"])
    board.powerOff()
    server.closeAllConnections()
    server.close()
})

test("two hundred boards share a process, each with its own flash and RAM", () => {
    const app = `globalThis.n = (globalThis.n || 0) + 1; hardware.log("n " + n); setTimeout(() => hardware.reset(), 1000)`
    const boards = Array.from({ length: 200 }, () => boardWith(app))
    for (const { board } of boards) board.powerOn()
    for (const { board, clock, lines } of boards) {
        clock.advance(1500)
        expect(lines).toEqual(["n 1", "reset (software)", "n 1"])
        board.powerOff()
    }
})
