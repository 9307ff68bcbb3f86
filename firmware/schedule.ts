// When the agent may check in and apply: cron's five fields (minute, hour, day, month, weekday) and Ioto's names for common ones.

import { numberIn } from "./bytes"
import { daysOfMonth } from "./calendar"

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86400

/** Years that are searched: in any 8 of them there is a February 29, also around 2100. */
const YEARS_SEARCHED = 8
/** Longest schedule in bytes. */
const SCHEDULE_BYTES_MAX = 128

// What the five fields allow, by field, one 0 or 1 a value: filled by scheduleParse, and let go as soon as the answer is known.
let masks: number[][] = []
const MINUTES = 0
const HOURS = 1
const DAYS = 2
const MONTHS = 3
const WEEKDAYS = 4
/** Cron's rule: day and weekday must both match, but when both are restricted, either is enough. */
let daysWanted = 2

// The date that the search stands on.
let year = 1970
let month = 1
let day = 1
let weekday = 4

/** The five fields behind one of Ioto's names; any other text as it is. */
function aliasResolve(spec: string): string {
    if (spec === "anytime") return "* * * * *"
    if (spec === "day") return "* 6-17 * * *"
    if (spec === "weekdays") return "* * * * 1-5"
    if (spec === "workhours") return "* 9-17 * * 1-5"
    if (spec === "midnight") return "* 0 * * *"
    if (spec === "night") return "* 0-5,18-23 * * *"
    return spec
}

function isNever(spec: string): boolean {
    return spec === "never" || spec === "unscheduled"
}

/** The number that `text` is, 0–9999; -1 for anything else. */
function numberParse(text: string): number {
    return text.length > 4 ? -1 : numberIn(text, 0, text.length)
}

/** Marks what one item of a list allows: `*`, `N` or `A-B`, the first and the last also with `/step`. */
function itemParse(item: string, low: number, high: number, mask: number[]): boolean {
    const slash = item.indexOf("/")
    const body = slash < 0 ? item : item.substring(0, slash)
    const step = slash < 0 ? 1 : numberParse(item.substring(slash + 1))
    let first = low
    let last = high
    if (body !== "*") {
        const dash = body.indexOf("-")
        if (dash < 0 && slash >= 0) return false
        first = numberParse(dash < 0 ? body : body.substring(0, dash))
        last = dash < 0 ? first : numberParse(body.substring(dash + 1))
    }
    if (step < 1 || first < low || last > high || last < first) return false
    for (let value = first; value <= last; value += step) mask[value] = 1
    return true
}

function fieldParse(field: string, low: number, high: number, mask: number[]): boolean {
    for (let value = 0; value <= high; value += 1) mask[value] = 0
    let start = 0
    while (start <= field.length) {
        const comma = field.indexOf(",", start)
        const end = comma < 0 ? field.length : comma
        if (!itemParse(field.substring(start, end), low, high, mask)) return false
        start = end + 1
    }
    return true
}

/** The `wanted`-th word of `text`, "" when there is none. */
function wordOf(text: string, wanted: number): string {
    let found = 0
    let start = 0
    while (start < text.length) {
        const blank = text.indexOf(" ", start)
        const end = blank < 0 ? text.length : blank
        if (end > start) {
            if (found === wanted) return text.substring(start, end)
            found += 1
        }
        start = end + 1
    }
    return ""
}

function scheduleParse(spec: string): boolean {
    if (spec.length > SCHEDULE_BYTES_MAX) return false
    const fields = aliasResolve(spec)
    const dayField = wordOf(fields, 2)
    const weekdayField = wordOf(fields, 4)
    if (weekdayField === "" || wordOf(fields, 5) !== "") return false
    masks = [[], [], [], [], []]
    if (!fieldParse(wordOf(fields, 0), 0, 59, masks[MINUTES])) return false
    if (!fieldParse(wordOf(fields, 1), 0, 23, masks[HOURS])) return false
    if (!fieldParse(dayField, 1, 31, masks[DAYS])) return false
    if (!fieldParse(wordOf(fields, 3), 1, 12, masks[MONTHS])) return false
    if (!fieldParse(weekdayField, 0, 7, masks[WEEKDAYS])) return false
    if (masks[WEEKDAYS][7] === 1) masks[WEEKDAYS][0] = 1
    daysWanted = dayField.charAt(0) !== "*" && weekdayField.charAt(0) !== "*" ? 1 : 2
    return true
}

