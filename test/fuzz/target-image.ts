// Images, signed and not: zip, manifest, block lists, parts, signatures, in any chunks, with resets in between.

import { slotDigest, updateOptions } from "../firmware/core"
import { imageEntries, seededBytes, zipOf, type Entry } from "../firmware/images"
import { lmsKey, signedEntries } from "../attacks/signed-rig"
import { STATUS_DONE, STATUS_OK } from "../../firmware/status"
import { OLD_APP, type FuzzBoard, type FuzzCore } from "./board"
import { bendJson, mutated, type Random } from "./random"
import { jsonBytes, known, must, type Target } from "./target"

const APPS = [1, 4096, 4097, 9000, 12288].map((length, i) => seededBytes(length, i + 10))
const key = lmsKey(3, 1)
const KEYS = { keys: [key.publicKey] }

/** Images as entries: every kind that the packer makes, and those of other tools. */
const PLAIN: readonly Entry[][] = [
    ...APPS.map(app => imageEntries({ app })),
    ...APPS.map(app => imageEntries({ app, hasLists: false })),
    imageEntries({ app: APPS[1], files: { "a.txt": "a", "b.txt": "b".repeat(900) }, align: 256 }),
    imageEntries({ files: { "a.txt": "a" }, align: 256, hasLists: false }),
    imageEntries({ app: APPS[3], manifest: { requires: ">=1.0.0 <2.0.0", security: 3, expires: "2099-01-01T00:00:00Z" } }),
    imageEntries({ app: APPS[0], manifest: { product: "P" } }).map(entry => ({ ...entry, name: `demo-1.1.0/${entry.name}` })),
    imageEntries({ app: APPS[2], hasLists: false, parts: { app: { cs_sha256: undefined, cs_sha1: "00".repeat(20) } } }),
]
const SIGNED: readonly Entry[][] = APPS.slice(0, 4).map(app => signedEntries([key], { app }))

/** Bends one thing of an image's structure; what is computed from it stays right. */
function bendEntries(entries: Entry[], random: Random): Entry[] {
    const at = random.below(entries.length)
    const entry = { ...entries[at]! }
    const others = entries.filter((_, i) => i !== at)
    const put = (): Entry[] => [...entries.slice(0, at), entry, ...entries.slice(at + 1)]
    const big = random.pick([0, 1, entry.bytes.length + 1, 65536, 2 ** 26, 2 ** 26 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])
    switch (random.below(12)) {
        case 0:
            return others.length === 0 ? entries : others
        case 1:
            return [...entries.slice(0, at), entry, ...entries.slice(at)]
        case 2: {
            const to = random.below(others.length + 1)
            return [...others.slice(0, to), entry, ...others.slice(to)]
        }
        case 3:
            Object.assign(
                entry,
                random.pick([{ sizeBytes: big }, { compressedBytes: big }, { method: 8 }, { flags: random.below(65536) }]),
            )
            return put()
        case 4:
            entry.name = random.pick([
                "",
                "x",
                "x".repeat(97),
                "/",
                "a/b/c",
                "manifest.json",
                "manifest.sig",
                "app.js",
                "app.js.blocks",
            ])
            return put()
        case 5:
            entry.extra = seededBytes(random.pick([1, 4, 300, 3000, 65535]), at + 1)
            return put()
        case 6:
            return [
                ...put(),
                ...Array.from({ length: random.pick([1, 63, 70]) }, (_, i) => ({ name: `n${i}`, bytes: Buffer.from("x") })),
            ]
        case 7:
            entry.bytes = mutated(entry.bytes, 1, random)
            if (random.oneIn(2)) entry.crc = 0
            return put()
        case 8:
        case 9:
            // The right size, and no CRC-32 to protect it.
            entry.bytes = Buffer.from(entry.bytes)
            entry.bytes[random.below(entry.bytes.length)]! ^= 1 << random.below(8)
            entry.crc = 0
            return put()
        default:
            return bendManifest(entries, random)
    }
}

function bendManifest(entries: Entry[], random: Random): Entry[] {
    const at = entries.findIndex(({ name }) => name.endsWith("manifest.json"))
    if (at < 0) return entries
    let value: unknown = {}
    try {
        value = JSON.parse(entries[at]!.bytes.toString())
    } catch {
        return entries
    }
    for (let i = 0; i <= random.below(3); i++) if (typeof value === "object" && value !== null) bendJson(value, random)
    return entries.map((entry, i) => (i === at ? { ...entry, bytes: jsonBytes(value) } : entry))
}

function make(pool: readonly Entry[][], random: Random): Buffer {
    let entries = random.pick(pool)
    const bends = random.below(3)
    for (let i = 0; i < bends && entries.length > 0; i++) entries = bendEntries(entries, random)
    const image = random.oneIn(16) ? Buffer.concat([zipOf(entries), Buffer.from("more")]) : zipOf(entries)
    return random.oneIn(3) ? mutated(image, 1 + random.below(3), random) : image
}

