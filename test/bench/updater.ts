// The updater's cost on the host shim: its time as a ratio to the floor of the same run, and the bytes that it allocates.

import { createHash } from "node:crypto"
import { STATUS_DONE } from "../../firmware/status"
import { hostPorts } from "../../shims/host/main"
import type { Region, Stage } from "../../firmware/ports"
import { createRig, hardwareOf, install, startCore, updateOptions, type Core } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"

const IMAGE_BYTES = 1048576
const CHUNK_BYTES = 1024
const BLOCK_BYTES = 4096
const ROUNDS = 60
/** Each figure of allocation is a median: a collection in between spoils single ones. */
const MEASUREMENTS = Array.from({ length: 15 })

/** One round's figures. */
export interface UpdaterFigures {
    floorMs: number
    coreMs: number
    /** Median over the rounds of core / floor. */
    ratio: number
    mibPerS: number
    /** Heap bytes per chunk with the real shim. */
    bytesPerChunk: number
    /** Heap bytes per chunk of the core's own functions: its ports do nothing. */
    coreBytesPerChunk: number
}

function chunksOf(image: Buffer): string[] {
    const chunks: string[] = []
    for (let at = 0; at < image.length; at += CHUNK_BYTES)
        chunks.push(image.toString("latin1", at, Math.min(at + CHUNK_BYTES, image.length)))
    return chunks
}

/** The least that any updater does: SHA-256 per block, a copy into the flash array, a read back that is compared. */
function floor(part: Buffer, flash: Buffer): number {
    const start = process.hrtime.bigint()
    let same = 0
    for (let at = 0; at < part.length; at += BLOCK_BYTES) {
        const block = part.subarray(at, at + BLOCK_BYTES)
        createHash("sha256").update(block).digest()
        block.copy(flash, at)
        same += flash.compare(block, 0, block.length, at, at + block.length)
    }
    if (same !== 0) throw new Error("the floor's flash differs")
    return Number(process.hrtime.bigint() - start) / 1e6
}

const GEOMETRY = { appBytes: IMAGE_BYTES, filesBytes: 8192, journalBytes: 65536 }

/** One whole download on a core that is warm; the identity is new each time, so that every block is written. */
function feedAll(core: Core, chunks: readonly string[], round: number): number {
    core.updater.updaterContextCreate(updateOptions(`round ${round}`))
    const { updaterProcess } = core.updater
    const start = process.hrtime.bigint()
    let status = 0
    for (let i = 0; i < chunks.length; i++) status = updaterProcess(chunks[i]!)
    const ms = Number(process.hrtime.bigint() - start) / 1e6
    core.updater.updaterAbort()
    if (status !== STATUS_DONE) throw new Error(`the image was refused: ${status}`)
    return ms
}

function median(values: number[]): number {
    return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** Heap bytes per chunk over the second half of the image; `prepare` may change the ports before that. */
function allocation(chunks: readonly string[], silence: boolean): number {
    const rig = createRig(GEOMETRY)
    install(rig, seededBytes(5000, 1))
    const core = startCore(rig)
    const ports = hostPorts(hardwareOf(rig))
    core.portsInstall(ports)
    core.updater.updaterContextCreate(updateOptions())
    const from = chunks.length >> 1
    const to = chunks.length - 4
    for (let i = 0; i < 8; i++) core.updater.updaterProcess(chunks[i]!)
    if (silence) silencePorts(ports.stage, [...ports.app, ports.journal])
    for (let i = 8; i < from; i++) core.updater.updaterProcess(chunks[i]!)
    const whole = heapGrowth(() => {
        for (let i = from; i < to; i++) core.updater.updaterProcess(chunks[i]!)
    })
    return (whole - heapGrowth(() => undefined)) / (to - from)
}

/** Heap bytes that `work` allocates, with what the measurement itself takes. */
function heapGrowth(work: () => void): number {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    work()
    return process.memoryUsage().heapUsed - before
}

/** Ports that do nothing, so that only the core's own allocations are left. */
function silencePorts(stage: Stage, regions: Region[]): void {
    const digest = "d".repeat(32)
    Object.assign(stage, { put: () => undefined, place: () => undefined, sha256: () => digest, crc32: () => 0 })
    const quiet = { read: () => digest, erase: () => 0, program: () => 0, programStaged: () => 0, matchesStaged: () => true }
    for (const region of regions) Object.assign(region, quiet)
}

/** Measures, floor and core in turn. */
export function benchUpdater(): UpdaterFigures {
    const part = seededBytes(IMAGE_BYTES, 7)
    const chunks = chunksOf(imageOf({ app: part }))
    const flash = Buffer.alloc(IMAGE_BYTES)
    const rig = createRig(GEOMETRY)
    install(rig, seededBytes(5000, 1))
    const core = startCore(rig)
    const floors: number[] = []
    const cores: number[] = []
    for (let round = 0; round < ROUNDS + 3; round++) {
        const floorMs = floor(part, flash)
        const coreMs = feedAll(core, chunks, round)
        if (round < 3) continue
        floors.push(floorMs)
        cores.push(coreMs)
    }
    const ratio = median(cores.map((ms, i) => ms / floors[i]!))
    const coreMs = median(cores)
    return {
        floorMs: median(floors),
        coreMs,
        ratio,
        mibPerS: IMAGE_BYTES / 1048576 / (coreMs / 1000),
        bytesPerChunk: median(MEASUREMENTS.map(() => allocation(chunks, false))),
        coreBytesPerChunk: median(MEASUREMENTS.map(() => allocation(chunks, true))),
    }
}
