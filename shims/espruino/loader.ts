// Entry of Espruino's boot loader, `.boot0`: decides which slot runs; the line behind it (bundle-espruino.ts) runs it in place.

import { bootDecide, bootSlotBytes } from "../../firmware/boot"
import { portsInstall, type Ports } from "../../firmware/ports"
import { regionCreate, sha256 } from "./flash"
import type { EspruinoE } from "./globals"
import { LAYOUT_APP, LAYOUT_BOOT, layoutOffset, type EspruinoLayout } from "./layout"

declare const E: EspruinoE
declare const __OTARY_LAYOUT__: EspruinoLayout
declare const print: (line: string) => void
/** What the loader leaves behind for the line that runs the image, and for the image. */
declare const global: { otary: EspruinoLayout & { at: number; bytes: number } }

function loaderWatchdog(timeoutS: number): void {
    E.enableWatchdog(timeoutS, false)
}

const layout = __OTARY_LAYOUT__
// The loader's rooms use these four ports and no other.
portsInstall({
    boot: regionCreate(layout, LAYOUT_BOOT),
    app: [regionCreate(layout, LAYOUT_APP), regionCreate(layout, LAYOUT_APP + 1)],
    digest: { sha256 },
    board: { watchdog: loaderWatchdog },
} as unknown as Ports)

const slot = bootDecide()
global.otary = layout as typeof global.otary
global.otary.bytes = 0
if (slot < 0) print("boot: no slot can be booted, status " + slot)
else {
    global.otary.at = layout.offsetBytes + layoutOffset(layout, LAYOUT_APP + slot)
    global.otary.bytes = bootSlotBytes(slot)
}
