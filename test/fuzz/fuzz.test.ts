// The fuzzer within `npm test`: the corpus, 100,000 inputs from a seed that is printed, and proof that it can fail.

import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { projectRoot } from "../../build/root"
import { corpusRead } from "./corpus"
import { TARGETS } from "./fuzz"
import { createRandom } from "./random"

const INPUTS = 100_000
const TIMEOUT_MS = 300_000

/** Runs the command in a process of its own: jest's contexts make every global slow. Returns its line, parsed. */
function command(...parameters: string[]): Record<string, unknown> {
    const script = [join(projectRoot(), "build/run.cjs"), "test/fuzz/fuzz-main.ts", "--json", ...parameters]
    const options = { cwd: projectRoot(), encoding: "utf8", timeout: TIMEOUT_MS } as const
    const { stdout, stderr, status } = spawnSync(process.execPath, script, options)
    if (status !== 0) throw new Error(`npm run fuzz -- ${parameters.join(" ")}: exit code ${status}\n${stderr}`)
    return JSON.parse(stdout)
}

test(
    `the corpus and ${INPUTS} inputs: no write outside, no exception, no endless loop, nothing unverified boots`,
    () => {
        expect(corpusRead().size).toBeGreaterThan(0)
        const seed = Math.floor(Math.random() * 2 ** 32)
        console.info(`fuzz: seed ${seed}; again: npm run fuzz -- --seed ${seed} --inputs ${INPUTS}`)
        const { inputs, failures, targets } = command("--inputs", String(INPUTS), "--seed", String(seed), "--minutes", "4")
        expect([inputs, failures]).toEqual([INPUTS, 0])
        expect(Object.keys(targets as object).sort()).toEqual(TARGETS.map(({ name }) => name).sort())
    },
    TIMEOUT_MS,
)

test("every planted defect is found", () => {
    const { planted, caught } = command("--defects")
    expect(planted).toBeGreaterThanOrEqual(15)
    expect(caught).toBe(planted)
}, 120_000)

test("the same seed makes the same inputs", () => {
    for (const target of TARGETS) {
        const [one, other] = [target.make(createRandom(7)), target.make(createRandom(7))]
        expect(one.equals(other)).toBe(true)
    }
})
