// The core's suite of the same name, run by the built bundle on Lua 5.3.

import "./on-53"
import "../../firmware/boot.test"
