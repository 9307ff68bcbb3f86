// The contract of a Region and a Stage (firmware/ports.ts), for any shim that offers them.

import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import { BLOCK_BYTES } from "../../firmware/constants"
import type { Region, Stage } from "../../firmware/ports"
import { STATUS_OK } from "../../firmware/status"

/** A blank region of at least two erase units and two blocks, and the stage that serves it. */
export interface RegionUnderTest {
    readonly region: Region
    readonly stage: Stage
    close?(): void
}

function pattern(lengthBytes: number, seed: number): string {
    return Buffer.from(Array.from({ length: lengthBytes }, (_, i) => (i * 7 + seed * 31) & 0xff)).toString("latin1")
}

/** Runs the suite; `open` makes a new blank region each time. */
export function regionSuite(name: string, open: () => RegionUnderTest): void {
    describe(`Region of ${name}`, () => regionTests(open))
    describe(`Stage of ${name}`, () => stageTests(open))
}

function regionTests(open: () => RegionUnderTest): void {
    let under: RegionUnderTest
    let region: Region
    beforeEach(() => {
        under = open()
        region = under.region
    })
    afterEach(() => under.close?.())

    test("has the geometry that the contract allows", () => {
        expect(region.eraseBytes).toBeGreaterThanOrEqual(1024)
        expect(region.eraseBytes).toBeLessThanOrEqual(65536)
        expect(region.programBytes).toBeGreaterThanOrEqual(1)
        expect(region.programBytes).toBeLessThanOrEqual(256)
        expect(region.eraseBytes % region.programBytes).toBe(0)
        expect(region.sizeBytes % region.eraseBytes).toBe(0)
    })

    test("reads as erased, first and last byte included", () => {
        expect(region.read(0, region.eraseBytes)).toBe("\xff".repeat(region.eraseBytes))
        expect(region.read(region.sizeBytes - 1, 1)).toBe("\xff")
    })

    test("keeps every byte value, unit by unit, at both ends", () => {
        const all = pattern(Math.max(256, region.programBytes), 1)
        for (const offset of [0, region.sizeBytes - all.length]) {
            expect(region.program(offset, all)).toBe(STATUS_OK)
            expect(region.read(offset, all.length)).toBe(all)
        }
        expect(region.read(3, 5)).toBe(all.slice(3, 8))
    })

    test("erases one unit and no other", () => {
        const bytes = pattern(2 * region.eraseBytes, 2)
        expect(region.program(0, bytes)).toBe(STATUS_OK)
        expect(region.erase(region.eraseBytes)).toBe(STATUS_OK)
        expect(region.read(0, 2 * region.eraseBytes)).toBe(bytes.slice(0, region.eraseBytes) + "\xff".repeat(region.eraseBytes))
        expect(region.program(region.eraseBytes, bytes.slice(0, region.eraseBytes))).toBe(STATUS_OK)
    })

    test.each([BLOCK_BYTES, BLOCK_BYTES - 1, 1])("programs %i staged bytes, padded, and compares", lengthBytes => {
        const { stage } = under
        const bytes = pattern(lengthBytes, 3)
        stage.put(0, bytes, 0, lengthBytes)
        expect(region.matchesStaged(0, lengthBytes)).toBe(false)
        expect(region.programStaged(0, lengthBytes)).toBe(STATUS_OK)
        expect(region.matchesStaged(0, lengthBytes)).toBe(true)
        expect(region.read(0, lengthBytes)).toBe(bytes)
        stage.put(0, `${bytes.slice(0, -1)}\x55`, 0, lengthBytes)
        expect(region.matchesStaged(0, lengthBytes)).toBe(bytes.endsWith("\x55"))
    })
}

function stageTests(open: () => RegionUnderTest): void {
    test("holds what was put, in pieces and from the middle of a string", () => {
        const { stage, close } = open()
        const bytes = pattern(BLOCK_BYTES, 4)
        stage.put(0, `xx${bytes}`, 2, 1002)
        stage.place(bytes.slice(1000, 1500), 1000)
        stage.put(1500, bytes, 1500, BLOCK_BYTES)
        expect(stage.take(BLOCK_BYTES)).toBe(bytes)
        expect(stage.take(10)).toBe(bytes.slice(0, 10))
        for (const lengthBytes of [BLOCK_BYTES, 100, 0]) {
            const expected = createHash("sha256").update(bytes.slice(0, lengthBytes), "latin1").digest("binary")
            expect(stage.sha256(lengthBytes)).toBe(expected)
        }
        close?.()
    })

    test("computes CRC-32 over several blocks, as a signed number", () => {
        const { stage, close } = open()
        const bytes = pattern(100, 5)
        stage.put(0, bytes, 0, 100)
        if (stage.hasCrc32) {
            const expected = crc32(Buffer.from(bytes + bytes.slice(0, 50), "latin1")) | 0
            expect(stage.crc32(stage.crc32(0, 100), 50)).toBe(expected)
        }
        close?.()
    })
}
