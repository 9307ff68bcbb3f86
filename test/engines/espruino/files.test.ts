// The core's suite of files, power cuts among them, run by the built bundle on the real Espruino.

import { runSuite } from "./remote-suite"

runSuite(() => require("../../firmware/files.test"))
