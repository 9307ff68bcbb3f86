// The boot loader's decision: which slot runs, taken from the boot record and the slots' digests alone.

import { bootRecordRead, bootRecordSettle, bootRecordWrite, type BootRecord } from "./boot-record"
import { SLOT_NONE, WATCHDOG_TIMEOUT_S } from "./constants"
import { ports, type Native } from "./ports"
import { regionDigest } from "./region"
import { STATUS_NO_BOOT_RECORD, STATUS_OK, STATUS_ROLLED_BACK, STATUS_SLOT_DAMAGED } from "./status"

/**
 * Decides which app slot runs, writes that down where it changes anything, and arms the watchdog.
 * Returns: the slot (0 or 1), or STATUS_NO_BOOT_RECORD, or STATUS_SLOT_DAMAGED when no slot is bootable; nothing is written then.
 */
export function bootDecide(): number {
    // Where that fails the flash is failing; what can be read still decides.
    bootRecordSettle()
    const record = bootRecordRead()
    if (record === undefined) return STATUS_NO_BOOT_RECORD
    ports.board.watchdog(WATCHDOG_TIMEOUT_S)
    let slot = 0
    if (record.isCommitted) slot = committedSlot(record)
    else slot = trialSlot(record)
    if (ports.native !== undefined && record.isCommitted) nativeFollow(record, ports.native)
    return slot
}

/**
 * Leaves native firmware that the record does not stand for: power was cut between its hand-over and the flip, or its image was left.
 * A committed image has accepted its own before.
 */
function nativeFollow(record: BootRecord, native: Native): void {
    if (native.isOnTrial() || (record.cameBack && native.running() === record.native)) native.leave()
}

/** Whether the native firmware runs that the image on trial brought. */
function nativeRuns(record: BootRecord): boolean {
    return record.native === 0 || (ports.native !== undefined && ports.native.running() === record.native)
}

/** Bytes of the part in an app slot, as the newest boot record says. */
export function bootSlotBytes(slot: number): number {
    const record = bootRecordRead()
    if (record === undefined) return 0
    return record.appBytes[slot]
}

/**
 * Makes the record one that goes back: the slots to go back to become active and committed, `result` says why.
 * Shared by the loader, `revert` and the commit timeout, so that every way back leaves the same record.
 */
export function recordBack(record: BootRecord, result: number): void {
    record.activeApp = record.revertApp
    if (record.revertFiles !== SLOT_NONE) record.activeFiles = record.revertFiles
    record.revertApp = SLOT_NONE
    record.revertFiles = SLOT_NONE
    record.isCommitted = true
    record.cameBack = true
    record.trialsLeft = 0
    record.result = result
}

function committedSlot(record: BootRecord): number {
    if (slotIsWhole(record, record.activeApp)) return record.activeApp
    const other = 1 - record.activeApp
    // An image from before the counter was raised holds what was raised for: it is no way out.
    if (record.appSecurity[other] < record.security || !slotIsWhole(record, other)) return STATUS_SLOT_DAMAGED
    record.revertApp = other
    recordBack(record, STATUS_SLOT_DAMAGED)
    bootRecordWrite(record)
    return other
}

function trialSlot(record: BootRecord): number {
    const isWhole = slotIsWhole(record, record.activeApp)
    // A platform that went back by itself tries its firmware no second time: neither does the image.
    if (isWhole && record.trialsLeft > 0 && nativeRuns(record)) {
        record.trialsLeft = record.trialsLeft - 1
        // A trial that cannot be counted must not be taken: it could be taken for ever.
        if (bootRecordWrite(record) === STATUS_OK) return record.activeApp
    }
    const back = record.revertApp
    if (back > 1 || !slotIsWhole(record, back)) {
        if (isWhole) return record.activeApp
        return STATUS_SLOT_DAMAGED
    }
    if (isWhole) recordBack(record, STATUS_ROLLED_BACK)
    else recordBack(record, STATUS_SLOT_DAMAGED)
    bootRecordWrite(record)
    return back
}

function slotIsWhole(record: BootRecord, slot: number): boolean {
    const lengthBytes = record.appBytes[slot]
    if (lengthBytes <= 0 || lengthBytes > ports.app[slot].sizeBytes) return false
    return regionDigest(ports.app[slot], 0, lengthBytes) === record.appDigests[slot]
}
