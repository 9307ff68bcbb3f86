// npm run fuzz -- [--minutes N | --inputs N] [--seed S] [--target NAME] [--defects] [--json]: goes on until it is over or something fails.

import { parseArgs } from "node:util"
import { compileCore } from "./board"
import { corpusKeep, corpusRead } from "./corpus"
import { DEFECTS, defectFound } from "./defects"
import { createFuzzer, createTally, fuzz, TARGETS, type Tally } from "./fuzz"

const ROUND = 1000
const REPORT_MS = 10_000
const NAMES = TARGETS.map(({ name }) => name).join("|")
const HELP = `usage: npm run fuzz -- [--minutes N] [--seed S] [--target ${NAMES}] [--inputs N] [--defects] [--json]`

function usage(what: string): never {
    process.stderr.write(`${what}\n${HELP}\n`)
    process.exit(2)
}

function options(): {
    minutes: number
    seed: number
    target: string | undefined
    json: boolean
    inputs: number
    defects: boolean
} {
    const text = { type: "string" } as const
    const flag = { type: "boolean" } as const
    const types = { minutes: text, inputs: text, seed: text, target: text, defects: flag, json: flag }
    try {
        const { values } = parseArgs({ options: types })
        const minutes = Number(values.minutes ?? "1")
        const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
        if (!(minutes > 0 && minutes <= 10_080)) usage("--minutes is a number above 0, at most a week")
        const inputs = Number(values.inputs ?? "Infinity")
        if (!(inputs > 0)) usage("--inputs is a number above 0")
        if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) usage("--seed is an integer from 0 to 2^32-1")
        if (values.target !== undefined && !TARGETS.some(({ name }) => name === values.target))
            usage(`no target ${values.target}`)
        return { minutes, seed, target: values.target, json: values.json === true, inputs, defects: values.defects === true }
    } catch (error) {
        return usage((error as Error).message)
    }
}

function table(tally: Tally, seed: number, seconds: number): string {
    const rows = Object.entries(tally.inputs).map(([name, count]) => `${name.padEnd(12)}${String(count).padStart(12)}`)
    const rate = (tally.total / Math.max(seconds, 0.001)).toFixed(0)
    return [
        ...rows,
        `${"all".padEnd(12)}${String(tally.total).padStart(12)}  ${rate}/s, ${tally.found.length} failures, seed ${seed}`,
    ].join("\n")
}

/** Plants every defect in turn. */
function plantAll(): void {
    let caught = 0
    for (const defect of DEFECTS) {
        const message = defectFound(defect)
        if (message !== undefined) caught += 1
        process.stderr.write(`${defect.name}: ${message?.split("\n")[0] ?? "NOT FOUND"}\n`)
    }
    process.stdout.write(`${JSON.stringify({ planted: DEFECTS.length, caught })}\n`)
    process.exitCode = caught === DEFECTS.length ? 0 : 1
}

function main(): void {
    const { minutes, seed, target, json, inputs, defects } = options()
    if (defects) return plantAll()
    const targets = TARGETS.filter(({ name }) => target === undefined || name === target)
    const fuzzer = createFuzzer(compileCore())
    const tally = createTally()
    process.stderr.write(`fuzz: seed ${seed}, ${minutes} min\n`)
    for (const { target: name, seed: own, input } of corpusRead().values()) {
        const found = fuzzer.run(
            TARGETS.find(one => one.name === name)!,
            own,
            input,
        )
        if (found !== undefined) tally.found.push(found)
    }
    const startMs = performance.now()
    let reportedMs = startMs
    for (let from = 0; tally.found.length === 0 && performance.now() - startMs < minutes * 60_000; from += ROUND) {
        if (from >= inputs) break
        fuzz(fuzzer, seed, from, Math.min(inputs, from + ROUND), tally, targets)
        if (performance.now() - reportedMs < REPORT_MS) continue
        reportedMs = performance.now()
        process.stderr.write(`fuzz: ${tally.total} inputs\n`)
    }
    const seconds = (performance.now() - startMs) / 1000
    for (const found of tally.found)
        process.stderr.write(`${found.target}, seed ${found.seed}: ${found.message}\nkept as ${corpusKeep(found)}\n`)
    const line = { inputs: tally.total, seconds: Math.round(seconds), seed, failures: tally.found.length, targets: tally.inputs }
    process.stdout.write(`${json ? JSON.stringify(line) : table(tally, seed, seconds)}\n`)
    process.exitCode = tally.found.length === 0 ? 0 : 1
}

main()
