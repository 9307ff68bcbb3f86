// What lies in flash, as a fault or a stranger may have left it: boot records, the journal, the files area.

import { OLD_APP, type FuzzBoard, type FuzzCore, type Writable } from "./board"
import { checkOf, createRig, feed, install, RECORD_BYTES, RECORD_OFFSETS, recordSeal } from "../firmware/core"
import { slotDigest, startCore, updateOptions } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"
import { STATUS_DONE, STATUS_OK } from "../../firmware/status"
import { mutated, type Random } from "./random"
import { known, must, type Target } from "./target"

const GEOMETRY = { eraseBytes: 4096, programBytes: 16, appBytes: 16384, filesBytes: 8192, journalBytes: 20480, loaderBytes: 4096 }
const NEW_APP = seededBytes(9000, 5)
const IMAGE = imageOf({ app: NEW_APP, files: { "page.html": "new" }, align: 256 })

/** Bytes of a region of a board of GEOMETRY on which `act` was done; any other board takes of them what fits. */
function regionAfter(region: Writable, act: (rig: ReturnType<typeof createRig>) => void): Buffer {
    const rig = createRig(GEOMETRY)
    install(rig, OLD_APP, { "user.txt": "mine", "b.txt": "b".repeat(500) })
    act(rig)
    const { offsetBytes, sizeBytes } = rig.layout.regions[region]
    return Buffer.from(rig.flash.array.subarray(offsetBytes, offsetBytes + sizeBytes))
}

function updateTo(lengthBytes: number): (rig: ReturnType<typeof createRig>) => void {
    return rig => {
        const core = startCore(rig)
        core.updater.updaterContextCreate(updateOptions("id-1"))
        const result = feed(core, IMAGE.subarray(0, lengthBytes), 1000)
        if (result === STATUS_DONE) core.updater.updaterFinish()
    }
}

const BOOTS = [regionAfter("boot", () => undefined), regionAfter("boot", updateTo(IMAGE.length))]
const JOURNALS = [0.1, 0.4, 0.7, 1].map(part => regionAfter("journal", updateTo(Math.floor(IMAGE.length * part))))
const FILES = [regionAfter("files0", () => undefined), regionAfter("files1", updateTo(IMAGE.length))]

/** Regions in flash are mutated in their first bytes mostly: what lies behind is erased. */
function bent(pool: readonly Buffer[], random: Random): Buffer {
    const bytes = random.pick(pool)
    let used = bytes.length
    while (used > 0 && bytes[used - 1] === 255) used--
    return mutated(bytes.subarray(0, used + random.below(64)), 1 + random.below(4), random)
}

/** A boot record with any fields, its check right. */
function bootWithCheck(bytes: Buffer, random: Random): Buffer {
    for (const offset of RECORD_OFFSETS) {
        const record = bytes.subarray(offset, offset + RECORD_BYTES)
        if (record.length < RECORD_BYTES || record.readUInt32LE(0) !== 0x3142544f || random.oneIn(4)) continue
        for (let i = 0; i < 3; i++) record[4 + random.below(random.pick([12, 172]))] = random.pick([0, 1, 2, 7, 127, 128, 255])
        recordSeal(record)
    }
    return bytes
}

/** A files area with a header and a record of any fields, their checks right. */
function filesWithCheck(bytes: Buffer, random: Random): Buffer {
    const area = Buffer.concat([bytes, Buffer.alloc(8192, 255)]).subarray(0, 8192)
    if (random.oneIn(3)) {
        area.writeUInt16LE(random.pick([0, 1, 3, 16, 32, 255, 256, 257, 512, 65535]), 4)
        checkOf(area.subarray(0, 8)).copy(area, 8)
    }
    const at = random.pick([0, 1, 2, 16, 100, 255, 500]) * 16
    const head = Buffer.from([0xf5, random.pick([0, 1, 5, 63, 64, 255]), random.below(4), 0, 0, 0, 0, 0, 0, 0, 0, 0])
    head.writeUInt32LE(random.pick([0, 1, 600, 4096, 8000, 65536, 65537, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]), 4)
    head.writeUInt32LE(at, 8)
    const name = Buffer.alloc(head[1]!, "n")
    Buffer.concat([head, checkOf(Buffer.concat([head, name])), name]).copy(area, at)
    return area
}

