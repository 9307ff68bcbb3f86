// NodeMCU's platform: maps its modules onto the core's ports, with regions in preallocated files.

import { bootRecordStart } from "../../firmware/boot-record"
import { crc32, least } from "../../firmware/bytes"
import { filesMount } from "../../firmware/files"
import { noticesStart } from "../../firmware/notices"
import { portsInstall, type Ports, type Region } from "../../firmware/ports"
import { runningInstall, type RunningImage } from "../../firmware/running"
import { clockWatch, createClock } from "./clock"
import { chipStart, counterUs, createHttp, createNative, fileRegion, PLATFORM, watchdog } from "./esp32"
import { ERASE_BYTES, PROGRAM_BYTES, REGION_BOOT, REGION_JOURNAL, REGION_PAYLOAD, regionsClose } from "./file-region"
import { hexOf } from "./hex"
import { crypto, node, pcall, print, sjson } from "./modules"
import { createStage, sha256Of } from "./stage"

declare const __OTARY_IMAGE__: RunningImage

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

function random(): number {
    if (node.random !== undefined) return node.random(0, 2147483647)
    return hashedRandom()
}

/** Where the chip's generator is not built in: the microseconds since the boot, hashed. */
function hashedRandom(): number {
    const digest = sha256Of("" + counterUs())
    return (
        digest.charCodeAt(0) + digest.charCodeAt(1) * 256 + digest.charCodeAt(2) * 65536 + (digest.charCodeAt(3) & 127) * 16777216
    )
}

/** The core's ports, over regions of these units. The files are there since the first installation. */
export function nodemcuPorts(eraseBytes: number, programBytes: number): Ports {
    chipStart()
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
        platform: PLATFORM,
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
