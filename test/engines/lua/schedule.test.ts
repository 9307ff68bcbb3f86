// The suite of firmware/schedule.ts, its functions run by the built bundle on Lua 5.1.

import { pureModule } from "./pure"

jest.mock("../../../firmware/schedule", () => pureModule("schedule"))
require("../../firmware/schedule.test")
