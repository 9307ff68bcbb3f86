// Entry of the host's boot loader bundle: decides which slot runs, and runs it.

import { bootDecide, bootReason, bootRecord, bootSlotBytes } from "../../firmware/boot"
import { portsInstall } from "../../firmware/ports"
import type { Hardware } from "./hardware"
import { hostPorts } from "./main"

declare const hardware: Hardware

portsInstall(hostPorts(hardware))
const slot = bootDecide()
if (slot < 0) hardware.log("boot: no slot can be booted, status " + slot)
else {
    const range = slot === 0 ? hardware.layout.app0 : hardware.layout.app1
    hardware.run(range.offsetBytes, bootSlotBytes(slot), { slot, reason: bootReason(), record: bootRecord() })
}
