// Deltas whose hashes are right, so that every byte reaches the decoder: bent payloads, random instructions, records that end elsewhere.

import { deltaDecode, deltaEncode, type DeltaCode } from "../../build/delta-code"
import { zipRead } from "../../build/zip"
import { STATUS_DONE, STATUS_OK } from "../../firmware/status"
import { updateOptions } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"
import { OLD_APP, RUNNING, type FuzzBoard } from "./board"
import { mutated, type Random } from "./random"
import { known, must, type Target } from "./target"

const ENTRY_BYTES = 36

/** Apps that share much, a little and nothing with the one that runs; the last one fills its slot. */
const APPS = [
    OLD_APP.subarray(7),
    Buffer.concat([OLD_APP.subarray(0, 3000), Buffer.from("new"), OLD_APP.subarray(3000), seededBytes(900, 3)]),
    seededBytes(4097, 4),
    Buffer.from("x"),
    Buffer.concat([OLD_APP, OLD_APP, OLD_APP]).subarray(0, 16_384),
]
const CODES = APPS.map(app => deltaEncode(OLD_APP, app))

const EDGES = [
    0,
    1,
    2,
    63,
    127,
    128,
    4095,
    4096,
    4097,
    5599,
    5600,
    5601,
    11_199,
    11_200,
    16_383,
    16_384,
    2 ** 21,
    2 ** 27,
    2 ** 28 - 1,
]

/** A number as a delta has it; now and then in a form that is not its own. */
function numberOf(value: number, random: Random): number[] {
    if (random.oneIn(200)) return [0x80, 0]
    if (random.oneIn(400)) return [255, 255, 255, 255, 1]
    return value < 128 ? [value] : [(value & 127) | 128, ...numberOf(value >>> 7, random)]
}

/** Instructions that mostly suit a block, and some that do not. */
function anyRecord(lengthBytes: number, random: Random): Buffer {
    const pieces: Buffer[] = []
    const isTiny = random.oneIn(12)
    let left = lengthBytes
    for (let count = 0; left > 0 && count < 4200; count++) {
        const isOdd = random.oneIn(300)
        const literals = isOdd ? random.pick(EDGES) : random.below(Math.min(left, isTiny ? 2 : 600))
        const copied = isOdd
            ? random.pick(EDGES)
            : isTiny
              ? 1
              : Math.max(literals === 0 ? 1 : 0, random.below(left - literals + 1))
        const distance = random.oneIn(8) ? random.pick(EDGES) : random.below(random.pick([4, 4000]))
        pieces.push(Buffer.from([literals, copied, distance].flatMap(value => numberOf(value, random))))
        pieces.push(Buffer.alloc(Math.min(literals, 5000), random.below(256)))
        left -= literals + copied
    }
    return Buffer.concat(pieces)
}

/** A block as literals of `stepBytes`: right but for a number of instructions, or for a number, that may be one too many. */
function spelled(block: Buffer, stepBytes: number, isPadded: boolean): Buffer {
    const pieces: Buffer[] = []
    for (let at = 0; at < block.length; at += stepBytes) {
        const literals = block.subarray(at, at + stepBytes)
        const [low, high] = [literals.length & 127, literals.length >>> 7]
        pieces.push(Buffer.from(high > 0 || isPadded ? [low | 128, high, 0, 0] : [low, 0, 0]), literals)
    }
    return Buffer.concat(pieces)
}

function anyCode(app: Buffer, { list }: DeltaCode, random: Random): DeltaCode {
    const isRight = random.oneIn(2)
    const stepBytes = random.pick([8, 15, 16, 17, 100, 4096])
    const isPadded = random.oneIn(4)
    const records: Buffer[] = []
    const other = Buffer.from(list)
    let end = 0
    for (let block = 0; block * ENTRY_BYTES < list.length; block++) {
        const bytes = app.subarray(block * 4096, (block + 1) * 4096)
        const record = isRight ? spelled(bytes, stepBytes, isPadded) : anyRecord(bytes.length, random)
        records.push(record)
        end += record.length
        other.writeUInt32LE(end, block * ENTRY_BYTES + 32)
    }
    return { payload: Buffer.concat(records), list: other }
}

function bent(app: Buffer, code: DeltaCode, random: Random): DeltaCode {
    const list = Buffer.from(code.list)
    let { payload } = code
    switch (random.below(4)) {
        case 0:
            return code
        case 1:
            return anyCode(app, code, random)
        case 2:
            payload = mutated(payload, 1 + random.below(3), random)
            break
        default:
            list.writeUInt32LE(random.pick([0, 1, payload.length, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]), 32)
    }
    if (!random.oneIn(8)) list.writeUInt32LE(payload.length, list.length - 4)
    return { payload, list }
}

function make(random: Random): Buffer {
    const at = random.below(APPS.length)
    return imageOf({ app: APPS[at], base: OLD_APP, code: bent(APPS[at]!, CODES[at]!, random) })
}

/** Whether the packer's own reader makes one of the apps of it; undefined for what is no such image any more. */
function isGood(input: Buffer): boolean | undefined {
    const { entries, problem } = zipRead(input)
    const [manifest, list, payload] = entries
    if (problem !== undefined || manifest === undefined || list?.name !== "app.blocks" || payload?.name !== "app.delta")
        return undefined
    const app = APPS.find(one => manifest.bytes.includes(`"size":${one.length},`))
    if (app === undefined || list.bytes.length !== Math.ceil(app.length / 4096) * ENTRY_BYTES) return undefined
    const made = deltaDecode({ payload: payload.bytes, list: list.bytes }, OLD_APP, app.length)
    return Buffer.isBuffer(made) && made.equals(app)
}

/** Steps that an image of this length may take: each instruction byte one, each block its hashes and writes. */
const stepsFor = (lengthBytes: number): number => 60_000 + 8 * lengthBytes

function run(board: FuzzBoard, input: Buffer, random: Random): void {
    const core = board.keptCore()
    board.allow(stepsFor(input.length))
    board.writable = ["journal", "app1"]
    core.running.runningInstall(RUNNING)
    core.updater.updaterAbort()
    must(core.updater.updaterContextCreate(updateOptions("")) === STATUS_OK, "stuck", "no update can be begun")
    const chunkMax = random.pick([1, 37, 1000, 65536])
    let result: number = STATUS_OK
    for (let at = 0; at < input.length && result === STATUS_OK;) {
        const to = Math.min(input.length, at + 1 + random.below(chunkMax))
        result = known(core.updater.updaterProcess(input.toString("latin1", at, to)))
        at = to
    }
    must(board.bytesOf("app0").subarray(0, OLD_APP.length).equals(OLD_APP), "write", "the running app is another one")
    if (result === STATUS_DONE) {
        const slot = board.bytesOf("app1")
        must(
            APPS.some(app => slot.subarray(0, app.length).equals(app)),
            "forged",
            "an app came of it that no list names",
        )
    }
    const good = isGood(input)
    if (good !== undefined)
        must(good === (result === STATUS_DONE), "differs", `status ${result}, where the packer's reader says ${good}`)
}

/** Deltas. */
export const DELTA: Target = {
    name: "delta",
    weight: 20,
    seeds: () => APPS.map((app, at) => imageOf({ app, base: OLD_APP, code: CODES[at]! })),
    make,
    run,
}
