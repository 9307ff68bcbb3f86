// The core's suite of deltas, run by the built bundle on the real Espruino.

import { makeFolder } from "../../board/board-fixture"
import { ESPRUINO } from "./real"
import { buildCore, endCore, runOnEspruino } from "./remote-core"

// skipped: where no Espruino for Linux is named by ESPRUINO or on the PATH
if (ESPRUINO === "") test.skip("needs Espruino", () => undefined)
else {
    const home = makeFolder()
    jest.setTimeout(120_000)
    // At once: the suite asks what the engine can do while it is loaded.
    runOnEspruino(home.path)
    beforeAll(buildCore)
    afterAll(() => {
        endCore()
        home.remove()
    })
    require("../../firmware/delta.test")
}
