// firmware/calendar.ts against Date, and against texts that are no RFC 3339 times.

import fc from "fast-check"
import { daysFromCivil, daysOfMonth, rfc3339S } from "../../firmware/calendar"

const S_MAX = Date.parse("2038-01-01T00:00:00Z") / 1000 - 1
const seconds = fc.integer({ min: 0, max: S_MAX })
const two = (value: number): string => String(value).padStart(2, "0")

test("every second from 1970 to 2037 is what Date says, in every zone, with fractions", () => {
    const zone = fc.tuple(fc.constantFrom(1, -1), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    fc.assert(
        fc.property(seconds, zone, fc.constantFrom("", ".5", ".000000001"), (utcS, [sign, hours, minutes], fraction) => {
            const text = new Date(utcS * 1000).toISOString().slice(0, 19)
            expect(rfc3339S(`${text}${fraction}Z`)).toBe(utcS)
            const local = utcS - sign * (hours * 3600 + minutes * 60)
            const offset = `${sign > 0 ? "+" : "-"}${two(hours)}:${two(minutes)}`
            expect(rfc3339S(`${text}${fraction}${offset}`)).toBe(local < 0 ? -1 : local)
        }),
    )
})

test("days and months, leap years among them, as Date counts them", () => {
    for (let year = 1970; year <= 2037; year++) {
        for (let month = 1; month <= 12; month++) {
            expect(daysFromCivil(year, month, 1)).toBe(Date.UTC(year, month - 1, 1) / 86_400_000)
            expect(daysOfMonth(year, month)).toBe(new Date(Date.UTC(year, month, 0)).getUTCDate())
        }
    }
    expect([daysOfMonth(2000, 2), daysOfMonth(2100, 2), daysOfMonth(2400, 2)]).toEqual([29, 28, 29])
})

test("a leap second counts as the second behind it", () => {
    expect(rfc3339S("2016-12-31T23:59:60Z")).toBe(Date.parse("2017-01-01T00:00:00Z") / 1000)
})

test.each([
    "",
    "soon",
    "2026-05-01",
    "2026-05-01T12:00:00",
    "2026/05-01T12:00:00Z",
    "2026-05/01T12:00:00Z",
    "2026-05-01T12.00:00Z",
    "2026-05-01T12:00.00Z",
    "x026-05-01T12:00:00Z",
    "1969-12-31T23:59:59Z",
    "2038-01-01T00:00:00Z",
    "2026-00-01T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-05-00T12:00:00Z",
    "2026-04-31T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "2026-05-01T24:00:00Z",
    "2026-05-01T-1:00:00Z",
    "2026-05-01T12:60:00Z",
    "2026-05-01T12:x0:00Z",
    "2026-05-01T12:00:61Z",
    "2026-05-01T12:00:0xZ",
    "2026-05-01T12:00:00.Z",
    "2026-05-01T12:00:00.5",
    "2026-05-01T12:00:00Z ",
    "2026-05-01T12:00:00+0200",
    "2026-05-01T12:00:00+02.00",
    "2026-05-01T12:00:00+24:00",
    "2026-05-01T12:00:00+x2:00",
    "2026-05-01T12:00:00+02:60",
    "2026-05-01T12:00:00+02:x0",
    "2026-05-01T12:00:00 02:00",
    "1970-01-01T00:00:00+00:01",
])("%j is no time", text => expect(rfc3339S(text)).toBe(-1))
