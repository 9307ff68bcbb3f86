// Deltas on a board: made by the packer from any two apps, carried out in any chunks, over cuts, and refused where they are wrong.

import fc from "fast-check"
import { deltaDecode, deltaEncode, type DeltaCode } from "../../build/delta-code"
import { zipRead } from "../../build/zip"
import * as status from "../../firmware/status"
import { bootSlot, createRig, engine, feed, install, slotBytes, startCore, updateOptions, type Rig } from "./core"
import { imageOf, seededBytes } from "./images"

const RUNNING = seededBytes(20_000, 1)
const NEXT = Buffer.concat([RUNNING.subarray(3, 9000), Buffer.from("inserted"), RUNNING.subarray(9100), seededBytes(700, 2)])
const SEED = 20261121

const STATUSES = [status.STATUS_OK, status.STATUS_DONE] as const

function board(app = RUNNING): Rig {
    const rig = createRig({ appBytes: 65536, filesBytes: 32768, journalBytes: 32768 })
    install(rig, app)
    return rig
}

/** One update on a board; the status of its last step. */
function update(rig: Rig, image: Buffer, chunkBytes = 1000): number {
    const core = startCore(rig)
    core.updater.updaterContextCreate(updateOptions())
    const fed = feed(core, image, chunkBytes)
    return fed === status.STATUS_DONE ? core.updater.updaterFinish() : fed
}

/** Single bytes take a slow engine too long. */
const CHUNKS = engine.stride > 1 ? [7, 1000, 4096, 65536] : [1, 7, 1000, 4096, 65536]

test.each(CHUNKS)("a delta fed in chunks of %i bytes becomes the new app", chunkBytes => {
    const rig = board()
    expect(update(rig, imageOf({ app: NEXT, base: RUNNING, files: { "a.txt": "a" } }), chunkBytes)).toBe(status.STATUS_OK)
    expect(slotBytes(rig, 1, NEXT.length).equals(NEXT)).toBe(true)
    expect(slotBytes(rig, 0, RUNNING.length).equals(RUNNING)).toBe(true)
    expect(bootSlot(rig)).toBe(1)
})

/** Apps with what happens to code: bytes are inserted, removed, replaced and moved; or nothing is alike. */
const edited = fc
    .record({
        length: fc.integer({ min: 1, max: 30_000 }),
        seed: fc.nat(),
        edits: fc.array(
            fc.record({
                at: fc.double({ min: 0, max: 1, noNaN: true }),
                removed: fc.nat(3000),
                inserted: fc.nat(300),
                from: fc.double({ min: 0, max: 1, noNaN: true }),
                moved: fc.nat(2000),
            }),
            { maxLength: 12 },
        ),
        isUnrelated: fc.boolean(),
    })
    .map(({ length, seed, edits, isUnrelated }) => {
        const base = seededBytes(length, seed + 1)
        let app = isUnrelated ? seededBytes(length, seed + 7) : base
        for (const { at, removed, inserted, from, moved } of edits) {
            const [place, source] = [Math.floor(at * app.length), Math.floor(from * base.length)]
            const piece = base.subarray(source, source + moved)
            app = Buffer.concat([app.subarray(0, place), seededBytes(inserted, place), piece, app.subarray(place + removed)])
        }
        return { base, app: app.length === 0 ? Buffer.from([1]) : app.subarray(0, 65536) }
    })

test(`what the packer makes of any two apps, the board makes the new one of (seed ${SEED})`, () => {
    const numRuns = Math.ceil(60 / engine.stride)
    const check = ({ base, app }: { base: Buffer; app: Buffer }): void => {
        const code = deltaEncode(base, app)
        expect(app.equals(deltaDecode(code, base, app.length) as Buffer)).toBe(true)
        const blocks = Math.ceil(app.length / 4096)
        // Unrelated apps: an instruction of four bytes for each block, and where it ends.
        expect(code.payload.length).toBeLessThanOrEqual(app.length + 4 * blocks)
        const rig = board(base)
        expect(update(rig, imageOf({ app, base, code }), 3000)).toBe(status.STATUS_OK)
        expect(slotBytes(rig, 1, app.length).equals(app)).toBe(true)
    }
    fc.assert(fc.property(edited, check), { seed: SEED, numRuns })
})

test("a download goes on at the block under way after a cut anywhere", () => {
    const image = imageOf({ app: NEXT, base: RUNNING })
    const payloadAt = zipRead(image).entries.at(-1)!.offsetBytes + 30 + "app.delta".length
    const { list } = deltaEncode(RUNNING, NEXT)
    for (let cut = payloadAt; cut < image.length; cut += 37 * engine.stride) {
        const rig = board()
        const first = startCore(rig)
        first.updater.updaterContextCreate(updateOptions())
        feed(first, image.subarray(0, cut), 512)
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        const at = core.updater.updaterResumeOffset()
        const ends = [0, 1, 2, 3, 4].map(block => payloadAt + list.readUInt32LE(block * 36 + 32)).filter(end => end < cut)
        if (ends.length > 0 && cut < payloadAt + list.readUInt32LE(list.length - 4)) expect(at).toBe(ends.at(-1))
        expect(feed(core, image, 512)).toBe(status.STATUS_DONE)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
        expect(slotBytes(rig, 1, NEXT.length).equals(NEXT)).toBe(true)
    }
})

