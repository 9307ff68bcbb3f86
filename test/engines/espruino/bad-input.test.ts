// The core's suite of bad images, run by the built bundle on the real Espruino.

import { runSuite } from "./remote-suite"

runSuite(() => require("../../firmware/bad-input.test"))
