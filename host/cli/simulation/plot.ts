// The curve of a simulation as CSV and as a text plot.

import type { Sample } from "./simulate"

const WIDTH = 72
const HEIGHT = 16

/** One line a minute of virtual time: minutes and devices by what has become of them. */
export function curveCsv(samples: readonly Sample[]): string {
    const rows = samples.map(({ minute, pushed, working, succeeded, failed }) =>
        [minute, pushed, working, succeeded, failed].join(","),
    )
    return ["minute,pushed,working,succeeded,failed", ...rows].join("\n")
}

/** The curve drawn with letters: p pushed, w working, s succeeded, f failed. Where two meet, the later one of these is seen. */
export function curvePlot(samples: readonly Sample[]): string {
    const lines = [
        ["p", "pushed"],
        ["w", "working"],
        ["f", "failed"],
        ["s", "succeeded"],
    ] as const
    const most = Math.max(1, ...samples.map(({ pushed }) => pushed))
    const grid = Array.from({ length: HEIGHT }, () => Array.from({ length: WIDTH }, () => " "))
    for (const [mark, name] of lines) {
        for (let column = 0; column < WIDTH; column += 1) {
            const sample = samples[Math.round((column * (samples.length - 1)) / (WIDTH - 1))]
            if (sample === undefined) continue
            const row = HEIGHT - 1 - Math.round((sample[name] / most) * (HEIGHT - 1))
            grid[row]![column] = mark
        }
    }
    const label = (row: number): string => (row === 0 ? String(most) : row === HEIGHT - 1 ? "0" : "").padStart(9)
    const body = grid.map((cells, row) => `${label(row)} |${cells.join("").trimEnd()}`)
    const end = `${samples.at(-1)?.minute ?? 0} min`
    return [...body, `${" ".repeat(10)}+${"-".repeat(WIDTH)}`, `${" ".repeat(11)}0${end.padStart(WIDTH - 1)}`, legend()].join(
        "\n",
    )
}

function legend(): string {
    return `${" ".repeat(11)}p pushed  w working  s succeeded  f failed`
}
