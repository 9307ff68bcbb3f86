// Hex texts on Lua: its own functions say what the core's say.

import fc from "fast-check"
import { bytesOfHex, hexOf, isHexOf } from "../../../firmware/hex"
import { createVirtualClock } from "../../../shims/host/clock"
import { startLuaCore } from "./harness"

const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)

test.each(["5.1", "5.3"] as const)("Lua %s", version => {
    console.info(`hex on Lua ${version}: SEED=${SEED}`)
    const { modules } = startLuaCore({
        version,
        open: () => undefined,
        clock: createVirtualClock(),
        log: () => undefined,
        eraseBytes: 4096,
        programBytes: 16,
    })
    const hex = modules["hex"]!
    const bytes = fc.uint8Array({ maxLength: 32 }).map(list => Buffer.from(list).toString("latin1"))
    fc.assert(
        fc.property(bytes, value => {
            const text = hexOf(value)
            expect(hex["hexOf"]!(value)).toBe(text)
            expect(hex["isHexOf"]!(text, value.length)).toBe(true)
            expect(bytesOfHex(text)).toBe(value)
        }),
        { seed: SEED, numRuns: 60, examples: [[""], ["\0".repeat(32)], ["\xff".repeat(32)]] },
    )
    for (let code = 0; code < 256; code++) {
        for (const text of [`${String.fromCharCode(code)}0ff`, `00f${String.fromCharCode(code)}`]) {
            expect([text, hex["isHexOf"]!(text, 2)]).toEqual([text, isHexOf(text, 2)])
        }
    }
    expect([hex["isHexOf"]!("00ff", 1), hex["isHexOf"]!("00f", 2)]).toEqual([false, false])
})
