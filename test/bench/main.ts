// Benchmarks: every figure with a floor or a peer from the same run, since machines are shared and noisy.

import { benchCloud } from "./cloud"
import { benchEspruino } from "./espruino"
import { benchLua } from "./lua"
import { benchPolicy } from "./policy"
import { benchSignatures } from "./signature"
import { benchUpdater } from "./updater"

function row(name: string, value: string, note = ""): void {
    console.log(`${name.padEnd(46)}${value.padStart(12)}  ${note}`)
}

const updater = benchUpdater()
console.log("updater: 1 MiB image in 1 KiB chunks, host shim, Node " + process.version)
row("floor (SHA-256 per 4 KiB, copy, read back)", `${updater.floorMs.toFixed(2)} ms`)
row("core", `${updater.coreMs.toFixed(2)} ms`, `${updater.mibPerS.toFixed(0)} MiB/s`)
row("core / floor", updater.ratio.toFixed(2), "goal: at most 1.5")
row("allocated per chunk, core and shim", `${updater.bytesPerChunk.toFixed(1)} B`)
row("allocated per chunk, @hot functions alone", `${updater.coreBytesPerChunk.toFixed(1)} B`, "goal: 0")

const policy = benchPolicy()
console.log("\npolicies: 100,000 devices, one core")
row("floor (two properties read and compared)", `${(policy.floorPerS / 1e6).toFixed(1)} M/s`)
for (const { name, devicesPerS, holding } of policy.policies) {
    const note = name === "typical" ? "goal: at least 1 M/s" : ""
    row(name, `${(devicesPerS / 1e6).toFixed(2)} M/s`, `${note}${note === "" ? "" : ", "}holds for ${holding}`)
}

console.log("\nsignatures: one check on the host shim")
for (const { name, signatureBytes, hashes, ms, floorMs } of benchSignatures()) {
    row(
        name,
        `${ms.toFixed(2)} ms`,
        `${hashes.toFixed(0)} hashes, ${signatureBytes} bytes; the hashes alone ${floorMs.toFixed(2)} ms`,
    )
}

const lua = benchLua()
console.log("\nupdater on Lua 5.1 of 32 bits (WebAssembly): 256 KiB image")
for (const { chunkBytes, floorMs, coreMs, manifestMs, ratio } of lua.costs) {
    row(`chunks of ${chunkBytes}: floor`, `${floorMs.toFixed(1)} ms`, "write, SHA-256 and read-back of each block")
    row(`chunks of ${chunkBytes}: core / floor`, ratio.toFixed(2), `${coreMs.toFixed(1)} ms; goal: at most 1.5`)
    row(
        `chunks of ${chunkBytes}: the manifest besides`,
        `${manifestMs.toFixed(1)} ms`,
        "once an image; a third of it a CRC-32 by a module bit that is Lua here",
    )
}
for (const { name, blockBytes, floorBytes, quiet } of lua.allocations) {
    row(
        `${name}: allocated for a block`,
        `${blockBytes.toFixed(0)} B`,
        `the natives alone ${floorBytes.toFixed(0)} B; nothing for ${quiet} chunks, those that end no block`,
    )
}

async function benchEngines(): Promise<void> {
    const figures = await benchEspruino()
    console.log(`\nupdater on the real Espruino${figures.length === 0 ? ": skipped, ESPRUINO names none" : ", 240 KiB image"}`)
    for (const { chunkBytes, floorMs, coreMs, ratio } of figures) {
        row(`chunks of ${chunkBytes}: floor`, `${floorMs.toFixed(1)} ms`, "Flash.write, SHA-256 and read-back of each block")
        row(`chunks of ${chunkBytes}: core / floor`, ratio.toFixed(2), `${coreMs.toFixed(1)} ms; goal: at most 2`)
    }
}

void benchEngines().then(() => benchCloud(row, process.argv.includes("--full")))
