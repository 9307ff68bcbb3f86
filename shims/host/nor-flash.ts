// An emulated NOR flash chip, stricter than real ones: what hardware may forgive is an exception here.

import { createHash } from "node:crypto"
import type { Bytes } from "../../firmware/ports"
import type { Flash } from "./hardware"
import { createStage } from "./stage"
import type { HostStage } from "./stage"

/** Where a chip keeps its content beyond the process. Its functions throw when the content cannot be kept. */
export interface FlashStore {
    /** Fills `array` and `eraseCounts` with what is kept. */
    load(this: void, array: Buffer, eraseCounts: Uint32Array): void
    /** Keeps source[offset, offset + lengthBytes) at `address` before it returns. */
    write(this: void, address: number, source: Buffer, offset: number, lengthBytes: number): void
    /** Keeps the number of erases of one erase unit, counted from 0. */
    writeEraseCount(this: void, unit: number, count: number): void
}

/** What makes a chip. */
export interface NorFlashOptions {
    /** A multiple of `eraseBytes`. */
    readonly sizeBytes: number
    /** Erase unit, 1024–65536. */
    readonly eraseBytes: number
    /** Program unit, 1–256, divides `eraseBytes`. */
    readonly programBytes: number
    /** Whether a unit may be programmed again without an erase, bits only clearing; chips with ECC forbid it. Default false. */
    readonly isRewritable?: boolean
    /** Default: memory alone. */
    readonly store?: FlashStore
}

/** A chip with what a laboratory can see of it. */
export interface NorFlash extends Flash {
    readonly stage: HostStage
    /** The cells; looking is free, writing here is what a probe would do. */
    readonly array: Buffer
    /** Erases so far, per erase unit. */
    readonly eraseCounts: Uint32Array
    /** One byte per program unit: 1 when it was programmed since its erase. */
    readonly programmed: Uint8Array
}

/** The caller broke the contract of the flash: a bug above it, not a fault of the chip. */
export class FlashContractError extends Error {
    readonly code = "FLASH_CONTRACT"
}

const ERASED = 0xff

interface Chip {
    readonly options: NorFlashOptions
    readonly array: Buffer
    readonly eraseCounts: Uint32Array
    /** One byte per program unit: 1 when it was programmed since its erase. */
    readonly programmed: Uint8Array
    readonly blank: Buffer
    readonly scratch: Buffer
}

function checkOptions({ sizeBytes, eraseBytes, programBytes }: NorFlashOptions): void {
    const isWhole = [sizeBytes, eraseBytes, programBytes].every(Number.isInteger)
    const isInRange = eraseBytes >= 1024 && eraseBytes <= 65536 && programBytes >= 1 && programBytes <= 256
    if (isWhole && isInRange && sizeBytes > 0 && sizeBytes % eraseBytes === 0 && eraseBytes % programBytes === 0) return
    throw new RangeError(
        `no such flash chip: ${sizeBytes} bytes, erase unit ${eraseBytes} (1024-65536), ` +
            `program unit ${programBytes} (1-256, divides the erase unit)`,
    )
}

function createChip(options: NorFlashOptions): Chip {
    checkOptions(options)
    const { sizeBytes, eraseBytes, programBytes, store } = options
    const array = Buffer.alloc(sizeBytes, ERASED)
    const eraseCounts = new Uint32Array(sizeBytes / eraseBytes)
    const programmed = new Uint8Array(sizeBytes / programBytes)
    const blank = Buffer.alloc(eraseBytes, ERASED)
    store?.load(array, eraseCounts)
    // Which units hold a program of nothing but 0xff is not kept; after a power cycle those count as erased.
    for (let unit = 0; store !== undefined && unit < programmed.length; unit++) {
        const at = unit * programBytes
        if (array.compare(blank, 0, programBytes, at, at + programBytes) !== 0) programmed[unit] = 1
    }
    return { options, array, eraseCounts, programmed, blank, scratch: Buffer.alloc(eraseBytes) }
}

function checkRange(chip: Chip, address: number, lengthBytes: number): void {
    if (address >= 0 && lengthBytes >= 0 && address + lengthBytes <= chip.array.length) {
        if (Number.isInteger(address) && Number.isInteger(lengthBytes)) return
    }
    throw new FlashContractError(`flash: ${lengthBytes} bytes at ${address} leave the chip of ${chip.array.length} bytes`)
}

/** Whether no unit of [from, to) was programmed. A few are looked at here, many by the platform. */
function areErased(programmed: Uint8Array, from: number, to: number): boolean {
    if (to - from > 64) return !programmed.subarray(from, to).includes(1)
    for (let unit = from; unit < to; unit++) if (programmed[unit] !== 0) return false
    return true
}

