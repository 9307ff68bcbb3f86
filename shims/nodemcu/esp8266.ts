// What is the ESP8266's own among NodeMCU's modules: it takes the place of `esp32.ts` in bundles for this chip.

import type { Native } from "../../firmware/ports"
import { file, node, rtctime, tmr, type BoardFile } from "./modules"

export { fileRegion } from "./small-region"
export { createHttp } from "./net-socket"

/** The platform name that images for these boards carry. */
export const PLATFORM: string = "nodemcu-esp8266"
/** Regions' files that are open at a time: SPIFFS allows four, one is the running slot's, and one is left to the app. */
export const REGION_FILES_MAX = 2
/** Pieces that the stage holds as they came, 1,460 bytes at most; beyond that they are joined. */
export const STAGE_PIECES_MAX = 8
/** Heap in bytes that Lua leaves to the network: a window of 5,840 bytes, and as much again for what the chip does meanwhile. */
const NETWORK_HEAP_BYTES = 8192

/** Opens a file that is there, for reading and writing; undefined when it cannot. */
export function fileOpen(name: string): BoardFile | undefined {
    return file.open(name, "r+")
}

/** Microseconds since the boot, 31 bits. */
export function counterUs(): number {
    return tmr.now()
}

/** Unix time in seconds, 0 while it was never set or cannot be told. */
export function timeS(): number {
    if (rtctime === undefined) return 0
    // It returns more than the seconds.
    const seconds = rtctime.get()
    return seconds
}

/** Garbage goes before memory is short: at first the collector waits until there is twice as much of it as of anything else. */
export function chipStart(): void {
    const egc = node.egc
    if (egc !== undefined) egc.setmode(egc.ON_ALLOC_FAILURE + egc.ON_MEM_LIMIT, -NETWORK_HEAP_BYTES)
}

/** Arms the software watchdog, which restarts the chip. An endless loop is ended by the system's own, after three seconds. */
export function watchdog(timeoutS: number): void {
    tmr.softwd(timeoutS)
}

/** The chip has no second native firmware. */
export function createNative(): Native | undefined {
    return undefined
}
