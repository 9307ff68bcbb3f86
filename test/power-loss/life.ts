// Lives of a searched board: boot, check every promise, go on with the scenario, until its goal is reached.

import { FLAG_COMMITTED, FLAGS_AT } from "../../firmware/boot-log"
import { JOURNAL_NOTES_MAX } from "../../firmware/constants"
import { STATUS_OK } from "../../firmware/status"
import type { Start } from "../../shims/host/hardware"
import { Violation, PowerCut, type ChipState } from "./chip"
import type { SearchCore } from "./entry"
import { isHarmless, type Case, type Fault } from "./faults"
import { OLD_APP, type Lab } from "./lab"
import {
    CHUNK_BYTES,
    fileNote,
    filesWanted,
    hashOfFile,
    isKnownContent,
    type Life,
    type Memory,
    type Scenario,
} from "./scenarios"

/** Lives that a scenario takes without faults, at most; each fault may cost a few more. */
const LIVES_MAX = 8
const LIVES_PER_FAULT = 3
/** Bytes that a cut may cost beside a block: the chunk it falls into, manifest, block lists and headers. */
const OVERHEAD_BYTES = CHUNK_BYTES + 2048
/** Where a case starts: the chip and what the test knows. */
export interface CaseStart {
    readonly state: ChipState
    readonly memory: Memory
}

/** A copy that later lives do not change. */
export function memoryCopy(memory: Memory): Memory {
    return { ...memory }
}

/** States that every promise held from, on the way to the goal → the bytes that were downloaded from there. */
export type Known = Map<string, number>
/** Most states that are remembered. */
const KNOWN_MAX = 20_000

/** Most decisions of the boot loader that are remembered. */
const DECISIONS_MAX = 8

/** One run of a scenario. */
export class Run {
    lives = 0
    /** Whether every promise must hold: no fault destroys what cannot be had again. */
    private readonly isStrict: boolean
    private struckAtBoot = 0
    private forgiven = 0

    constructor(
        readonly lab: Lab,
        readonly scenario: Scenario,
        readonly memory: Memory,
        readonly faults: readonly Fault[],
        /** Undefined: every life is lived to its end. */
        private readonly known: Known | undefined = undefined,
    ) {
        this.isStrict = faults.every(isHarmless)
    }

    /** Lives until the goal is reached. Throws a Violation when a promise is broken. */
    toTheEnd(): void {
        const limit = LIVES_MAX + LIVES_PER_FAULT * this.faults.length
        let isDone = false
        const passed: [string, number][] = []
        while (!isDone) {
            const key = this.key()
            const left = this.known?.get(key)
            if (left !== undefined) {
                this.memory.fedBytes += left
                break
            }
            if (key !== "") passed.push([key, this.memory.fedBytes])
            if (this.lives++ > limit) throw new Violation(`the goal is not reached in ${limit} lives`)
            try {
                isDone = this.live()
            } catch (error) {
                if (!(error instanceof PowerCut)) throw error
            } finally {
                this.lab.chip.guarded = undefined
            }
        }
        this.checkCost()
        if (this.known === undefined) return
        if (this.known.size > KNOWN_MAX) this.known.clear()
        for (const [key, fedBytes] of passed) this.known.set(key, this.memory.fedBytes - fedBytes)
    }

    /** What the rest of the run depends on, once all faults have struck: the chip and what the test knows. "" while it does not. */
    private key(): string {
        const { chip } = this.lab
        // A whole life without faults must have been lived.
        if (this.known === undefined || !this.isStrict || this.lives === 0 || this.struckAtBoot < this.faults.length) return ""
        const key = chip.key()
        const { filesHash, pending, step } = this.memory
        if (key === "") return ""
        return `${key},${filesHash},${pending === undefined ? "" : hashOfFile(pending.name, pending.data)},${step}`
    }

    private live(): boolean {
        const { lab } = this
        this.struckAtBoot = lab.chip.struck
        lab.chip.powerOn()
        const start = this.decide()
        const { slot } = start
        // What rots behind the boot loader's back is found at the next boot.
        if (!this.isStrict && lab.chip.struck > this.struckAtBoot) return false
        const isNew = this.whichApp(slot)
        lab.chip.guarded = slot === 0 ? lab.layout.regions.app0 : lab.layout.regions.app1
        const core = lab.start(start)
        core.runningInstall({ name: "demo", version: isNew ? "1.1.0" : "1.0.0", build_id: isNew ? "b2" : "b1", security: 0 })
        core.filesMount()
        this.checkFiles(core, isNew)
        const life: Life = { lab, core, isNew, memory: this.memory, mayFail: () => this.isForgiven(), isStrict: this.isStrict }
        const isDone = this.scenario.live(life)
        if (isDone) this.checkFiles(core, isNew)
        return isDone
    }

