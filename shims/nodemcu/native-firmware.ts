// NodeMCU itself as a part of an image: the module otaupgrade of the ESP32, which writes the partition that does not run.

import { BLOCK_BYTES, IMAGE_BYTES_MAX } from "../../firmware/constants"
import type { Native, Region } from "../../firmware/ports"
import { STATUS_FLASH, STATUS_NATIVE, STATUS_OK } from "../../firmware/status"
import { node, otaupgrade, pcall, print, type OtaModule } from "./modules"
import { stageWrite } from "./stage"

/** Nothing can be written: no write was begun, or one has failed. */
const CLOSED = -1

/** Bytes that were written since `commence`; CLOSED before. */
let writtenBytes = CLOSED

/** What stands for a partition: the last character of its label, as in ota_0 and ota_1. */
function numberOf(label: string | undefined): number {
    if (label === undefined || label === "") return 0
    return label.charCodeAt(label.length - 1)
}

function running(module: OtaModule): number {
    return numberOf(module.info()[0])
}

function stateOf(module: OtaModule, label: string | undefined): string | undefined {
    const table = module.info()[2]
    if (label === undefined || table[label] === undefined) return undefined
    return table[label].state
}

function isOnTrial(module: OtaModule): boolean {
    return stateOf(module, module.info()[0]) === "testing"
}

/** Whether there is a partition that an update could go to. */
function hasSpare(module: OtaModule): boolean {
    const label = module.info()[0]
    for (const other in module.info()[2]) if (other !== label) return true
    return false
}

// ---- writing -----------------------------------------------------------------------------------

/** Blocks come one after the other: only the first one can begin anew. */
function erase(module: OtaModule, offset: number): number {
    if (offset === writtenBytes && offset > 0) return STATUS_OK
    writtenBytes = CLOSED
    if (offset > 0) return STATUS_FLASH
    if (!pcall(module.commence)) {
        print("otaupgrade: cannot begin; are there two OTA partitions, and was this firmware accepted?")
        return STATUS_FLASH
    }
    writtenBytes = 0
    return STATUS_OK
}

function programStaged(module: OtaModule, offset: number, lengthBytes: number): number {
    if (offset !== writtenBytes) return STATUS_FLASH
    const target = {
        write(bytes: string) {
            if (pcall(module.write, bytes)) return true
            return undefined
        },
    }
    writtenBytes = CLOSED
    if (!stageWrite(target, lengthBytes)) {
        print("otaupgrade: does not take the block at " + offset)
        return STATUS_FLASH
    }
    writtenBytes = offset + lengthBytes
    return STATUS_OK
}

function region(module: OtaModule): Region {
    return {
        sizeBytes: IMAGE_BYTES_MAX,
        eraseBytes: BLOCK_BYTES,
        programBytes: 1,
        read: () => "",
        erase: offset => erase(module, offset),
        program: () => STATUS_FLASH,
        programStaged: (offset, lengthBytes) => programStaged(module, offset, lengthBytes),
        matchesStaged: (offset, lengthBytes) => offset + lengthBytes === writtenBytes,
    }
}

// ---- from one firmware to the other ------------------------------------------------------------

/**
 * `complete` says nothing of an error in choosing the partition, and nothing of a firmware without rollback, which would start the new
 * one for good: `info` tells both. Beginning again then empties what was written, and the chip starts what runs now.
 */
function finish(module: OtaModule): number {
    const wasOpen = writtenBytes > 0
    writtenBytes = CLOSED
    if (!wasOpen || !pcall(module.complete)) {
        print("otaupgrade: the chip does not take this firmware")
        return STATUS_NATIVE
    }
    const next = module.info()[1]
    if (numberOf(next) !== running(module) && stateOf(module, next) === "new") return numberOf(next)
    pcall(module.commence)
    print("otaupgrade: this firmware cannot try another and go back; build it with rollback")
    return STATUS_NATIVE
}

function accept(module: OtaModule): number {
    if (pcall(module.accept)) return STATUS_OK
    return STATUS_NATIVE
}

/** Where there is nothing that `rollback` could choose, the chip itself knows the way back from a firmware on trial: a restart. */
function leave(module: OtaModule): void {
    print("boot: leaves this native firmware")
    pcall(module.rollback)
    if (isOnTrial(module)) node.restart()
}

/** Creates the port; undefined where the firmware lacks the module, or its partition table a second OTA partition. */
export function createNative(): Native | undefined {
    const module = otaupgrade
    if (module === undefined || !hasSpare(module)) return undefined
    return {
        region: region(module),
        running: () => running(module),
        isOnTrial: () => isOnTrial(module),
        finish: () => finish(module),
        accept: () => accept(module),
        leave: () => leave(module),
    }
}
