// A board with partitions for native firmware: images that bring some, starts of the chip, and what runs after each.

import { otaImageEncode } from "../../host/board/engines/lua/ota-image"
import type { OtaOptions } from "../../host/board/engines/lua/ota"
import { bootSlot, createRig, feed, install, startCore, updateOptions, type Core, type Rig } from "./core"
import { imageEntries, seededBytes, sha256Hex, zipOf, type Entry } from "./images"
import { BoardRestart, memoryOta } from "./native-port"

/** Regions that hold the images below. */
export const NATIVE_GEOMETRY = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }
/** The app that is installed, and the one that comes with the update. */
export const OLD_APP = seededBytes(9000, 1)
export const NEW_APP = seededBytes(20_001, 2)
/** The native firmware that comes with the update: three blocks. */
export const NEW_NATIVE = otaImageEncode({ version: "2.0", program: "" }, 9000)

/** What goes into an image. */
export interface NativeImageOptions {
    readonly app?: Buffer
    readonly native?: Buffer
    /** Whether the firmware lies ahead of the app. */
    readonly isFirst?: boolean
    /** Changes to the part. */
    readonly part?: Record<string, unknown>
}

function digests(bytes: Buffer): Buffer {
    const blocks = Math.ceil(bytes.length / 4096)
    const list = Array.from({ length: blocks }, (_, k) => sha256Hex(bytes.subarray(k * 4096, (k + 1) * 4096)))
    return Buffer.from(list.join(""), "hex")
}

/** An image with native firmware. */
export function nativeImage({ app, native = NEW_NATIVE, isFirst = false, part = {} }: NativeImageOptions = {}): Buffer {
    const [head, ...rest] = imageEntries({ ...(app !== undefined && { app }) }) as [Entry, ...Entry[]]
    const manifest = JSON.parse(head.bytes.toString()) as { parts: Record<string, unknown> }
    const list = digests(native)
    const pages = Array.from({ length: Math.ceil(list.length / 4096) }, (_, k) => list.subarray(k * 4096, (k + 1) * 4096))
    const blocks = { src: "fw.blocks", sha256: pages.map(sha256Hex) }
    manifest.parts["fw"] = { type: "fw", src: "fw.bin", size: native.length, blocks, ...part }
    const own = [
        { name: "fw.blocks", bytes: list },
        { name: "fw.bin", bytes: native },
    ]
    const entries = isFirst ? [...own, ...rest] : [...rest, ...own]
    return zipOf([{ name: "manifest.json", bytes: Buffer.from(JSON.stringify(manifest)) }, ...entries])
}

/** A board with the old app on it, started once. */
export function nativeRig(options?: OtaOptions): Rig {
    const rig = createRig(NATIVE_GEOMETRY)
    rig.ota = memoryOta(options, () => rig.onWrite?.())
    rig.ota.boot()
    install(rig, OLD_APP)
    return rig
}

/** What a start came to. */
export interface Started {
    readonly slot: number
    /** Version of the native firmware that runs. */
    readonly native: string
    readonly core: Core
}

/** Most restarts of a loader until an app runs. */
const STARTS_MAX = 3

/** Version of the native firmware that runs; what a cable brought has none in otadata. */
export function nativeVersion(rig: Rig): string {
    const { running, partitions } = rig.ota!.info()
    return partitions.find(({ label }) => label === running)!.version
}

/** Switches the chip on: its boot loader, then the core's, which may restart it. */
export function startChip(rig: Rig): Started {
    for (let turn = 0; turn < STARTS_MAX; turn++) {
        rig.ota!.boot()
        try {
            const slot = bootSlot(rig)
            return { slot, native: nativeVersion(rig), core: startCore(rig) }
        } catch (error) {
            if (!(error instanceof BoardRestart)) throw error
        }
    }
    throw new Error("the boot loader restarts for ever")
}

/** Takes an image up to its last byte. Returns the last status. */
export function takeImage(core: Core, image: Buffer, chunkBytes = 3000): number {
    const status = core.updater.updaterContextCreate(updateOptions())
    return status === 0 ? feed(core, image, chunkBytes) : status
}
