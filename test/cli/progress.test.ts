// Progress: bars that fit the terminal, drawn in place; plain lines everywhere else.

import { canDraw, createProgress, drawBars, drawHead, type Bar } from "../../host/cli/progress"

const START = `${String.fromCharCode(27)}[`
const ESCAPES = new RegExp(`${START.replace("[", "\\[")}[?\\d;]*[A-Za-z]`, "g")
const BAR: Bar = { label: "board-01", about: "T-100 eu-west", before: "1.0.0 → 1.1.0", percent: 50, after: "50 %", tone: "busy" }

/** A stream that keeps what is written to it. */
function makeStream(options: { isTTY?: boolean; columns?: number; rows?: number }): typeof options & {
    text(): string
    write(text: string): boolean
} {
    let written = ""
    return {
        ...options,
        text: () => written,
        write(text) {
            written += text
            return true
        },
    }
}

test.each([40, 60, 80, 99, 100, 120, 200])("lines fit %i columns", columns => {
    const bars = [BAR, { ...BAR, percent: 100, after: "hangs, watchdog reset 3" }, { ...BAR, percent: -1, after: "x".repeat(90) }]
    for (const line of drawBars(bars, columns)) expect(line.replace(ESCAPES, "").length).toBeLessThan(Math.max(columns, 41))
    const head = drawHead("a very long title ".repeat(20), "3 of 20", 12, columns).replace(ESCAPES, "")
    expect(head.length).toBeLessThan(columns)
    expect(head).toMatch(/… {2}· {2}3 of 20 {2}· {2}12 s$/)
})

test("a bar shows its percentage, and wide terminals more of the board", () => {
    const shown = (percent: number, columns: number): string => drawBars([{ ...BAR, percent }], columns)[0]!.replace(ESCAPES, "")
    const filled = (text: string): number => text.split("█").length - 1
    const all = filled(shown(100, 80))
    expect([shown(-1, 80), shown(0, 80), shown(50, 80)].map(filled)).toEqual([0, 0, Math.round(all / 2)])
    expect([filled(shown(200, 80)), shown(100, 80).includes("░")]).toEqual([all, false])
    expect([shown(50, 80).includes("T-100"), shown(50, 120).includes("T-100 eu-west")]).toEqual([false, true])
})

test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { CI: "true" }, false],
    [true, { CI: "", NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
])("bars with a terminal %s and %j: %s", (isTTY, env, expected) => {
    expect(canDraw({ stderr: makeStream({ isTTY }), env })).toBe(expected)
})

test("without a terminal titles and news are plain lines, and bars are not printed", () => {
    const stderr = makeStream({})
    const progress = createProgress({ stderr, env: {} }, false)
    progress.title("release 1.1.0")
    progress.detail("1 of 2")
    progress.bars([BAR])
    progress.note("board-01: 1.1.0 committed", true)
    progress.stop()
    expect(stderr.text()).toBe("release 1.1.0\nboard-01: 1.1.0 committed\n")
})

test("with --quiet nothing is written, even on a terminal", () => {
    const stderr = makeStream({ isTTY: true })
    const progress = createProgress({ stderr, env: {} }, true)
    progress.title("release 1.1.0")
    progress.note("note")
    progress.stop()
    expect(stderr.text()).toBe("")
})

describe("on a terminal", () => {
    beforeEach(() => jest.useFakeTimers())
    afterEach(() => jest.useRealTimers())

    test("the block is written over in place, only when it changed, and the cursor comes back", () => {
        const stderr = makeStream({ isTTY: true, columns: 80, rows: 24 })
        const progress = createProgress({ stderr, env: {} }, false)
        progress.title("release 1.1.0")
        progress.bars([BAR, { ...BAR, label: "board-02" }])
        jest.advanceTimersByTime(100)
        const first = stderr.text()
        expect(first.replace(ESCAPES, "").split("\n").length).toBe(4)
        jest.advanceTimersByTime(300)
        expect(stderr.text()).toBe(first)
        progress.bars([{ ...BAR, percent: 60 }, BAR])
        jest.advanceTimersByTime(100)
        expect(stderr.text().slice(first.length)).toContain(`${START}?2026h${START}3A\r`)
        progress.stop()
        progress.stop()
        expect(stderr.text().split(`${START}?25h`)).toHaveLength(2)
        expect(stderr.text().startsWith(`${START}?25l`)).toBe(true)
    })

    test("a low terminal shows as many bars as fit, and how many there are besides", () => {
        const stderr = makeStream({ isTTY: true, columns: 80, rows: 10 })
        const progress = createProgress({ stderr, env: {} }, false)
        progress.bars(Array.from({ length: 20 }, () => BAR))
        progress.stop()
        const lines = stderr.text().replace(ESCAPES, "").trimEnd().split("\n")
        expect([lines.length, lines.at(-1)]).toEqual([8, " … and 14 more"])
    })
})
