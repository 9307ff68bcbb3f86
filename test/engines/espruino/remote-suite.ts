// Runs a suite of the core on the real Espruino, where there is one.

import { makeFolder } from "../../board/board-fixture"
import { ESPRUINO } from "./real"
import { buildCore, endCore, runOnEspruino } from "./remote-core"

/** Loads a suite, which then runs the built core on Espruino; skipped where there is none. */
export function runSuite(load: () => void): void {
    // skipped: where no Espruino for Linux is named by ESPRUINO or on the PATH
    if (ESPRUINO === "") return void test.skip("needs Espruino", () => undefined)
    const home = makeFolder()
    jest.setTimeout(120_000)
    // At once: suites ask what the engine can do while they are loaded.
    runOnEspruino(home.path)
    beforeAll(buildCore)
    afterAll(() => {
        endCore()
        home.remove()
    })
    load()
}
