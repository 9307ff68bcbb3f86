// Time that has passed, on a clock of milliseconds that starts again at 2^31.

import { ports } from "./ports"

/** Milliseconds since the clock's upMs() was `sinceMs`; less than 24 days. */
export function elapsedMs(sinceMs: number): number {
    const passedMs = ports.clock.upMs() - sinceMs
    if (passedMs >= 0) return passedMs
    return passedMs + 2147483647 + 1
}
