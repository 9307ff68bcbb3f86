// The fuzzer: makes inputs from a seed, gives them to boards, and makes smaller what fails.

import { createFuzzBoard, FuzzFailure, type Boot, type FuzzBoard } from "./board"
import { createRandom } from "./random"
import type { Target } from "./target"
import { ANSWER, DOWNLOAD } from "./target-agent"
import { DELTA } from "./target-delta"
import { BOOT, FILES_AREA, JOURNAL } from "./target-flash"
import { IMAGE, SIGNED_IMAGE } from "./target-image"
import { MANIFEST_TEXT, SIGNATURE_BYTES, ZIP } from "./target-text"

/** Everything that reads bytes from outside. RPC frames join when there are any. */
export const TARGETS: readonly Target[] = [
    ZIP,
    MANIFEST_TEXT,
    SIGNATURE_BYTES,
    IMAGE,
    SIGNED_IMAGE,
    DELTA,
    BOOT,
    JOURNAL,
    FILES_AREA,
    ANSWER,
    DOWNLOAD,
] as const

const SMALL = { appBytes: 16384, filesBytes: 8192 }
/** Small erase units, common ones, and ones that hold several blocks. */
const GEOMETRIES = [
    { ...SMALL, eraseBytes: 4096, programBytes: 16, journalBytes: 28672 },
    { ...SMALL, eraseBytes: 1024, programBytes: 1, journalBytes: 16384 },
    { ...SMALL, eraseBytes: 8192, programBytes: 256, filesBytes: 16384, journalBytes: 49152 },
] as const

/** An input that broke a property. */
export interface Found {
    readonly target: string
    /** What the board was and how the input was given to it. */
    readonly seed: number
    readonly kind: string
    readonly message: string
    /** The input as it was found, and the smallest one with the same kind of failure. */
    readonly input: Buffer
    smallest: Buffer
}

/** The boards that one core runs on. */
export interface Fuzzer {
    /** Runs one input; undefined when all properties hold. */
    run(target: Target, seed: number, input: Buffer): Found | undefined
}

function failureOf(error: unknown): [kind: string, message: string] {
    if (error instanceof FuzzFailure) return [error.kind, error.message]
    const { name, message, stack } = error as Error
    return ["exception", `${name}: ${message}\n${stack?.split("\n").slice(1, 4).join("\n") ?? ""}`]
}

/** Creates the boards for the core `boot`. */
export function createFuzzer(boot: Boot): Fuzzer {
    const boards: FuzzBoard[] = GEOMETRIES.map(geometry => createFuzzBoard(geometry, boot))
    return {
        run(target, seed, input) {
            const random = createRandom(seed ^ 0x5bd1e995)
            const board = boards[random.pick([0, 0, 0, 1, 2])]!
            board.restore()
            board.feeds = 0
            board.resets = 0
            try {
                target.run(board, input, random)
                return undefined
            } catch (error) {
                const [kind, message] = failureOf(error)
                return { target: target.name, seed, kind, message, input, smallest: input }
            }
        },
    }
}

const SHRINK_RUNS_MAX = 2000

/** Takes pieces out of a failing input for as long as it fails in the same way. */
export function shrink(fuzzer: Fuzzer, target: Target, found: Found): void {
    let runs = 0
    for (let piece = found.smallest.length >> 1; piece > 0; piece >>= 1) {
        for (let at = 0; at < found.smallest.length && runs < SHRINK_RUNS_MAX; runs++) {
            const less = Buffer.concat([found.smallest.subarray(0, at), found.smallest.subarray(at + piece)])
            if (fuzzer.run(target, found.seed, less)?.kind === found.kind) found.smallest = less
            else at += piece
        }
    }
}

/** What was done for each target. */
export interface Tally {
    readonly inputs: Record<string, number>
    total: number
    readonly found: Found[]
}

/** Seeds of single inputs follow from the run's seed and their number. */
const seedOf = (seed: number, count: number): number => (Math.imul(seed, 0x9e3779b1) + count) >>> 0

function targetOf(targets: readonly Target[], roll: number): Target {
    let left = roll % targets.reduce((sum, { weight }) => sum + weight, 0)
    return targets.find(({ weight }) => (left -= weight) < 0)!
}

/** Runs inputs `from` to `to` of the run `seed`; stops at the first failure, which comes out as small as it gets. */
export function fuzz(
    fuzzer: Fuzzer,
    seed: number,
    from: number,
    to: number,
    tally: Tally,
    targets: readonly Target[] = TARGETS,
): void {
    for (let count = from; count < to && tally.found.length === 0; count++) {
        const own = seedOf(seed, count)
        const random = createRandom(own)
        const target = targetOf(targets, random.below(1 << 20))
        const found = fuzzer.run(target, own, target.make(random))
        tally.inputs[target.name] = (tally.inputs[target.name] ?? 0) + 1
        tally.total += 1
        if (found === undefined) continue
        shrink(fuzzer, target, found)
        tally.found.push(found)
    }
}

/** The first failure among `inputsMax` inputs of one target, as it was found. */
export function firstFailure(fuzzer: Fuzzer, seed: number, inputsMax: number, target: Target): Found | undefined {
    for (let count = 0; count < inputsMax; count++) {
        const own = seedOf(seed, count)
        const found = fuzzer.run(target, own, target.make(createRandom(own)))
        if (found !== undefined) return found
    }
    return undefined
}

/** A tally of nothing. */
export const createTally = (): Tally => ({ inputs: {}, total: 0, found: [] })
