// Bundles of the firmware for boards in tests; in a run that measures coverage, of the copy with counters in it.

import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { buildSync, type BuildOptions } from "esbuild"
import { projectRoot } from "../../build/root"

/** The folder with the copy that build/coverage.cjs made; "" when this run measures nothing. */
function coverageFolder(): string {
    return "otaryCoverage" in globalThis ? (process.env["OTARY_COVERAGE"] ?? "") : ""
}

/** The bundle of an entry that tests keep beside them, such as test/firmware/core-entry.ts, as one script. */
export function firmwareBundle(entry: string, format: "cjs" | "iife" = "cjs"): string {
    const root = projectRoot()
    const path = join(root, entry)
    const folder = coverageFolder()
    const contents = readFileSync(path, "utf8").replaceAll('"../../firmware/', `"${join(folder, "firmware")}/`)
    const source: BuildOptions =
        folder === "" ? { entryPoints: [path] } : { stdin: { contents, loader: "ts", resolveDir: dirname(path) } }
    return buildSync({
        ...source,
        absWorkingDir: root,
        bundle: true,
        write: false,
        format,
        platform: "neutral",
        target: "es2020",
        tsconfigRaw: {},
    }).outputFiles[0]!.text
}
