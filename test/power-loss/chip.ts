// The strict chip with faults: power cuts, torn and lost writes, weak cells, rot; its state can be saved and restored at once.

import type { Flash } from "../../shims/host/hardware"
import { type NorFlash, type NorFlashOptions } from "../../shims/host/nor-flash"
import { Cells, type CellsState } from "./cells"
import { sha256 } from "./digest"
import { createRandom, CUT_VARIANTS, isOfRecord, KINDS, type Fault, type Random } from "./faults"

/** Cells that read as old or new by chance until they are erased: all alike (a coin), or each bit for itself. */
interface Weak {
    readonly address: number
    readonly old: Buffer
    readonly isCoin: boolean
}

/** The whole state of a chip. */
export interface ChipState {
    readonly cells: CellsState
    readonly weak: readonly Weak[]
}

/** Power is gone: the code that runs ends here. */
export class PowerCut extends Error {}

/** Always the same one: a stack for each of a million cuts would cost more than the cuts. */
const POWER_CUT = new PowerCut("power is lost")

/** The firmware did what it must never do. */
export class Violation extends Error {}

/** An erase or a program as the firmware asked for it. */
export interface Operation {
    readonly isErase: boolean
    readonly address: number
    /** What an erase or a program would leave. */
    readonly bytes: Buffer
}

/** A range of addresses. */
export interface Range {
    readonly offsetBytes: number
    readonly sizeBytes: number
}

/**
 * A chip in the laboratory. What the strict chip forbids, a second program of a unit, is forgiven where a fault has touched the unit,
 * since the firmware cannot know: then the chip reports an error (with ECC), or clears the bits (where rewriting is allowed).
 */
export class LabChip {
    readonly cells: Cells
    readonly nor: NorFlash
    readonly flash: Flash
    /** Called before every operation; may throw. */
    onOperation: ((operation: Operation) => void) | undefined
    /** No operation may touch this range. */
    guarded: Range | undefined
    /** Ranges that a misdirected write or rot may hit. */
    spare: readonly Range[] = []
    /** The boot records: a bit of them may rot, but a write that lands there is beyond what two erase units can stand. */
    records: Range = { offsetBytes: 0, sizeBytes: 0 }
    operations = 0
    reads = 0
    /** Reads of flickering cells. */
    flickers = 0
    /** Faults that are still to come, and how many have struck. */
    struck = 0
    private plan: readonly Fault[] = []
    private countdown = -1
    private brown = -1
    private hash = 1
    private weak: readonly Weak[] = []
    private random: Random = createRandom(1)
    private readonly blank: Buffer

    constructor(private readonly options: NorFlashOptions) {
        this.cells = new Cells(options)
        this.nor = this.cells.nor
        this.blank = Buffer.alloc(options.eraseBytes, 0xff)
        this.flash = this.createFlash()
    }

    private createFlash(): Flash {
        const { nor, options } = this
        const { eraseBytes, programBytes } = options
        return {
            ...nor,
            read: (address, lengthBytes) => this.read(address, lengthBytes),
            erase: address => {
                if (this.isCalm(true, address, eraseBytes)) return nor.erase(address)
                return this.operate({ isErase: true, address, bytes: this.blank }, () => nor.erase(address))
            },
            program: (address, bytes) => {
                if (this.isCalm(false, address, bytes.length, bytes)) return nor.program(address, bytes)
                const direct = (): number => nor.program(address, bytes)
                return this.operate({ isErase: false, address, bytes: Buffer.from(bytes, "latin1") }, direct)
            },
            programStaged: (address, lengthBytes) => {
                const paddedBytes = Math.ceil(lengthBytes / programBytes) * programBytes
                if (this.isCalm(false, address, paddedBytes)) return nor.programStaged(address, lengthBytes)
                const bytes = Buffer.alloc(paddedBytes, 0xff)
                nor.stage.buffer.copy(bytes, 0, 0, lengthBytes)
                return this.operate({ isErase: false, address, bytes }, () => nor.programStaged(address, lengthBytes))
            },
            matchesStaged: (address, lengthBytes) =>
                this.isQuiet()
                    ? nor.matchesStaged(address, lengthBytes)
                    : this.read(address, lengthBytes) === nor.stage.take(lengthBytes),
            digest: (algorithm, address, lengthBytes) => {
                if (algorithm === 1) return nor.digest(algorithm, address, lengthBytes)
                return Buffer.from(sha256(this.read(address, lengthBytes)), "latin1").toString("hex")
            },
        }
    }

