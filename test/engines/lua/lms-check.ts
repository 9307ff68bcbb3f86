// Signatures checked by the core on a Lua machine, all in Lua.

import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { LMS_VALID } from "../../../firmware/lms"
import { STATUS_OK, STATUS_SIGNATURE_INVALID } from "../../../firmware/status"
import { LMS_WIDTHS, lmsParams } from "../../../build/lms-params"
import { createRig } from "../../firmware/core"
import { quickCase, type LmsCase } from "../../firmware/lms-rig"
import { startLuaCore, type HarnessOptions, type LuaCore } from "./harness"

const text = (bytes: Buffer): string => bytes.toString("latin1")

/** A core on a Lua machine, with an empty chip. */
export function luaCore(version: LuaVersion, createMachine?: HarnessOptions["createMachine"]): LuaCore {
    const rig = createRig({ appBytes: 32768, filesBytes: 16384, journalBytes: 65536 })
    const disk = createDisk(rig.flash)
    return startLuaCore({
        version,
        open: name => openFile(disk, rig.layout.regions, name),
        clock: rig.clock,
        log: () => undefined,
        eraseBytes: rig.layout.eraseBytes,
        programBytes: rig.layout.programBytes,
        ...(createMachine !== undefined && { createMachine }),
    })
}

/** Checks a signature to its end. Returns lmsStep's last answer. */
export function checkOne({ modules }: LuaCore, { publicKey, message, signature }: LmsCase): unknown {
    const { lmsStart, lmsStep } = modules["lms"]!
    let result = lmsStart!(text(publicKey), text(message), text(signature))
    if (result !== STATUS_OK) return result
    do result = lmsStep!()
    while (result === 0)
    return result
}

/** Every width with both lengths of hash: a good signature holds, a bent one does not. */
export function checkAllSets(version: LuaVersion, createMachine?: HarnessOptions["createMachine"]): void {
    const core = luaCore(version, createMachine)
    for (const hashBytes of [24, 32]) {
        for (const width of LMS_WIDTHS) {
            const one = quickCase(lmsParams(hashBytes, 10, width), 77, Buffer.from("message"))
            expect([hashBytes, width, checkOne(core, one)]).toEqual([hashBytes, width, LMS_VALID])
            const bent = Buffer.from(one.signature)
            bent[60]! ^= 1
            expect(checkOne(core, { ...one, signature: bent })).toBe(STATUS_SIGNATURE_INVALID)
        }
    }
}