describe("a wrong base", () => {
    const delta = imageOf({ app: NEXT, base: RUNNING })

    test.each([
        ["another app", seededBytes(20_000, 9)],
        ["a shorter one", RUNNING.subarray(0, 19_999)],
    ])("%s is refused before anything is erased", (_, app) => {
        const rig = board(app)
        const before = Buffer.from(rig.flash.array)
        expect(update(rig, delta)).toBe(status.STATUS_DELTA_BASE)
        expect(rig.flash.array.equals(before)).toBe(true)
    })

    test("of another size than the boot record says", () => {
        const rig = board()
        const base = { digest: "00".repeat(32), size: 20_001 }
        for (const parts of [{ base: { ...base, digest: JSON.parse(JSON.stringify(partOf(delta))).base.digest } }, { base }]) {
            const before = Buffer.from(rig.flash.array)
            expect(update(rig, imageOf({ app: NEXT, base: RUNNING, parts: { app: parts } }))).toBe(status.STATUS_DELTA_BASE)
            expect(rig.flash.array.equals(before)).toBe(true)
        }
    })

    test("a download is not gone on with once another app runs", () => {
        const rig = board()
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions())
        feed(core, delta.subarray(0, delta.length - 700), 500)
        expect(core.updater.updaterResumeOffset()).toBe(delta.length - 700)
        const record = core.bootRecord.bootRecordRead()!
        record.appDigests[0] = "?".repeat(32)
        core.bootRecord.bootRecordWrite(record)
        const next = startCore(rig)
        next.updater.updaterContextCreate(updateOptions())
        expect(next.updater.updaterResumeOffset()).toBe(0)
        expect(feed(next, delta, 500)).toBe(status.STATUS_DELTA_BASE)
    })

    test("the image that runs already is no wrong base", () => {
        const rig = board(NEXT)
        const core = startCore(rig, { name: "demo", version: "1.1.0", build_id: "b2", security: 0 })
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, delta, 500)).toBe(status.STATUS_DONE)
        expect(core.updater.updaterSame()).toBe(true)
    })
})

/** The app part of an image's manifest. */
function partOf(image: Buffer): { base: { digest: string } } {
    const text = image.toString("latin1", image.indexOf("{"), image.indexOf("PK", 10))
    return (JSON.parse(text) as { parts: { app: { base: { digest: string } } } }).parts.app
}

test.each<[string, Record<string, unknown>]>([
    ["no object", { base: 7 }],
    ["no digest", { base: { size: 20_000 } }],
    ["a digest of another length", { base: { digest: "00", size: 20_000 } }],
    ["no size", { base: { digest: "00".repeat(32) } }],
    ["a size above every image", { base: { digest: "00".repeat(32), size: 2 ** 26 + 1 } }],
    ["no block list", { blocks: undefined }],
])("a base with %s is refused", (_, app) => {
    expect(update(board(), imageOf({ app: NEXT, base: RUNNING, parts: { app } }))).toBe(status.STATUS_MANIFEST_FIELD)
})

test("a files area has no base", () => {
    const base = { digest: "00".repeat(32), size: 1 }
    expect(update(board(), imageOf({ app: NEXT, files: { a: "a" }, parts: { fs: { base } } }))).toBe(status.STATUS_MANIFEST_FIELD)
})

// ---- payloads that no packer makes -------------------------------------------------------------

const numbersOf = (...values: number[]): Buffer =>
    Buffer.from(values.flatMap(value => (value < 128 ? [value] : [(value & 127) | 128, ...numbersOf(value >>> 7)])))

/** A delta whose records are written by hand; its list says where they end unless `ends` do. */
function codeOf(app: Buffer, records: readonly Buffer[], ends?: readonly number[]): DeltaCode {
    const { list } = deltaEncode(app, app)
    let end = 0
    for (let block = 0; block * 36 < list.length; block++) {
        end += records[block]!.length
        list.writeUInt32LE(ends?.[block] ?? end, block * 36 + 32)
    }
    return { payload: Buffer.concat(records), list }
}

const ONE_BLOCK = RUNNING.subarray(0, 4096)
const whole = (bytes: number): Buffer => numbersOf(0, bytes, 0)

/** Back and forth over one byte each, so that every instruction is a good one. */
const steps = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => whole(1)))

