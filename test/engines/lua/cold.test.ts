// Cold functions on Lua: what was fetched is found again, until the collector takes it.

import { joinCold, splitCold } from "../../../build/lua/cold"
import { createLuaMachine } from "../../../host/board/engines/lua/machine"
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

/** A function that takes some kilobytes to compile. */
const LONG = `function long()\nlocal t={}\n${Array.from({ length: 400 }, (_, k) => `t[${k}]="text ${k}"`).join("\n")}\nreturn t\nend`

/** A file that reads as io's do, with a slot in it. */
const files = (slot: string): string => `local text = [====[\n${slot}]====]
io = { open = function()
    return {
        seek = function(self, _, to) self.at = to end,
        read = function(self, n)
            local bytes = string.sub(text, self.at + 1, self.at + n)
            self.at = self.at + n
            return bytes
        end,
    }
end }
otarySlot = 0`

/** The error of a call of a cold function within `bytesMax` of memory; "" for none. */
function errorWithin(version: "5.1" | "5.3", slot: string, bytesMax: number): string {
    const machine = createLuaMachine(version, {
        open: () => undefined,
        remove: () => false,
        rename: () => false,
        console: () => undefined,
        device: { size: () => 0, read: () => 0, write: (_, source) => source.length },
    })
    expect([machine.run(files(slot)), machine.run(slot)]).toEqual(["", ""])
    machine.run("collectgarbage() collectgarbage()")
    machine.countHeap(bytesMax)
    return machine.call("go")
}

test.each([
    ["5.1", "a bundle", undefined],
    ["5.1", "a small bundle", []],
    ["5.3", "a bundle", undefined],
    ["5.3", "a small bundle", []],
] as const)("Lua %s, %s: short memory for a function is an error that says so", (version, _name, shared) => {
    const functions = new Map([["long", LONG]])
    const main = "function go() return #long() end\n"
    const slot = joinCold(splitCold({ main, functions, ...(shared !== undefined && { shared }) }))
    // Wherever memory ends: reading the text, or compiling it.
    const errors = Array.from({ length: 40 }, (_, k) => errorWithin(version, slot, 2500 * (k + 1)))
    expect(errors.filter(error => error !== "" && !error.includes("not enough memory"))).toEqual([])
    expect([errors[0] === "", errors.at(-1)]).toEqual([false, ""])
})
