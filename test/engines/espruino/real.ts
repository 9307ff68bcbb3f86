// The real Espruino for tests, or the word that they were skipped.

import { findEspruino } from "../../../host/board/engines/espruino-process"

/** Path of the real Espruino; "" when there is none. */
export const ESPRUINO = findEspruino()
if (ESPRUINO === "") process.stderr.write("espruino: SKIPPED, set ESPRUINO to an Espruino 2v29 for Linux to run these tests\n")

/** `describe`, or a skipped one where there is no Espruino. */
export const describeEspruino: jest.Describe = ESPRUINO === "" ? describe.skip : describe
