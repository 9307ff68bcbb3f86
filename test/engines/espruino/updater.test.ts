// The core's suite of updates, splits among them, run by the built bundle on the real Espruino.

import { runSuite } from "./remote-suite"

runSuite(() => require("../../firmware/updater.test"))
