// Entry of Espruino's boot loader, `.boot0`: decides which slot runs; the line behind it (bundle-espruino.ts) runs it in place.

import { bootDecide, bootReason, bootRecord, bootSlotBytes } from "../../firmware/boot"
import { portsInstall, type Ports } from "../../firmware/ports"
import { regionPlace, sha256 } from "./flash"
import type { EspruinoE } from "./globals"
import type { EspruinoLayout, EspruinoStart } from "./layout"

declare const E: EspruinoE
declare const __OTARY_LAYOUT__: EspruinoLayout
declare const print: (line: string) => void
/** What the loader leaves behind for the line that runs the image, and for the image. */
declare const global: { otary: EspruinoStart }

function loaderWatchdog(timeoutS: number): void {
    E.enableWatchdog(timeoutS, false)
}

const layout = __OTARY_LAYOUT__
const sizes = layout.sizes
const bootAt = layout.address
const appAt = bootAt + sizes[0] + sizes[1]
// The loader's rooms use these four ports and no other.
portsInstall({
    boot: regionPlace(sizes[0], layout.pageBytes, bootAt),
    app: [regionPlace(sizes[2], 0, appAt), regionPlace(sizes[2], 0, appAt + sizes[2])],
    digest: { sha256 },
    board: { watchdog: loaderWatchdog },
} as unknown as Ports)

const slot = bootDecide()
const start = layout as EspruinoStart
start.bytes = 0
global.otary = start
if (slot < 0) print("boot: no slot can be booted, status " + slot)
else {
    start.at = layout.offsetBytes + appAt - bootAt + slot * sizes[2]
    start.bytes = bootSlotBytes(slot)
    start.slot = slot
    start.reason = bootReason()
    start.record = bootRecord()
}
