// The readers alone, without flash behind them, so that many inputs fit a second: zip headers, manifests, manifest.sig.

import { hexOf } from "../../firmware/hex"
import { BOARD_SECURITY, type FuzzBoard, type FuzzCore } from "./board"
import { imageEntries, seededBytes, zipOf } from "../firmware/images"
import { lmsKey, signedEntries } from "../attacks/signed-rig"
import { STATUS_OK, STATUS_SIGNATURE_INVALID, STATUS_SIGNATURE_MISSING } from "../../firmware/status"
import { bendJson, mutated, VALUES, type Random } from "./random"
import { jsonBytes, known, must, type Target } from "./target"

const APP = seededBytes(600, 1)
const key = lmsKey(3, 1)
const [MANIFEST, SIGNATURE] = signedEntries([key], { app: APP }).map(({ bytes }) => bytes) as [Buffer, Buffer]
const ZIPS = [
    zipOf(imageEntries({ app: APP })),
    zipOf([]),
    zipOf([{ name: "a", bytes: Buffer.alloc(0), extra: Buffer.alloc(3000) }]),
]
const FIELDS = { product: "P", requires: ">=1.0.0 <2.0.0", security: 5, expires: "2099-01-01T00:00:00Z", description: "d" }
const MANIFESTS = [
    { manifest: { security: 5 } },
    { files: { a: "b" }, manifest: FIELDS },
    { hasLists: false, manifest: { security: 4 } },
].map(options => imageEntries({ app: APP, ...options })[0]!.bytes)

/** Headers one behind the other, payload passed over; each byte at most once. */
function runZip(core: FuzzCore, board: FuzzBoard, input: Buffer, random: Random): void {
    const { zip } = core
    const text = input.toString("latin1")
    const chunkMax = random.pick([1, 7, 100, 65536])
    board.allow(2000 + 4 * input.length)
    zip.zipStart(0)
    let at = 0
    while (at < text.length) {
        const to = Math.min(text.length, at + 1 + random.below(chunkMax))
        const left = zip.zipLeftBytes()
        const taken = left > 0 ? Math.min(left, to - at) : zip.zipRead(text, at, to)
        if (taken < 0) return void known(taken)
        if (left > 0) zip.zipTaken(taken)
        must(taken > 0 && at + taken <= to, "status", `${taken} bytes of ${to - at} were read`)
        at += taken
        must(zip.zipOffset() === at && zip.zipLeftBytes() >= 0, "status", `the reader stands at ${zip.zipOffset()}, not at ${at}`)
        must(zip.zipLeftBytes() <= 2 ** 26 && zip.zipName().length <= 96, "limit", "an entry is larger than it may be")
    }
}

function runManifest(core: FuzzCore, board: FuzzBoard, input: Buffer): void {
    const { manifest } = core
    board.allow(5000 + 20 * input.length)
    const result = known(manifest.manifestRead(input.toString("latin1"), 16384, 8192, BOARD_SECURITY))
    if (result !== STATUS_OK) return
    const value = JSON.parse(input.toString("latin1"))
    must(
        Number.isInteger(value.security) && value.security >= BOARD_SECURITY,
        "limit",
        "a manifest with a lower counter was taken",
    )
    must(value.security < 2 ** 31, "limit", "a counter was taken that its field cannot hold")
    must(
        value.platform === "host" && manifest.manifestParts().length > 0,
        "limit",
        "a manifest was taken that is for nothing here",
    )
    for (const part of manifest.manifestParts()) {
        const roomBytes = part.kind === manifest.PART_APP ? 16384 : 8192
        must(
            Number.isInteger(part.sizeBytes) && part.sizeBytes > 0 && part.sizeBytes <= roomBytes,
            "limit",
            "a part does not fit its slot",
        )
        const isHashed = part.pageHashes.length > 0 || /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(part.sha256 || part.sha1)
        must(isHashed && part.pageHashes.every(hash => /^[0-9a-f]{64}$/.test(hash)), "limit", "a part has no hash")
    }
}

