// Dates as integers: days since 1970 from a civil date, and RFC 3339 times as Unix seconds.

import { numberIn } from "./bytes"

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar. month 1–12, day 1–31, year 1970–2037. */
export function daysFromCivil(year: number, month: number, day: number): number {
    let days = 0
    for (let y = 1970; y < year; y++) days = days + 365 + leapDays(y)
    for (let m = 1; m < month; m++) days = days + daysOfMonth(year, m)
    return days + day - 1
}

/** Days of a month, 28–31. */
export function daysOfMonth(year: number, month: number): number {
    if (month === 2) return 28 + leapDays(year)
    if (month === 4 || month === 6 || month === 9 || month === 11) return 30
    return 31
}

function leapDays(year: number): number {
    if (year % 4 !== 0) return 0
    if (year % 100 === 0 && year % 400 !== 0) return 0
    return 1
}

/**
 * Unix seconds of an RFC 3339 time such as `2026-05-01T12:00:00Z` or `…+02:00`; fractions of a second are dropped.
 * Returns -1 when it is no such time or lies outside 1970 – 2037.
 */
export function rfc3339S(text: string): number {
    const marks = text.charAt(4) + text.charAt(7) + text.charAt(13) + text.charAt(16)
    if (marks !== "--::") return -1
    // Year, month, day, hour, minute, second.
    const fields: number[] = []
    for (let k = 0; k < 6; k++) fields[k] = numberIn(text, k === 0 ? 0 : k * 3 + 2, k * 3 + 4)
    const year = fields[0]
    const month = fields[1]
    const day = fields[2]
    const second = fields[5]
    if (year < 1970 || year > 2037 || month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return -1
    if (second < 0 || second > 60) return -1
    const clock = clockS(fields[3], fields[4])
    const zone = zoneS(text)
    if (clock < 0 || zone === ZONE_NONE) return -1
    const local = daysFromCivil(year, month, day) * 86400 + clock + second
    if (local < zone) return -1
    return local - zone
}

/** Seconds from midnight, or of a zone; -1 where there is no such time. */
function clockS(hour: number, minute: number): number {
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return -1
    return hour * 3600 + minute * 60
}

const ZONE_NONE = -100000

/** Seconds east of UTC of the zone behind the seconds; ZONE_NONE when there is none. */
function zoneS(text: string): number {
    let at = 19
    if (text.charAt(at) === ".") {
        at = at + 1
        while (numberIn(text, at, at + 1) >= 0) at = at + 1
        if (at === 20) return ZONE_NONE
    }
    const mark = text.charAt(at)
    if (mark === "Z" && text.length === at + 1) return 0
    const zone = clockS(numberIn(text, at + 1, at + 3), numberIn(text, at + 4, at + 6))
    if (text.length !== at + 6 || text.charAt(at + 3) !== ":" || zone < 0) return ZONE_NONE
    if (mark === "+") return zone
    if (mark === "-") return -zone
    return ZONE_NONE
}
