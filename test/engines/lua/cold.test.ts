// Cold functions on Lua: what was fetched is found again, until the collector takes it.

import { createVirtualClock } from "../../../shims/host/clock"
import { startLuaCore } from "./harness"

const FETCHES = `
__forget = true
local first = _cold(0)
print("again " .. (_cold(0) == first and "the same" or "another"))
local held = setmetatable({ first }, { __mode = "v" })
first = nil
collectgarbage() collectgarbage()
print("collected " .. (held[1] == nil and "gone" or "held"))
print("then a " .. type(_cold(0)))
`

test.each(["5.1", "5.3"] as const)("Lua %s", version => {
    const lines: string[] = []
    const core = startLuaCore({
        version,
        open: () => undefined,
        clock: createVirtualClock(),
        log: line => void lines.push(line),
        eraseBytes: 4096,
        programBytes: 16,
    })
    expect(core.machine.run(FETCHES)).toBe("")
    expect(lines).toEqual(["again the same", "collected gone", "then a function"])
})
