// Puts a Lua machine in the place of Node below the core's own suites.

import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { engine, type Core, type Rig } from "../../firmware/core"
import { startLuaCore, type HarnessOptions } from "./harness"

/** From now on test/firmware/core.ts starts the built Lua bundle, on this version of Lua, over the same flash. */
export function runOnLua(version: LuaVersion, createMachine?: HarnessOptions["createMachine"]): void {
    engine.stride = 61
    engine.hasCrc32 = false
    engine.hidesChip = true
    engine.evaluate = (rig: Rig): Core => {
        const disk = createDisk(rig.flash)
        const { modules } = startLuaCore({
            version,
            open(name) {
                const file = openFile(disk, rig.layout.regions, name)
                return file && { ...file, write: (offset, source) => (rig.onWrite?.(), file.write(offset, source)) }
            },
            ota: rig.ota,
            clock: rig.clock,
            log: line => void rig.lines.push(line),
            eraseBytes: rig.layout.eraseBytes,
            programBytes: rig.layout.programBytes,
            ...(createMachine !== undefined && { createMachine }),
        })
        return modules as unknown as Core
    }
}
