// The laboratory: geometries, the images that boards run, and a board whose boots take microseconds.

import { createHash } from "node:crypto"
import { resolve } from "node:path"
import { build, buildSync, type BuildOptions, type PluginBuild } from "esbuild"
import { projectRoot } from "../../build/root"
import type { Ports } from "../../firmware/ports"
import { makeLayout, type BoardLayout, type Geometry } from "../../host/board/layout"
import { createVirtualClock } from "../../shims/host/clock"
import { hostPorts } from "../../shims/host/main"
import { slotDigest } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"
import { LabChip } from "./chip"
import type { ChipState } from "./chip-state"
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

/** The app that boards start with. */
export const OLD_APP = seededBytes(5000, 1)
/** What the board's user has written before anything happens. */
export const USER_FILES: Readonly<Record<string, string>> = { "user.txt": "mine ".repeat(40), "page.html": "old page", empty: "" }
/** What the new image brings. */
export const IMAGE_FILES: Readonly<Record<string, string>> = { "page.html": "new page", "style.css": "b{}".repeat(30) }

function bundleOptions(): BuildOptions & { write: false } {
    const root = projectRoot()
    return {
        entryPoints: [resolve(root, "test/power-loss/entry.ts")],
        absWorkingDir: root,
        bundle: true,
        write: false,
        format: "iife",
        platform: "neutral",
        target: "es2020",
        tsconfigRaw: {},
    }
}

/** The bundle of the core, as one function's body that hands the core to `give`. */
export function coreCode(): string {
    return buildSync(bundleOptions()).outputFiles[0]!.text
}

/** The same with `text` in place of one file. */
export async function coreCodeWith(path: string, text: string): Promise<string> {
    const setup = ({ onLoad }: PluginBuild) =>
        onLoad({ filter: /\.ts$/ }, file => (file.path === path ? { contents: text, loader: "ts" } : undefined))
    const result = await build({ ...bundleOptions(), plugins: [{ name: "mutant", setup }] })
    return result.outputFiles[0]!.text
}

interface Hashed {
    readonly bytes: string
    readonly digest: string
}

const hashed = new Map<number, Hashed[]>()
const SAMPLES = 16

/** SHA-256, remembered: the same blocks are hashed a thousand times. A sample finds the candidates, all of the bytes decide. */
function sha256(bytes: string): string {
    let key = bytes.length
    const step = Math.max(1, bytes.length >> 4)
    for (let i = 0, at = bytes.length - 1; i < SAMPLES && at >= 0; i++, at -= step)
        key = Math.imul(key ^ bytes.charCodeAt(at), 0x9e3779b1)
    const candidates = hashed.get(key)
    if (candidates !== undefined) for (const candidate of candidates) if (candidate.bytes === bytes) return candidate.digest
    const digest = createHash("sha256").update(bytes, "latin1").digest("binary")
    if (hashed.size > 50_000) hashed.clear()
    if (candidates === undefined || candidates.length > 8) hashed.set(key, [{ bytes, digest }])
    else candidates.push({ bytes, digest })
    return digest
}

/** A board in the laboratory. */
export class Lab {
    readonly layout: BoardLayout
    readonly chip: LabChip
    readonly newApp: Buffer
    readonly images: { readonly full: Buffer; readonly app: Buffer; readonly plain: Buffer }
    private readonly factory: ChipState
    private readonly ports: Ports
    private readonly evaluate: (give: (core: SearchCore) => void) => void

    constructor(
        readonly geometry: LabGeometry,
        code: string,
    ) {
        this.layout = makeLayout(geometry)
        this.chip = new LabChip({ ...this.layout, isRewritable: geometry.isRewritable })
        this.newApp = seededBytes(geometry.newBytes, 2)
        const options = { app: this.newApp, align: Math.max(32, geometry.programBytes) }
        this.images = {
            full: imageOf({ ...options, files: { ...IMAGE_FILES } }),
            app: imageOf(options),
            plain: imageOf({ ...options, files: { ...IMAGE_FILES }, hasLists: false }),
        }
        this.factory = this.chip.save()
        this.ports = this.createPorts()
        this.evaluate = new Function("give", code) as Lab["evaluate"]
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
        return { ...ports, stage }
    }

    /** A chip fresh from the factory. Rot and misdirected writes hit what the board can do without. */
    blank(): void {
        const { journal, app1, files1 } = this.layout.regions
        this.chip.restore(this.factory)
        this.chip.arm([])
        this.chip.spare = [journal, app1, files1]
        this.chip.records = this.layout.regions.boot
    }

    /** Evaluates the bundle anew, as a reset does. */
    boot(): SearchCore {
        let core: SearchCore | undefined
        this.evaluate(given => void (core = given))
        core!.portsInstall(this.ports)
        return core!
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
