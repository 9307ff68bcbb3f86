// Rates, periods and limits: what may be handed out when.

import {
    COUNTS_NEW,
    devicesLimit,
    handOutRoom,
    newDevicesRoom,
    PACE_NEW,
    paceAfter,
    rateNow,
    type Counts,
    type PaceFacts,
} from "../../host/cloud/domain/pace"
import type { Knobs, Rate } from "../../host/cloud/domain/rollout"
import { knobsWith } from "./facts"

const START_MS = 1_700_000_000_000

function factsOf(knobs: Partial<Knobs>, counts: Partial<Counts> = {}): PaceFacts {
    return { knobs: knobsWith(knobs), pace: PACE_NEW, counts: { ...COUNTS_NEW, ...counts }, total: 1000, gate: 0 }
}

test("50 a minute, times 2 at every 1,000: 50, 100, 200, … capped", () => {
    const rate: Rate = { kind: "variable", base: 50, factorHundredths: 200, max: 700, after: 1000, of: "pushed" }
    const at = (pushed: number): number => rateNow(rate, { pushed, succeeded: 0 })
    expect([0, 999, 1000, 1999, 2000, 3000, 4000, 9000].map(at)).toEqual([50, 50, 100, 100, 200, 400, 700, 700])
    expect(rateNow({ ...rate, of: "succeeded" }, { pushed: 5000, succeeded: 1000 })).toBe(100)
    expect(rateNow({ ...rate, base: 1, factorHundredths: 120 }, { pushed: 2000, succeeded: 0 })).toBe(3)
})

/** Hands out as much as is allowed, once a second; answers the hand-outs of each second. */
function handOuts(knobs: Partial<Knobs>, seconds: number, skip: (second: number) => boolean = () => false): number[] {
    const facts = factsOf(knobs)
    const counts: number[] = []
    for (let second = 0; second < seconds; second += 1) {
        const count = skip(second) ? 0 : Math.min(handOutRoom(facts, START_MS + second * 1000), 1_000_000)
        facts.pace = paceAfter(facts, count, START_MS + second * 1000)
        counts.push(count)
    }
    return counts
}

const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0)

test.each([10, 61, 500, 9_999, 10_000])("%i a minute: every minute within 1 %%, no 60 seconds above", perMinute => {
    const counts = handOuts({ rate: { kind: "constant", perMinute } }, 600)
    for (let second = 60; second <= 600; second += 1) {
        const minute = sum(counts.slice(second - 60, second))
        expect(minute).toBeLessThanOrEqual(perMinute)
        expect(minute).toBeGreaterThanOrEqual(Math.floor(perMinute * 0.99))
    }
})

test("a pause of the scheduler becomes no burst", () => {
    const counts = handOuts({ rate: { kind: "constant", perMinute: 600 } }, 300, second => second > 50 && second < 200)
    for (let second = 60; second <= 300; second += 1) expect(sum(counts.slice(second - 60, second))).toBeLessThanOrEqual(600)
    expect(counts[200]).toBeLessThanOrEqual(50)
})

test.each([[60], [600]])("never more than the limit in any span of %i s", periodS => {
    const counts = handOuts(
        { limits: { devicesMax: null, devicesPercent: null, perPeriod: { count: 100, periodS } } },
        periodS * 3,
    )
    let inSpan = 0
    for (let second = 0; second < counts.length; second += 1) {
        inSpan += (counts[second] as number) - (counts[second - periodS] ?? 0)
        expect(inSpan).toBeLessThanOrEqual(100)
    }
    expect(sum(counts)).toBeGreaterThanOrEqual(200)
})

test("limits of devices, percent (rounded down) and pending", () => {
    const limits = (devicesMax: number | null, devicesPercent: number | null): Knobs["limits"] => {
        return { devicesMax, devicesPercent, perPeriod: null }
    }
    expect(devicesLimit(knobsWith({ limits: limits(50, 2.59) }), 1000)).toBe(25)
    expect(devicesLimit(knobsWith({ limits: limits(20, 2.59) }), 1000)).toBe(20)
    expect(newDevicesRoom(factsOf({ limits: limits(20, null) }, { devices: 18 }))).toBe(2)
    expect(handOutRoom(factsOf({ pendingMax: 5 }, { offered: 2, working: 1, probation: 1 }), START_MS)).toBe(1)
    expect(handOutRoom(factsOf({ pendingMax: 3 }, { offered: 2, working: 1, probation: 1 }), START_MS)).toBe(0)
    const gates = [{ devices: 10, succeeded: 5, failedPercentMax: 10, approval: false }]
    expect(newDevicesRoom(factsOf({ gates }, { devices: 4 }))).toBe(6)
    expect(newDevicesRoom({ ...factsOf({ gates }, { devices: 4 }), gate: 1 })).toBe(Number.POSITIVE_INFINITY)
})
