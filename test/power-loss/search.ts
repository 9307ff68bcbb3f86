// The search: every operation of every scenario on every geometry, every way to lose power, pairs, other faults, random chains.

import type { Operation } from "./chip"
import { coreOf } from "./core-code"
import type { SearchCore } from "./entry"
import {
    caseText,
    createRandom,
    CUT_VARIANTS,
    KINDS,
    type Case,
    type Fault,
    type FaultKind,
    type Random,
    type Seed,
} from "./faults"
import { GEOMETRIES, Lab } from "./lab"
import { memoryCopy, Run, runCase, type CaseStart, type Known } from "./life"
import { FILE_OPERATIONS, randomFiles, SCENARIOS, type Scenario } from "./scenarios"

/** What a search has seen. */
export interface Tally {
    cases: number
    /** Cases with one cut, with two, and with a chain of faults. */
    cuts: number
    pairs: number
    chains: number
    /** Cases with one fault that is no cut. */
    others: number
    /** Random writes and removals of user files. */
    fileOperations: number
    /** Faults by kind. */
    faults: Record<FaultKind, number>
    /** Cases by the number of lives until the goal. */
    lives: Record<number, number>
    failures: { text: string; message: string }[]
}

/** A tally of nothing. */
export function emptyTally(): Tally {
    const faults = Object.fromEntries(KINDS.map(kind => [kind, 0])) as Record<FaultKind, number>
    return { cases: 0, cuts: 0, pairs: 0, chains: 0, others: 0, fileOperations: 0, faults, lives: {}, failures: [] }
}

/** Adds what another search has seen. */
export function tallyAdd(sum: Tally, other: Tally): void {
    for (const key of ["cases", "cuts", "pairs", "chains", "others", "fileOperations"] as const) sum[key] += other[key]
    for (const kind of KINDS) sum.faults[kind] += other.faults[kind]
    for (const [lives, count] of Object.entries(other.lives)) sum.lives[Number(lives)] = (sum.lives[Number(lives)] ?? 0) + count
    sum.failures.push(...other.failures)
}

/** A scenario on a geometry: where it starts, and what it does when nothing happens. */
interface Place {
    readonly geometry: number
    readonly scenario: number
    readonly lab: Lab
    readonly work: Scenario
    readonly start: CaseStart
    readonly steps: readonly Step[]
    readonly reads: number
    readonly known: Known | undefined
}

/** The chip and the test's knowledge right before an operation. */
interface Step extends CaseStart {
    readonly operation: Operation
}

/** Failures after which a search ends. */
const FAILURES_MAX = 20
/** Kinds that need power to stay on. */
const OTHER_KINDS = KINDS.filter(kind => kind !== "cut" && kind !== "read")
/** Of so many rounds over a place one has single faults. */
const SYSTEMATIC_ROUNDS = 4
/** Chains after each round over a place. */
const CHAINS_PER_PLACE = 40
/** From one place to the next one that is searched. */
const PLACE_STEP = 37
/** Cuts in a loop of them, and the operations ahead of each: from none to one below this. */
const [LOOP_CUTS, LOOP_OPERATIONS] = [10, 12]
/** Seeds of chains and files are below this. */
const SEEDS = 2_000_000_000
/** Chains of a test run. */
const CHAINS = 4000
/** Operations on user files of a test run. */
const FILE_OPERATIONS_MIN = 100_000
const CUT_WAYS = CUT_VARIANTS.length

/** Searches one build of the core. */
export class Search {
    readonly tally = emptyTally()
    private readonly labs: (Lab | undefined)[] = []
    private readonly places = new Map<number, Place>()

    private readonly bootCore: () => SearchCore

    /** Without `remembers` every case is lived to its end, as a replay is. */
    constructor(
        code: string,
        private readonly remembers = true,
    ) {
        this.bootCore = coreOf(code)
    }

    private lab(geometry: number): Lab {
        return (this.labs[geometry] ??= new Lab(GEOMETRIES[geometry]!, this.bootCore))
    }

    /** Whether enough failures were found. */
    isOver(): boolean {
        return this.tally.failures.length >= FAILURES_MAX
    }

    /** A place, made when it is first asked for. */
    place(geometry: number, scenario: number): Place {
        const key = geometry * 100 + scenario
        let place = this.places.get(key)
        if (place === undefined) {
            place = this.createPlace(geometry, scenario)
            this.places.set(key, place)
        }
        return place
    }

    private createPlace(geometry: number, scenario: number): Place {
        const lab = this.lab(geometry)
        const work = SCENARIOS[scenario]!
        lab.blank()
        const memory = work.prepare(lab)
        const start = { state: lab.chip.save(), memory: memoryCopy(memory) }
        lab.chip.arm([])
        lab.chip.reads = 0
        const steps = this.record(lab, new Run(lab, work, memory, []))
        return {
            geometry,
            scenario,
            lab,
            work,
            start,
            steps,
            reads: lab.chip.reads,
            known: this.remembers ? new Map() : undefined,
        }
    }

