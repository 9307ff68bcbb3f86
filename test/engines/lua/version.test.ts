// The suite of firmware/version.ts, its functions run by the built bundle on Lua 5.1.

import { pureModule } from "./pure"

jest.mock("../../../firmware/version", () => pureModule("version"))
require("../../firmware/version.test")
