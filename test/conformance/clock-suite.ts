// The contract of a Clock (firmware/ports.ts), for any shim that offers one.

import type { Clock } from "../../firmware/ports"

/** A clock, and how a test lets its time pass. */
export interface ClockUnderTest {
    readonly clock: Clock
    /** Lets `ms` pass and everything that is due run. */
    wait(ms: number): Promise<void>
}

/** Runs the suite; `open` makes a new clock each time. */
export function clockSuite(name: string, open: () => ClockUnderTest): void {
    describe(`Clock of ${name}`, () => {
        timerTests(open)
        timeTests(open)
    })
}

function timerTests(open: () => ClockUnderTest): void {
    test("never runs a timer within the call that sets it, not even one of 0 ms", async () => {
        const { clock, wait } = open()
        let runs = 0
        const id = clock.after(0, () => void (runs += 1))
        expect(id).toBeGreaterThan(0)
        expect(runs).toBe(0)
        await wait(20)
        expect(runs).toBe(1)
        await wait(20)
        expect(runs).toBe(1)
    })

    test("runs timers in the order of their time, and equal ones in the order of their setting", async () => {
        const { clock, wait } = open()
        const order: string[] = []
        clock.after(60, () => void order.push("c"))
        clock.after(5, () => void order.push("a"))
        clock.after(5, () => void order.push("b"))
        await wait(120)
        expect(order).toEqual(["a", "b", "c"])
    })

    test("takes timers back, from within another one too; strange ids are no error", async () => {
        const { clock, wait } = open()
        const order: string[] = []
        const later = clock.after(40, () => void order.push("later"))
        clock.after(5, () => {
            order.push("first")
            clock.cancel(later)
        })
        const never = clock.after(5, () => void order.push("never"))
        clock.cancel(never)
        clock.cancel(never)
        clock.cancel(0)
        clock.cancel(999_999)
        await wait(100)
        expect(order).toEqual(["first"])
    })
}

function timeTests(open: () => ClockUnderTest): void {
    test("sets timers from within timers, with ids of their own", async () => {
        const { clock, wait } = open()
        const order: number[] = []
        const ids = new Set<number>()
        const step = (n: number): void => {
            order.push(n)
            if (n < 3) ids.add(clock.after(1, () => step(n + 1)))
        }
        ids.add(clock.after(1, () => step(1)))
        await wait(100)
        expect(order).toEqual([1, 2, 3])
        expect(ids.size).toBe(3)
    })

    test("counts time up", async () => {
        const { clock, wait } = open()
        const before = clock.upMs()
        const beforeS = clock.nowS()
        await wait(50)
        const passed = clock.upMs() - before
        expect(passed).toBeGreaterThanOrEqual(49)
        expect(passed).toBeLessThan(5000)
        expect(clock.nowS() - beforeS).toBeLessThanOrEqual(5)
        expect(Number.isInteger(clock.upMs()) && Number.isInteger(clock.nowS())).toBe(true)
    })

    test("takes its longest delay", async () => {
        const { clock, wait } = open()
        let runs = 0
        const id = clock.after(0x7fffffff, () => void (runs += 1))
        await wait(30)
        expect(runs).toBe(0)
        clock.cancel(id)
    })
}
