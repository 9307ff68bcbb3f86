// npm run torture: the search without end, on every core, with a table of what it saw; and one case again by its seed.

import { availableParallelism } from "node:os"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { coreCode } from "./core-code"
import { caseOf, KINDS, seedOf, type Seed } from "./faults"
import { GEOMETRIES } from "./lab"
import { hunt, mutantCode, MUTANTS } from "./mutants"
import { SCENARIOS } from "./scenarios"
import { emptyTally, Search, tallyAdd, type Tally } from "./search"

/** What a worker is told. */
interface Task {
    readonly code: string
    readonly index: number
    readonly count: number
    readonly seed: number
    /** How long to search; 0: what every test run searches. */
    readonly seconds: number
    readonly only: Only
}

/** Both, or one of them. */
type Only = "all" | "search" | "mutants"

/** What a worker answers. */
interface Answer {
    readonly tally: Tally
    /** Names of the mutants that no case caught. */
    readonly missed: string[]
    /** How long the search took, mutants aside. */
    readonly seconds: number
}

/** Most cases for one mutant. */
const HUNT_CASES_MAX = 60_000
const SECONDS_MAX = 86_400

async function work({ code, index, count, seed, seconds, only }: Task): Promise<Answer> {
    const missed: string[] = []
    for (let i = index; only !== "search" && i < MUTANTS.length; i += count) {
        const mutant = MUTANTS[i]!
        if (hunt(await mutantCode(mutant), mutant, HUNT_CASES_MAX) === undefined) missed.push(mutant.name)
    }
    // Mutants have their own time: all of `seconds` are for the search.
    const search = new Search(code)
    const startMs = Date.now()
    const endMs = startMs + seconds * 1000
    if (only === "mutants") return { tally: search.tally, missed, seconds: 0 }
    const rounds = seconds === 0 ? search.finite(seed) : search.endless(index, count, seed)
    for (const _ of rounds) if ((seconds > 0 && Date.now() > endMs) || search.isOver()) break
    return { tally: search.tally, missed, seconds: (Date.now() - startMs + 1) / 1000 }
}

function start(task: Task): Promise<Answer> {
    return new Promise((resolve, reject) => {
        // Room for short-lived texts: the collector then has little to do.
        const worker = new Worker(__filename, { workerData: task, resourceLimits: { maxYoungGenerationSizeMb: 192 } })
        worker.once("message", resolve)
        worker.once("error", reject)
    })
}

/** The table that people read. */
function table(tally: Tally, planted: number, missed: readonly string[], seconds: number): string {
    const lines = [
        `cases      ${tally.cases} (${Math.round(tally.cases / Math.max(seconds, 1))} a second): ` +
            `${tally.cuts} cuts, ${tally.pairs} pairs, ` +
            `${tally.others} other faults, ${tally.chains} chains, ${tally.fileOperations} operations on user files`,
        `faults     ${KINDS.map(kind => `${kind} ${tally.faults[kind]}`).join(", ")}`,
        `outcomes   goal reached in ${Object.entries(tally.lives)
            .map(([lives, count]) => `${lives} lives: ${count}`)
            .join(", ")}`,
        ...(planted > 0 ? [`mutants    ${planted} planted, ${planted - missed.length} caught`] : []),
        ...missed.map(name => `MISSED     ${name}`),
        `failures   ${tally.failures.length}`,
        ...tally.failures.map(({ text, message }) => `FAILED     --seed "${text}"  ${message}`),
    ]
    return lines.join("\n")
}

/** Runs one case again. Returns whether it holds. */
function again(text: string): boolean {
    let seed: Seed
    try {
        seed = seedOf(text, GEOMETRIES.length, SCENARIOS.length)
    } catch (error) {
        return usage(error instanceof Error ? error.message : String(error))
    }
    const search = new Search(coreCode())
    const written = search.seed(seed)
    if (seed.kind !== "files") {
        const { geometry, scenario, faults } = caseOf(written)
        const list = faults.map(({ at, kind, detail }) => `${kind} (${detail}) after ${at}`).join(", ")
        process.stdout.write(`${written}\n${GEOMETRIES[geometry]!.name}; ${SCENARIOS[scenario]!.name}; ${list}\n`)
    } else process.stdout.write(`${written}\n${GEOMETRIES[seed.number % GEOMETRIES.length]!.name}; random files\n`)
    const failure = search.tally.failures[0]
    process.stdout.write(failure === undefined ? "every promise holds\n" : `FAILED: ${failure.message}\n`)
    return failure === undefined
}

function usage(text: string): never {
    process.stderr.write(`${text}\nusage: npm run torture -- [--minutes N] [--json] [--seed S] [--only search|mutants]\n`)
    process.exit(2)
}

function onlyOf(text: string | undefined): Only {
    return text === "search" || text === "mutants" ? text : usage("--only needs search or mutants")
}

function parse(parameters: readonly string[]): { minutes: number; isJson: boolean; seed: string | undefined; only: Only } {
    const options = { minutes: 1, isJson: false, seed: undefined as string | undefined, only: "all" as Only }
    for (let i = 0; i < parameters.length; i++) {
        if (parameters[i] === "--json") options.isJson = true
        else if (parameters[i] === "--minutes") options.minutes = Number(parameters[++i])
        else if (parameters[i] === "--seed") options.seed = parameters[++i] ?? usage("--seed needs a value")
        else if (parameters[i] === "--only") options.only = onlyOf(parameters[++i])
        else usage(`unknown option ${parameters[i]}`)
    }
    if (!(options.minutes >= 0 && options.minutes * 60 <= SECONDS_MAX))
        usage("--minutes needs a number of 0 (what every test run searches) to 1440")
    return options
}

async function main(): Promise<void> {
    const { minutes, isJson, seed, only } = parse(process.argv.slice(2))
    if (seed !== undefined) {
        process.exitCode = again(seed) ? 0 : 1
        return
    }
    const [code, count] = [coreCode(), minutes === 0 ? 1 : availableParallelism()]
    const first = Number(process.env.SEED ?? Math.floor(Math.random() * 0x40000000))
    process.stderr.write(`torture: ${count} workers, ${minutes} min, chains from seed ${first}\n`)
    const tasks = Array.from({ length: count }, (_, index) => ({ code, index, count, seed: first, seconds: minutes * 60, only }))
    const answers = await Promise.all(tasks.map(start))
    const sum = emptyTally()
    for (const { tally } of answers) tallyAdd(sum, tally)
    const missed = answers.flatMap(answer => answer.missed)
    const { cases, cuts, pairs, chains, failures } = sum
    const planted = only === "search" ? 0 : MUTANTS.length
    const mutants = { planted, caught: planted - missed.length }
    if (isJson) process.stdout.write(`${JSON.stringify({ cases, cuts, pairs, chains, failures: failures.length, mutants })}\n`)
    if (!isJson || failures.length > 0 || missed.length > 0) {
        const seconds = Math.max(...answers.map(answer => answer.seconds))
        const stream = isJson ? process.stderr : process.stdout
        stream.write(`${table(sum, planted, missed, seconds)}\n`)
    }
    process.exitCode = failures.length === 0 && missed.length === 0 ? 0 : 1
}

if (isMainThread) void main()
else void work(workerData as Task).then(answer => parentPort!.postMessage(answer))
