// The core's suite of the same name, run by the built bundle on Lua 5.3: the shim speaks to otaupgrade.

import "./on-53"
import "../../firmware/native.test"
