// Power cuts and other faults, searched; planted defects, each of which the search must catch. In a process of their own, at full speed.

import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { projectRoot } from "../../build/root"
import { coreCode } from "./core-code"
import { caseOf, caseText, seedOf } from "./faults"
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

/** Chains and file operations of every test run start here: the same ones each time; SEED=… searches others. */
const CHAINS_SEED = "859755782"

/** Runs `npm run torture` as a person would. A failure's message holds the seeds that replay it. */
async function torture(...parameters: string[]): Promise<Line> {
    const script = [join(projectRoot(), "build/run.cjs"), join(projectRoot(), "test/power-loss/torture.ts")]
    const env = { ...process.env, SEED: process.env["SEED"] ?? CHAINS_SEED }
    const argv = [...script, "--minutes", "0", "--json", ...parameters]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { env })
    console.info(stderr + stdout)
    return JSON.parse(stdout) as Line
}

const KEYS = ["cases", "cuts", "pairs", "chains", "failures", "mutants"]

test.concurrent.each([
    [
        "search",
        async () => {
            const line = await torture("--only", "search")
            expect(Object.keys(line)).toEqual(KEYS)
            expect(line.cases).toBeGreaterThan(100_000)
            expect(line.failures).toBe(0)
        },
    ],
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
    ["carried blocks that are no help where one ahead of them was overwritten", "9:1:43.7.4360"],
    ["a boot record that flickers at the start of an erased unit", "0:6:6.0.62,3.0.853,6.0.809,1.5.4,4.1.0,0.4.0,0.1.0,33.4.0"],
    [
        "a record that cannot be read, and can be later, with the sequence of the one written meanwhile",
        "1:1:5.0.115,13.0.75,2.0.435",
    ],
    [
        "the unit of what a double repeats, whose own write was cut",
        "8:4:2.2.0,1.0.872,1.5.3,1.0.756,5.0.414,6.0.624,4.0.550,2.0.305,6.2.0",
    ],
    ["a mark that flickers, for a block whose erase was cut and flickers too", "0:0:12.0.5,0.0.2234"],
    ["the same while files are written", "6:9:34.0.14,4.0.1468"],
    ["a compaction, cut, of the area that a stopped download has filled", "2:9:19.0.426,21.0.816,3.0.148,1.5.5"],
    ["a write that is acknowledged for its content while the file is in doubt", "9:8:41.0.394,0.5.5,6.1.0,3.0.469"],
    ["the unit of a record whose double was torn, erased for the next double", "0:6:6.0.13,2.0.36"],
])("%s: %s", (_, seed) => {
    const search = new Search(coreCode())
    search.replay(caseOf(seed))
    expect(search.tally).toMatchObject({ cases: 1, failures: [] })
})

test("a case's text replays it", () => {
    const search = new Search(coreCode())
    const wanted = search.chainOf(7)
    expect(seedOf(caseText(wanted), 10, 10)).toEqual({ kind: "case", wanted })
    expect(search.seed({ kind: "chain", number: 7 })).toBe(caseText(wanted))
    expect(search.seed({ kind: "files", number: 2130 })).toBe("files:2130")
    expect(search.tally).toMatchObject({ cases: 2, fileOperations: 40, failures: [] })
})

test.each([
    ["6:2:26.0.14,8.0.67", "case"],
    [" '6:2:26.0.14,8.0.67' ", "case"],
    ['"6 2 26.0.14"', "case"],
    ["17", "chain"],
    ["files:17", "files"],
    ["files 17", "files"],
])("a seed, however it is written: %s", (text, kind) => expect(seedOf(text, 10, 10).kind).toBe(kind))

test.each([
    ["", "is no seed: give what a failure has printed"],
    ["0:1", "is no seed: give what a failure has printed"],
    ["files:", "is no seed"],
    ["10:0:1.0.1", "there are geometries 0 to 9"],
    ["0:10:1.0.1", "there are scenarios 0 to 9"],
    ["0:0:1.8.1", "there are kinds of faults 0 to 7"],
    ["4000000000", "its number is above 2147483647"],
    [`0:0:${Array.from({ length: 21 }, () => "1.0.1").join()}`, "more than 20 faults"],
])("no seed: %s", (text, message) => expect(() => seedOf(text, 10, 10)).toThrow(message))

test.each([MUTANTS[0]!, MUTANTS[3]!])("what is remembered changes no outcome: $name", async mutant => {
    const code = await mutantCode(mutant)
    const searches = [new Search(code), new Search(code, false)]
    for (const search of searches) for (const _ of search.round(search.place(1, 2), 1, 6)) continue
    const [withMemory, without] = searches.map(({ tally }) => tally)
    expect(withMemory!.failures.length).toBeGreaterThan(0)
    expect(withMemory!.failures).toEqual(without!.failures)
})
