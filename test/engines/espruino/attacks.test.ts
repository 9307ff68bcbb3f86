// The attacks on what a manifest says, against the built bundle on the real Espruino.

import { runSuite } from "./remote-suite"

runSuite(() => require("../../attacks/manifest.test"))