    // ---- plans and states --------------------------------------------------------------------------

    /** The faults to come, one after the other; what is left to chance depends on them alone, so that a plan replays. */
    arm(plan: readonly Fault[]): void {
        this.plan = plan
        this.struck = 0
        this.hash = 1
        this.powerOn()
        this.countdown = plan[0]?.at ?? -1
    }

    /** Lets the next fault of the plan, a cut, strike at this operation. */
    cutNow(operation: Operation): void {
        const fault = this.plan[this.struck]!
        this.next()
        try {
            this.cut(operation, fault.detail)
        } catch (error) {
            if (!(error instanceof PowerCut)) throw error
        }
    }

    /** Keeps the chip's state. Pages that did not change since the last time are shared. */
    save(): ChipState {
        return { cells: this.cells.save(), weak: this.weak }
    }

    /** Brings a state back. */
    restore({ cells, weak }: ChipState): void {
        this.cells.restore(cells)
        this.weak = weak
    }

    /** The whole state as a short text; "" while cells flicker, and chance has a say in what comes. */
    key(): string {
        return this.weak.length > 0 ? "" : this.cells.key()
    }

    /** Whether no fault is to come: what comes depends on the cells alone, and on chance where they flicker. */
    isSteady(): boolean {
        return this.brown < 0 && this.struck === this.plan.length
    }

    /** Power is back: what was under way is forgotten. */
    powerOn(): void {
        this.brown = -1
    }

    /** Counts the next fault of the plan as struck. */
    next(): void {
        const { at, kind, detail } = this.plan[this.struck]!
        this.hash = Math.imul(this.hash ^ (at + 1), 0x9e3779b1) ^ Math.imul(KINDS.indexOf(kind) * 1000 + detail + 1, 0x85ebca6b)
        this.random = createRandom(this.hash)
        this.struck += 1
        this.countdown = this.plan[this.struck]?.at ?? -1
    }

    // ---- reads -------------------------------------------------------------------------------------

    private read(address: number, lengthBytes: number): string {
        this.reads += 1
        if (this.countdown >= 0 && this.plan[this.struck]!.kind === "read" && this.countdown-- === 0) {
            this.next()
            return ""
        }
        if (this.weak.length === 0 || !this.isWeak(address, lengthBytes)) {
            return this.cells.read(address, lengthBytes)
        }
        this.flickers += 1
        const bytes = Buffer.from(this.nor.read(address, lengthBytes), "latin1")
        for (const weak of this.weak) if (overlaps(weak, address, lengthBytes)) this.flicker(weak, address, bytes)
        return bytes.toString("latin1")
    }

    private isWeak(address: number, lengthBytes: number): boolean {
        for (const weak of this.weak) if (overlaps(weak, address, lengthBytes)) return true
        return false
    }

    private flicker({ address, old, isCoin }: Weak, from: number, bytes: Buffer): void {
        const isOld = this.random.below(2) === 1
        for (let i = Math.max(0, from - address); i < Math.min(old.length, from + bytes.length - address); i++) {
            const at = address + i - from
            const mask = isCoin ? (isOld ? 255 : 0) : this.random.below(256)
            bytes[at] = (bytes[at]! & ~mask) | (old[i]! & mask)
        }
    }

    // ---- writes ------------------------------------------------------------------------------------

    /** Counts an operation that nothing disturbs, and that no unit touched by a fault lies in the way of; false: it is not counted. */
    private isCalm(isErase: boolean, address: number, lengthBytes: number, text = ""): boolean {
        if (this.onOperation !== undefined || this.brown >= 0) return false
        if (this.cells.mayBeTorn(address, lengthBytes)) return false
        if (this.countdown >= 0 && this.plan[this.struck]!.kind !== "read") {
            if (this.countdown === 0) return false
            this.countdown -= 1
        }
        this.count(address)
        this.cells.touchCalm(isErase, address, lengthBytes, text)
        return true
    }

