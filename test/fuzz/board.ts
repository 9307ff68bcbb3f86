// A board that judges its own core: every port call and every turn of a loop counts, and a write where none may go is a failure.

import { resolve } from "node:path"
import { buildSync } from "esbuild"
import type { Http, Ports, Region } from "../../firmware/ports"
import type { RunningImage } from "../../firmware/running"
import { createVirtualClock, type VirtualClock } from "../../shims/host/clock"
import { hostPorts } from "../../shims/host/main"
import { sha256 } from "../../shims/host/stage"
import { projectRoot } from "../../build/root"
import { createRig, hardwareOf, install, type Rig } from "../firmware/core"
import type { Geometry } from "../../host/board/layout"
import type * as entry from "./entry"
import { withSteps } from "./steps"

/** The core's modules, the agent's with them, as one boot has them. */
export type FuzzCore = typeof entry

/** What a property that does not hold throws. */
export class FuzzFailure extends Error {
    /** `kind` tells failures apart: while an input is made smaller, it must stay the same. */
    constructor(
        readonly kind: string,
        message: string,
    ) {
        super(`${kind}: ${message}`)
    }
}

/** Names of the regions that code under test may write to. */
export type Writable = "boot" | "journal" | "app0" | "app1" | "files0" | "files1"

/** A board for fuzzing. */
export interface FuzzBoard {
    readonly rig: Rig
    readonly clock: VirtualClock
    /** Regions that may be written from now on. */
    writable: readonly Writable[]
    /** Times that the core has fed the watchdog, and reset the board. */
    feeds: number
    resets: number
    /** Allows `count` more steps: turns of loops and port calls. */
    allow(count: number): void
    /** Puts flash back to how it was at first, or fills one region with other bytes. */
    restore(): void
    fill(region: Writable, bytes: Buffer): void
    /** The bytes of a region. */
    bytesOf(region: Writable): Buffer
    /** Boots anew: RAM is lost. */
    boot(image?: Partial<RunningImage>, http?: Http, config?: unknown): FuzzCore
    /** A core that was booted once, for readers that keep nothing. */
    keptCore(): FuzzCore
}

/** The security counter that manifests are held against where no boot record says otherwise. */
export const BOARD_SECURITY = 4

/** The app that is installed at first, and its file. */
export const OLD_APP = Buffer.from("old app ".repeat(700))
/** What every board runs at first. */
export const RUNNING: RunningImage = { name: "demo", version: "1.0.0", build_id: "b1", security: 0 }

/** The code of a boot, to be called with what it finds on the board. */
export type Boot = (...parameters: unknown[]) => void

/** Turns the source of a bundle into what boots run; `bend` plants a defect in it. */
export function compileCore(bend: (code: string) => string = code => code): Boot {
    const options = { bundle: true, write: false, format: "cjs", platform: "neutral", target: "es2020", tsconfigRaw: {} } as const
    const code = buildSync({ ...options, entryPoints: [resolve(projectRoot(), "test/fuzz/entry.ts")] }).outputFiles[0]!.text
    const names = ["module", "exports", "stepCount", "__OTARY_CONFIG__", "__OTARY_DEVICE__"]
    return new Function(...names, withSteps(bend(code))) as Boot
}

/** Steps of a boot up to the first call. */
const BOOT_STEPS = 10_000
/** An erased program unit of any size. */
const BLANK = Buffer.alloc(256, 255)

/** What the regions of a board are to the judge. */
interface Judge {
    step(count?: number): void
    mayWrite(name: Writable): boolean
}

function inside(name: string, region: Region, offset: number, lengthBytes: number): void {
    if (Number.isInteger(offset) && Number.isInteger(lengthBytes) && offset >= 0 && lengthBytes >= 0)
        if (offset + lengthBytes <= region.sizeBytes) return
    throw new FuzzFailure("outside", `${lengthBytes} bytes at ${offset} leave the region ${name}`)
}