    /** Runs to the end and keeps the state before every operation. */
    private record(lab: Lab, run: Run): Step[] {
        const steps: Step[] = []
        lab.chip.onOperation = operation => void steps.push({ state: lab.chip.save(), memory: memoryCopy(run.memory), operation })
        try {
            run.toTheEnd()
        } finally {
            lab.chip.onOperation = undefined
        }
        return steps
    }

    /** Runs a case from its start, as its text says. */
    replay(wanted: Case): void {
        const { lab, work, start, known } = this.place(wanted.geometry, wanted.scenario)
        this.attempt(
            () => caseText(wanted),
            wanted.faults,
            () => runCase(lab, work, start, wanted, known).lives,
        )
    }

    private attempt(text: () => string, faults: readonly Fault[], run: () => number): void {
        const { tally } = this
        tally.cases += 1
        for (const { kind } of faults) tally.faults[kind] += 1
        try {
            const lives = run()
            tally.lives[lives] = (tally.lives[lives] ?? 0) + 1
        } catch (error) {
            tally.failures.push({ text: text(), message: error instanceof Error ? error.message : String(error) })
        }
    }

    /** Power is lost at the last step of `faults`; the run goes on from there. Returns its recovery's steps if `isKept`. */
    private cutAt(place: Place, step: Step, faults: readonly Fault[], isKept: boolean): Step[] {
        const { lab, work, geometry, scenario } = place
        let steps: Step[] = []
        this.attempt(
            () => caseText({ geometry, scenario, faults }),
            faults,
            () => {
                lab.chip.restore(step.state)
                lab.chip.arm(faults)
                for (let k = 1; k < faults.length; k++) lab.chip.next()
                lab.chip.cutNow(step.operation)
                const run = new Run(lab, work, memoryCopy(step.memory), faults, isKept ? undefined : place.known)
                if (isKept) steps = this.record(lab, run)
                else run.toTheEnd()
                return run.lives
            },
        )
        return steps
    }

    /** One cut at operation `at`. */
    single(place: Place, at: number, variant: number): void {
        this.tally.cuts += 1
        this.cutAt(place, place.steps[at]!, [{ at, kind: "cut", detail: variant }], false)
    }

    /** A cut at operation `at`, and then one at every operation of what follows; `variantOf` says how the second one looks. */
    pairs(place: Place, at: number, variant: number, variantOf: (second: number) => number): void {
        const first: Fault = { at, kind: "cut", detail: variant }
        this.tally.cuts += 1
        const steps = this.cutAt(place, place.steps[at]!, [first], true)
        for (const [second, step] of steps.entries()) {
            this.tally.pairs += 1
            this.cutAt(place, step, [first, { at: second, kind: "cut", detail: variantOf(second) }], false)
        }
    }

    /** One fault that is no cut. */
    other(place: Place, fault: Fault): void {
        this.tally.others += 1
        this.replay({ geometry: place.geometry, scenario: place.scenario, faults: [fault] })
    }

    /** Runs what a seed that was printed says. Returns how it is written: a chain's as the case that it makes. */
    seed(seed: Seed): string {
        if (seed.kind === "files") {
            this.files(seed.number)
            return `files:${seed.number}`
        }
        const wanted = seed.kind === "chain" ? this.chainOf(seed.number) : seed.wanted
        this.replay(wanted)
        return caseText(wanted)
    }

    /** Up to ten random faults. */
    chain(seed: number): void {
        this.tally.chains += 1
        this.replay(this.chainOf(seed))
    }

    /** The chain of a seed. Most strike early in a life, so that one life's recovery is the next one's fault. */
    chainOf(seed: number): Case {
        const random = createRandom(seed)
        const geometry = random.below(GEOMETRIES.length)
        const scenario = random.below(SCENARIOS.length)
        const { steps, reads } = this.place(geometry, scenario)
        const count = 2 + random.below(9)
        const hasHarm = random.below(10) === 0
        const faults = Array.from({ length: count }, (_, i): Fault => {
            const range = i === 0 ? steps.length : random.below(3) === 0 ? steps.length : 8
            const kind = random.below(10) < 6 ? "cut" : KINDS[1 + random.below(hasHarm && i === 0 ? 7 : 5)]!
            return {
                at: random.below(kind === "read" ? Math.min(reads, range * 8) : range),
                kind,
                detail: detailOf(kind, random.below(1e6)),
            }
        })
        return { geometry, scenario, faults }
    }

