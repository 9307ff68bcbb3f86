// The same update gives the same flash, byte for byte, on Node and on Lua 5.1 and 5.3. UPDATE_VECTORS=1 writes the vector anew, from Node.

import { writeFileSync } from "node:fs"
import { engine } from "../firmware/core"
import { runOnLua } from "./lua/on-lua"
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