function yearDays(): number {
    return 337 + daysOfMonth(year, 2)
}

function monthDays(): number {
    return daysOfMonth(year, month)
}

/** Goes `days` on, at most to the first of the next month. */
function dateAdvance(days: number): void {
    weekday = (weekday + days) % 7
    day += days
    if (day <= monthDays()) return
    day = 1
    month += 1
    if (month <= 12) return
    month = 1
    year += 1
}

/** Puts the date to that of a Unix time, by subtraction alone: not every engine divides integers. Returns seconds of the day. */
function dateFrom(timeS: number): number {
    year = 1970
    month = 1
    day = 1
    weekday = 4
    let leftS = timeS
    while (leftS >= yearDays() * DAY_S) {
        leftS -= yearDays() * DAY_S
        weekday = (weekday + yearDays()) % 7
        year += 1
    }
    while (leftS >= monthDays() * DAY_S) {
        leftS -= monthDays() * DAY_S
        dateAdvance(monthDays())
    }
    while (leftS >= DAY_S) {
        leftS -= DAY_S
        dateAdvance(1)
    }
    return leftS
}

function dayMatches(): boolean {
    const matches = masks[DAYS][day] + masks[WEEKDAYS][weekday]
    return masks[MONTHS][month] === 1 && matches >= daysWanted
}

/** The first matching second of a day that is not before `fromS`; -1 when the day has none. */
function timeOfDayNext(fromS: number): number {
    for (let hour = 0; hour < 24; hour += 1) {
        const hourS = hour * HOUR_S
        if (masks[HOURS][hour] === 1 && hourS + HOUR_S > fromS) {
            for (let minute = 0; minute < 60; minute += 1) {
                const minuteS = hourS + minute * MINUTE_S
                if (masks[MINUTES][minute] === 1 && minuteS + MINUTE_S > fromS) return minuteS > fromS ? minuteS : fromS
            }
        }
    }
    return -1
}

/**
 * Whether scheduleNextS understands `spec`: five fields of cron (crontab(5): `*`, numbers, ranges, `/step`, lists; weekday 0 and 7
 * are Sunday; day or weekday when neither begins with `*`), or one of Ioto's names: anytime, never, unscheduled, day, weekdays,
 * workhours, midnight, night.
 */
export function scheduleValid(spec: string): boolean {
    const isValid = isNever(spec) || scheduleParse(spec)
    masks = []
    return isValid
}

/**
 * Seconds until the next minute that `spec` allows: 0 when now is in one, -1 when there is none or `spec` is not valid.
 * `nowS` is Unix time, `utcOffsetMin` what local time is ahead of UTC in minutes.
 * The work is bounded: months that do not match are skipped, and after eight years the search ends.
 */
export function scheduleNextS(spec: string, nowS: number, utcOffsetMin: number): number {
    let waitS = -1
    if (!isNever(spec) && scheduleParse(spec)) waitS = slotFrom(nowS + utcOffsetMin * MINUTE_S)
    masks = []
    return waitS
}

/** Seconds from a local time to the next minute that the masks allow; -1 when there is none. */
function slotFrom(localS: number): number {
    const secondOfDay = dateFrom(localS < 0 ? 0 : localS)
    const yearEnd = year + YEARS_SEARCHED
    if (dayMatches()) {
        const todayS = timeOfDayNext(secondOfDay)
        if (todayS >= 0) return todayS - secondOfDay
    }
    let waitS = DAY_S - secondOfDay
    dateAdvance(1)
    while (year <= yearEnd) {
        if (dayMatches()) return waitS + timeOfDayNext(0)
        const days = masks[MONTHS][month] === 1 ? 1 : monthDays() - day + 1
        waitS += days * DAY_S
        dateAdvance(days)
    }
    return -1
}