/** Throws unless every unit of the range may be programmed with `source`. */
function checkProgram(chip: Chip, address: number, source: Buffer, lengthBytes: number): void {
    const { programBytes, isRewritable } = chip.options
    checkRange(chip, address, lengthBytes)
    if (lengthBytes === 0 || address % programBytes !== 0 || lengthBytes % programBytes !== 0) {
        throw new FlashContractError(
            `flash: a program of ${lengthBytes} bytes at ${address} is not in whole units of ${programBytes}`,
        )
    }
    const endUnit = (address + lengthBytes) / programBytes
    if (areErased(chip.programmed, address / programBytes, endUnit)) return
    for (let unit = address / programBytes; unit < endUnit; unit++) {
        if (chip.programmed[unit] === 0) continue
        const at = unit * programBytes
        if (isRewritable !== true) throw new FlashContractError(`flash: the unit at ${at} was already programmed since its erase`)
        checkBitsClear(chip.array, at, source, at - address, programBytes)
    }
}

function checkBitsClear(array: Buffer, at: number, source: Buffer, sourceAt: number, lengthBytes: number): void {
    for (let i = 0; i < lengthBytes; i++) {
        const wanted = source[sourceAt + i]
        if ((array[at + i] & wanted) === wanted) continue
        throw new FlashContractError(`flash: a program at ${at + i} would set bits that only an erase can set`)
    }
}

/** Whether the store, if there is one, could keep it. */
function isKept(store: FlashStore | undefined, address: number, source: Buffer, lengthBytes: number): boolean {
    if (store === undefined) return true
    try {
        store.write(address, source, 0, lengthBytes)
        return true
    } catch {
        return false
    }
}

function programFrom(chip: Chip, address: number, source: Buffer, lengthBytes: number): number {
    const { programBytes, store } = chip.options
    checkProgram(chip, address, source, lengthBytes)
    const isDone = isKept(store, address, source, lengthBytes)
    // A failed program leaves units that no longer count as erased, and cells that read as before.
    if (isDone) source.copy(chip.array, address, 0, lengthBytes)
    chip.programmed.fill(1, address / programBytes, (address + lengthBytes) / programBytes)
    return isDone ? 0 : -1
}

function programBytesOf(chip: Chip, address: number, bytes: Bytes): number {
    const source = bytes.length <= chip.scratch.length ? chip.scratch : Buffer.alloc(bytes.length)
    source.write(bytes, 0, bytes.length, "latin1")
    if (source.toString("latin1", 0, bytes.length) !== bytes)
        throw new FlashContractError(`flash: a program at ${address} has characters above 255`)
    return programFrom(chip, address, source, bytes.length)
}

function programStage(chip: Chip, stage: HostStage, address: number, lengthBytes: number): number {
    const units = Math.ceil(lengthBytes / chip.options.programBytes)
    const paddedBytes = units * chip.options.programBytes
    if (paddedBytes > stage.buffer.length)
        throw new FlashContractError(`flash: ${lengthBytes} staged bytes are more than one block`)
    if (paddedBytes > lengthBytes) stage.buffer.fill(ERASED, lengthBytes, paddedBytes)
    return programFrom(chip, address, stage.buffer, paddedBytes)
}

function eraseUnit(chip: Chip, address: number): number {
    const { eraseBytes, programBytes, store } = chip.options
    checkRange(chip, address, eraseBytes)
    if (address % eraseBytes !== 0)
        throw new FlashContractError(`flash: an erase at ${address} is not at a unit of ${eraseBytes}`)
    const unit = address / eraseBytes
    const count = chip.eraseCounts[unit] + 1
    try {
        // Counted first: a chip that loses power within an erase is worn by it all the same.
        store?.writeEraseCount(unit, count)
    } catch {
        return -1
    }
    chip.eraseCounts[unit] = count
    if (!isKept(store, address, chip.blank, eraseBytes)) return -1
    chip.array.fill(ERASED, address, address + eraseBytes)
    chip.programmed.fill(0, address / programBytes, (address + eraseBytes) / programBytes)
    return 0
}

/**
 * Creates a chip, blank or with what its store kept.
 * Errors: RangeError for an impossible geometry; its functions throw FlashContractError when a caller leaves the chip, erases
 * or programs other than whole units, programs a unit twice or wants bits set. They return -1 when the store fails.
 */
export function createNorFlash(options: NorFlashOptions): NorFlash {
    const chip = createChip(options)
    const { array } = chip
    const stage = createStage()
    return {
        sizeBytes: options.sizeBytes,
        eraseBytes: options.eraseBytes,
        programBytes: options.programBytes,
        array,
        eraseCounts: chip.eraseCounts,
        programmed: chip.programmed,
        stage,
        read(address, lengthBytes) {
            checkRange(chip, address, lengthBytes)
            return array.toString("latin1", address, address + lengthBytes)
        },
        erase: address => eraseUnit(chip, address),
        program: (address, bytes) => programBytesOf(chip, address, bytes),
        programStaged: (address, lengthBytes) => programStage(chip, stage, address, lengthBytes),
        matchesStaged(address, lengthBytes) {
            checkRange(chip, address, lengthBytes)
            return array.compare(stage.buffer, 0, lengthBytes, address, address + lengthBytes) === 0
        },
        digest(algorithm, address, lengthBytes) {
            checkRange(chip, address, lengthBytes)
            const name = algorithm === 1 ? "sha1" : "sha256"
            return createHash(name)
                .update(array.subarray(address, address + lengthBytes))
                .digest("hex")
        },
    }
}