/** Steps that an input of this length may take: chunks, chains of hashes, digits of checksums, erases of a whole journal. */
const stepsFor = (lengthBytes: number): number => 200_000 + 60 * lengthBytes

/** Feeds an image in random chunks; now and then the power is cut in between. Returns the core of the last boot and its status. */
function feed(boot: () => FuzzCore, input: Buffer, random: Random): [FuzzCore, number] {
    let core = boot()
    const options = { ...updateOptions(random.pick(["id-1", ""])), ignoreSameVersion: random.oneIn(3) }
    must(core.updater.updaterContextCreate(options) === STATUS_OK, "stuck", "no update can be begun")
    const chunkMax = random.pick([1, 37, 1000, 4096, 65536])
    let cuts = random.below(3)
    let result: number = STATUS_OK
    let at = core.updater.updaterResumeOffset()
    while (at < input.length && result >= STATUS_OK) {
        const to = Math.min(input.length, at + 1 + random.below(input.length > 20_000 ? 65536 : chunkMax))
        result = known(core.updater.updaterProcess(input.toString("latin1", at, to)))
        at = to
        if (result !== STATUS_OK || cuts === 0 || !random.oneIn(8)) continue
        cuts -= 1
        core = boot()
        must(core.updater.updaterContextCreate(options) === STATUS_OK, "stuck", "no update can be begun after a reset")
        at = core.updater.updaterResumeOffset()
        must(at >= 0, "status", `a download goes on at byte ${at}`)
    }
    return [core, result]
}

/** Whether a zip ends where its end record says (APPNOTE 4.3.16). */
function endsWhole(input: Buffer): boolean {
    const signature = Buffer.from("PK\x05\x06")
    for (let at = input.indexOf(signature); at >= 0; at = input.indexOf(signature, at + 1))
        if (at + 22 <= input.length && at + 22 + input.readUInt16LE(at + 20) === input.length) return true
    return false
}

/** What must hold of an image that was applied: whole, and what its boot record says; a signed one is one that was signed. */
function applied(board: FuzzBoard, core: FuzzCore, input: Buffer, isSigned: boolean): void {
    must(endsWhole(input), "trailing", "an image was applied that does not end with its end record")
    const isGenuine = !isSigned || SIGNED.some(([manifest]) => input.includes(manifest!.bytes))
    must(isGenuine, "forged", "an image was applied whose manifest nobody has signed")
    const record = core.bootRecord.bootRecordRead()
    must(record !== undefined && !record.isCommitted, "record", "an applied image has no record on trial")
    const slot = record!.activeApp
    const app = Buffer.from(board.bytesOf(slot === 1 ? "app1" : "app0").subarray(0, record!.appBytes[slot]))
    must(slotDigest(app) === record!.appDigests[slot], "unverified", "the slot is not what its boot record says")
    if (isSigned) must(slot === 0 || APPS.some(one => one.equals(app)), "forged", "an app was applied that nobody has signed")
    const next = core.boot.bootDecide()
    must(next === slot, "boot", `slot ${slot} was applied, and ${next} boots`)
}

function run(board: FuzzBoard, input: Buffer, random: Random, isSigned: boolean): void {
    board.allow(stepsFor(input.length) * 3)
    board.writable = ["journal", "app1", "files1"]
    const boot = (): FuzzCore => {
        const core = board.boot(isSigned ? KEYS : {})
        core.files.filesMount()
        return core
    }
    const [core, result] = feed(boot, input, random)
    const isSame = core.updater.updaterSame()
    if (result === STATUS_DONE && !isSame) board.writable = ["journal", "app1", "files1", "boot"]
    const finished = known(core.updater.updaterFinish())
    if (finished === STATUS_OK && !isSame) {
        must(result === STATUS_DONE, "finished", "an image was applied that was not complete")
        return applied(board, core, input, isSigned)
    }
    board.writable = ["journal", "app1", "files1"]
    must(!core.updater.updaterIsBusy(), "stuck", "a failed update goes on for ever")
    must(
        core.updater.updaterContextCreate(updateOptions("next")) === STATUS_OK,
        "stuck",
        "no update can be begun after a failed one",
    )
    const slot = core.boot.bootDecide()
    must(slot === 0 && board.bytesOf("app0").subarray(0, OLD_APP.length).equals(OLD_APP), "boot", `slot ${slot} boots`)
}

/** Images for a board without keys. */
export const IMAGE: Target = {
    name: "image",
    weight: 40,
    seeds: () => PLAIN.map(zipOf),
    make: random => make(PLAIN, random),
    run: (board, input, random) => run(board, input, random, false),
}

/** Images for a board that asks for a signature. */
export const SIGNED_IMAGE: Target = {
    name: "signed",
    weight: 10,
    seeds: () => SIGNED.map(zipOf),
    make: random => make(SIGNED, random),
    run: (board, input, random) => run(board, input, random, true),
}
