// The start of an image on an Espruino board: the platform's ports over flash, network, clock and watchdog.

import { bootRecordStart } from "../../firmware/boot-record"
import { filesMount } from "../../firmware/files"
import { noticesStart, type Tell } from "../../firmware/notices"
import { portsInstall } from "../../firmware/ports"
import { runningInstall, type RunningImage } from "../../firmware/running"
import {
    chain,
    crc32,
    flashInstall,
    noCrc32,
    ofRegion,
    regionCreate,
    sha256,
    stageBytes,
    stageDrop,
    stageHash,
    stagePut,
    stageTake,
} from "./flash"
import type { EspruinoE } from "./globals"
import { LAYOUT_APP, LAYOUT_BOOT, LAYOUT_FILES, LAYOUT_JOURNAL, type EspruinoLayout, type EspruinoStart } from "./layout"
import { netAbort, netPause, netRequest } from "./net"
import { storageMend } from "./storage"

declare const E: EspruinoE
declare const __OTARY_IMAGE__: RunningImage
declare const print: (line: string) => void
declare const getTime: () => number
declare const setTimeout: (run: () => void, delayMs: number) => number
declare const clearTimeout: (id: number) => void
declare const process: { on(event: "uncaughtException", run: (error: unknown) => void): void }
declare const global: { otary: EspruinoStart; otaryNotify?: Tell }

/** Unix time in seconds before which a clock was never set: 2020-01-01. */
const CLOCK_SET_S = 1577836800
/** A step of the clock in seconds that no code causes by being busy: the clock was set meanwhile. */
const CLOCK_STEP_S_MAX = 86400

let lastS = 0
let upS = 0
let isArmed = false
/** Whether the boot ends. */
let isOver = false

function clockNowS(): number {
    const now = getTime()
    return now < CLOCK_SET_S ? 0 : Math.floor(now)
}

/** Espruino has no clock that only counts: steps of the one that is set are left out. */
function clockUpMs(): number {
    const now = getTime()
    const step = now - lastS
    lastS = now
    if (step > 0 && step < CLOCK_STEP_S_MAX) upS = upS + step
    return Math.floor(upS * 1000)
}

/** Timers that wait, by ids of our own: Espruino gives the id of a timer that ran to another one, and to cancel it would hit that. */
const waiting: Record<number, number> = {}
let lastId = 0

function clockAfter(delayMs: number, run: (this: void) => void): number {
    lastId = lastId + 1
    const id = lastId
    waiting[id] = setTimeout(function () {
        delete waiting[id]
        run()
    }, delayMs)
    return id
}

function clockCancel(id: number): void {
    if (waiting[id] === undefined) return
    clearTimeout(waiting[id])
    delete waiting[id]
}

/**
 * What the app throws outside its start ends the boot, as a panic does.
 * @resident
 */
function panic(error: unknown): void {
    // A reboot tells its listeners first, and what fails in them comes here again.
    if (isOver) return
    isOver = true
    // Where no cell is free, this makes room for what follows.
    stageDrop()
    print("panic: " + error)
    E.reboot()
}

/**
 * Where no cell is free, Espruino stops what runs at any statement, which no `catch` sees, and drops events that wait: a download may lack
 * bytes, and RAM hold half of a step. So the boot ends. Without flags there was no memory to list them.
 * @resident
 */
function memoryLook(flags: string[] | undefined): void {
    if (flags === undefined || flags.indexOf("MEMORY") >= 0) panic("out of memory")
}

function boardWatchdog(timeoutS: number): void {
    const flags = E.getErrorFlags()
    if (isArmed) {
        // Where memory was too short for the event, it is lost.
        memoryLook(flags)
        return E.kickWatchdog()
    }
    isArmed = true
    E.enableWatchdog(timeoutS, false)
}

function boardRandom(): number {
    return E.hwRand() & 0x7fffffff
}

/** Espruino's parser stops behind the value; what follows it makes the text no JSON. */
function jsonParse(text: string): unknown {
    const end = text.trim()
    const first = end.charAt(0)
    const last = end.charAt(end.length - 1)
    if ((first === "{" && last !== "}") || (first === "[" && last !== "]")) return undefined
    try {
        return JSON.parse(text)
    } catch (error) {
        return undefined
    }
}

/**
 * Installs the core's ports on a board with this layout: one call with the whole table, which the bundle is built around
 * (build/espruino-ports.ts).
 */
export function espruinoInstall(layout: EspruinoLayout): void {
    lastS = getTime()
    flashInstall(layout)
    portsInstall({
        boot: regionCreate(layout, LAYOUT_BOOT),
        journal: regionCreate(layout, LAYOUT_JOURNAL),
        app: [regionCreate(layout, LAYOUT_APP), regionCreate(layout, LAYOUT_APP + 1)],
        files: [regionCreate(layout, LAYOUT_FILES), regionCreate(layout, LAYOUT_FILES + 1)],
        stage: { put: stagePut, place: stageBytes.set, sha256: stageHash, crc32: noCrc32, hasCrc32: false, take: stageTake },
        digest: { sha256, crc32, chain, ofRegion },
        clock: { nowS: clockNowS, upMs: clockUpMs, after: clockAfter, cancel: clockCancel },
        http: { request: netRequest, abort: netAbort, pause: netPause },
        board: { reset: E.reboot, watchdog: boardWatchdog, random: boardRandom, log: print },
        json: { parse: jsonParse, stringify: JSON.stringify },
        platform: "espruino",
    })
}

/** The start: ports, the running image, the files. */
export function espruinoMain(): void {
    process.on("uncaughtException", panic)
    E.on("errorFlag", memoryLook)
    const start = global.otary
    espruinoInstall(start)
    if (start.record !== undefined) bootRecordStart(start.slot, start.reason, start.record)
    delete start.record
    runningInstall(__OTARY_IMAGE__)
    // An emulated board defines it before the image starts.
    if (global.otaryNotify !== undefined) noticesStart(__OTARY_IMAGE__.version, global.otaryNotify)
    filesMount()
    storageMend(global.otary)
}
