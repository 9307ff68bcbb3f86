// Entry of init.lua, the boot loader: decides which slot runs, and loads it piece by piece.

import { bootDecide, bootReason, bootRecord, bootSlotBytes } from "../../firmware/boot"
import { least } from "../../firmware/bytes"
import { ports, portsInstall, type Ports, type Region } from "../../firmware/ports"
import { chipStart, createNative, fileRegion, watchdog } from "./esp32"
import { ERASE_BYTES, PROGRAM_BYTES, REGION_BOOT, REGION_PAYLOAD, regionsClose } from "./file-region"
import { load, node, pcall, print, tmr } from "./modules"
import { sha256Of } from "./stage"

/** For the app, which reads its cold functions out of its slot (build/lua/cold.ts): 0 or 1. */
declare let otarySlot: number
/** For the app: why the loader went back, or STATUS_OK, and the boot record that it has decided by (bootRecordStart). */
declare let otaryReason: number
declare let otaryRecord: string | undefined
/** For the app: it has failed, and is only waiting for the restart (clock.ts). */
declare let otaryFailed: boolean

/** Bytes of source that the compiler gets at a time. */
const PIECE_BYTES = 512
/** Milliseconds between a failed start and the next, in which a console can stop it. */
const RETRY_MS = 1000

function slotRegion(name: string): Region {
    return fileRegion(name, ERASE_BYTES, PROGRAM_BYTES, REGION_PAYLOAD)
}

function restartSoon(): void {
    tmr.create().alarm(RETRY_MS, tmr.ALARM_SINGLE, node.restart)
}

/** Compiles and runs a slot. An error in it is a failed trial: the board restarts. */
function run(slot: Region, lengthBytes: number): void {
    let at = 0
    // Names and line numbers of the app would fill the memory that it needs.
    if (node.stripdebug !== undefined) node.stripdebug(3)
    const app = load(() => {
        const bytes = slot.read(at, least(PIECE_BYTES, lengthBytes - at))
        at = at + bytes.length
        return bytes
    }, "=app")
    regionsClose()
    if (app === undefined) {
        print("boot: the slot holds no Lua that this board can compile")
        return restartSoon()
    }
    if (!pcall(app)) {
        otaryFailed = true
        print("boot: the app failed at its start")
        restartSoon()
    }
}

chipStart()
// The loader's rooms use these ports and no other.
portsInstall({
    boot: fileRegion("boot.bin", ERASE_BYTES, PROGRAM_BYTES, REGION_BOOT),
    app: [slotRegion("app0.bin"), slotRegion("app1.bin")],
    digest: { sha256: sha256Of },
    board: { watchdog },
    native: createNative(),
} as unknown as Ports)

const slot = bootDecide()
if (slot < 0) print("boot: no slot can be booted, status " + slot)
else {
    otarySlot = slot
    otaryReason = bootReason()
    otaryRecord = bootRecord()
    run(ports.app[slot], bootSlotBytes(slot))
}