    private count(address: number): void {
        this.operations += 1
        const { guarded } = this
        if (guarded !== undefined && address >= guarded.offsetBytes && address < guarded.offsetBytes + guarded.sizeBytes) {
            throw new Violation(`the running slot was written at ${address}`)
        }
    }

    private operate(operation: Operation, direct: () => number): number {
        this.onOperation?.(operation)
        this.count(operation.address)
        if (this.brown >= 0) return this.brownOut(operation)
        const fault = this.plan[this.struck]
        if (fault !== undefined && fault.kind !== "read" && this.countdown-- === 0) return this.strike(fault, operation)
        return this.perform(operation, direct)
    }

    /** Does what a healthy chip does; on units that a fault has touched, what such a chip does. */
    private perform({ isErase, address, bytes }: Operation, direct: () => number): number {
        const { cells, nor } = this
        if (isErase) cells.touchCalm(true, address, bytes.length)
        else cells.touch(address, bytes.length)
        const [from, to] = cells.unitsOf(address, bytes.length)
        const isTorn = cells.torn.subarray(from, to).includes(1)
        if (isErase || isTorn) this.weak = this.weak.filter(weak => !overlaps(weak, address, bytes.length))
        if (isErase) cells.torn.fill(0, from, to)
        if (isErase || !isTorn) return direct()
        this.clearBits(address, bytes, bytes.length)
        if (this.options.isRewritable !== true) return -1
        cells.torn.fill(0, from, to)
        nor.programmed.fill(1, from, to)
        return 0
    }

    /** Whether reads are what the cells hold, and none is to fail. */
    private isQuiet(): boolean {
        return this.weak.length === 0 && (this.countdown < 0 || this.plan[this.struck]!.kind !== "read")
    }

    private clearBits(address: number, bytes: Buffer, lengthBytes: number): void {
        const { array } = this.nor
        for (let i = 0; i < lengthBytes; i++) array[address + i]! &= bytes[i]!
    }

    // ---- faults ------------------------------------------------------------------------------------

    private strike(fault: Fault, operation: Operation): number {
        this.next()
        switch (fault.kind) {
            case "cut":
                return this.cut(operation, fault.detail)
            case "silent":
                if (operation.isErase) this.spoil(operation)
                return 0
            case "error":
                if (!operation.isErase) this.spoil(operation)
                return -1
            case "torn error":
                this.tear(operation, 2, 0)
                return -1
            case "brown-out":
                this.brown = fault.detail
                return this.brownOut(operation)
            case "rot":
                this.rot(fault.detail)
                return this.perform(operation, () => this.again(operation))
            default:
                this.misdirect(fault.detail, operation)
                return 0
        }
    }

    private again({ isErase, address, bytes }: Operation): number {
        return isErase ? this.nor.erase(address) : this.nor.program(address, bytes.toString("latin1"))
    }

    /** Power is lost at this operation, as CUT_VARIANTS[variant] says. Always throws PowerCut. */
    cut(operation: Operation, variant: number): never {
        const { tear, reads } = CUT_VARIANTS[variant % CUT_VARIANTS.length]!
        if (tear >= 0) this.tear(operation, tear, reads)
        throw POWER_CUT
    }

    /** Voltage is low: writes fail, each in its own way, while the code runs on; then power is gone. */
    private brownOut(operation: Operation): number {
        if (this.brown-- === 0) throw POWER_CUT
        const way = this.random.below(3)
        if (way === 0) this.tear(operation, 1 + this.random.below(4), this.random.below(3))
        else this.spoil(operation)
        return way === 1 ? 0 : -1
    }

    /** Nothing is to be seen, but the cells no longer count as erased. */
    private spoil({ address, bytes }: Operation): void {
        this.cells.touch(address, bytes.length)
        const [from, to] = this.cells.unitsOf(address, bytes.length)
        this.cells.tear(from, to)
        this.nor.programmed.fill(0, from, to)
    }