function judged(name: Writable, region: Region, judge: Judge): Region {
    const write = (offset: number, lengthBytes: number): void => {
        judge.step()
        inside(name, region, offset, lengthBytes)
        if (!judge.mayWrite(name)) throw new FuzzFailure("write", `${lengthBytes} bytes at ${offset} of ${name}`)
    }
    const { sizeBytes, eraseBytes, programBytes } = region
    return {
        sizeBytes,
        eraseBytes,
        programBytes,
        read: (offset, lengthBytes) => (
            judge.step(),
            inside(name, region, offset, lengthBytes),
            region.read(offset, lengthBytes)
        ),
        erase: offset => (write(offset, eraseBytes), region.erase(offset)),
        program: (offset, bytes) => (write(offset, bytes.length), region.program(offset, bytes)),
        programStaged: (offset, lengthBytes) => (write(offset, lengthBytes), region.programStaged(offset, lengthBytes)),
        matchesStaged: (offset, lengthBytes) => (
            judge.step(),
            inside(name, region, offset, lengthBytes),
            region.matchesStaged(offset, lengthBytes)
        ),
    }
}

function judgedPorts(ports: Ports, judge: Judge): Ports {
    const regions = new Map<Region, Region>()
    const of = (name: Writable, region: Region): Region => {
        const result = judged(name, region, judge)
        regions.set(result, region)
        return result
    }
    return {
        ...ports,
        boot: of("boot", ports.boot),
        journal: of("journal", ports.journal),
        app: [of("app0", ports.app[0]!), of("app1", ports.app[1]!)],
        files: [of("files0", ports.files[0]!), of("files1", ports.files[1]!)],
        digest: {
            sha256: bytes => (judge.step(), sha256(Buffer.from(bytes, "latin1"))),
            crc32: bytes => ports.digest.crc32(bytes),
            ofRegion: (algorithm, region, lengthBytes) => {
                judge.step()
                inside("of a digest", region, 0, lengthBytes)
                return ports.digest.ofRegion(algorithm, regions.get(region)!, lengthBytes)
            },
        },
        clock: { ...ports.clock, after: (delayMs, run) => (judge.step(), ports.clock.after(delayMs, run)) },
    }
}

/** Installs a board, and keeps its flash to come back to. */
export function createFuzzBoard(geometry: Partial<Geometry>, boot: Boot): FuzzBoard {
    const rig = createRig({ ...geometry, loaderBytes: geometry.eraseBytes })
    install(rig, OLD_APP, { "user.txt": "mine" })
    const array = Buffer.from(rig.flash.array)
    const programmed = Uint8Array.from(rig.flash.programmed)
    let left = 0
    let kept: FuzzCore | undefined
    const judge: Judge = {
        step() {
            left -= 1
            if (left < 0) throw new FuzzFailure("endless", "more steps than the input can ask for")
        },
        mayWrite: name => board.writable.includes(name),
    }
    const board: FuzzBoard = {
        rig,
        clock: createVirtualClock(),
        writable: [],
        feeds: 0,
        resets: 0,
        allow: count => void (left = count),
        restore() {
            rig.flash.array.set(array)
            rig.flash.programmed.set(programmed)
        },
        fill(name, bytes) {
            const { offsetBytes, sizeBytes } = rig.layout.regions[name]
            const units = sizeBytes / rig.layout.programBytes
            const usedUnits = Math.ceil(Math.min(bytes.length, sizeBytes) / rig.layout.programBytes)
            rig.flash.array.fill(255, offsetBytes, offsetBytes + sizeBytes)
            bytes.copy(rig.flash.array, offsetBytes, 0, sizeBytes)
            const first = offsetBytes / rig.layout.programBytes
            rig.flash.programmed.fill(0, first, first + units)
            for (let unit = first; unit < first + usedUnits; unit++) {
                const at = unit * rig.layout.programBytes
                if (rig.flash.array.compare(BLANK, 0, rig.layout.programBytes, at, at + rig.layout.programBytes) !== 0)
                    rig.flash.programmed[unit] = 1
            }
        },
        bytesOf(name) {
            const { offsetBytes, sizeBytes } = rig.layout.regions[name]
            return rig.flash.array.subarray(offsetBytes, offsetBytes + sizeBytes)
        },
        keptCore() {
            left = BOOT_STEPS
            return (kept ??= board.boot())
        },
        boot(image = {}, http, config) {
            board.clock.stop()
            const hardware = hardwareOf(rig)
            const module = { exports: {} as FuzzCore }
            boot(module, module.exports, judge.step, config, { id: "DEV1", product: "P" })
            const core = module.exports
            const ports = hostPorts({
                ...hardware,
                clock: board.clock,
                http: http ?? hardware.http,
                log: () => undefined,
                reset: () => void (board.resets += 1),
                watchdog: () => void (board.feeds += 1),
            })
            core.portsInstall(judgedPorts(ports, judge))
            core.running.runningInstall({ ...RUNNING, ...image })
            return core
        },
    }
    return board
}
