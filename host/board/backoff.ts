// How long a thing that keeps ending waits until it starts again.

/** Lives shorter than this double the next wait; a longer one ends the doubling. */
const STABLE_MS = 10_000
/** Longest wait. */
const WAIT_MS_MAX = 5000

/** A wait that doubles with every short life. */
export interface Backoff {
    /** The wait in ms after a life of `livedMs`: the shortest one, doubled for each short life just before. */
    next(this: void, livedMs: number): number
    /** Forgets the lives so far. */
    clear(this: void): void
}

/** Creates a backoff whose shortest wait is `waitMs`; its longest is 5 s. */
export function createBackoff(waitMs: number): Backoff {
    let shortLives = 0
    return {
        next(livedMs) {
            if (livedMs >= STABLE_MS) shortLives = 0
            const delayMs = Math.min(waitMs * 2 ** shortLives, WAIT_MS_MAX)
            shortLives += 1
            return delayMs
        },
        clear() {
            shortLives = 0
        },
    }
}