    /** Leaves a write half-done; `tear` and `reads` are indices of TEARS and READS. */
    private tear(operation: Operation, tear: number, reads: number): void {
        const { isErase, address, bytes } = operation
        const { programBytes } = this.options
        const old = Buffer.from(this.nor.array.subarray(address, address + bytes.length))
        const reached = Math.floor((bytes.length * [0, 1, 2, 3, 2, 4][tear]!) / 4)
        const [from, to] = this.cells.unitsOf(address, bytes.length)
        this.cells.touch(address, bytes.length)
        bytes.copy(this.nor.array, address, 0, reached)
        if (tear === 4) this.nor.array[address + reached] = old[reached]! & (bytes[reached]! | 0x5a)
        const boundary = from + Math.floor(reached / programBytes)
        if (!isErase && reads === 0) {
            this.nor.programmed.fill(1, from, Math.min(boundary, to))
            if (boundary < to) this.cells.tear(boundary, boundary + 1)
            return
        }
        this.cells.tear(from, isErase || tear === 5 ? to : Math.min(boundary + 1, to))
        this.nor.programmed.fill(0, from, to)
        if (reads === 1)
            this.weaken({ address, old: isErase ? old : old.subarray(0, (boundary + 1 - from) * programBytes), isCoin: true })
        if (reads === 2) this.weakenBits(operation, old, reached)
    }

    /** Cells that flicker are cells that a fault has touched. */
    private weaken(weak: Weak): void {
        this.weak = [...this.weak, weak]
        const [from, to] = this.cells.unitsOf(weak.address, weak.old.length)
        this.cells.touch(weak.address, weak.old.length)
        this.cells.tear(from, to)
    }

    /** Single bits flicker: around the place that the write had reached, or, of a whole write, in its last byte alone. */
    private weakenBits({ address, bytes }: Operation, old: Buffer, reached: number): void {
        if (reached === bytes.length) {
            const last = reached - 1 - this.random.below(Math.min(4, reached))
            return this.weaken({ address: address + last, old: old.subarray(last, last + 1), isCoin: false })
        }
        const end = Math.min(bytes.length, reached + Math.max(8, this.options.programBytes))
        this.weaken({ address: address + reached, old: Buffer.from(bytes.subarray(reached, end)), isCoin: false })
    }

    private place(detail: number, ranges: readonly Range[]): number {
        const total = ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
        let at = createRandom(detail).below(total)
        for (const { offsetBytes, sizeBytes } of ranges) {
            if (at < sizeBytes) return offsetBytes + at
            at -= sizeBytes
        }
        return 0
    }

    /** Flips one bit that was written, somewhere in the spare ranges, or a low bit of a boot record's fields. */
    private rot(detail: number): void {
        const random = createRandom(detail)
        let address = 0
        for (let turn = 0; turn < 40; turn++) {
            address = this.place(detail + turn * 7919, isOfRecord(detail) ? [this.records] : this.spare)
            if (isOfRecord(detail)) address += 8 - (address % 256) + random.below(7)
            if (this.nor.array[address] !== 0xff) break
        }
        this.cells.touch(address, 1)
        this.nor.array[address]! ^= 1 << random.below(isOfRecord(detail) ? 2 : 8)
    }

    /** The write goes elsewhere, and says nothing. */
    private misdirect(detail: number, { isErase, bytes }: Operation): void {
        const { eraseBytes, programBytes } = this.options
        const unit = isErase ? eraseBytes : programBytes
        const place = this.place(detail, this.spare)
        const address = Math.min(place - (place % unit), this.options.sizeBytes - bytes.length)
        const length = Math.min(bytes.length, eraseBytes - (address % eraseBytes))
        this.spoil({ isErase, address, bytes: bytes.subarray(0, length) })
        if (isErase) bytes.copy(this.nor.array, address, 0, length)
        else this.clearBits(address, bytes, length)
    }
}

/** Whether weak cells lie in a range. */
function overlaps({ address, old }: Weak, from: number, lengthBytes: number): boolean {
    return from < address + old.length && address < from + lengthBytes
}
