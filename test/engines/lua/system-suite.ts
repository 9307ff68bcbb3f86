// Runs a suite of the core on the system's own Lua (Debian's lua5.1 and lua5.3), where it is installed.

import { engine } from "../../firmware/core"
import type { LuaSystem } from "../../../host/board/engines/lua/calls"
import type { LuaMachine, LuaVersion } from "../../../host/board/engines/lua/machine"
import { checkAllSets } from "./lms-check"
import { createNativeMachine, findNativeLua } from "./native-machine"
import { runOnLua } from "./on-lua"

/** Boots whose processes live at a time: a suite looks at the last few. */
const PROCESSES_MAX = 8
/** Every boot is a process, and every file access goes over a pipe: suites with thousands of cases take each of these. */
const STRIDE = 487

/** Defines the tests of `suites` on this version, or one test that says that it was skipped. */
export function runSystemSuites(version: LuaVersion, suites: () => void): void {
    if (findNativeLua(version) === "") {
        // skipped: without the system's Lua of this version
        test.skip(`the core's suites (skipped: lua${version} is not on the PATH)`, () => undefined)
        return
    }
    const machines: { close(): void }[] = []
    const createMachine = (system: LuaSystem): LuaMachine => {
        const machine = createNativeMachine(version, system)
        machines.push(machine)
        if (machines.length > PROCESSES_MAX) machines.shift()!.close()
        return machine
    }
    runOnLua(version, createMachine)
    engine.stride = STRIDE
    test("LMS: every parameter set", () => checkAllSets(version, createMachine), 60_000)
    afterAll(() => machines.splice(0).forEach(({ close }) => close()))
    suites()
}
