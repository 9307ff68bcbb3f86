// firmware/signals.ts: order, twice the same, taking off while running, queue, and the limits of both tables.

import { SIGNALS_QUEUED_MAX, WATCHERS_MAX } from "../../firmware/constants"
import { type Ports, portsInstall } from "../../firmware/ports"
import type { SignalProc } from "../../firmware/signals"
import { createVirtualClock } from "../../shims/host/clock"

let signals: typeof import("../../firmware/signals")
let clock = createVirtualClock()
let lines: string[] = []
let calls: unknown[][] = []
const note: SignalProc = (data, arg) => void calls.push([data, arg])
const other: SignalProc = data => void calls.push(["other", data])

beforeEach(() => {
    jest.resetModules()
    clock = createVirtualClock()
    lines = []
    calls = []
    const fresh = require("../../firmware/ports") as { portsInstall: typeof portsInstall }
    fresh.portsInstall({ clock, board: { log: (line: string) => void lines.push(line) } } as unknown as Partial<Ports> as Ports)
    signals = require("../../firmware/signals")
})

describe("rSignalSync", () => {
    test("calls in the order of registration, with data and argument, only the named signal", () => {
        signals.rWatch("a", note, 1)
        signals.rWatch("b", note, 2)
        signals.rWatch("a", other, 3)
        signals.rWatch("a", note, 4)
        signals.rSignalSync("a", 50)
        expect(calls).toEqual([
            [1, 50],
            ["other", 3],
            [4, 50],
        ])
    })
    test("the same proc and data are held once; off needs both to match", () => {
        expect([signals.rWatch("a", note, 1), signals.rWatch("a", note, 1), signals.rWatch("a", note, 2)]).toEqual([
            true,
            true,
            true,
        ])
        signals.rWatchOff("a", note, 3)
        signals.rWatchOff("a", other, 1)
        signals.rWatchOff("a", note, 1)
        signals.rSignalSync("a", 0)
        expect(calls).toEqual([[2, 0]])
    })
    test("a watcher that takes itself off does not make the next one be skipped", () => {
        const once: SignalProc = data => {
            calls.push([data])
            signals.rWatchOff("a", once, data)
        }
        for (const data of [1, 2, 3]) signals.rWatch("a", once, data)
        signals.rSignalSync("a", 0)
        signals.rSignalSync("a", 0)
        expect(calls).toEqual([[1], [2], [3]])
    })
    test("one that is taken off meanwhile is not called, one that is added meanwhile neither", () => {
        signals.rWatch(
            "a",
            () => {
                signals.rWatchOff("a", note, 2)
                signals.rWatch("a", note, 4)
            },
            1,
        )
        signals.rWatch("a", note, 2)
        signals.rWatch("a", note, 3)
        signals.rSignalSync("a", 0)
        expect(calls).toEqual([[3, 0]])
        signals.rSignalSync("a", 1)
        expect(calls.slice(1)).toEqual([
            [3, 1],
            [4, 1],
        ])
    })
    test("a watcher that throws leaves the table usable", () => {
        signals.rWatch(
            "a",
            () => {
                throw new Error("app")
            },
            1,
        )
        expect(() => signals.rSignalSync("a", 0)).toThrow("app")
        signals.rWatch("b", note, 1)
        signals.rSignalSync("b", 2)
        expect(calls).toEqual([[1, 2]])
    })
})

describe("rSignal", () => {
    test("queues one call for each watcher of that moment, without argument", () => {
        signals.rWatch("a", note, 1)
        signals.rWatch("a", note, 2)
        expect(signals.rSignal("a")).toBe(true)
        signals.rWatch("a", note, 3)
        expect(calls).toEqual([])
        clock.advance(0)
        expect(calls).toEqual([
            [1, undefined],
            [2, undefined],
        ])
    })
    test("a watcher taken off before its call is not called, even when it comes again", () => {
        signals.rWatch("a", note, 1)
        signals.rWatch("a", note, 2)
        signals.rSignal("a")
        signals.rWatchOff("a", note, 1)
        signals.rWatch("a", note, 1)
        clock.advance(0)
        expect(calls).toEqual([[2, undefined]])
    })
    test("a signal without watchers queues nothing", () => {
        expect([signals.rSignal("nobody"), clock.pending()]).toEqual([true, 0])
    })
})

describe("limits", () => {
    test("a full table refuses, says so, and takes again after one is off", () => {
        for (let data = 0; data < WATCHERS_MAX; data += 1) expect(signals.rWatch("a", note, data)).toBe(true)
        expect(signals.rWatch("a", note, WATCHERS_MAX)).toBe(false)
        expect(lines).toEqual(["signals: no room for a watcher of a; take one off with rWatchOff first"])
        signals.rWatchOff("a", note, 0)
        expect(signals.rWatch("a", note, WATCHERS_MAX)).toBe(true)
        signals.rSignalSync("a", 0)
        expect(calls.map(call => call[0])).toEqual(Array.from({ length: WATCHERS_MAX }, (_, index) => index + 1))
    })
    test("a full queue takes all calls of a signal or none, and is free again once they ran", () => {
        for (let data = 0; data < 3; data += 1) signals.rWatch("a", note, data)
        const room = Math.floor(SIGNALS_QUEUED_MAX / 3)
        for (let round = 0; round < 3; round += 1) {
            calls = []
            for (let count = 0; count < room; count += 1) expect(signals.rSignal("a")).toBe(true)
            expect(signals.rSignal("a")).toBe(false)
            clock.advance(0)
            expect(calls.length).toBe(room * 3)
        }
        expect(lines.length).toBe(3)
    })
})
