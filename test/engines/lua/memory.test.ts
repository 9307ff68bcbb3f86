// What an update costs in Lua, held to its limits: nothing is allocated for a chunk; the time is told beside its floor.

import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { measureAllocation, measureCost } from "./cost"

/** Bytes that a block may cost: a hash object and the digests; on 5.3, which keeps no long string twice, also what was read back. */
const BLOCK_COST: Record<LuaVersion, number> = { "5.1": 320, "5.3": 4700 }

describe.each(["5.1", "5.3"] as const)("memory on Lua %s", version => {
    test.each([512, 1024])("chunks of %i bytes: nothing, but for hash and read-back of each block", chunkBytes => {
        const found = measureAllocation(version, chunkBytes)
        console.info(`Lua ${version}, chunks of ${chunkBytes}: ${JSON.stringify(found)}`)
        const blocks = Math.ceil((found.chunks * chunkBytes) / 4096) + 1
        expect(found.status).toBe(1)
        expect(found.quiet).toBeGreaterThanOrEqual(found.chunks - blocks)
        expect(found.total / blocks).toBeLessThan(BLOCK_COST[version])
    })
})

test("on Lua 5.1 the floor of write, hash and read-back and the updater both take the image; their ratio is told", () => {
    const { ratio } = measureCost()
    // A figure, not a verdict: machines are shared and noisy.
    console.info(`Lua 5.1: 256 KiB cost ${ratio.toFixed(2)} times the floor; goal: at most 1.5`)
    expect(ratio).toBeLessThan(4)
})
