// The emulated flash against a model of a few lines, and everything that it must refuse.

import { createHash } from "node:crypto"
import * as fc from "fast-check"
import {
    createNorFlash,
    FlashContractError,
    type FlashStore,
    type NorFlash,
    type NorFlashOptions,
} from "../../shims/host/nor-flash"

const GEOMETRIES: NorFlashOptions[] = [
    { sizeBytes: 4096, eraseBytes: 1024, programBytes: 1 },
    { sizeBytes: 8192, eraseBytes: 4096, programBytes: 16 },
    { sizeBytes: 8192, eraseBytes: 2048, programBytes: 256, isRewritable: true },
]

/** Operations that may break the contract, and often do. */
const operations = fc.array(
    fc.oneof(
        fc.record({ kind: fc.constant("erase" as const), at: fc.nat(9000) }),
        fc.record({ kind: fc.constant("eraseUnit" as const), at: fc.nat(8) }),
        fc.record({ kind: fc.constant("program" as const), at: fc.nat(40), units: fc.nat(40), fill: fc.nat(255) }),
        fc.record({
            kind: fc.constant("stray" as const),
            at: fc.integer({ min: -20, max: 9000 }),
            units: fc.nat(40),
            fill: fc.nat(255),
        }),
    ),
    { maxLength: 40 },
)

type Operation = typeof operations extends fc.Arbitrary<(infer T)[]> ? T : never

/** What the operation asks of the chip: an erase, or a program of the same byte throughout. */
function resolveOperation(
    operation: Operation,
    { eraseBytes, programBytes }: NorFlashOptions,
): { address: number; bytes?: string } {
    switch (operation.kind) {
        case "erase":
            return { address: operation.at }
        case "eraseUnit":
            return { address: operation.at * eraseBytes }
        case "program": {
            const bytes = String.fromCharCode(operation.fill).repeat(operation.units * programBytes)
            return { address: operation.at * programBytes, bytes }
        }
        case "stray":
            return { address: operation.at, bytes: String.fromCharCode(operation.fill).repeat(operation.units) }
    }
}

/** The model: cells, and which of them were programmed since their erase. Returns whether the contract allows it. */
function applyToModel(cells: number[], used: boolean[], options: NorFlashOptions, address: number, bytes?: string): boolean {
    const { eraseBytes, programBytes, isRewritable } = options
    if (bytes === undefined) {
        if (address % eraseBytes !== 0 || address < 0 || address >= cells.length) return false
        cells.fill(0xff, address, address + eraseBytes)
        used.fill(false, address, address + eraseBytes)
        return true
    }
    if (bytes === "" || address < 0 || address + bytes.length > cells.length) return false
    if (address % programBytes !== 0 || bytes.length % programBytes !== 0) return false
    for (let i = 0; i < bytes.length; i++) {
        const wanted = bytes.charCodeAt(i)
        if (used[address + i] && (isRewritable !== true || (cells[address + i]! & wanted) !== wanted)) return false
    }
    for (let i = 0; i < bytes.length; i++) cells[address + i] = bytes.charCodeAt(i)
    used.fill(true, address, address + bytes.length)
    return true
}

function run(flash: NorFlash, address: number, bytes?: string): boolean {
    try {
        expect(bytes === undefined ? flash.erase(address) : flash.program(address, bytes)).toBe(0)
        return true
    } catch (error) {
        expect(error).toBeInstanceOf(FlashContractError)
        return false
    }
}

describe.each(GEOMETRIES)("a chip of $sizeBytes bytes, units $eraseBytes/$programBytes", options => {
    test("does what the model does and refuses what the model refuses", () => {
        fc.assert(
            fc.property(operations, list => {
                const flash = createNorFlash(options)
                const cells = new Array<number>(options.sizeBytes).fill(0xff)
                const used = new Array<boolean>(options.sizeBytes).fill(false)
                for (const operation of list) {
                    const { address, bytes } = resolveOperation(operation, options)
                    expect(run(flash, address, bytes)).toBe(applyToModel(cells, used, options, address, bytes))
                }
                expect(flash.array.equals(Buffer.from(cells))).toBe(true)
            }),
            { numRuns: 150 },
        )
    })

    test("programs from the stage with padding, and compares with it", () => {
        const flash = createNorFlash(options)
        flash.stage.put(0, "abcdefghij", 0, 10)
        expect(flash.matchesStaged(0, 10)).toBe(false)
        expect(flash.programStaged(0, 10)).toBe(0)
        expect(flash.matchesStaged(0, 10)).toBe(true)
        const paddedBytes = Math.ceil(10 / options.programBytes) * options.programBytes
        expect(flash.read(0, paddedBytes + 1)).toBe("abcdefghij" + "\xff".repeat(paddedBytes + 1 - 10))
        flash.stage.put(9, "J", 0, 1)
        expect(flash.matchesStaged(0, 10)).toBe(false)
        expect(flash.matchesStaged(0, 9)).toBe(true)
    })
})

const PLAIN: NorFlashOptions = { sizeBytes: 8192, eraseBytes: 4096, programBytes: 16 }

test("counts erases by unit", () => {
    const flash = createNorFlash(PLAIN)
    flash.erase(4096)
    flash.erase(4096)
    flash.erase(0)
    expect([...flash.eraseCounts]).toEqual([1, 2])
})

test("refuses characters above 255, more than a block from the stage, and reads beyond the chip", () => {
    const flash = createNorFlash(PLAIN)
    expect(() => flash.program(0, "\u0100".repeat(16))).toThrow(FlashContractError)
    expect(() => flash.programStaged(0, 4097)).toThrow(FlashContractError)
    expect(() => flash.read(8000, 193)).toThrow(FlashContractError)
    expect(() => flash.read(-1, 1)).toThrow(FlashContractError)
    expect(() => flash.read(0.5, 1)).toThrow(FlashContractError)
    expect(() => flash.matchesStaged(8192, 1)).toThrow(FlashContractError)
})

test("digests a range", () => {
    const flash = createNorFlash(PLAIN)
    flash.program(16, "0123456789abcdef")
    expect(flash.digest(1, 16, 10)).toBe(createHash("sha1").update("0123456789").digest("hex"))
    expect(flash.digest(256, 16, 10)).toBe(createHash("sha256").update("0123456789").digest("hex"))
})

test.each([
    { sizeBytes: 4096, eraseBytes: 512, programBytes: 1 },
    { sizeBytes: 5000, eraseBytes: 4096, programBytes: 1 },
    { sizeBytes: 0, eraseBytes: 4096, programBytes: 1 },
    { sizeBytes: 4096, eraseBytes: 4096, programBytes: 3 },
    { sizeBytes: 4096, eraseBytes: 4096, programBytes: 512 },
])("refuses to be a chip of %o", options => {
    expect(() => createNorFlash(options)).toThrow(RangeError)
})

test("answers -1 when its store fails, and keeps what the store keeps", () => {
    let isBroken = false
    const fail = (): void => {
        if (isBroken) throw new Error("no space left")
    }
    const store: FlashStore = { load: () => undefined, write: fail, writeEraseCount: fail }
    const flash = createNorFlash({ ...PLAIN, store })
    expect(flash.program(0, "x".repeat(16))).toBe(0)
    isBroken = true
    expect(flash.program(16, "y".repeat(16))).toBe(-1)
    expect(flash.erase(0)).toBe(-1)
    isBroken = false
    expect(flash.read(0, 32)).toBe("x".repeat(16) + "\xff".repeat(16))
    // Nobody knows what a failed program has left in its cells.
    expect(() => flash.program(16, "y".repeat(16))).toThrow(FlashContractError)
})
