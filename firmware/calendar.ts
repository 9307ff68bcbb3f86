// Dates as integers: days since 1970 from a civil date, and RFC 3339 times as Unix seconds.

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
    if (
        text.length < 20 ||
        text.charAt(4) !== "-" ||
        text.charAt(7) !== "-" ||
        text.charAt(13) !== ":" ||
        text.charAt(16) !== ":"
    )
        return -1
    const year = digits(text, 0, 4)
    const month = digits(text, 5, 7)
    const day = digits(text, 8, 10)
    const hour = digits(text, 11, 13)
    const minute = digits(text, 14, 16)
    const second = digits(text, 17, 19)
    if (year < 1970 || year > 2037 || month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return -1
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return -1
    const zone = zoneS(text)
    if (zone < -86400) return -1
    const local = daysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    if (local < zone) return -1
    return local - zone
}

function digits(text: string, from: number, to: number): number {
    let value = 0
    for (let i = from; i < to; i++) {
        const digit = text.charCodeAt(i) - 48
        if (!(digit >= 0 && digit <= 9)) return -1
        value = value * 10 + digit
    }
    return value
}

/** Seconds east of UTC of the zone behind the seconds; -100000 when there is none. */
function zoneS(text: string): number {
    let at = 19
    if (text.charAt(at) === ".") {
        at = at + 1
        if (digits(text, at, at + 1) < 0) return -100000
        while (digits(text, at, at + 1) >= 0 && at < text.length) at = at + 1
    }
    const mark = text.charAt(at)
    if (mark === "Z" && text.length === at + 1) return 0
    if (text.length !== at + 6 || text.charAt(at + 3) !== ":") return -100000
    const hour = digits(text, at + 1, at + 3)
    const minute = digits(text, at + 4, at + 6)
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return -100000
    if (mark === "+") return hour * 3600 + minute * 60
    if (mark === "-") return -(hour * 3600 + minute * 60)
    return -100000
}
