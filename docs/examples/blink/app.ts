// Blinks, at the rate that a file says, and shows an update that is ready by blinking fast until it is applied.

import { after, fileRead, log, rWatch, SIGNAL_UPDATE, updateWait, version } from "otary"

/** What drives a light here: a pin on Espruino, nothing elsewhere. */
declare const digitalWrite: ((pin: unknown, value: number) => void) | undefined
declare const D2: unknown

let periodMs = 500
let isLit = false

function light(isOn: boolean): void {
    if (typeof digitalWrite !== "undefined") digitalWrite(D2, isOn ? 1 : 0)
}

function blink(): void {
    isLit = !isLit
    light(isLit)
    after(periodMs, blink)
}

// An update is in flash and verified: five seconds of warning before it is applied.
function warn(): void {
    periodMs = 100
    log("blink: an update is ready")
    updateWait(5)
}

const rate = fileRead("period.txt")
if (rate !== undefined) periodMs = Number(rate.trim())
rWatch(SIGNAL_UPDATE, warn, undefined)
log("blink " + version() + " every " + periodMs + " ms")
blink()
