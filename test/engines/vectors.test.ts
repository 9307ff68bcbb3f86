// The same update gives the same flash, byte for byte, on Node, Lua and Espruino. UPDATE_VECTORS=1 writes the vector anew, from Node.

import { writeFileSync } from "node:fs"
import { engine } from "../firmware/core"
import { makeFolder } from "../board/board-fixture"
import { ESPRUINO } from "./espruino/real"
import { buildCore, endCore, runOnEspruino } from "./espruino/remote-core"
import { runOnLua } from "./lua/on-lua"
import { createNativeMachine, findNativeLua } from "./lua/native-machine"
import { makeVector, readVector, VECTOR_PATH } from "./update-vector"

const host = { ...engine }
afterEach(() => void Object.assign(engine, host))

test("Node", () => {
    if (process.env["UPDATE_VECTORS"] === "1") writeFileSync(VECTOR_PATH, `${JSON.stringify(makeVector(), null, 4)}\n`)
    expect(makeVector()).toEqual(readVector())
})

test.each(["5.1", "5.3"] as const)("Lua %s", version => {
    runOnLua(version)
    expect(makeVector()).toEqual(readVector())
})

// Debian's, where they are installed: packages lua5.1 and lua5.3.
for (const version of ["5.1", "5.3"] as const) {
    const isThere = findNativeLua(version) !== ""
    // skipped: without the system's Lua of this version
    const run = isThere ? test : test.skip
    run(`the system's lua${version}${isThere ? "" : " (skipped: it is not on the PATH)"}`, () => {
        const machines: { close(): void }[] = []
        runOnLua(version, system => {
            const machine = createNativeMachine(version, system)
            machines.push(machine)
            return machine
        })
        try {
            expect(makeVector()).toEqual(readVector())
        } finally {
            machines.forEach(({ close }) => close())
        }
    })
}

// skipped: where no Espruino for Linux is named by ESPRUINO or on the PATH
const testEspruino = ESPRUINO === "" ? test.skip : test
testEspruino(
    "Espruino",
    async () => {
        const home = makeFolder()
        await buildCore()
        runOnEspruino(home.path)
        try {
            expect(makeVector()).toEqual(readVector())
        } finally {
            endCore()
            home.remove()
        }
    },
    60_000,
)
