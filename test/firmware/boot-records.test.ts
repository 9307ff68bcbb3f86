// Boot records as cuts and rot leave them: which unit stays, and which sequence what is written next has.

import { bootSlot, cells, createRig, install, RECORD_BYTES, recordCells, recordSeal, startCore, type Rig } from "./core"
import { failing } from "./failing-flash"
import { seededBytes } from "./images"

/** Where the second and the fourth record of a unit lie. */
const SECOND = RECORD_BYTES
const FOURTH = 3 * RECORD_BYTES
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

/** A boot up to where an image has settled the record. */
function boot(rig: Rig): number {
    const slot = bootSlot(rig)
    startCore(rig)
    return slot
}

function board(): Rig {
    const rig = createRig(SMALL)
    install(rig, seededBytes(5000, 1))
    return rig
}

test.each([
    ["and in the chip: its unit stays", 4096, false],
    ["with a double of an older one in the other unit: that one stays", 0, true],
])("a record alone in a full unit, %s", (_name, nextAt, hasOlder) => {
    const rig = board()
    const [alone, older] = [0, SECOND].map(at => Buffer.from(recordCells(rig, at))) as [Buffer, Buffer]
    // Its double was never written, and what lies ahead of it in its unit is torn.
    cells(rig, "boot", 0, FOURTH).fill(0)
    alone.writeUInt32LE(alone.readUInt32LE(4) - 10, 4)
    recordSeal(alone)
    alone.copy(recordCells(rig, FOURTH))
    if (hasOlder) older.copy(recordCells(rig, 4096))
    expect(boot(rig)).toBe(0)
    expect(recordCells(rig, 4096 - nextAt + (hasOlder ? 0 : FOURTH)).equals(hasOlder ? older : alone)).toBe(true)
    expect(cells(rig, "boot", nextAt, 4).toString("latin1")).toBe("OTB1")
})

test("a record whose write was cut, alone in a full unit: the unit of the one before stays", () => {
    const rig = createRig(SMALL)
    const core = install(rig, seededBytes(5000, 1))
    const record = core.bootRecord.bootRecordRead()!
    for (let writes = 0; writes < 12; writes++) {
        record.commitTimeoutS = writes
        // Power goes ahead of the double, so that every record is settled by the next write.
        const { flash } = failing(rig, { kind: "cut", at: 1 + (writes % 4), region: "boot" })
        const next = startCore({ ...rig, flash })
        try {
            next.bootRecord.bootRecordWrite(record)
        } catch {
            continue
        } finally {
            const found = startCore(rig).bootRecord.bootRecordRead()!
            expect([boot(rig), found.commitTimeoutS <= writes]).toEqual([0, true])
        }
    }
})

describe("a double, newest of all, in a full unit, with another record in the other unit", () => {
    /** In unit 0 or 1 a double behind three damaged slots, in the other one a record that is older. Returns both, and the rig. */
    function twoUnits(isSame: boolean): { rig: Rig; older: Buffer; double: Buffer } {
        const rig = board()
        const [older, double] = [0, SECOND].map(at => Buffer.from(recordCells(rig, at))) as [Buffer, Buffer]
        cells(rig, "boot", 0, FOURTH).fill(0)
        double.copy(recordCells(rig, FOURTH))
        older.writeUInt32LE(older.readUInt32LE(4) + 1, 4)
        if (!isSame) older[13] = 1
        recordSeal(older)
        older.copy(recordCells(rig, 4096 + SECOND))
        return { rig, older, double }
    }

    test("that says something else: the double stays", () => {
        const { rig, double } = twoUnits(false)
        expect(boot(rig)).toBe(0)
        expect(recordCells(rig, FOURTH).equals(double)).toBe(true)
        expect(cells(rig, "boot", 4096, 8).readUInt32LE(4)).toBe(double.readUInt32LE(4) - 2)
    })

    test("that it repeats, and that is finished for certain: the other one stays", () => {
        const { rig, older, double } = twoUnits(true)
        expect(boot(rig)).toBe(0)
        expect(recordCells(rig, 4096 + SECOND).equals(older)).toBe(true)
        expect(cells(rig, "boot", 0, 8).readUInt32LE(4)).toBe(double.readUInt32LE(4) - 2)
    })
})

test.each([
    ["just below", 5, 7],
    ["far below", 100, 2],
    ["above", -5, 2],
])(
    "a record that cannot be read, its sequence %s the newest one: what is written next lies below both, within reason",
    (_, below, by) => {
        const rig = board()
        const double = Buffer.from(recordCells(rig, SECOND))
        const torn = recordCells(rig, 2 * SECOND)
        double.copy(torn)
        torn.writeUInt32LE(double.readUInt32LE(4) - below, 4)
        expect(boot(rig)).toBe(0)
        expect(recordCells(rig, FOURTH).readUInt32LE(4)).toBe(double.readUInt32LE(4) - by)
    },
)
