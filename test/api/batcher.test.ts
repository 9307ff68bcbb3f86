// The batcher: what shares a batch, what does not, and what one bad item does to the others.

import { Batcher } from "../../host/cloud/services/batcher"

interface Item {
    key: string
    value: number
}

const LIMITS = { itemsMax: 4, waitMs: 1, batchesMax: 2, queueMax: 10 }

/** A batcher that doubles values, and the batches that it saw. Negative values are outcomes that fail, 13 breaks its whole batch. */
function doubling(limits = LIMITS): { batcher: Batcher<Item, number>; batches: Item[][]; underWayMax: () => number } {
    const batches: Item[][] = []
    let underWay = 0
    let most = 0
    const batcher = new Batcher<Item, number>(
        limits,
        ({ key }) => key,
        async items => {
            batches.push(items)
            most = Math.max(most, (underWay += 1))
            await new Promise(resolve => setImmediate(resolve))
            underWay -= 1
            if (items.some(({ value }) => value === 13)) throw new Error("broken")
            return items.map(({ value }) => (value < 0 ? new Error("negative") : value * 2))
        },
    )
    return { batcher, batches, underWayMax: () => most }
}

function items(count: number): Item[] {
    return Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: index }))
}

test("items share batches up to the limits, and each gets its own outcome", async () => {
    const { batcher, batches, underWayMax } = doubling()
    const outcomes = await Promise.all(items(10).map(item => batcher.submit(item)))
    expect(outcomes).toEqual(items(10).map(({ value }) => value * 2))
    expect(batches.map(batch => batch.length)).toEqual([4, 4, 2])
    expect(underWayMax()).toBe(2)
})

test("two items with one key never share a batch, and keep their order", async () => {
    const { batcher, batches } = doubling()
    await Promise.all([1, 2, 3].map(value => batcher.submit({ key: "same", value })))
    expect(batches.map(batch => batch.map(({ value }) => value))).toEqual([[1], [2], [3]])
})

test("a failing outcome and a broken batch hurt only the item to blame", async () => {
    const { batcher } = doubling()
    const values = [1, -1, 13, 4]
    const settled = await Promise.allSettled(values.map((value, index) => batcher.submit({ key: String(index), value })))
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"])
})

test("too many that wait are refused", async () => {
    const { batcher } = doubling({ ...LIMITS, batchesMax: 0 })
    for (const item of items(10)) void batcher.submit(item)
    await expect(batcher.submit({ key: "more", value: 1 })).rejects.toMatchObject({ code: "overloaded", status: 503 })
})
