// Live progress: one bar per board on a terminal, plain lines everywhere else.

import type { Io, TerminalStream } from "./io"

/** How a bar is coloured. */
export type BarTone = "plain" | "busy" | "good" | "bad"

/** One line of progress. */
export interface Bar {
    readonly label: string
    /** More of it, for wide terminals. */
    readonly about: string
    /** Left of the bar, such as a version. */
    readonly before: string
    /** 0–100, or -1 for an empty bar. */
    readonly percent: number
    /** Right of the bar. */
    readonly after: string
    readonly tone: BarTone
}

/** A display of progress. On a terminal it is drawn in place; elsewhere only notes and titles are printed. */
export interface Progress {
    /** The line above the bars, without the time; printed as a line of its own where there are no bars. */
    title(this: void, text: string): void
    /** What has been done of what the title says, such as "3 of 20"; shown on terminals only. */
    detail(this: void, text: string): void
    /** Sets the bars, in the order in which they are drawn. */
    bars(this: void, bars: readonly Bar[]): void
    /** A line that stays. `isNews`: of a single board, which a terminal shows in its bar already. */
    note(this: void, text: string, isNews?: boolean): void
    /** Draws for the last time and gives the terminal back. May be called twice. */
    stop(this: void): void
}

/** Ms between two drawings; about as fast as the eye follows. */
const DRAW_MS = 100
/** Lines left free below the bars, so that a terminal never scrolls them away. */
const ROWS_FREE = 2
const COLUMNS_DEFAULT = 80
/** Longest line drawn, and the longest bar in it, in columns. */
const COLUMNS_MAX = 120
const BAR_COLUMNS_MAX = 40
const BAR_COLUMNS_MIN = 8
/** Columns for what stands left and right of a bar, fixed so that bars do not jump. */
const BEFORE_COLUMNS = 13
const AFTER_COLUMNS = 24
/** Terminals of fewer columns have no room for `about`. */
const ABOUT_COLUMNS_MIN = 100

const ESCAPE = "\x1b["
const COLOURS: Readonly<Record<BarTone, string>> = { plain: "2", busy: "36", good: "32", bad: "31" }

/** Whether bars can be drawn: a terminal that moves its cursor, and nobody who asked for plain text. */
export function canDraw({ stderr, env }: Pick<Io, "stderr" | "env">): boolean {
    const isPlain = [env["NO_COLOR"], env["CI"]].some(value => value !== undefined && value !== "")
    return stderr.isTTY === true && !isPlain && env["TERM"] !== "dumb"
}

/** Creates a display; with `quiet` it prints nothing at all. */
export function createProgress(io: Pick<Io, "stderr" | "env">, quiet: boolean): Progress {
    if (quiet) return { title: ignore, detail: ignore, bars: ignore, note: ignore, stop: ignore }
    return canDraw(io) ? createDrawing(io.stderr) : createLines(io.stderr)
}

function ignore(): void {
    // Quiet.
}

function createLines(stream: TerminalStream): Progress {
    const print = (text: string): void => void stream.write(`${text}\n`)
    return { title: print, detail: ignore, bars: ignore, note: text => print(text), stop: ignore }
}

/** Cuts or fills a text to `columns`. Texts hold no characters wider than a column. */
function fit(text: string, columns: number): string {
    return text.length > columns ? `${text.slice(0, Math.max(columns - 1, 0))}…` : text.padEnd(columns)
}

function barText(percent: number, columns: number): string {
    const filled = percent < 0 ? 0 : Math.round((Math.min(percent, 100) / 100) * columns)
    return "█".repeat(filled) + "░".repeat(columns - filled)
}

/** The lines of the bars within `columns`, coloured: labels as wide as the longest, the bars what is left. */
export function drawBars(bars: readonly Bar[], columns: number): string[] {
    const width = Math.min(columns, COLUMNS_MAX) - 1
    const labels = bars.map(({ label, about }) => (columns < ABOUT_COLUMNS_MIN ? label : `${label}  ${about}`))
    const labelColumns = Math.max(0, ...labels.map(label => label.length))
    const left = width - labelColumns - BEFORE_COLUMNS - AFTER_COLUMNS - 6
    const barColumns = Math.min(Math.max(left, BAR_COLUMNS_MIN), BAR_COLUMNS_MAX)
    return bars.map(({ before, percent, after, tone }, index) => {
        const head = ` ${fit(labels[index]!, labelColumns)}  ${fit(before, BEFORE_COLUMNS)}  `
        const rest = Math.max(width - head.length - barColumns - 1, 0)
        const colour = `${ESCAPE}${COLOURS[tone]}m`
        return `${head}${colour}${barText(percent, barColumns)} ${fit(after, rest).trimEnd()}${ESCAPE}0m`
    })
}

/** The line above the bars: `title` gives way where there is no room for all. */
export function drawHead(title: string, detail: string, seconds: number, columns: number): string {
    const tail = [detail, `${seconds} s`]
        .filter(part => part !== "")
        .map(part => `  ·  ${part}`)
        .join("")
    const room = Math.min(columns, COLUMNS_MAX) - 1 - tail.length
    return `${ESCAPE}1m${title.length > room ? fit(title, room) : title}${tail}${ESCAPE}0m`
}

/** A block of lines at the bottom of a terminal that is written over in place. */
function createBlock(stream: TerminalStream): { draw(lines: readonly string[], above: readonly string[]): void } {
    let drawn: readonly string[] = []
    return {
        draw(lines, above) {
            if (above.length === 0 && lines.join("\n") === drawn.join("\n")) return
            const up = drawn.length === 0 ? "" : `${ESCAPE}${drawn.length}A`
            const body = [...above, ...lines].map(line => `${line}${ESCAPE}K\n`).join("")
            // One write, between the marks of a synchronized update, so that no half-drawn picture is seen.
            stream.write(`${ESCAPE}?2026h${up}\r${body}${ESCAPE}J${ESCAPE}?2026l`)
            drawn = lines
        },
    }
}

function createDrawing(stream: TerminalStream): Progress {
    const block = createBlock(stream)
    const startMs = performance.now()
    let title = ""
    let detail = ""
    let bars: readonly Bar[] = []
    let above: string[] = []
    let isStopped = false
    const draw = (): void => {
        const columns = stream.columns ?? COLUMNS_DEFAULT
        const rows = Math.max((stream.rows ?? Infinity) - ROWS_FREE - 1, 1)
        const head = drawHead(title, detail, Math.floor((performance.now() - startMs) / 1000), columns)
        const lines = drawBars(bars, columns)
        const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), ` … and ${lines.length - rows + 1} more`]
        block.draw([head, ...shown], above)
        above = []
    }
    stream.write(`${ESCAPE}?25l`)
    const timer = setInterval(draw, DRAW_MS)
    return {
        title(text) {
            title = text
            detail = ""
        },
        detail: text => void (detail = text),
        bars: next => void (bars = next),
        note(text, isNews = false) {
            if (!isNews) above.push(text)
        },
        stop() {
            if (isStopped) return
            isStopped = true
            clearInterval(timer)
            draw()
            stream.write(`${ESCAPE}?25h`)
        },
    }
}