function runBoot(board: FuzzBoard, input: Buffer): void {
    board.allow(400_000)
    board.fill("boot", input)
    board.writable = ["boot"]
    const loader = board.boot().boot
    const slot = loader.bootDecide()
    if (slot !== 0 && slot !== 1) return void known(slot)
    const core = board.boot()
    core.bootRecord.bootRecordStart(slot, loader.bootReason(), loader.bootRecord())
    const record = core.bootRecord.bootRecordRead()
    const app = Buffer.from(board.bytesOf(slot === 1 ? "app1" : "app0").subarray(0, record?.appBytes[slot]))
    must(slotDigest(app) === record?.appDigests[slot], "unverified", `slot ${slot} boots and is not what its record says`)
    // What a boot left behind is decided alike by the next one, unless that has used up the last trial.
    if (record!.isCommitted) must(core.boot.bootDecide() === slot, "twice", "the next boot decides otherwise")
}

function mounted(board: FuzzBoard): FuzzCore {
    const core = board.boot()
    known(core.files.filesMount())
    return core
}

function runJournal(board: FuzzBoard, input: Buffer, random: Random): void {
    board.allow(3_000_000)
    board.fill("journal", input)
    if (random.oneIn(2)) board.fill("app1", NEW_APP.subarray(0, random.below(NEW_APP.length)))
    board.writable = ["journal", "app1", "files1"]
    const core = mounted(board)
    must(core.updater.updaterContextCreate(updateOptions("id-1")) === STATUS_OK, "stuck", "no update can be begun")
    const from = core.updater.updaterResumeOffset()
    must(from >= 0 && from <= IMAGE.length, "status", `a download goes on at byte ${from}`)
    const result = from === IMAGE.length ? STATUS_OK : known(core.updater.updaterProcess(IMAGE.toString("latin1", from)))
    if (result !== STATUS_DONE) return
    board.writable = ["journal", "app1", "files1", "boot"]
    if (known(core.updater.updaterFinish()) !== STATUS_OK) return
    must(
        board.bytesOf("app1").subarray(0, NEW_APP.length).equals(NEW_APP),
        "unverified",
        "another app was applied than the image's",
    )
    must(core.boot.bootDecide() === 1, "boot", "the new image does not boot")
}

function runFiles(board: FuzzBoard, input: Buffer, random: Random): void {
    board.allow(2_000_000)
    board.fill("files0", input)
    board.writable = ["files0", "files1", "journal", "boot"]
    const core = mounted(board)
    const before = core.files.fileList().map(name => [name, core.files.fileRead(name)] as const)
    const name = random.pick(["new.txt", "user.txt", before[0]?.[0] ?? "x"])
    const data = "d".repeat(random.pick([0, 1, 100, 3000, 9000]))
    const isWritten = known(core.files.fileWrite(name, data)) === STATUS_OK
    const next = mounted(board)
    if (isWritten) must(next.files.fileRead(name) === data, "lost", `${name} was written and is not there`)
    for (const [other, content] of before)
        if (other !== name && content !== undefined)
            must(next.files.fileRead(other) === content, "lost", `${other} is not what it was`)
    for (const other of next.files.fileList()) known(next.files.fileRemove(other))
    must(board.boot().boot.bootDecide() === 0, "boot", "files have changed what boots")
}

/** The boot region. */
export const BOOT: Target = {
    name: "boot",
    weight: 20,
    seeds: () => BOOTS,
    make: random => (random.oneIn(2) ? bent(BOOTS, random) : bootWithCheck(Buffer.from(random.pick(BOOTS)), random)),
    run: runBoot,
}

/** The journal of an update that goes on. */
export const JOURNAL: Target = {
    name: "journal",
    weight: 10,
    seeds: () => JOURNALS,
    make: random => bent(JOURNALS, random),
    run: runJournal,
}

/** The active files area. */
export const FILES_AREA: Target = {
    name: "files",
    weight: 8,
    seeds: () => FILES,
    make: random => (random.oneIn(2) ? bent(FILES, random) : filesWithCheck(random.pick(FILES), random)),
    run: runFiles,
}
