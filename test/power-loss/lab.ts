// The laboratory: geometries, the images that boards run, and a board whose boots take microseconds.

import type { Ports } from "../../firmware/ports"
import { makeLayout, type BoardLayout, type Geometry } from "../../host/board/layout"
import { createVirtualClock } from "../../shims/host/clock"
import type { Start } from "../../shims/host/hardware"
import { hostPorts } from "../../shims/host/main"
import { slotDigest } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"
import { LabChip, Violation, type ChipState } from "./chip"
import { sha256 } from "./digest"
import type { SearchCore } from "./entry"

/** A chip and the images for it. */
export interface LabGeometry extends Geometry {
    readonly isRewritable: boolean
    /** Bytes of the new image's app: slots exactly full, one unit short, many units, a few bytes. */
    readonly newBytes: number
    readonly name: string
}

const KIB = 1024

function geometry(name: string, eraseKib: number, programBytes: number, isRewritable: boolean, newBytes: number): LabGeometry {
    const eraseBytes = eraseKib * KIB
    const unit = Math.max(eraseBytes, 4096)
    const appBytes = Math.ceil(newBytes / unit) * unit
    const journalBytes = eraseBytes * (eraseBytes > 4096 ? 4 : eraseBytes < 4096 ? 8 : 3)
    return {
        name,
        eraseBytes,
        programBytes,
        isRewritable,
        newBytes,
        appBytes,
        filesBytes: 2 * unit,
        journalBytes,
        loaderBytes: eraseBytes,
    }
}

/** Every geometry that is searched. */
export const GEOMETRIES: readonly LabGeometry[] = [
    geometry("4 KiB / 16, slot full", 4, 16, false, 8192),
    geometry("4 KiB / 1 rewritable, one unit short", 4, 1, true, 8191),
    geometry("4 KiB / 4, a few bytes", 4, 4, false, 4099),
    geometry("4 KiB / 32, one unit short", 4, 32, false, 8160),
    geometry("4 KiB / 256, slot full", 4, 256, false, 8192),
    geometry("1 KiB / 1, slot full", 1, 1, false, 8192),
    geometry("1 KiB / 16 rewritable, many units", 1, 16, true, 16000),
    geometry("64 KiB / 4 rewritable, one unit short", 64, 4, true, 65532),
    geometry("64 KiB / 32, many blocks", 64, 32, false, 20000),
    geometry("64 KiB / 256, two units", 64, 256, false, 70000),
]

/** The app that boards start with. It has a piece of every new one, for deltas to copy. */
export const OLD_APP = Buffer.concat([seededBytes(3000, 1), seededBytes(3100, 2).subarray(1100)])
/** What the board's user has written before anything happens. */
export const USER_FILES: Readonly<Record<string, string>> = { "user.txt": "mine ".repeat(40), "page.html": "old page", empty: "" }
/** What the new image brings. */
export const IMAGE_FILES: Readonly<Record<string, string>> = { "page.html": "new page", "style.css": "b{}".repeat(30) }

/** What the boot loader has decided from these pages (page, version, and so on), without a write. */
export interface Decision {
    readonly pages: readonly number[]
    readonly start: Start
}

/** A board in the laboratory. */
export class Lab {
    readonly layout: BoardLayout
    readonly chip: LabChip
    readonly newApp: Buffer
    readonly images: { readonly full: Buffer; readonly app: Buffer; readonly plain: Buffer; readonly delta: Buffer }
    /** Decisions of the boot loader, the newest first. */
    readonly decisions: Decision[] = []
    private readonly factory: ChipState
    private readonly ports: Ports

    constructor(
        readonly geometry: LabGeometry,
        private readonly bootCore: () => SearchCore,
    ) {
        this.layout = makeLayout(geometry)
        this.chip = new LabChip({ ...this.layout, isRewritable: geometry.isRewritable })
        this.newApp = seededBytes(geometry.newBytes, 2)
        const options = { app: this.newApp, align: Math.max(32, geometry.programBytes) }
        this.images = {
            full: imageOf({ ...options, files: { ...IMAGE_FILES } }),
            app: imageOf(options),
            plain: imageOf({ ...options, files: { ...IMAGE_FILES }, hasLists: false }),
            delta: imageOf({ ...options, files: { ...IMAGE_FILES }, base: OLD_APP }),
        }
        this.factory = this.chip.save()
        this.ports = this.createPorts()
    }

    private createPorts(): Ports {
        const refuse = (): never => {
            throw new Error("the search uses no network")
        }
        const nothing = (): void => undefined
        const { flash } = this.chip
        const ports = hostPorts({
            layout: this.layout.regions,
            flash,
            clock: createVirtualClock(),
            http: { request: refuse, abort: nothing, pause: nothing },
            sha256,
            random: () => 7,
            reset: nothing,
            watchdog: nothing,
            log: nothing,
            run: refuse,
        })
        const stage = { ...flash.stage, sha256: (lengthBytes: number) => sha256(flash.stage.take(lengthBytes)) }
        // Every boot and every download reads the same manifest.
        let [text, value] = ["", undefined as unknown]
        const parse = (wanted: string): unknown => {
            if (wanted !== text) value = ports.json.parse(wanted)
            text = wanted
            return value
        }
        return { ...ports, stage, json: { ...ports.json, parse } }
    }

    /** A chip fresh from the factory. Rot and misdirected writes hit what the board can do without. */
    blank(): void {
        const { journal, app1, files1 } = this.layout.regions
        this.chip.restore(this.factory)
        this.chip.arm([])
        this.chip.spare = [journal, app1, files1]
        this.chip.records = this.layout.regions.boot
    }

    /** Boots the core: nothing of its variables outlives a reset. */
    boot(): SearchCore {
        const core = this.bootCore()
        core.portsInstall(this.ports)
        return core
    }

    /** Boots the boot loader: its decision, for `start`. Throws a Violation when nothing boots. */
    load(): Start {
        const loader = this.boot()
        const slot = loader.bootDecide()
        if (slot !== 0 && slot !== 1) throw new Violation(`nothing boots: ${slot}`)
        return { slot, reason: loader.bootReason(), record: loader.bootRecord() }
    }

    /** Boots the core as the image that the boot loader has started. */
    start({ slot, reason, record }: Start): SearchCore {
        const core = this.boot()
        core.bootRecordStart(slot, reason, record)
        return core
    }

    /** A board as it leaves the factory, with its user's first files. */
    install(files: Readonly<Record<string, string>>): ChipState {
        const core = this.boot()
        const { ports } = this
        for (let at = 0; at < OLD_APP.length; at += 4096) {
            const block = OLD_APP.subarray(at, at + 4096)
            ports.stage.put(0, block.toString("latin1"), 0, block.length)
            ports.app[0]!.programStaged(at, block.length)
        }
        core.logFormat(ports.files[0]!, core.logAlignFor(ports.files[0]!))
        const record = core.bootRecordFirst()
        record.appBytes = [OLD_APP.length, 0]
        record.appDigests = [slotDigest(OLD_APP), ""]
        core.bootRecordWrite(record)
        core.filesMount()
        for (const [name, data] of Object.entries(files)) {
            if (core.fileWrite(name, data) !== 0) throw new Error(`could not write ${name}`)
        }
        return this.chip.save()
    }

    /** Whether slot `slot` holds the app `app` byte for byte. */
    holds(slot: number, app: Buffer): boolean {
        const { offsetBytes } = slot === 0 ? this.layout.regions.app0 : this.layout.regions.app1
        return this.chip.nor.array.compare(app, 0, app.length, offsetBytes, offsetBytes + app.length) === 0
    }
}
