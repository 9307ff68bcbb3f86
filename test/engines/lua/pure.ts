// A module of pure functions, as the built Lua bundle has it, in the place of the TypeScript one.

import { createVirtualClock } from "../../../shims/host/clock"
import { startLuaCore } from "./harness"

/** The functions of a module of the core on Lua 5.1, beside the constants of the TypeScript one. */
export function pureModule(name: string): Record<string, unknown> {
    const core = startLuaCore({
        version: "5.1",
        open: () => undefined,
        clock: createVirtualClock(),
        log: () => undefined,
        eraseBytes: 4096,
        programBytes: 16,
    })
    const actual = jest.requireActual<Record<string, unknown>>(`../../../firmware/${name}`)
    const functions = Object.keys(actual).filter(key => typeof actual[key] === "function")
    return { ...actual, ...Object.fromEntries(functions.map(key => [key, core.modules[name]![key]])) }
}
