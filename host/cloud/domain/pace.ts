// How many tasks a rollout may hand out now: rates, periods, limits, gates. Whole numbers only, so that every process agrees.

import type { Gate, Knobs, Rate } from "./rollout"
import { TASK_PENDING_STATES } from "./task-machine"
import type { TaskState } from "./types"

/** Hand-outs of the last span, in slots of a 300th of it: slot k counts those of ((k - 1) × slotMs, k × slotMs]. */
export interface Window {
    /** Number of the newest slot. */
    slot: number
    /** Counts of the newest slot and those before it, newest first. */
    counts: number[]
}

/** What a rollout's pace remembers. */
export interface Pace {
    /** Empty without a rate. */
    minute: Window
    /** Empty without a limit per period. */
    period: Window
    /** Unspent part of the rate, in thousandths of a device-minute: rate × ms adds up, 60,000 are one device. */
    credit: number
    /** Unix time in ms up to which `credit` was counted; 0 before the first hand-out. */
    atMs: number
}

/** Devices of a rollout by the state of their last task, and how many devices, and hand-outs, there were. */
export type Counts = Record<TaskState | "devices" | "pushed", number>

/** What decides on the hand-outs of a rollout. */
export interface PaceFacts {
    knobs: Knobs
    pace: Pace
    counts: Counts
    /** Devices of the scope: the snapshot's, or those that a continuous rollout may reach. */
    total: number
    /** Gates that are behind it. */
    gate: number
}

const SLOTS = 300
const MINUTE_MS = 60_000
/** Unspent rate is kept for this long: a late tick catches up, a long silence does not become a burst. */
const CREDIT_MS = 5_000

const WINDOW_NEW: Window = { slot: 0, counts: [] }

/** A pace before the first hand-out. */
export const PACE_NEW: Pace = Object.freeze({
    minute: WINDOW_NEW,
    period: WINDOW_NEW,
    credit: 0,
    atMs: 0,
})

/** Counts before the first task. */
export const COUNTS_NEW: Counts = Object.freeze({
    awaiting: 0,
    queued: 0,
    offered: 0,
    working: 0,
    probation: 0,
    succeeded: 0,
    failed: 0,
    canceled: 0,
    skipped: 0,
    devices: 0,
    pushed: 0,
})

/** Tasks that were handed out and have not ended. */
export function pendingOf(counts: Counts): number {
    return TASK_PENDING_STATES.reduce((sum, state) => sum + counts[state], 0)
}

/** Tasks that have not ended. */
export function activeOf(counts: Counts): number {
    return counts.awaiting + counts.queued + pendingOf(counts)
}

/** The rate now in devices per minute; Infinity without one. A variable rate grows step by step and is rounded down. */
export function rateNow(rate: Rate, counts: Pick<Counts, "pushed" | "succeeded">): number {
    if (rate === null) return Number.POSITIVE_INFINITY
    if (rate.kind === "constant") return rate.perMinute
    let perMinute = rate.base
    for (let steps = Math.floor(counts[rate.of] / rate.after); steps > 0 && perMinute < rate.max; steps -= 1) {
        perMinute = Math.max(perMinute + 1, Math.floor((perMinute * rate.factorHundredths) / 100))
    }
    return Math.min(perMinute, rate.max)
}

function slotOf(nowMs: number, spanMs: number): number {
    return Math.ceil((nowMs * SLOTS) / spanMs)
}

/** A window moved on to now. Time that runs backwards changes nothing. */
function windowAt({ slot, counts }: Window, nowMs: number, spanMs: number): Window {
    const now = slotOf(nowMs, spanMs)
    if (now <= slot) return { slot, counts }
    const gone = Math.min(now - slot, SLOTS + 1)
    return { slot: now, counts: [...Array.from({ length: gone }, () => 0), ...counts].slice(0, SLOTS + 1) }
}

