// The updater's cost on Lua: time as a ratio to the floor of the same run, and bytes allocated for each chunk.

import { measureAllocation, measureCost, type LuaCost } from "../engines/lua/cost"

/** Figures of Lua. */
export interface LuaFigures extends LuaCost {
    /** Bytes for chunks of 512 and 1024 that end no block, on 5.1 and 5.3; what each block costs besides. */
    readonly allocations: readonly { readonly name: string; readonly blockBytes: number; readonly quiet: string }[]
}

const BLOCKS = 64

/** Runs all of them. */
export function benchLua(): LuaFigures {
    const allocations = (["5.1", "5.3"] as const).flatMap(version =>
        [512, 1024].map(chunkBytes => {
            const { quiet, chunks, total } = measureAllocation(version, chunkBytes)
            return { name: `Lua ${version}, chunks of ${chunkBytes}`, blockBytes: total / BLOCKS, quiet: `${quiet} of ${chunks}` }
        }),
    )
    return { ...measureCost(), allocations }
}