    /** Whether a fault other than a cut has struck in this life. */
    private mayFail(): boolean {
        return !this.isStrict || this.lab.chip.struck > this.struckAtBoot
    }

    /** Whether a call may fail: in such a life, and once more for each such fault, since its traces may come to light later. */
    private isForgiven(): boolean {
        if (this.mayFail()) return true
        this.forgiven += 1
        return this.forgiven <= this.faults.slice(0, this.lab.chip.struck).filter(({ kind }) => kind !== "cut").length
    }

    /** The boot loader decides. What it has read and decided without a write is remembered: the same pages, the same decision. */
    private decide(): Start {
        const { chip, decisions } = this.lab
        if (this.known === undefined || !chip.isSteady()) return this.decideTwice()
        const known = decisions.find(({ pages }) => chip.cells.isAsSeen(pages))
        if (known !== undefined) return known.start
        const { operations, flickers } = chip
        let start: Start | undefined
        const pages = chip.cells.watch(() => void (start = this.decideTwice()))
        if (chip.operations === operations && chip.flickers === flickers) decisions.unshift({ pages, start: start! })
        if (decisions.length > DECISIONS_MAX) decisions.pop()
        return start!
    }

    /** Where no trial is taken, twice alike, once an image was started by the first decision. */
    private decideTwice(): Start {
        const start = this.lab.load()
        if (this.mayFail() || isTrial(start)) return start
        this.lab.start(start)
        const again = this.lab.load()
        if (again.slot !== start.slot && !this.mayFail()) {
            throw new Violation(`slot ${start.slot} boots, then slot ${again.slot}`)
        }
        return again
    }

    private whichApp(slot: number): boolean {
        if (this.lab.holds(slot, this.lab.newApp)) return true
        if (this.lab.holds(slot, OLD_APP)) return false
        throw new Violation(`slot ${slot} boots and is no complete image`)
    }

    private checkFiles(core: SearchCore, isNew: boolean): void {
        const { memory } = this
        if (!this.isStrict) return this.checkNothingTorn(core)
        if (this.mayFail()) return
        const { pending } = memory
        if (pending !== undefined && !isNew) {
            // What the first look finds is what must be found from now on.
            const found = core.fileRead(pending.name)
            if (found === pending.data) fileNote(memory, pending.name, pending.data)
            memory.pending = undefined
        }
        const wanted = filesWanted(memory, isNew && core.fileRead("style.css") !== undefined)
        for (const name of Object.keys(wanted)) {
            if (core.fileRead(name) !== wanted[name]) throw new Violation(`the file ${name} is lost or torn`)
        }
        for (const name of core.fileList()) if (wanted[name] === undefined) throw new Violation(`the file ${name} came back`)
    }

    /** Where flash has lost bits, files may be missing or old, but none is ever a mixture. */
    private checkNothingTorn(core: SearchCore): void {
        for (const name of core.fileList()) {
            const data = core.fileRead(name)
            if (data !== undefined && !isKnownContent(name, data)) throw new Violation(`the file ${name} is torn`)
        }
    }

    /** A fault costs a block at most; of several, writes that were lost without a word can cost what they should have noted. */
    private checkCost(): void {
        const { scenario, lab, memory } = this
        if (scenario.image === undefined || !this.isStrict) return
        const imageBytes = lab.images[scenario.image].length
        const struck = this.faults.slice(0, lab.chip.struck)
        const cuts = memory.stops + struck.filter(({ kind }) => kind === "cut").length
        const whole = isSingle(struck) ? 0 : struck.length - (cuts - memory.stops)
        const steps = isSingle(struck) ? memory.stops + 1 : cuts
        // The journal has room for so many notes on torn marks; then the download starts anew.
        const anew = Math.floor(cuts / JOURNAL_NOTES_MAX)
        const bound = imageBytes * (1 + whole + anew) + steps * (4096 + OVERHEAD_BYTES)
        if (memory.fedBytes > bound)
            throw new Violation(`${memory.fedBytes} bytes were downloaded, ${struck.length} faults may make it ${bound}`)
    }
}

/** Whether the loader has taken a trial: another decision takes another one. */
function isTrial({ reason, record }: Start): boolean {
    return reason === STATUS_OK && (record.charCodeAt(FLAGS_AT) & FLAG_COMMITTED) === 0
}

/** A brown-out is a fault for each write that fails. */
function isSingle(faults: readonly Fault[]): boolean {
    return faults.length === 1 && faults[0]!.kind !== "brown-out"
}

/** Runs a case from its start. */
export function runCase(lab: Lab, scenario: Scenario, place: CaseStart, { faults }: Case, known?: Known): Run {
    lab.chip.restore(place.state)
    lab.chip.arm(faults)
    const run = new Run(lab, scenario, memoryCopy(place.memory), faults, known)
    run.toTheEnd()
    return run
}
