// Power cuts and other faults, searched; planted defects, each of which the search must catch. In a process of their own, at full speed.

import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { projectRoot } from "../../build/root"
import { caseOf, caseText } from "./faults"
import { coreCode } from "./lab"
import { mutantCode, MUTANTS } from "./mutants"
import { Search } from "./search"

const PATIENCE_MS = 280_000

interface Line {
    readonly cases: number
    readonly cuts: number
    readonly pairs: number
    readonly chains: number
    readonly failures: number
    readonly mutants: { readonly planted: number; readonly caught: number }
}

/** Runs `npm run torture` as a person would. A failure's message holds the seeds that replay it. */
async function torture(...parameters: string[]): Promise<Line> {
    const script = [join(projectRoot(), "build/run.cjs"), join(projectRoot(), "test/power-loss/torture.ts")]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...script, "--minutes", "0", "--json", ...parameters])
    console.info(stderr + stdout)
    return JSON.parse(stdout) as Line
}

test.concurrent.each([
    ["search", async () => expect((await torture("--only", "search")).cases).toBeGreaterThan(100_000)],
    [
        "mutants",
        async () =>
            expect((await torture("--only", "mutants")).mutants).toEqual({ planted: MUTANTS.length, caught: MUTANTS.length }),
    ],
])("%s", (_, run) => run(), PATIENCE_MS)

test("a mutant whose place is gone is an error, not a catch", async () => {
    await expect(mutantCode({ name: "none", file: "boot", from: "no such text", to: "" })).rejects.toThrow("0 places")
})

// What a search has found once must never come back.
test.each([
    ["a part's mark that flickers while a later part is whole", "6:2:26.0.14,8.0.67"],
    ["the same, cut elsewhere", "6:2:26.0.14,10.0.77"],
    ["blocks on their way back from the scratch unit, for a block whose mark flickers", "7:0:40.0.812,24.0.778"],
])("%s: %s", (_, seed) => {
    const search = new Search(coreCode())
    search.replay(caseOf(seed))
    expect(search.tally).toMatchObject({ cases: 1, failures: [] })
})

test("a case's text replays it", () => {
    const search = new Search(coreCode())
    const wanted = search.chainOf(7)
    expect(caseOf(caseText(wanted))).toEqual(wanted)
    expect(() => caseOf("0:1")).toThrow("is no case")
    search.replay(wanted)
    expect(search.tally.failures).toEqual([])
})
