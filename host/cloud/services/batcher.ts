// Brings calls that come at about the same time into one: a few milliseconds' worth share a transaction.

import { Problem } from "../problems"
import { RETRY_AFTER_S } from "../limits"

/** Limits of a batcher. */
export interface BatcherLimits {
    /** Most items of a batch. */
    itemsMax: number
    /** Milliseconds that the first item waits for others. */
    waitMs: number
    /** Most batches under way at a time. */
    batchesMax: number
    /** Most items that wait; more are refused with Problem `overloaded`. */
    queueMax: number
}

/** Does the work of a batch; one outcome for each item, in order. An outcome that is an Error rejects its own call only. */
export type BatchRun<Item, Outcome> = (items: Item[]) => Promise<(Outcome | Error)[]>

interface Waiting<Item, Outcome> {
    item: Item
    key: string
    resolve(outcome: Outcome): void
    reject(error: unknown): void
}

/** Collects items. Two items with the same key never share a batch, so that the later one sees what the earlier one did. */
export class Batcher<Item, Outcome> {
    private queue: Waiting<Item, Outcome>[] = []
    private underWay = 0
    private timer: NodeJS.Timeout | null = null

    constructor(
        private readonly limits: BatcherLimits,
        private readonly keyOf: (item: Item) => string,
        private readonly run: BatchRun<Item, Outcome>,
    ) {}

    /** Puts an item into the next batch and answers with its outcome. */
    submit(item: Item): Promise<Outcome> {
        if (this.queue.length >= this.limits.queueMax) {
            return Promise.reject(new Problem("overloaded", `Too many check-ins wait. Try again in ${RETRY_AFTER_S} s.`))
        }
        return new Promise((resolve, reject) => {
            this.queue.push({ item, key: this.keyOf(item), resolve, reject })
            this.schedule()
        })
    }

    private schedule(): void {
        if (this.underWay >= this.limits.batchesMax || this.queue.length === 0) return
        if (this.queue.length >= this.limits.itemsMax) return this.start()
        this.timer ??= setTimeout(() => this.start(), this.limits.waitMs)
    }

    private start(): void {
        if (this.timer !== null) clearTimeout(this.timer)
        this.timer = null
        if (this.underWay >= this.limits.batchesMax || this.queue.length === 0) return
        const batch = this.takeBatch()
        this.underWay += 1
        void this.settle(batch).finally(() => {
            this.underWay -= 1
            this.schedule()
        })
        this.schedule()
    }

    private takeBatch(): Waiting<Item, Outcome>[] {
        const keys = new Set<string>()
        const batch: Waiting<Item, Outcome>[] = []
        const rest: Waiting<Item, Outcome>[] = []
        for (const waiting of this.queue) {
            const fits = batch.length < this.limits.itemsMax && !keys.has(waiting.key)
            if (fits) keys.add(waiting.key)
            ;(fits ? batch : rest).push(waiting)
        }
        this.queue = rest
        return batch
    }

    private async settle(batch: Waiting<Item, Outcome>[]): Promise<void> {
        try {
            const outcomes = await this.run(batch.map(({ item }) => item))
            batch.forEach((waiting, index) => {
                const outcome = outcomes[index] as Outcome | Error
                if (outcome instanceof Error) waiting.reject(outcome)
                else waiting.resolve(outcome)
            })
        } catch (error) {
            await this.settleSingly(batch, error)
        }
    }

    /** One item that breaks the whole batch must not hurt the others: each is tried by itself. */
    private async settleSingly(batch: Waiting<Item, Outcome>[], error: unknown): Promise<void> {
        if (batch.length === 1 || error instanceof Problem) return batch.forEach(({ reject }) => reject(error))
        for (const waiting of batch) await this.settle([waiting])
    }
}
