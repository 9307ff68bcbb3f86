// The core's suite of boot decisions, run by the built bundle on the real Espruino.

import { runSuite } from "./remote-suite"

runSuite(() => require("../../firmware/boot.test"))