/** Hand-outs in the span that ends now. A slot that is partly out counts as a whole, so that no span ever has more than the limit. */
function windowSum(window: Window, nowMs: number, spanMs: number): number {
    const isWhole = Number.isInteger((nowMs * SLOTS) / spanMs)
    const { counts } = windowAt(window, nowMs, spanMs)
    return counts.slice(0, isWhole ? SLOTS : SLOTS + 1).reduce((sum, count) => sum + count, 0)
}

function windowAdd(window: Window, count: number, nowMs: number, spanMs: number): Window {
    const { slot, counts } = windowAt(window, nowMs, spanMs)
    return { slot, counts: [(counts[0] ?? 0) + count, ...counts.slice(1)] }
}

function creditAt({ credit, atMs }: Pace, perMinute: number, nowMs: number): number {
    const most = Math.max(MINUTE_MS, perMinute * CREDIT_MS)
    if (atMs === 0) return Math.max(MINUTE_MS, perMinute * 1000)
    return Math.min(most, credit + perMinute * Math.max(0, nowMs - atMs))
}

/** Most devices that may ever be given the update; Infinity without a limit. The percentage is rounded down. */
export function devicesLimit({ limits }: Knobs, total: number): number {
    const percent = limits.devicesPercent
    const share = percent === null ? Number.POSITIVE_INFINITY : Math.floor((total * percent) / 100)
    return Math.min(limits.devicesMax ?? Number.POSITIVE_INFINITY, share)
}

/** The gate that a rollout stands before, or null. */
export function gateOf(knobs: Knobs, gate: number): Gate | null {
    return knobs.gates[gate] ?? null
}

/** Whether anything but the check-ins decides how fast a rollout goes. */
export function isPaced({ rate, limits, pendingMax, gates }: Knobs): boolean {
    const limited = limits.devicesMax !== null || limits.devicesPercent !== null || limits.perPeriod !== null
    return rate !== null || pendingMax !== null || gates.length > 0 || limited
}

function rateRoom({ knobs, pace, counts }: PaceFacts, nowMs: number): number {
    if (knobs.rate === null) return Number.POSITIVE_INFINITY
    const perMinute = rateNow(knobs.rate, counts)
    const inWindow = windowSum(pace.minute, nowMs, MINUTE_MS)
    return Math.min(Math.floor(creditAt(pace, perMinute, nowMs) / MINUTE_MS), perMinute - inWindow)
}

function periodRoom({ knobs, pace }: PaceFacts, nowMs: number): number {
    const limit = knobs.limits.perPeriod
    if (limit === null) return Number.POSITIVE_INFINITY
    return limit.count - windowSum(pace.period, nowMs, limit.periodS * 1000)
}

/** Room for devices that have not been given the update before. */
export function newDevicesRoom({ knobs, counts, total, gate }: PaceFacts): number {
    const held = gateOf(knobs, gate)?.devices ?? Number.POSITIVE_INFINITY
    return Math.max(0, Math.min(devicesLimit(knobs, total), held) - counts.devices)
}

/** Hand-outs that rate, period and pending limit allow now. `nowMs` is Unix time in ms. */
export function handOutRoom(facts: PaceFacts, nowMs: number): number {
    const pending = (facts.knobs.pendingMax ?? Number.POSITIVE_INFINITY) - pendingOf(facts.counts)
    return Math.max(0, Math.min(pending, rateRoom(facts, nowMs), periodRoom(facts, nowMs)))
}

/** The pace after `count` hand-outs. */
export function paceAfter({ knobs, pace, counts }: PaceFacts, count: number, nowMs: number): Pace {
    const { perPeriod } = knobs.limits
    const credit = knobs.rate === null ? 0 : creditAt(pace, rateNow(knobs.rate, counts), nowMs) - count * MINUTE_MS
    return {
        minute: knobs.rate === null ? WINDOW_NEW : windowAdd(pace.minute, count, nowMs, MINUTE_MS),
        period: perPeriod === null ? WINDOW_NEW : windowAdd(pace.period, count, nowMs, perPeriod.periodS * 1000),
        credit,
        atMs: Math.max(pace.atMs, nowMs),
    }
}
