// The published LMS vectors, good and bad ones, through the built verifier on the real Espruino.

import { remoteModule } from "./remote-core"
import { runSuite } from "./remote-suite"

jest.mock("../../../firmware/lms", () => remoteModule("lms"))
runSuite(() => require("../../sign/vectors.test"))
