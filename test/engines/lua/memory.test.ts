// What an update costs in Lua: the core allocates nothing at all, and runs no more instructions than it does today; times are told.

import { countInstructions, measureAllocation, measureCost } from "./cost"

describe.each(["5.1", "5.3"] as const)("memory on Lua %s", version => {
    test.each([512, 1024])(
        "chunks of %i bytes: nothing, but what hash and read-back of each block take by themselves",
        chunkBytes => {
            const found = measureAllocation(version, chunkBytes)
            console.info(`Lua ${version}, chunks of ${chunkBytes}: ${JSON.stringify(found)}`)
            expect(found.status).toBe(1)
            expect(found.blocks).toBeLessThanOrEqual(Math.ceil((found.chunks * chunkBytes) / 4096))
            expect(found.total).toBeLessThanOrEqual(found.floor)
        },
    )
})

test.each([
    [512, 54_000],
    [1024, 40_000],
])("256 KiB in chunks of %i bytes: at most %i instructions beside those of the floor", (chunkBytes, instructionsMax) => {
    const { floor, core } = countInstructions(chunkBytes)
    console.info(`Lua 5.1, chunks of ${chunkBytes}: ${floor} instructions of the floor, ${core} of the core`)
    expect(floor).toBeGreaterThan(10_000)
    expect(core - floor).toBeGreaterThan(0)
    expect(core - floor).toBeLessThan(instructionsMax)
})

test.each([512, 1024])("chunks of %i bytes: the floor and the updater both take the image; their ratio is told", chunkBytes => {
    const { ratio } = measureCost(chunkBytes)
    // A figure, not a verdict: machines are shared and noisy.
    console.info(`Lua 5.1: 256 KiB in chunks of ${chunkBytes} cost ${ratio.toFixed(2)} times the floor; goal: at most 1.5`)
    expect(ratio).toBeGreaterThan(0)
})
