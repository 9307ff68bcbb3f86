// The core's suite of the same name, run by the built bundle on Lua 5.1: the shim speaks to otaupgrade.

import "./on-51"
import "../../firmware/native.test"
