// The search: every operation of every scenario on every geometry, every way to lose power, pairs, other faults, random chains.

import type { Operation } from "./chip"
import { caseText, createRandom, CUT_VARIANTS, KINDS, type Case, type Fault, type FaultKind } from "./faults"
import { GEOMETRIES, Lab } from "./lab"
import { memoryCopy, Run, runCase, type Known, type Start } from "./life"
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
    readonly start: Start
    readonly steps: readonly Step[]
    readonly reads: number
    readonly known: Known
}

/** The chip and the test's knowledge right before an operation. */
interface Step extends Start {
    readonly operation: Operation
}

/** Failures after which a search ends. */
const FAILURES_MAX = 20
/** Kinds that need power to stay on. */
const OTHER_KINDS = KINDS.filter(kind => kind !== "cut" && kind !== "read")
/** Rounds of pairs, each with other variants, for every round of single faults. */
const PAIR_ROUNDS = 4
/** Chains of a test run. */
const CHAINS = 1500
/** Operations on user files of a test run. */
const FILE_OPERATIONS_MIN = 100_000
const CUT_WAYS = CUT_VARIANTS.length

/** Searches one build of the core. */
export class Search {
    readonly tally = emptyTally()
    private readonly labs: (Lab | undefined)[] = []
    private readonly places = new Map<number, Place>()

