// The core's suite of deltas, run by the built bundle on Lua 5.1.

import "./on-51"
import "../../firmware/delta.test"
