// Boot records as cuts and rot leave them: which unit stays, and which sequence what is written next has.

import { bootSlot, cells, checkOf, createRig, install, startCore, type Rig } from "./core"
import { failing } from "./failing-flash"
import { seededBytes } from "./images"

const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

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
    const [alone, older] = [0, 256].map(at => Buffer.from(cells(rig, "boot", at, 256))) as [Buffer, Buffer]
    // Its double was never written, and what lies ahead of it in its unit is torn.
    cells(rig, "boot", 0, 768).fill(0)
    alone.writeUInt32LE(alone.readUInt32LE(4) - 10, 4)
    checkOf(alone.subarray(0, 248)).copy(alone, 248)
    alone.copy(cells(rig, "boot", 768, 256))
    if (hasOlder) older.copy(cells(rig, "boot", 4096, 256))
    expect(bootSlot(rig)).toBe(0)
    expect(cells(rig, "boot", 4096 - nextAt + (hasOlder ? 0 : 768), 256).equals(hasOlder ? older : alone)).toBe(true)
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
            expect([bootSlot(rig), found.commitTimeoutS <= writes]).toEqual([0, true])
        }
    }
})

describe("a double, newest of all, in a full unit, with another record in the other unit", () => {
    /** In unit 0 or 1 a double behind three damaged slots, in the other one a record that is older. Returns both, and the rig. */
    function twoUnits(isSame: boolean): { rig: Rig; older: Buffer; double: Buffer } {
        const rig = board()
        const [older, double] = [0, 256].map(at => Buffer.from(cells(rig, "boot", at, 256))) as [Buffer, Buffer]
        cells(rig, "boot", 0, 768).fill(0)
        double.copy(cells(rig, "boot", 768, 256))
        older.writeUInt32LE(older.readUInt32LE(4) + 1, 4)
        if (!isSame) older[13] = 1
        checkOf(older.subarray(0, 248)).copy(older, 248)
        older.copy(cells(rig, "boot", 4096 + 256, 256))
        return { rig, older, double }
    }

    test("that says something else: the double stays", () => {
        const { rig, double } = twoUnits(false)
        expect(bootSlot(rig)).toBe(0)
        expect(cells(rig, "boot", 768, 256).equals(double)).toBe(true)
        expect(cells(rig, "boot", 4096, 8).readUInt32LE(4)).toBe(double.readUInt32LE(4) - 2)
    })

    test("that it repeats, and that is finished for certain: the other one stays", () => {
        const { rig, older, double } = twoUnits(true)
        expect(bootSlot(rig)).toBe(0)
        expect(cells(rig, "boot", 4096 + 256, 256).equals(older)).toBe(true)
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
        const double = Buffer.from(cells(rig, "boot", 256, 256))
        const torn = cells(rig, "boot", 512, 256)
        double.copy(torn)
        torn.writeUInt32LE(double.readUInt32LE(4) - below, 4)
        expect(bootSlot(rig)).toBe(0)
        expect(cells(rig, "boot", 768, 256).readUInt32LE(4)).toBe(double.readUInt32LE(4) - by)
    },
)