    constructor(private readonly code: string) {}

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
        const lab = (this.labs[geometry] ??= new Lab(GEOMETRIES[geometry]!, this.code))
        const work = SCENARIOS[scenario]!
        lab.blank()
        const memory = work.prepare(lab)
        const start = { state: lab.chip.save(), memory: memoryCopy(memory) }
        lab.chip.arm([])
        lab.chip.reads = 0
        const steps = this.record(lab, new Run(lab, work, memory, []))
        return { geometry, scenario, lab, work, start, steps, reads: lab.chip.reads, known: new Map() }
    }

    /** Runs to the end and keeps the state before every operation. */
    private record(lab: Lab, run: Run): Step[] {
        const steps: Step[] = []
        lab.chip.onOperation = make =>
            void steps.push({ state: lab.chip.save(), memory: memoryCopy(run.memory), operation: make() })
        try {
            run.toTheEnd()
        } finally {
            lab.chip.onOperation = undefined
        }
        return steps
    }

    /** Runs a case from its start, as its text says. */
    replay(wanted: Case): void {
        const { lab, work, start } = this.place(wanted.geometry, wanted.scenario)
        this.attempt(caseText(wanted), wanted.faults, () => runCase(lab, work, start, wanted).lives)
    }

    private attempt(text: string, faults: readonly Fault[], run: () => number): void {
        const { tally } = this
        tally.cases += 1
        for (const { kind } of faults) tally.faults[kind] += 1
        try {
            const lives = run()
            tally.lives[lives] = (tally.lives[lives] ?? 0) + 1
        } catch (error) {
            tally.failures.push({ text, message: error instanceof Error ? error.message : String(error) })
        }
    }

    /** Power is lost at the last step of `faults`; the run goes on from there. Returns its recovery's steps if `isKept`. */
    private cutAt(place: Place, step: Step, faults: readonly Fault[], isKept: boolean): Step[] {
        const { lab, work, geometry, scenario } = place
        let steps: Step[] = []
        this.attempt(caseText({ geometry, scenario, faults }), faults, () => {
            lab.chip.restore(step.state)
            lab.chip.arm(faults)
            for (let k = 1; k < faults.length; k++) lab.chip.next()
            lab.chip.cutNow(step.operation)
            const run = new Run(lab, work, memoryCopy(step.memory), faults, isKept ? undefined : place.known)
            if (isKept) steps = this.record(lab, run)
            else run.toTheEnd()
            return run.lives
        })
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

    /** Random writes and removals of user files with ten cuts, on the geometry that the seed says. */
    files(seed: number): void {
        const random = createRandom(seed)
        const geometry = random.below(GEOMETRIES.length)
        const lab = (this.labs[geometry] ??= new Lab(GEOMETRIES[geometry]!, this.code))
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
        this.attempt(`files ${seed}`, faults, () => runCase(lab, work, start, { geometry, scenario: -1, faults }).lives)
    }

    /** Every fault of every kind at one operation: the systematic part for a place, one step of it per call. */
    *systematic(place: Place, salt: number): Generator<void> {
        for (let at = 0; at < place.steps.length; at++) {
            for (let way = 0; way < CUT_WAYS; way++) this.single(place, at, way + CUT_WAYS * salt)
            for (const kind of OTHER_KINDS) this.other(place, { at, kind, detail: detailOf(kind, at * 31 + salt * 1009) })
            this.other(place, { at, kind: "rot", detail: (at * 7 + salt * 211) * 3 })
            yield
        }
        for (let at = salt % 8; at < place.reads; at += 8) {
            this.other(place, { at, kind: "read", detail: 0 })
            if (at % 64 === 0) yield
        }
    }

    /** A round over a place: every fault at every operation, and cuts in the recovery from some; `salt` makes rounds differ. */
    *round(place: Place, salt: number, pairStep = 5): Generator<void> {
        yield* this.systematic(place, salt)
        yield* this.pairRound(place, salt, pairStep)
    }

    /** Every cut at every `pairStep`-th operation, each with a cut at every operation of its recovery. */
    *pairRound(place: Place, salt: number, pairStep: number): Generator<void> {
        for (let at = salt % pairStep; at < place.steps.length; at += pairStep) {
            this.pairs(place, at, (at + salt * 7) % CUT_WAYS, second => second * 5 + at + salt)
            yield
        }
    }

    /** What every test run searches: more than 100,000 cases over every place, and chains from `seed` on. */
    *finite(seed: number): Generator<void> {
        for (let geometry = 0; geometry < GEOMETRIES.length; geometry++) {
            const isLarge = GEOMETRIES[geometry]!.eraseBytes > 4096
            for (let scenario = 0; scenario < SCENARIOS.length; scenario++) {
                const place = this.place(geometry, scenario)
                if (!isLarge) yield* this.round(place, geometry, 2 - (scenario % 2))
                // Large erase units cost ten times as much.
                for (let at = scenario % 2; isLarge && at < place.steps.length; at += 2) this.single(place, at, at)
                yield
            }
        }
        const random = createRandom(seed)
        for (let i = 0; i < CHAINS; i++) this.chain(random.below(0x7fffffff))
        for (let i = 0; i * FILE_OPERATIONS < FILE_OPERATIONS_MIN; i++) this.files(random.below(0x7fffffff))
    }

    /** Rounds without end over the places of worker `index` of `count`; after each place a few chains. */
    *endless(index: number, count: number, seed: number): Generator<void> {
        const places = GEOMETRIES.length * SCENARIOS.length
        const random = createRandom(seed + index)
        for (let turn = index; ; turn += count) {
            const salt = Math.floor(turn / places)
            const place = this.place(Math.floor((turn % places) / SCENARIOS.length), turn % SCENARIOS.length)
            if (place.lab.geometry.eraseBytes <= 4096) {
                yield* this.round(place, salt, 1)
                for (let i = 1; i < PAIR_ROUNDS; i++) yield* this.pairRound(place, salt + i * 101, 1)
            }
            // Large erase units cost ten times as much.
            else for (let at = salt % 8; at < place.steps.length; at += 8) this.single(place, at, at + salt)
            for (let i = 0; i < 5; i++) this.chain(random.below(0x7fffffff))
            this.files(random.below(0x7fffffff))
            yield
        }
    }
}

function detailOf(kind: FaultKind, seed: number): number {
    if (kind === "cut") return seed % (CUT_WAYS * 50)
    if (kind === "brown-out") return seed % 6
    return kind === "rot" || kind === "misdirected" ? seed % 100000 : 0
}
