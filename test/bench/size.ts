// `npm run size [-- OLD NEW]`: how large bundles and deltas are, and what one check of a signature costs on each engine.

import { sizeReport } from "../../build/size-report"
import { deltaReport } from "./delta"
import { measureVerifications } from "./verification"

async function report(): Promise<string[]> {
    const { name, signatureBytes, hashes, engines } = await measureVerifications()
    const cells = (values: readonly (string | number)[]): string => values.map(value => String(value).padStart(14)).join("")
    return [
        ...(await sizeReport()),
        "",
        ...(await deltaReport(process.argv.slice(2))),
        "",
        `one check of ${name}: ${hashes} hashes, a signature of ${signatureBytes} bytes`,
        "engine".padEnd(46) + cells(["hashes", "time (ms)", "peak (bytes)"]),
        ...engines.map(({ engine, ms, peakBytes }) => engine.padEnd(46) + cells([hashes, ms.toFixed(2), Math.round(peakBytes)])),
    ]
}

report().then(
    lines => void process.stdout.write(`${lines.join("\n")}\n`),
    (error: unknown) => {
        process.stderr.write(`size report: ${error instanceof Error ? error.message : String(error)}\n`)
        process.exitCode = 1
    },
)
