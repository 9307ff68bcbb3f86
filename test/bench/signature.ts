// What one check of an LMS signature costs on this machine: hashes, time, and the floor of the same hashes without a verifier.

import { createStage, sha256 } from "../../shims/host/stage"
import { LMS_VALID } from "../../firmware/lms"
import { lmsParams } from "../../build/lms-params"
import { check, installHashes, quickCase } from "../firmware/lms-rig"

const ROUNDS = 40
const MESSAGE = Buffer.alloc(1024, 7)

/** Figures of one parameter set. */
export interface SignatureFigures {
    readonly name: string
    readonly signatureBytes: number
    /** Mean over several signatures: it depends on the message. */
    readonly hashes: number
    readonly ms: number
    /** The same number of SHA-256 calls over 47 or 55 bytes, staged, and nothing else. */
    readonly floorMs: number
}

function timeMs(work: () => void): number {
    const start = process.hrtime.bigint()
    work()
    return Number(process.hrtime.bigint() - start) / 1e6
}

function median(values: number[]): number {
    return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function floorMs(hashes: number, linkBytes: number): number {
    const stage = createStage()
    const link = sha256("link")
    return timeMs(() => {
        for (let count = 0; count < hashes; count++) {
            stage.put(23, link, 0, linkBytes)
            stage.sha256(23 + linkBytes)
        }
    })
}

function figuresOf(hashBytes: number, width: number): SignatureFigures {
    const params = lmsParams(hashBytes, 10, width)
    const cases = Array.from({ length: 8 }, (_, seed) => quickCase(params, seed + 1, MESSAGE))
    let hashes = 0
    const times: number[] = []
    const floors: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
        const one = cases[round % cases.length]!
        let checked = check(one)
        times.push(timeMs(() => void (checked = check(one))))
        floors.push(floorMs(checked.hashes, hashBytes))
        if (checked.result !== LMS_VALID) throw new Error(`${params.name}: refused`)
        hashes += checked.hashes
    }
    const signatureBytes = cases[0]!.signature.length
    return { name: params.name, signatureBytes, hashes: hashes / ROUNDS, ms: median(times), floorMs: median(floors) }
}

/** Measures the default parameters and their neighbours. */
export function benchSignatures(): SignatureFigures[] {
    installHashes()
    return [figuresOf(24, 4), figuresOf(24, 8), figuresOf(32, 4)]
}
