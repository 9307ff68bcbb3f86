// To be imported ahead of a suite of the core: it then runs on Lua 5.1.

import { runOnLua } from "./on-lua"

runOnLua("5.1")
