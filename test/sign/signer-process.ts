// A process that signs messages and prints the signatures; it kills itself at a given file operation, with SIGKILL.

import * as nodeFs from "node:fs"
import { keyRead } from "../../build/keygen"
import type { KeyFs } from "../../build/key-log"

const [, , path = "", markFolder = "", count = "1", killAt = "0", how = "whole"] = process.argv
let operations = 0
/** The places ahead of a write. */
const writes: number[] = []

/** One of the places where the process may be killed: ahead of each file operation, and behind the last one. */
function step(): void {
    operations += 1
    if (operations === Number(killAt)) process.kill(process.pid, "SIGKILL")
}

/** Node's file functions, with a place to be killed ahead of each. A torn write leaves half of its bytes. */
const fs = new Proxy(nodeFs, {
    get(target, name: keyof KeyFs) {
        return (...args: unknown[]): unknown => {
            const isTorn = how === "torn" && name === "writeSync" && operations + 1 === Number(killAt)
            if (name === "writeSync") writes.push(operations + 1)
            if (isTorn) target.writeSync(args[0] as number, (args[1] as Buffer).subarray(0, (args[1] as Buffer).length >> 1))
            step()
            return (target[name] as (...values: unknown[]) => unknown)(...args)
        }
    },
})

const key = keyRead(path, { fs, markFolder, now: () => new Date() })
for (let turn = 0; turn < Number(count); turn++) {
    const signature = key.sign(Buffer.from(`message ${process.pid} ${turn}`))
    step()
    nodeFs.writeSync(1, `${signature.toString("hex")}\n`)
}
process.stderr.write(`${JSON.stringify({ operations, writes })}\n`)