test.each<[string, number, Buffer, Buffer[], ...number[]]>([
    ["a copy of all", status.STATUS_OK, ONE_BLOCK, [whole(4096)]],
    ["as many instructions as there may be", status.STATUS_OK, ONE_BLOCK, [Buffer.concat([steps(254), whole(3842)])]],
    ["a number of four bytes", status.STATUS_DELTA_COPY, ONE_BLOCK, [numbersOf(0, 4096, 2 ** 28 - 1)]],
    ["a number of five bytes", status.STATUS_DELTA_NUMBER, ONE_BLOCK, [numbersOf(0, 4096, 2 ** 28)]],
    ["a number with a byte too many", status.STATUS_DELTA_NUMBER, ONE_BLOCK, [Buffer.from([0x80, 0])]],
    ["an instruction that makes nothing", status.STATUS_DELTA_LENGTH, ONE_BLOCK, [numbersOf(0, 0, 0)]],
    ["a literal beyond the block", status.STATUS_DELTA_LENGTH, ONE_BLOCK, [numbersOf(4097, 0, 0)]],
    ["a copy beyond the block", status.STATUS_DELTA_LENGTH, ONE_BLOCK, [numbersOf(1, 4096, 0)]],
    ["a huge copy", status.STATUS_DELTA_LENGTH, ONE_BLOCK, [numbersOf(0, 2 ** 28 - 1, 0)]],
    ["a copy ahead of the base", status.STATUS_DELTA_COPY, ONE_BLOCK, [numbersOf(0, 4096, 1)]],
    ["a copy that ends behind the base", status.STATUS_DELTA_COPY, ONE_BLOCK, [numbersOf(0, 4096, 2 * (20_000 - 4095))]],
    ["a copy at the base's end", status.STATUS_BLOCK_HASH, ONE_BLOCK, [numbersOf(0, 4096, 2 * (20_000 - 4096))]],
    ["too many instructions", status.STATUS_DELTA_STEPS, ONE_BLOCK, [steps(4096)]],
    ["a record longer than its list says", status.STATUS_PART_SIZE, ONE_BLOCK, [whole(4096), whole(1)], 4],
    ["a list that ends too early", status.STATUS_PART_SIZE, ONE_BLOCK, [whole(4096)], 3],
    ["a list that ends at 2^31", status.STATUS_PART_SIZE, ONE_BLOCK, [whole(4096)], 2 ** 31],
    [
        "an end inside the first of two blocks",
        status.STATUS_DELTA_END,
        RUNNING.subarray(0, 5000),
        [whole(4096), Buffer.alloc(0)],
        4,
        4,
    ],
    [
        "a record that ends behind the next one",
        status.STATUS_DELTA_END,
        RUNNING.subarray(0, 5000),
        [whole(4096), whole(904)],
        8,
        8,
    ],
    ["another block than its hash says", status.STATUS_BLOCK_HASH, ONE_BLOCK, [numbersOf(0, 4096, 2)]],
])("%s: status %i", (_, wanted, app, records, ...ends) => {
    const code = codeOf(app, records, ends)
    const rig = board()
    const got = update(rig, imageOf({ app, base: RUNNING, code }), 5)
    // What `otary inspect` says is what the board says; hashes are not the decoder's.
    const made = deltaDecode(code, RUNNING, app.length)
    if (wanted !== status.STATUS_BLOCK_HASH) expect(Buffer.isBuffer(made) ? status.STATUS_OK : made.status).toBe(wanted)
    expect(got).toBe(wanted)
    expect(bootSlot(rig)).toBe(STATUSES.includes(got as 0) ? 1 : 0)
    expect(slotBytes(rig, 0, RUNNING.length).equals(RUNNING)).toBe(true)
})

// skipped: on engines whose flash is not at hand
const testChip = engine.hidesChip ? test.skip : test
testChip("a base that cannot be read ends the attempt; the next one goes on where it stopped", () => {
    const rig = board()
    const image = imageOf({ app: NEXT, base: RUNNING })
    const { app0 } = rig.layout.regions
    const { read } = rig.flash
    const isLost = (address: number): boolean => address >= app0.offsetBytes + 8192 && address < app0.offsetBytes + app0.sizeBytes
    Object.assign(rig.flash, {
        read: (address: number, lengthBytes: number) => (isLost(address) ? "" : read(address, lengthBytes)),
    })
    expect(update(rig, image)).toBe(status.STATUS_FLASH)
    Object.assign(rig.flash, { read })
    const core = startCore(rig)
    core.updater.updaterContextCreate(updateOptions())
    expect(core.updater.updaterResumeOffset()).toBeGreaterThan(0)
    expect([feed(core, image, 1000), core.updater.updaterFinish()]).toEqual([status.STATUS_DONE, status.STATUS_OK])
    expect(slotBytes(rig, 1, NEXT.length).equals(NEXT)).toBe(true)
})
