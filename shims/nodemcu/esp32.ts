// What is the ESP32's own among NodeMCU's modules. In bundles for the ESP8266 `esp8266.ts` takes this module's place.

import { WATCHDOG_TIMEOUT_S } from "../../firmware/constants"
import { io, node, print, time, tmr, type BoardFile, type Timer } from "./modules"

export { fileRegion } from "./file-region"
export { createNative } from "./native-firmware"
export { createHttp } from "./net-http"

/** The platform name that images for these boards carry. */
export const PLATFORM: string = "nodemcu"
/** Regions' files that are open at a time: SPIFFS allows five, one is the running slot's, and one is left to the app. */
export const REGION_FILES_MAX = 3
/** Pieces that the stage holds as they came; beyond that they are joined, so that a sender of single bytes cannot fill the memory. */
export const STAGE_PIECES_MAX = 24

/** Opens a file that is there, for reading and writing; undefined when it cannot. */
export function fileOpen(name: string): BoardFile | undefined {
    return io.open(name, "r+")
}

/** Microseconds since the boot, 31 bits. */
export function counterUs(): number {
    const us = node.uptime()
    return us
}

/** Unix time in seconds, 0 while it was never set or cannot be told. */
export function timeS(): number {
    if (time === undefined) return 0
    const seconds = time.get()
    return seconds
}

/** Nothing to be done before all else. */
export function chipStart(): void {}

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
        return node.restart()
    }
    isFed = false
    watchdogArm(WATCHDOG_TIMEOUT_S)
}

/**
 * Feeds the chip's own watchdog, which ends an endless loop. It has a fixed time and is fed by the system as well, so a timer looks
 * whether the agent still lives.
 */
export function watchdog(timeoutS: number): void {
    isFed = true
    tmr.wdclr()
    if (isWatched) return
    isWatched = true
    watchdogArm(timeoutS)
}
