// NodeMCU's platform: maps its modules onto the core's ports, with regions in preallocated files.

import { bootRecordStart } from "../../firmware/boot-record"
import { crc32, least } from "../../firmware/bytes"
import { WATCHDOG_TIMEOUT_S } from "../../firmware/constants"
import { filesMount } from "../../firmware/files"
import { noticesStart } from "../../firmware/notices"
import { portsInstall, type Ports, type Region } from "../../firmware/ports"
import { runningInstall, type RunningImage } from "../../firmware/running"
import { clockWatch, createClock } from "./clock"
import { fileRegion, REGION_BOOT, REGION_JOURNAL, REGION_PAYLOAD, regionsClose } from "./file-region"
import { hexOf } from "./hex"
import { crypto, node, pcall, print, sjson, tmr, type Timer } from "./modules"
import { createNative } from "./native-firmware"
import { createHttp } from "./net"
import { createStage, sha256Of } from "./stage"

declare const __OTARY_IMAGE__: RunningImage

/** The platform name that images for NodeMCU boards carry. */
export const NODEMCU_PLATFORM = "nodemcu"
/** Units of the regions: files have none of their own, and these suit every journal and files area. */
export const ERASE_BYTES = 4096
export const PROGRAM_BYTES = 16
const READ_BYTES = 1024
/** Steps of a signature check between two turns of the system: about 50 ms of an ESP32. */
const SIGNATURE_STEPS_MAX = 4

/** The hash of a range of a region in hex, read in small pieces. */
function hashOfRegion(algorithm: number, target: Region, lengthBytes: number): string {
    const hasher = crypto.new_hash(algorithm === 1 ? "SHA1" : "SHA256")
    let at = 0
    while (at < lengthBytes) {
        const bytes = target.read(at, least(READ_BYTES, lengthBytes - at))
        if (bytes === "") return ""
        hasher.update(bytes)
        at = at + bytes.length
    }
    return hexOf(hasher.finalize())
}

function jsonParse(text: string): unknown {
    let value: unknown = undefined
    pcall(() => {
        value = sjson.decode(text)
    })
    return value
}

function reset(): void {
    regionsClose()
    node.restart()
}

let isFed = false
let isWatched = false
/** The timer that looks, known to both bundles: the app's takes the place of the loader's, which nobody feeds any more. */
declare let otaryWatchdog: Timer | undefined

function watchdogArm(timeoutS: number): void {
    if (otaryWatchdog !== undefined) otaryWatchdog.unregister()
    otaryWatchdog = tmr.create()
    otaryWatchdog.alarm(timeoutS * 1000, tmr.ALARM_SINGLE, watchdogLook)
}

function watchdogLook(): void {
    if (!isFed) {
        print("watchdog: not fed")
        return reset()
    }
    isFed = false
    watchdogArm(WATCHDOG_TIMEOUT_S)
}

/**
 * Feeds the chip's own watchdog, which ends an endless loop. The ESP32's has a fixed time and is fed by the system as well, so a
 * timer looks whether the agent still lives.
 */
export function watchdog(timeoutS: number): void {
    isFed = true
    if (tmr.softwd !== undefined) return tmr.softwd(timeoutS)
    tmr.wdclr()
    if (isWatched) return
    isWatched = true
    watchdogArm(timeoutS)
}

function random(): number {
    if (node.random !== undefined) return node.random(0, 2147483647)
    return hashedRandom()
}

/** Where the chip's generator is not built in: the microseconds since the boot, hashed. */
function hashedRandom(): number {
    const digest = sha256Of("" + (node.uptime !== undefined ? node.uptime() : tmr.now !== undefined ? tmr.now() : 0))
    return (
        digest.charCodeAt(0) + digest.charCodeAt(1) * 256 + digest.charCodeAt(2) * 65536 + (digest.charCodeAt(3) & 127) * 16777216
    )
}

/** The core's ports, over regions of these units. The files are there since the first installation. */
export function nodemcuPorts(eraseBytes: number, programBytes: number): Ports {
    const clock = createClock()
    const region = (name: string, use: number) => fileRegion(name, eraseBytes, programBytes, use)
    return {
        boot: region("boot.bin", REGION_BOOT),
        journal: region("journal.bin", REGION_JOURNAL),
        app: [region("app0.bin", REGION_PAYLOAD), region("app1.bin", REGION_PAYLOAD)],
        files: [region("files0.bin", REGION_PAYLOAD), region("files1.bin", REGION_PAYLOAD)],
        stage: createStage(),
        digest: { sha256: sha256Of, crc32, ofRegion: hashOfRegion },
        clock,
        http: createHttp(clock),
        board: { reset, watchdog, random, log: print },
        native: createNative(),
        json: { parse: jsonParse, stringify: sjson.encode },
        signatureStepsMax: SIGNATURE_STEPS_MAX,
        platform: NODEMCU_PLATFORM,
    }
}

/** Lines of `otary: NAME VALUE` on the console. */
function tell(name: string, value: string | number): void {
    if (value === "") print("otary: " + name)
    else print("otary: " + name + " " + value)
}

/** What the boot loader has left behind (loader.ts). */
declare let otarySlot: number
declare let otaryReason: number
declare let otaryRecord: string | undefined

/** The start of an image: ports, the boot record, the running image, the files. */
export function nodemcuMain(): void {
    portsInstall(nodemcuPorts(ERASE_BYTES, PROGRAM_BYTES))
    if (otaryRecord !== undefined) bootRecordStart(otarySlot, otaryReason, otaryRecord)
    otaryRecord = undefined
    clockWatch()
    runningInstall(__OTARY_IMAGE__)
    noticesStart(__OTARY_IMAGE__.version, tell)
    filesMount()
}
