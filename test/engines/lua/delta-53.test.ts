// The core's suite of deltas, run by the built bundle on Lua 5.3.

import "./on-53"
import "../../firmware/delta.test"
