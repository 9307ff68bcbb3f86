// Durations as Ioto's configuration files write them ("24 hrs", "30 secs"), turned into seconds.

import { PackError } from "./errors"

/** Seconds of each unit; the plural adds an s. A month is 30 days and a year 365, as in Ioto's agent. */
const UNIT_S = new Map([
    ["sec", 1],
    ["second", 1],
    ["min", 60],
    ["minute", 60],
    ["hr", 3600],
    ["hour", 3600],
    ["day", 86400],
    ["week", 604800],
    ["month", 2592000],
    ["year", 31536000],
])
/** Longest duration in seconds: the device counts in integers below 2^31. */
const DURATION_S_MAX = 2147483647

/**
 * The whole seconds of a duration: a number (seconds) or a number and a unit.
 * Throws PACK_DURATION, naming `place`, for everything else and for what is negative or above 2^31 - 1.
 */
export function durationS(duration: number | string, place: string): number {
    const match = /^\s*(\d{1,10}(?:\.\d{1,3})?)\s*([a-z]*)\s*$/i.exec(String(duration))
    const unit = (match?.[2] ?? "").toLowerCase()
    const unitS = unit === "" || unit === "s" ? 1 : (UNIT_S.get(unit) ?? UNIT_S.get(unit.replace(/s$/, "")))
    const seconds = match === null || unitS === undefined ? NaN : Math.round(Number(match[1]) * unitS)
    if (seconds <= DURATION_S_MAX) return seconds
    throw new PackError(
        "PACK_DURATION",
        `${place}: ${JSON.stringify(duration)} is not a duration`,
        'write seconds as a number, or a number and sec, min, hr, day, week, month or year, such as "24 hrs"',
    )
}
