// The module `bit` of Lua boards against JavaScript's operators: NodeMCU's is of signed 32 bits, too.

import { createLuaMachine } from "../../../host/board/engines/lua/machine"
import { preludeOf } from "../../../host/board/engines/lua/prelude"

const NUMBERS = [0, 1, 2, 3, 15, 16, 127, 128, 255, 256, 65535, 65536, 0x7fffffff, -1, -2, -306674912, -2147483648, 0x0fffffff]

/** What JavaScript says, one line for each pair and for each shift. */
function expected(): number[][] {
    return NUMBERS.flatMap(a => [
        ...NUMBERS.map(b => [a & b, a | b, a ^ b]),
        ...Array.from({ length: 31 }, (_, k) => [a << (k + 1), a >>> (k + 1), ~a]),
    ])
}

test.each(["5.1", "5.3"] as const)("Lua %s", version => {
    let printed = ""
    const machine = createLuaMachine(version, {
        open: () => undefined,
        remove: () => false,
        rename: () => false,
        console: text => void (printed += text),
        device: { size: () => 0, read: () => 0, write: (_, source) => source.length },
    })
    const script = `for _, a in ipairs(n) do
        for _, b in ipairs(n) do print(bit.band(a, b) .. " " .. bit.bor(a, b) .. " " .. bit.bxor(a, b)) end
        for s = 1, 31 do print(bit.lshift(a, s) .. " " .. bit.rshift(a, s) .. " " .. bit.bnot(a)) end
    end`
    expect(machine.run(preludeOf(version))).toBe("")
    expect(machine.run(`n = {${NUMBERS.join(",")}}\n${script}`)).toBe("")
    const found = printed.trimEnd().split("\n")
    // Minus zero is zero to Lua.
    expect(found.map(line => line.split(" ").map(text => Number(text) + 0))).toEqual(
        expected().map(row => row.map(value => value + 0)),
    )
})
