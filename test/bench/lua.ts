// The updater's cost on Lua: time as a ratio to the floor of the same run, and bytes allocated for each block beside the floor's.

import { measureAllocation, measureCost, type LuaCost } from "../engines/lua/cost"

/** Figures of Lua. */
export interface LuaFigures {
    /** Chunks of 512 and 1024. */
    readonly costs: readonly LuaCost[]
    /** Bytes for each block, of the core and of hash and read-back alone, on 5.1 and 5.3; chunks that end no block, and all. */
    readonly allocations: readonly {
        readonly name: string
        readonly blockBytes: number
        readonly floorBytes: number
        readonly quiet: string
    }[]
}

const CHUNKS = [512, 1024]

/** Runs all of them. */
export function benchLua(): LuaFigures {
    const allocations = (["5.1", "5.3"] as const).flatMap(version =>
        CHUNKS.map(chunkBytes => {
            const { quiet, chunks, blocks, total, floor } = measureAllocation(version, chunkBytes)
            return {
                name: `Lua ${version}, chunks of ${chunkBytes}`,
                blockBytes: total / blocks,
                floorBytes: floor / blocks,
                quiet: `${quiet} of ${chunks}`,
            }
        }),
    )
    return { costs: CHUNKS.map(measureCost), allocations }
}
