// Time on a NodeMCU board: Unix time where it was set, milliseconds since the boot, timers of any length.

import { least } from "../../firmware/bytes"
import type { Clock } from "../../firmware/ports"
import { counterUs, timeS } from "./esp32"
import { tmr, type Timer } from "./modules"

/** Longest interval that both chips take (ESP8266: 1:54:30). */
const INTERVAL_MS_MAX = 6000000
/** Timers that can wait at a time. */
const TIMERS_MAX = 64
/** Microseconds wrap at 2^31: about every 35 minutes. They are looked at far more often. */
const WRAP_US = 2147483647
const LOOK_MS = 600000

const timers: (Timer | undefined)[] = []
const ids: number[] = []
let lastId = 0
let lastUs = 0
let restUs = 0
let elapsedMs = 0

/** @resident */
function upMs(): number {
    const us = counterUs()
    let passedUs = us - lastUs
    if (passedUs < 0) passedUs = passedUs + WRAP_US + 1
    lastUs = us
    restUs = restUs + passedUs
    while (restUs >= 1000) {
        // In halves: a long wait costs a few steps, and numbers stay whole on engines without integer division.
        let stepMs = 1
        while (stepMs < 1000000 && restUs >= stepMs * 2000) stepMs = stepMs * 2
        restUs = restUs - stepMs * 1000
        elapsedMs = elapsedMs + stepMs
    }
    if (elapsedMs < 0) elapsedMs = 0
    return elapsedMs
}

function placeOf(id: number): number {
    for (let k = 0; k < ids.length; k++) {
        if (ids[k] === id) return k
    }
    return -1
}

/** Set by the boot loader where the app has failed at its start: until the restart nothing of the image runs, least of all its commit. */
declare let otaryFailed: boolean | undefined

/** A timer has come to its end, the last step of its way or not. */
function elapse(k: number, id: number, leftMs: number, run: (this: void) => void): void {
    if (ids[k] !== id || otaryFailed === true) return
    if (leftMs > 0) return arm(k, leftMs, run)
    ids[k] = 0
    timers[k] = undefined
    run()
}

function arm(k: number, leftMs: number, run: (this: void) => void): void {
    const id = ids[k]
    const stepMs = least(leftMs, INTERVAL_MS_MAX)
    const timer = tmr.create()
    timers[k] = timer
    timer.alarm(stepMs > 0 ? stepMs : 1, tmr.ALARM_SINGLE, () => elapse(k, id, leftMs - stepMs, run))
}

function after(delayMs: number, run: (this: void) => void): number {
    let k = placeOf(0)
    if (k < 0) k = ids.length
    if (k >= TIMERS_MAX) return 0
    lastId = lastId + 1
    ids[k] = lastId
    arm(k, delayMs, run)
    return lastId
}

function cancel(id: number): void {
    if (id === 0) return
    const k = placeOf(id)
    if (k < 0) return
    const timer = timers[k]
    if (timer !== undefined) timer.unregister()
    ids[k] = 0
    timers[k] = undefined
}

/** Looks at the microseconds often enough for ever; the boot loader's life is too short to need it. */
export function clockWatch(): void {
    upMs()
    after(LOOK_MS, clockWatch)
}

/** Creates the port. */
export function createClock(): Clock {
    lastUs = counterUs()
    return { nowS: timeS, upMs, after, cancel }
}
