// firmware/schedule.ts against a slow reference that walks minute by minute with Date, and against known dates.

import fc from "fast-check"
import { scheduleNextS, scheduleValid } from "../../firmware/schedule"

/** Whether `value` is in a cron field, item by item. */
function fieldHas(field: string, low: number, high: number, value: number): boolean {
    return field.split(",").some(item => {
        const [body, step] = item.split("/")
        const [first, last] =
            body === "*" ? [low, high] : body.includes("-") ? body.split("-").map(Number) : [Number(body), Number(body)]
        return value >= first && value <= last && (value - first) % Number(step ?? 1) === 0
    })
}

function matches(spec: string, timeS: number): boolean {
    const [minute, hour, day, month, weekday] = spec.split(" ")
    const date = new Date(timeS * 1000)
    const dayOk = fieldHas(day, 1, 31, date.getUTCDate())
    const weekdayOk = [date.getUTCDay(), date.getUTCDay() + 7].some(value => value <= 7 && fieldHas(weekday, 0, 7, value))
    return (
        fieldHas(minute, 0, 59, date.getUTCMinutes()) &&
        fieldHas(hour, 0, 23, date.getUTCHours()) &&
        fieldHas(month, 1, 12, date.getUTCMonth() + 1) &&
        (day.startsWith("*") || weekday.startsWith("*") ? dayOk && weekdayOk : dayOk || weekdayOk)
    )
}

/** The reference; looks `minutesMax` ahead, and answers undefined when nothing is found there. */
function slowNextS(spec: string, nowS: number, utcOffsetMin: number, minutesMax: number): number | undefined {
    const localS = nowS + utcOffsetMin * 60
    if (matches(spec, localS)) return 0
    const minuteS = localS - (localS % 60)
    for (let count = 1; count <= minutesMax; count += 1) {
        if (matches(spec, minuteS + count * 60)) return minuteS + count * 60 - localS
    }
    return undefined
}

const at = (text: string) => Date.parse(text) / 1000

function field(low: number, high: number) {
    const value = fc.integer({ min: low, max: high })
    const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`)
    const stepped = fc
        .tuple(fc.oneof(fc.constant("*"), range), fc.integer({ min: 1, max: 20 }))
        .map(([body, step]) => `${body}/${step}`)
    const list = fc
        .array(fc.oneof(value.map(String), range, stepped), { minLength: 1, maxLength: 3 })
        .map(items => items.join(","))
    return fc.oneof({ weight: 2, arbitrary: fc.constant("*") }, { weight: 3, arbitrary: list })
}
const spec = fc.tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(fields => fields.join(" "))
const now = fc.integer({ min: at("2024-02-20T00:00:00Z"), max: at("2037-12-01T00:00:00Z") })

test("agrees with the reference", () => {
    const minutesMax = 3 * 1440
    fc.assert(
        fc.property(spec, now, fc.integer({ min: -720, max: 840 }), (text, nowS, offset) => {
            const wanted = slowNextS(text, nowS, offset, minutesMax)
            const got = scheduleNextS(text, nowS, offset)
            expect(scheduleValid(text)).toBe(true)
            if (wanted !== undefined) expect(got).toBe(wanted)
            else if (got >= 0) expect([matches(text, nowS + got + offset * 60), got > minutesMax * 60 - 60]).toEqual([true, true])
        }),
        { numRuns: 150 },
    )
})

describe("far away", () => {
    // For whole days, a reference by days sees years ahead.
    function slowDays(text: string, nowS: number): number {
        for (let dayS = nowS - (nowS % 86400) + 86400; dayS < nowS + 9 * 366 * 86400; dayS += 86400) {
            if (matches(text, dayS)) return dayS - nowS
        }
        return -1
    }
    test("agrees with a reference by days", () => {
        fc.assert(
            fc.property(field(1, 31), field(1, 12), field(0, 7), now, (day, month, weekday, nowS) => {
                const text = `0 0 ${day} ${month} ${weekday}`
                fc.pre(nowS % 86400 >= 60)
                expect(scheduleNextS(text, nowS, 0)).toBe(slowDays(text, nowS))
            }),
            { numRuns: 200 },
        )
    })
    test("finds February 29, and no February 30", () => {
        const nowS = at("2024-03-01T00:00:00Z")
        expect(scheduleNextS("0 0 29 2 *", nowS, 0)).toBe(at("2028-02-29T00:00:00Z") - nowS)
        expect(scheduleNextS("0 0 30 2 *", nowS, 0)).toBe(-1)
        expect(scheduleNextS("0 0 31 2,4,6,9,11 *", nowS, 0)).toBe(-1)
    })
    test("finds a weekday in an impossible month's place: day or weekday is enough", () => {
        const nowS = at("2024-03-01T00:00:00Z")
        expect(scheduleNextS("0 0 30 2 1", nowS, 0)).toBe(at("2025-02-03T00:00:00Z") - nowS)
    })
})

describe("names", () => {
    const noonSaturday = at("2026-11-21T12:00:30Z")
    test.each([
        ["anytime", 0],
        ["never", -1],
        ["unscheduled", -1],
        ["day", 0],
        ["weekdays", at("2026-11-23T00:00:00Z") - noonSaturday],
        ["workhours", at("2026-11-23T09:00:00Z") - noonSaturday],
        ["midnight", at("2026-11-22T00:00:00Z") - noonSaturday],
        ["night", at("2026-11-21T18:00:00Z") - noonSaturday],
    ])("%s", (name, wanted) => {
        expect([scheduleValid(name), scheduleNextS(name, noonSaturday, 0)]).toEqual([true, wanted])
    })
    test("local time counts", () => {
        expect(scheduleNextS("midnight", noonSaturday, 720)).toBe(0)
        expect(scheduleNextS("* 12 * * 6", noonSaturday, -1440)).toBe(86400 - 30)
        expect(scheduleNextS("anytime", 0, -60)).toBe(0)
    })
})

test.each([
    "",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 * ",
    "* * * * 8",
    "5-1 * * * *",
    "*/0 * * * *",
])("refuses %j", text => expect([scheduleValid(text), scheduleNextS(text, 1e9, 0)]).toEqual([false, -1]))
test.each([
    "5/15 * * * *",
    "a * * * *",
    "1, * * * *",
    "1--2 * * * *",
    "-1 * * * *",
    "99999 * * * *",
    "* * * * mon",
    "1".repeat(200),
])("refuses %j", text => expect([scheduleValid(text), scheduleNextS(text, 1e9, 0)]).toEqual([false, -1]))
