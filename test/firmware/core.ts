// A board's core for tests: the built bundle of the core over a flash chip in memory; every boot evaluates it anew.

import { createHash } from "node:crypto"
import type { Hardware, Start } from "../../shims/host/hardware"
import { createVirtualClock, type VirtualClock } from "../../shims/host/clock"
import { createNorFlash, type NorFlash } from "../../shims/host/nor-flash"
import { hostPorts } from "../../shims/host/main"
import { makeLayout, type BoardLayout, type Geometry } from "../../host/board/layout"
import type { Ota } from "../../host/board/engines/lua/ota"
import { firmwareBundle } from "./bundle"
import type * as entry from "./core-entry"
import { nativePort } from "./native-port"

/** The core's modules, as one boot has them. */
export type Core = typeof entry

/** A board: its chip outlives every boot. */
export interface Rig {
    readonly layout: BoardLayout
    readonly flash: NorFlash
    readonly clock: VirtualClock
    readonly lines: string[]
    resets: number
    /** What the boot loader has decided last, until an image is started by it. */
    start?: Start | undefined
    /** The chip's partitions for native firmware; without them images that bring some are refused. */
    ota?: Ota
    /** Called ahead of every write to flash of boots that begin from now on; what it throws cuts the power. */
    onWrite?: (() => void) | undefined
}

let boot: ((module: { exports: Core }, exports: Core) => void) | undefined

/** What a boot evaluates, compiled once: its variables are new every time. */
function bootFunction(): NonNullable<typeof boot> {
    boot ??= new Function("module", "exports", firmwareBundle("test/firmware/core-entry.ts")) as NonNullable<typeof boot>
    return boot
}

/** A blank chip with a layout on it. */
export function createRig(geometry: Partial<Geometry> = {}, flash?: NorFlash): Rig {
    const layout = makeLayout(geometry)
    return { layout, flash: flash ?? createNorFlash(layout), clock: createVirtualClock(), lines: [], resets: 0 }
}

function watchedFlash(flash: NorFlash, onWrite: () => void): NorFlash {
    return {
        ...flash,
        erase: address => (onWrite(), flash.erase(address)),
        program: (address, bytes) => (onWrite(), flash.program(address, bytes)),
        programStaged: (address, lengthBytes) => (onWrite(), flash.programStaged(address, lengthBytes)),
    }
}

/** The hardware of a rig, without a network. */
export function hardwareOf(rig: Rig): Hardware {
    const refuse = () => {
        throw new Error("the core's tests use no network")
    }
    return {
        layout: rig.layout.regions,
        flash: rig.onWrite === undefined ? rig.flash : watchedFlash(rig.flash, rig.onWrite),
        clock: rig.clock,
        http: { request: refuse, abort: refuse, pause: refuse },
        sha256: bytes => createHash("sha256").update(bytes, "latin1").digest("binary"),
        random: () => 7,
        reset: () => void (rig.resets += 1),
        watchdog: () => undefined,
        log: line => void rig.lines.push(line),
        run: refuse,
    }
}

/** Evaluates the core anew over a rig's flash, its ports installed. */
function evaluateCore(rig: Rig): Core {
    const module = { exports: {} as Core }
    bootFunction()(module, module.exports)
    const ports = hostPorts(hardwareOf(rig))
    module.exports.portsInstall({ ...ports, native: rig.ota && nativePort(rig.ota, ports.stage) })
    return module.exports
}

/**
 * What runs the core: Node, unless a suite of another engine puts its own in place before the tests are loaded. Where a suite has
 * thousands of cases, a slow engine takes each `stride`-th of them; one without CRC-32 leaves payload to SHA-256 (FORMAT.md).
 */
export const engine = { evaluate: evaluateCore, stride: 1, hasCrc32: true, hidesChip: false }

/** Boots the core alone: RAM is new, ports are installed, what the loader has decided last (bootSlot) is settled, files are mounted. */
export function startCore(rig: Rig, image = { name: "demo", version: "1.0.0", build_id: "b1", security: 0 }): Core {
    const core = engine.evaluate(rig)
    const { start } = rig
    rig.start = undefined
    core.running.runningInstall(image)
    if (start !== undefined) core.bootRecord.bootRecordStart(start.slot, start.reason, start.record)
    core.files.filesMount()
    return core
}

