// The boot records as they lie in flash (FORMAT.md, "Boot record"): where they are, which are valid, and which one counts.

import { alignUp, u31, u8 } from "./bytes"
import { BOOT_RECORD_BYTES, CHECK_BYTES, SLOT_COUNT, SLOT_NONE } from "./constants"
import { ports, type Bytes } from "./ports"

/** What every record begins with. */
export const RECORD_MAGIC = "OTB1"
/** Bytes of a record ahead of its check. */
export const RECORD_BODY_BYTES = BOOT_RECORD_BYTES - CHECK_BYTES

/** Offset of the sequence. */
export const SEQUENCE_AT = 4
/** Offset of the active app slot; the one to go back to lies behind it, the same of the files areas behind both. */
export const ACTIVE_APP_AT = 8
/** Offset of the app slot to go back to. */
export const REVERT_APP_AT = 9
/** Offset of the flags, FLAG_COMMITTED and FLAG_CAME_BACK. */
export const FLAGS_AT = 12
/** Offset of the boots that a new image gets. */
export const TRIALS_AT = 14
/** Offset of the security counter. */
export const SECURITY_AT = 20
/** Offset of the lengths of the parts in the app slots, four bytes each. */
export const APP_BYTES_AT = 24
/** Offset of their digests. */
export const APP_DIGESTS_AT = 32
/** Offset of their security counters, four bytes each. */
export const APP_SECURITY_AT = 164
/** Offset of what stands for the native firmware. */
export const NATIVE_AT = 172
/** Offset of what tells a trial from all others, four bytes. */
export const TRIAL_ID_AT = 173
/** In the flags: the running image was committed. */
export const FLAG_COMMITTED = 1
/** In the flags: the last change was a rollback. */
export const FLAG_CAME_BACK = 2

/** Where record `k` of erase unit `unit`, 0 or 1, lies in the region; with BOOT_SLOTS for `k`, where what follows its records begins. */
export function recordAt(unit: number, k: number): number {
    return unit * ports.boot.eraseBytes + k * alignUp(BOOT_RECORD_BYTES, ports.boot.programBytes)
}

/** What counts is the record with the lowest sequence. */
export function sequenceOf(bytes: Bytes): number {
    return u31(bytes, SEQUENCE_AT)
}

/** The check of a record or of a mark, CHECK_BYTES long. */
export function checkOf(body: Bytes): Bytes {
    return ports.digest.sha256(body).substring(0, CHECK_BYTES)
}

/**
 * Whether `bytes` are a record: its check, and fields that lead to a slot or an area, or are computed with, as the core writes them;
 * nothing is believed for its check alone.
 */
export function recordIsValid(bytes: Bytes): boolean {
    if (bytes.length !== BOOT_RECORD_BYTES || bytes.substring(0, SEQUENCE_AT) !== RECORD_MAGIC) return false
    if (checkOf(bytes.substring(0, RECORD_BODY_BYTES)) !== bytes.substring(RECORD_BODY_BYTES, BOOT_RECORD_BYTES)) return false
    return sequenceOf(bytes) > 0 && isPair(bytes, ACTIVE_APP_AT) && isPair(bytes, ACTIVE_APP_AT + 2)
}

/** Whether a slot, and behind it the one to go back to or none, are there. */
function isPair(bytes: Bytes, at: number): boolean {
    const back = u8(bytes, at + 1)
    return u8(bytes, at) < SLOT_COUNT && (back < SLOT_COUNT || back === SLOT_NONE)
}
