// The updater's cost on the real Espruino, where there is one: its time as a ratio to the floor of the same run.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findEspruino } from "../../host/board/engines/espruino-process"
import { measureCost, type EspruinoCost } from "../engines/espruino/cost"

/** Figures for chunks of 512 and 1024 bytes; none without an Espruino (ESPRUINO, or `espruino` on the PATH). */
export async function benchEspruino(): Promise<(EspruinoCost & { readonly chunkBytes: number })[]> {
    if (findEspruino() === "") return []
    const folder = mkdtempSync(join(tmpdir(), "otary-bench-"))
    try {
        const figures: (EspruinoCost & { readonly chunkBytes: number })[] = []
        for (const chunkBytes of [512, 1024]) figures.push({ chunkBytes, ...(await measureCost(folder, chunkBytes)) })
        return figures
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}
