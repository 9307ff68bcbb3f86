// What an update costs on the real Espruino, against its floor in the same run: time, and JsVars before and after.

import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { EspruinoLayout } from "../../../shims/espruino/layout"
import { bundleEspruinoScript } from "../../../build/bundle-espruino"
import { imageOf, seededBytes } from "../../firmware/images"
import { runScript } from "./measure"

/**
 * One image of 240 KiB: the most that the 256 KiB of flash of Espruino for Linux hold beside journal and boot record. Nothing is read
 * from the running slot, so it has a page.
 */
const PART_BYTES = 245760
const LAYOUT: EspruinoLayout = {
    file: "none",
    address: 0x10000000,
    offsetBytes: 0,
    pageBytes: 1024,
    sizes: [2048, 8192, 1024, PART_BYTES, 1024, 1024],
}
const ROUNDS = 5

/** Figures of one run, for chunks of one size. */
export interface EspruinoCost {
    /** ms of the floor and of the core, medians of the rounds. */
    readonly floorMs: number
    readonly coreMs: number
    /** Median over the rounds of core / floor. */
    readonly ratio: number
    /** JsVars in use behind the last block less those behind the first: 0 when nothing stays. */
    readonly jsVarsKept: number
    /** Calls of natives that allocate in one piece, for each block: SHA-256 and read-back. */
    readonly hashesPerBlock: number
    readonly readsPerBlock: number
}

const SCRIPT = `
import { espruinoInstall } from "./shims/espruino/main"
import { runningInstall } from "./firmware/running"
import { bootRecordFirst, bootRecordWrite } from "./firmware/boot-record"
import { filesMount } from "./firmware/files"
import { logFormat } from "./firmware/files-log"
import { ports } from "./firmware/ports"
import { updaterAbort, updaterContextCreate, updaterProcess } from "./firmware/updater"
declare const LAYOUT: any, CHUNK: number, ROUNDS: number, PART_BYTES: number, E: any, process: any, getTime: any, print: any
declare function require(name: string): any
const flash = require("Flash"), crypto = require("crypto"), fs = require("fs")
const base = LAYOUT.address + LAYOUT.sizes[0] + LAYOUT.sizes[1] + LAYOUT.sizes[2]

/** Erased pages, so that a round of the floor and one of the core find the same. */
function erase(): void {
    for (let at = 0; at < LAYOUT.sizes[3]; at += 1024) flash.erasePage(base + at)
}

/** The chunks are in memory before the clock starts. */
function chunksOf(name: string): string[] {
    const text = fs.readFileSync(name)
    const chunks: string[] = []
    for (let at = 0; at < text.length; at += CHUNK) chunks.push(text.substring(at, at + CHUNK))
    return chunks
}

function floorMs(chunks: string[]): number {
    const block = new Uint8Array(E.toArrayBuffer(E.toFlatString(new Uint8Array(4096))))
    erase()
    const start = getTime()
    let staged = 0
    let at = 0
    for (let i = 0; i < chunks.length; i++) {
        block.set(chunks[i] as any, staged)
        staged += chunks[i].length
        if (staged === 4096) {
            E.toString(crypto.SHA256(block))
            flash.write(block, base + at)
            if (E.toString(flash.read(4096, base + at)) !== E.toString(block)) print("Uncaught floor")
            at += 4096
            staged = 0
        }
    }
    return (getTime() - start) * 1000
}

function begin(round: number): void {
    updaterContextCreate({ identity: "round " + round, updateId: "u", commitTimeoutS: 60, sizeBytes: 0, ignoreSameVersion: false })
}

/** Of the last chunk; one that was refused before would have it refused as well. */
function end(status: number): void {
    updaterAbort()
    if (status !== 1) print("Uncaught end " + status)
}

function coreMs(chunks: string[], round: number): number {
    begin(round)
    const start = getTime()
    let status = 0
    for (let i = 0; i < chunks.length; i++) status = updaterProcess(chunks[i])
    const ms = (getTime() - start) * 1000
    end(status)
    return ms
}

let hashes = 0, reads = 0
/** An update whose natives are counted, and whose JsVars are asked for; none of that is in the time of the others. */
function count(chunks: string[]): void {
    const sha256 = crypto.SHA256, read = flash.read
    crypto.SHA256 = function (data: any) { if (data.length === 4096) hashes++; return sha256(data) }
    flash.read = function (length: number, address: number) { if (length === 4096) reads++; return read(length, address) }
    begin(99)
    let first = 0, last = 0, status = 0
    for (let i = 0; i < chunks.length; i++) {
        status = updaterProcess(chunks[i])
        if (i === 16) first = process.memory(false).usage
        if (i === chunks.length - 4) last = process.memory(false).usage
    }
    end(status)
    crypto.SHA256 = sha256
    flash.read = read
    print("@kept " + (last - first))
}

espruinoInstall(LAYOUT)
logFormat(ports.files[0], 32)
bootRecordWrite(bootRecordFirst())
runningInstall({ name: "bench", version: "1.0.0", build_id: "b", security: 0 })
filesMount()
const image = chunksOf("image.bin")
const part = chunksOf("part.bin")
for (let round = 0; round < ROUNDS; round++) {
    print("@floor" + round + " " + floorMs(part))
    erase()
    print("@core" + round + " " + coreMs(image, round))
}
count(image)
print("@hashes " + hashes)
print("@reads " + reads)
`

function median(values: readonly number[]): number {
    return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** Measures in `folder` with chunks of this size. */
export async function measureCost(folder: string, chunkBytes: number): Promise<EspruinoCost> {
    const board = join(folder, "cost")
    rmSync(board, { recursive: true, force: true })
    mkdirSync(board, { recursive: true })
    const part = seededBytes(PART_BYTES, 9)
    writeFileSync(join(board, "part.bin"), part)
    writeFileSync(join(board, "image.bin"), imageOf({ app: part, manifest: { platform: "espruino" } }))
    const define = {
        LAYOUT: JSON.stringify(LAYOUT),
        CHUNK: String(chunkBytes),
        ROUNDS: String(ROUNDS),
        PART_BYTES: String(PART_BYTES),
    }
    const code = (await bundleEspruinoScript(SCRIPT, define, { isUnsigned: true })).toString("latin1")
    const values = await runScript(board, `E.enableWatchdog=E.kickWatchdog=function(){};${code}\nclearTimeout();quit()`)
    const rounds = Array.from({ length: ROUNDS }, (_, round) => round)
    const blocks = PART_BYTES / 4096
    return {
        floorMs: median(rounds.map(round => values[`floor${round}`]!)),
        coreMs: median(rounds.map(round => values[`core${round}`]!)),
        ratio: median(rounds.map(round => values[`core${round}`]! / values[`floor${round}`]!)),
        jsVarsKept: values["kept"]!,
        hashesPerBlock: values["hashes"]! / blocks,
        readsPerBlock: values["reads"]! / blocks,
    }
}
