// The boot loader's decision: which slot runs, taken from the newest boot record, the slots' digests and the marks of trials alone.

import {
    ACTIVE_APP_AT,
    APP_BYTES_AT,
    APP_DIGESTS_AT,
    APP_SECURITY_AT,
    checkOf,
    FLAG_CAME_BACK,
    FLAG_COMMITTED,
    FLAGS_AT,
    NATIVE_AT,
    recordAt,
    recordIsValid,
    REVERT_APP_AT,
    SECURITY_AT,
    sequenceOf,
    TRIAL_ID_AT,
    TRIALS_AT,
} from "./boot-log"
import { alignUp, bytesRepeated, u31, u8 } from "./bytes"
import {
    BOOT_RECORD_BYTES,
    BOOT_SLOTS,
    DIGEST_BYTES,
    SLOT_COUNT,
    TRIAL_MARK_BYTES,
    TRIAL_MARKS,
    WATCHDOG_TIMEOUT_S,
} from "./constants"
import { ports, type Bytes, type Native } from "./ports"
import { regionDigest, regionRead, regionWrite } from "./region"
import { STATUS_NO_BOOT_RECORD, STATUS_OK, STATUS_ROLLED_BACK, STATUS_SLOT_DAMAGED } from "./status"

let recordBytes: Bytes = ""
/** The erase unit that holds it. */
let unit = 0
let reason: number = STATUS_OK

/**
 * Decides which app slot runs, and arms the watchdog. The one thing that it writes is the mark of a trial; what else follows from the
 * decision is written by the image that it starts (bootRecordStart).
 * Returns: the slot (0 or 1), or STATUS_NO_BOOT_RECORD, or STATUS_SLOT_DAMAGED when no slot is bootable; nothing is written then.
 */
export function bootDecide(): number {
    recordFind()
    if (recordBytes === "") return STATUS_NO_BOOT_RECORD
    ports.board.watchdog(WATCHDOG_TIMEOUT_S)
    const isCommitted = (u8(recordBytes, FLAGS_AT) & FLAG_COMMITTED) !== 0
    const slot = choose(u8(recordBytes, ACTIVE_APP_AT), isCommitted)
    if (ports.native !== undefined && (isCommitted || reason !== STATUS_OK)) nativeFollow(ports.native)
    return slot
}

/** The record that was decided by, for bootRecordStart; "" when none is valid. */
export function bootRecord(): Bytes {
    return recordBytes
}

/** STATUS_OK, or why bootDecide went back, for bootRecordStart. */
export function bootReason(): number {
    return reason
}

/** Bytes of the part in the app slot that bootDecide has chosen, or in the other one, as the record says. */
export function bootSlotBytes(slot: number): number {
    return u31(recordBytes, APP_BYTES_AT + slot * 4)
}

function recordFind(): void {
    recordBytes = ""
    for (let k = 0; k < BOOT_SLOTS * 2; k++) {
        const bytes = regionRead(ports.boot, recordAt(k & 1, k >>> 1), BOOT_RECORD_BYTES)
        if (recordIsValid(bytes) && (recordBytes === "" || sequenceOf(bytes) < sequenceOf(recordBytes))) {
            recordBytes = bytes
            unit = k & 1
        }
    }
}

function choose(active: number, isCommitted: boolean): number {
    const isWhole = slotIsWhole(active)
    reason = STATUS_OK
    if (isWhole && (isCommitted || trialTake())) return active
    let back = u8(recordBytes, REVERT_APP_AT)
    if (isCommitted) back = 1 - active
    if (back < SLOT_COUNT && !(isCommitted && isOutdated(back)) && slotIsWhole(back)) {
        reason = STATUS_SLOT_DAMAGED
        if (isWhole) reason = STATUS_ROLLED_BACK
        return back
    }
    if (isWhole) return active
    return STATUS_SLOT_DAMAGED
}

/** Whether an image is from before the security counter was raised: it holds what that was raised for, and is no way out. */
function isOutdated(slot: number): boolean {
    return u31(recordBytes, APP_SECURITY_AT + slot * 4) < u31(recordBytes, SECURITY_AT)
}

function slotIsWhole(slot: number): boolean {
    const lengthBytes = bootSlotBytes(slot)
    if (lengthBytes <= 0 || lengthBytes > ports.app[slot].sizeBytes) return false
    const digestAt = APP_DIGESTS_AT + slot * DIGEST_BYTES
    return regionDigest(ports.app[slot], 0, lengthBytes) === recordBytes.substring(digestAt, digestAt + DIGEST_BYTES)
}

/**
 * Takes a trial: marks it behind the records, in the unit of the one that counts. A trial that cannot be marked must not be taken: it could
 * be taken for ever. Nor is one of an image whose native firmware the platform has left by itself.
 */
function trialTake(): boolean {
    const native = u8(recordBytes, NATIVE_AT)
    if (native !== 0 && (ports.native === undefined || ports.native.running() !== native)) return false
    const head = "OTT1" + recordBytes.substring(TRIAL_ID_AT, TRIAL_ID_AT + 4)
    const mark = head + checkOf(head)
    const blank = bytesRepeated(255, markBytes())
    let taken = 0
    let free = TRIAL_MARKS
    for (let k = TRIAL_MARKS * 2 - 1; k >= 0; k--) {
        const bytes = regionRead(ports.boot, markAt(k), blank.length)
        if (bytes.substring(0, TRIAL_MARK_BYTES) === mark) taken = taken + 1
        // Marks of the record's unit come first; the last blank ones of them are free.
        if (k === free - 1 && bytes === blank) free = k
    }
    if (taken >= u8(recordBytes, TRIALS_AT)) return false
    while (free < TRIAL_MARKS) {
        if (regionWrite(ports.boot, markAt(free), mark) === STATUS_OK) return true
        free = free + 1
    }
    return false
}

/** Where mark `k` lies: from 0 on in the unit of the record that counts, from TRIAL_MARKS on in the other one. */
function markAt(k: number): number {
    let half = unit
    if (k >= TRIAL_MARKS) half = 1 - unit
    return recordAt(half, BOOT_SLOTS) + (k % TRIAL_MARKS) * markBytes()
}

function markBytes(): number {
    return alignUp(TRIAL_MARK_BYTES, ports.boot.programBytes)
}

/**
 * Leaves native firmware that the record does not stand for: power was cut between its hand-over and the flip, or its image was left.
 * A committed image has accepted its own before.
 */
function nativeFollow(native: Native): void {
    const cameBack = reason !== STATUS_OK || (u8(recordBytes, FLAGS_AT) & FLAG_CAME_BACK) !== 0
    if (native.isOnTrial() || (cameBack && native.running() === u8(recordBytes, NATIVE_AT))) native.leave()
}
