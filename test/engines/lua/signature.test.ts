// Signatures on Lua 5.1 and 5.3: every width and both lengths of hash, boards that take signed images alone, and what a check costs.

import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { LMS_VALID } from "../../../firmware/lms"
import { STATUS_DONE, STATUS_OK, STATUS_SIGNATURE_INVALID, STATUS_SIGNATURE_MISSING } from "../../../firmware/status"
import { LMS_WIDTHS, lmsParams } from "../../../build/lms-params"
import { createRig, feed, install, startCore, updateOptions } from "../../firmware/core"
import { zipOf } from "../../firmware/images"
import { quickCase, type LmsCase } from "../../firmware/lms-rig"
import { lmsKey, OLD, signedEntries, signedImage } from "../../attacks/signed-rig"
import { startLuaCore, type LuaCore } from "./harness"
import { runOnLua } from "./on-lua"

const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }
const text = (bytes: Buffer): string => bytes.toString("latin1")

/** A core on a Lua machine, with an empty chip. */
function luaCore(version: LuaVersion): LuaCore {
    const rig = createRig(SMALL)
    const disk = createDisk(rig.flash)
    return startLuaCore({
        version,
        open: name => openFile(disk, rig.layout.regions, name),
        clock: rig.clock,
        log: () => undefined,
        eraseBytes: rig.layout.eraseBytes,
        programBytes: rig.layout.programBytes,
    })
}

/** Checks a signature to its end, all in Lua. Returns lmsStep's last answer. */
function check({ modules }: LuaCore, { publicKey, message, signature }: LmsCase): unknown {
    const { lmsStart, lmsStep } = modules["lms"]!
    let result = lmsStart!(text(publicKey), text(message), text(signature))
    if (result !== STATUS_OK) return result
    do result = lmsStep!()
    while (result === 0)
    return result
}

describe.each(["5.1", "5.3"] as const)("Lua %s", version => {
    test("verifies every parameter set, and refuses a bent signature", () => {
        const core = luaCore(version)
        for (const hashBytes of [24, 32]) {
            for (const width of LMS_WIDTHS) {
                const one = quickCase(lmsParams(hashBytes, 10, width), 77, Buffer.from("message"))
                expect([hashBytes, width, check(core, one)]).toEqual([hashBytes, width, LMS_VALID])
                const bent = Buffer.from(one.signature)
                bent[60]! ^= 1
                expect(check(core, { ...one, signature: bent })).toBe(STATUS_SIGNATURE_INVALID)
            }
        }
    }, 60_000)

    test("takes a signed image, and no other", () => {
        runOnLua(version)
        const key = lmsKey(1)
        const signed = signedImage([key])
        const [manifest, , ...rest] = signedEntries([key])
        const bent = Buffer.from(signed)
        bent[bent.indexOf("OTS1") + 700]! ^= 1
        bent.writeUInt32LE(0, bent.indexOf("manifest.sig") - 16)
        for (const [image, wanted] of [
            [signed, STATUS_DONE],
            [bent, STATUS_SIGNATURE_INVALID],
            [zipOf([manifest!, ...rest]), STATUS_SIGNATURE_MISSING],
        ] as const) {
            const rig = createRig(SMALL)
            install(rig, OLD)
            const running = { name: "demo", version: "1.0.0", build_id: "b1", security: 0, keys: ["", key.publicKey] }
            const core = startCore(rig, running)
            core.updater.updaterContextCreate(updateOptions())
            expect(feed(core, image, 1000)).toBe(wanted)
        }
    })

    test("prints what one check costs", () => {
        const core = luaCore(version)
        const one = quickCase(lmsParams(24, 10, 4), 5, Buffer.alloc(1024, 7))
        const started = performance.now()
        expect(check(core, one)).toBe(LMS_VALID)
        console.info(`Lua ${version}: one check of ${one.name} took ${(performance.now() - started).toFixed(1)} ms`)
    })
})