    /** Random writes and removals of user files with ten cuts; the seed's last digit is the geometry. */
    files(seed: number): void {
        const random = createRandom(seed)
        const geometry = seed % GEOMETRIES.length
        const lab = this.lab(geometry)
        const faults = Array.from({ length: 10 }, (): Fault => ({
            at: random.below(24),
            kind: "cut",
            detail: random.below(CUT_WAYS),
        }))
        const work = randomFiles(seed)
        lab.blank()
        const memory = work.prepare(lab)
        const start = { state: lab.chip.save(), memory }
        const { tally } = this
        tally.fileOperations += FILE_OPERATIONS
        this.attempt(
            () => `files ${seed}`,
            faults,
            () => runCase(lab, work, start, { geometry, scenario: -1, faults }).lives,
        )
    }

    /** Every fault of every kind at every `opStep`-th operation of a place, one operation per call. */
    *systematic(place: Place, salt: number, opStep = 1): Generator<void> {
        for (let at = salt % opStep; at < place.steps.length; at += opStep) {
            for (let way = 0; way < CUT_WAYS; way++) this.single(place, at, way + CUT_WAYS * salt)
            for (const kind of OTHER_KINDS) this.other(place, { at, kind, detail: detailOf(kind, at * 31 + salt * 1009) })
            this.other(place, { at, kind: "rot", detail: (at * 7 + salt * 211) * 3 })
            yield
        }
        for (let at = salt % (8 * opStep); at < place.reads; at += 8 * opStep) {
            this.other(place, { at, kind: "read", detail: 0 })
            if (at % 64 === 0) yield
        }
    }

    /** A cut at every `opStep`-th operation, each with a cut at every operation of its recovery. */
    *pairRound(place: Place, salt: number, opStep: number): Generator<void> {
        for (let at = salt % opStep; at < place.steps.length; at += opStep) {
            this.pairs(place, at, (at + salt * 7) % CUT_WAYS, second => second * 5 + at + salt)
            yield
        }
    }

    /** Power that fails again and again: it is lost after the same number of operations in every recovery, `LOOP_CUTS` times. */
    *loops(place: Place, salt: number): Generator<void> {
        const { geometry, scenario } = place
        for (let at = 0; at < LOOP_OPERATIONS; at++) {
            const cut = (_: unknown, i: number): Fault => ({
                at,
                kind: "cut",
                detail: detailOf("cut", at * 31 + i * 7 + salt * 1009),
            })
            this.tally.chains += 1
            this.replay({ geometry, scenario, faults: Array.from({ length: LOOP_CUTS }, cut) })
            yield
        }
    }

    /** A round over a place: every fault at every operation, cuts in the recovery from some, and in a loop; `salt` makes rounds differ. */
    *round(place: Place, salt: number, opStep = stepOf(place)): Generator<void> {
        yield* this.systematic(place, salt, opStep)
        yield* this.pairRound(place, salt, 2 * opStep)
        yield* this.loops(place, salt)
    }

    /** What every test run searches: more than 100,000 cases over every place, and chains and files from `seed` on. */
    *finite(seed: number): Generator<void> {
        for (let geometry = 0; geometry < GEOMETRIES.length; geometry++)
            for (let scenario = 0; scenario < SCENARIOS.length; scenario++)
                yield* this.round(this.place(geometry, scenario), geometry + scenario)
        const random = createRandom(seed)
        for (let i = 0; i < CHAINS; i++) this.chain(random.below(SEEDS))
        for (let i = 0; i * FILE_OPERATIONS < FILE_OPERATIONS_MIN; i++) this.files(filesSeed(random, i))
    }

    /** Rounds without end over the places of worker `index` of `count`; after each place some chains and files. */
    *endless(index: number, count: number, seed: number): Generator<void> {
        const places = GEOMETRIES.length * SCENARIOS.length
        const random = createRandom(seed + index)
        for (let turn = index; ; turn += count) {
            const salt = Math.floor(turn / places)
            // A step that shares no divisor with the number of places: a short search sees every geometry, too.
            const at = (turn * PLACE_STEP) % places
            const place = this.place(Math.floor(at / SCENARIOS.length), at % SCENARIOS.length)
            // Once all of it was searched, pairs find what is left.
            if (salt % SYSTEMATIC_ROUNDS === 0) yield* this.round(place, salt)
            else yield* this.pairRound(place, salt * 101, 2 * stepOf(place))
            for (let i = 0; i < CHAINS_PER_PLACE; i++) this.chain(random.below(SEEDS))
            this.files(filesSeed(random, turn))
            yield
        }
    }
}

/** Large erase units cost four times as much: of their operations every fourth one is searched in a round. */
function stepOf(place: Place): number {
    return place.lab.geometry.eraseBytes > 4096 ? 4 : 1
}

/** The seed of the `i`-th run over user files: every geometry has its turn. */
function filesSeed(random: Random, i: number): number {
    return random.below(SEEDS / GEOMETRIES.length) * GEOMETRIES.length + (i % GEOMETRIES.length)
}

function detailOf(kind: FaultKind, seed: number): number {
    if (kind === "cut") return seed % (CUT_WAYS * 50)
    if (kind === "brown-out") return seed % 6
    return kind === "rot" || kind === "misdirected" ? seed % 100000 : 0
}