/** First two bytes: length of the extra field, which follows; the rest is manifest.sig. */
function runSignature(core: FuzzCore, board: FuzzBoard, input: Buffer): void {
    const { signature } = core
    const cut = input.length < 2 ? 0 : 2 + input.readUInt16LE(0)
    const bytes = input.subarray(cut)
    board.allow(60_000)
    core.running.runningInstall({ name: "demo", version: "1.0.0", build_id: "b1", security: 0, keys: [key.publicKey] })
    known(signature.signatureStart(MANIFEST.toString("latin1"), input.toString("latin1", 2, cut)))
    if (known(signature.signatureTake(bytes.toString("latin1"))) !== STATUS_OK) return
    let result: number = signature.SIGNATURE_MORE
    while (result === signature.SIGNATURE_MORE) result = signature.signatureStep()
    const isGenuine = result === signature.SIGNATURE_GOOD
    must(
        isGenuine || result === STATUS_SIGNATURE_INVALID || result === STATUS_SIGNATURE_MISSING,
        "status",
        `${result} is no verdict`,
    )
    const body = hexOf(SIGNATURE.toString("latin1", 20))
    must(!isGenuine || hexOf(bytes.toString("latin1")).includes(body), "forged", "a signature holds that the key never made")
}

/** Sizes around those of blocks, slots and integers. */
const SIZES = [0, 1, 1.5, 600.5, 4096, 4097, 16384, 16385, 2 ** 26, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 600, -1, -600]

function makeZip(random: Random): Buffer {
    const sizeBytes = random.pick([0, 600, 2 ** 26, 2 ** 26 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])
    const zip = random.oneIn(4)
        ? zipOf([{ name: random.pick(["a/b.bin", "n".repeat(96), "n".repeat(97)]), bytes: APP, sizeBytes }])
        : random.pick(ZIPS)
    return mutated(zip, random.below(4), random)
}

function makeManifest(random: Random): Buffer {
    const text = random.pick(MANIFESTS)
    if (random.oneIn(40)) return jsonBytes(random.pick(VALUES))
    if (random.oneIn(4)) return mutated(text, 1 + random.below(3), random)
    const value = JSON.parse(text.toString())
    if (random.oneIn(4)) value.parts.app.size = random.pick(SIZES)
    for (let i = 0; i <= random.below(3); i++) bendJson(value, random)
    return jsonBytes(value)
}

const withExtra = (extra: Buffer, signature: Buffer): Buffer => {
    const length = Buffer.alloc(2)
    length.writeUInt16LE(extra.length)
    return Buffer.concat([length, extra, signature])
}
const EXTRAS = [Buffer.alloc(0), Buffer.from('\x3a\x29\x10\x00{"sig0":"MEUCIQ"}', "latin1"), Buffer.from([0x3a, 0x29, 255, 255])]
const SIGNATURES = EXTRAS.map(extra => withExtra(extra, SIGNATURE))

/** Heads are bent in most inputs: a bent hash alone costs a whole check and says little. */
function makeSignature(random: Random): Buffer {
    const bytes = random.pick(SIGNATURES)
    if (random.oneIn(12)) return mutated(bytes, 1 + random.below(2), random)
    const headBytes = 2 + bytes.readUInt16LE(0) + 24
    return Buffer.concat([mutated(bytes.subarray(0, headBytes), 1 + random.below(3), random), bytes.subarray(headBytes)])
}

/** Runs `run` on a core that stays: what these readers keep they set anew at each start. */
function kept(run: (core: FuzzCore, board: FuzzBoard, input: Buffer, random: Random) => void): Target["run"] {
    return (board, input, random) => run(board.keptCore(), board, input, random)
}

/** The headers of a zip file. */
export const ZIP: Target = {
    name: "zip",
    weight: 330,
    seeds: () => ZIPS,
    make: makeZip,
    run: kept(runZip),
}

/** Manifests. */
export const MANIFEST_TEXT: Target = {
    name: "manifest",
    weight: 450,
    seeds: () => MANIFESTS,
    make: makeManifest,
    run: kept(runManifest),
}

/** manifest.sig and the extra field. */
export const SIGNATURE_BYTES: Target = {
    name: "signature",
    weight: 116,
    seeds: () => SIGNATURES,
    make: makeSignature,
    run: kept(runSignature),
}