/** First installation, as a factory does it: an app in slot 0, an empty files area, the first boot record. */
export function install(rig: Rig, app: Buffer, files: Record<string, string> = {}): Core {
    const core = startCore(rig)
    const ports = hostPorts(hardwareOf(rig))
    for (let at = 0; at < app.length; at += 4096) {
        const block = app.subarray(at, at + 4096)
        ports.stage.put(0, block.toString("latin1"), 0, block.length)
        ports.app[0]!.programStaged(at, block.length)
    }
    core.filesLog.logFormat(ports.files[0]!, core.filesLog.logAlignFor(ports.files[0]!))
    const record = core.bootRecord.bootRecordFirst()
    record.appBytes = [app.length, 0]
    record.appDigests = [slotDigest(app), ""]
    core.bootRecord.bootRecordWrite(record)
    core.files.filesMount()
    for (const [name, data] of Object.entries(files)) {
        if (core.files.fileWrite(name, data) !== 0) throw new Error(`could not write ${name}`)
    }
    return core
}

/** The slot digest of FORMAT.md, made independently of the core. */
export function slotDigest(bytes: Buffer): string {
    let digest = Buffer.alloc(0)
    for (let at = 0; at < bytes.length; at += 4096) {
        const block = createHash("sha256")
            .update(bytes.subarray(at, at + 4096))
            .digest()
        digest = createHash("sha256")
            .update(Buffer.concat([digest, block]))
            .digest()
    }
    return digest.toString("latin1")
}

/** The boot loader's decision on the rig's flash: the slot that runs, or a negative status. */
export function bootSlot(rig: Rig): number {
    const { boot } = engine.evaluate(rig)
    const slot = boot.bootDecide()
    rig.start = slot < 0 ? undefined : { slot, reason: boot.bootReason(), record: boot.bootRecord() }
    return slot
}

/** What is in an app slot. */
export function slotBytes(rig: Rig, slot: number, lengthBytes: number): Buffer {
    const range = slot === 0 ? rig.layout.regions.app0 : rig.layout.regions.app1
    return Buffer.from(rig.flash.array.subarray(range.offsetBytes, range.offsetBytes + lengthBytes))
}

/** Bytes of the chip within a region, as a probe sees and writes them: past the chip's rules. */
export function cells(rig: Rig, region: keyof Rig["layout"]["regions"], offset: number, length: number): Buffer {
    const at = rig.layout.regions[region].offsetBytes + offset
    return rig.flash.array.subarray(at, at + length)
}

/** The check of records and headers, SHA-256/8 (FORMAT.md), made independently of the core. */
export function checkOf(bytes: Buffer): Buffer {
    return createHash("sha256").update(bytes).digest().subarray(0, 8)
}

/** Bytes of a boot record, and of what lies ahead of its check (FORMAT.md). */
export const RECORD_BYTES = 192
const RECORD_BODY_BYTES = 184

/** Where the boot records lie in their region, with erase units of 4096 bytes and program units of at most 64. */
export const RECORD_OFFSETS = [0, 4096].flatMap(unit => [0, 1, 2, 3].map(k => unit + k * RECORD_BYTES))
/** Where the marks of trials begin in each of the two units, 16 bytes each. */
export const MARK_OFFSETS = [4 * RECORD_BYTES, 4096 + 4 * RECORD_BYTES] as const

/** A boot record in the chip. */
export function recordCells(rig: Rig, offset: number): Buffer {
    return cells(rig, "boot", offset, RECORD_BYTES)
}

/** Gives a record whose fields a test has changed its check. */
export function recordSeal(record: Buffer): void {
    checkOf(record.subarray(0, RECORD_BODY_BYTES)).copy(record, RECORD_BODY_BYTES)
}

/** Options of an update with a given identity. */
export function updateOptions(identity = "id-1", sizeBytes = 0) {
    return { identity, updateId: "u1", commitTimeoutS: 60, sizeBytes, ignoreSameVersion: false }
}

/** Feeds an image in chunks of `chunkBytes` from the byte that is wanted first. Returns the last status. */
export function feed(core: Core, image: Buffer, chunkBytes: number): number {
    let status = 0
    for (let at = core.updater.updaterResumeOffset(); at < image.length; at += chunkBytes) {
        status = core.updater.updaterProcess(image.toString("latin1", at, Math.min(at + chunkBytes, image.length)))
        if (status < 0) return status
    }
    return status
}
