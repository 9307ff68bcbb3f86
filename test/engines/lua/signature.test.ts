// Signatures on Lua 5.1 and 5.3: every width and both lengths of hash, boards that take signed images alone, and what a check costs.

import { LMS_VALID } from "../../../firmware/lms"
import { STATUS_DONE, STATUS_SIGNATURE_INVALID, STATUS_SIGNATURE_MISSING } from "../../../firmware/status"
import { lmsParams } from "../../../build/lms-params"
import { createRig, feed, install, startCore, updateOptions } from "../../firmware/core"
import { zipOf } from "../../firmware/images"
import { quickCase } from "../../firmware/lms-rig"
import { lmsKey, OLD, signedEntries, signedImage } from "../../attacks/signed-rig"
import { checkAllSets, checkOne, luaCore } from "./lms-check"
import { runOnLua } from "./on-lua"

const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

describe.each(["5.1", "5.3"] as const)("Lua %s", version => {
    test("verifies every parameter set, and refuses a bent signature", () => {
        checkAllSets(version)
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
        expect(checkOne(core, one)).toBe(LMS_VALID)
        console.info(`Lua ${version}: one check of ${one.name} took ${(performance.now() - started).toFixed(1)} ms`)
    })
})
