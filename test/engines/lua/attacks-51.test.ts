// The attacks that touch the parsers, against the built bundle on Lua 5.1.

import "./on-51"
import "../../attacks/manifest.test"
import "../../attacks/signature.test"
import "../../attacks/device-image.test"
import "../../attacks/delta.test"
