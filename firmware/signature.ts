// Who may update this board: the running image's keys against a new image's signatures (FORMAT.md, "manifest.sig").

import { u16, u8 } from "./bytes"
import { KEYS_MAX, SIGNATURES_BYTES_MAX } from "./constants"
import { bytesOfHex, isHexOf } from "./hex"
import { LMS_MORE, LMS_VALID, lmsStart, lmsStep } from "./lms"
import { ports, type Bytes } from "./ports"
import { runningImage } from "./running"
import { STATUS_OK, STATUS_SIGNATURE_INVALID, STATUS_SIGNATURE_MISSING, STATUS_UPDATES_LOCKED } from "./status"

/** signatureStep: there is more to do. */
export const SIGNATURE_MORE = 0
/** signatureStep: the image may be installed. */
export const SIGNATURE_GOOD = 1

const MAGIC = "OTS1"
const HEAD_BYTES = 8
const RECORD_BYTES = 12
const KEY_ID_BYTES = 8
const ALGORITHM_LMS = 1
/** Bytes of LMS public keys with hashes of 24 and of 32 bytes; a key in another form is one for the platform's ECDSA. */
const LMS_KEY_BYTES_SHORT = 48
const LMS_KEY_BYTES = 56
/** Mongoose OS: id of the extra field that holds ECDSA signatures. */
const EXTRA_ID = 0x293a
const MASK_IGNORE = -1

let manifest = ""
let signatures = ""
let recordAt = 0
let recordsLeft = 0
/** One bit for each key slot whose signature holds. */
let valid = 0
let hasInvalid = false
/** Slot of the LMS signature that is being checked, -1 = none. */
let slotNow = -1

function keyOf(slot: number): string {
    const keys = runningImage().keys
    if (keys === undefined || slot >= keys.length) return ""
    return keys[slot]
}

function isLms(key: string): boolean {
    return isHexOf(key, LMS_KEY_BYTES_SHORT) || isHexOf(key, LMS_KEY_BYTES)
}

/** Whether the running image asks for signatures: it brings a key, or a mask other than -1. */
export function signatureIsWanted(): boolean {
    const mask = runningImage().sig_req_mask
    if (mask !== undefined) return mask !== MASK_IGNORE
    for (let slot = 0; slot < KEYS_MAX; slot++) if (keyOf(slot) !== "") return true
    return false
}

/**
 * What the running image asks for, as a text; "" when it asks for nothing. A journal is bound to it, so that what was begun under
 * other keys, or without any, is never continued.
 */
export function signaturePolicy(): string {
    if (!signatureIsWanted()) return ""
    let text = "mask " + runningImage().sig_req_mask
    for (let slot = 0; slot < KEYS_MAX; slot++) text = text + " " + keyOf(slot)
    return text
}

/**
 * Starts with a manifest's exact bytes and the extra field of its zip header, whose ECDSA signatures are checked at once.
 * Returns STATUS_OK or STATUS_UPDATES_LOCKED.
 */
export function signatureStart(newManifest: Bytes, extra: Bytes): number {
    manifest = newManifest
    signatures = ""
    recordsLeft = 0
    valid = 0
    hasInvalid = false
    slotNow = -1
    if (runningImage().sig_req_mask === 0) return STATUS_UPDATES_LOCKED
    extraCheck(extra)
    return STATUS_OK
}

/** Takes the bytes of manifest.sig. Returns STATUS_OK: call signatureStep; or STATUS_SIGNATURE_INVALID when it is malformed. */
export function signatureTake(bytes: Bytes): number {
    if (bytes.length < HEAD_BYTES || bytes.length > SIGNATURES_BYTES_MAX || bytes.substring(0, 4) !== MAGIC)
        return STATUS_SIGNATURE_INVALID
    const count = u8(bytes, 4)
    if (count > KEYS_MAX || u8(bytes, 5) + u16(bytes, 6) !== 0) return STATUS_SIGNATURE_INVALID
    let at = HEAD_BYTES
    for (let record = 0; record < count; record++) {
        if (at + RECORD_BYTES > bytes.length || u8(bytes, at + 9) !== 0) return STATUS_SIGNATURE_INVALID
        at = at + RECORD_BYTES + u16(bytes, at + 10)
    }
    if (at !== bytes.length) return STATUS_SIGNATURE_INVALID
    signatures = bytes
    recordAt = HEAD_BYTES
    recordsLeft = count
    return STATUS_OK
}

/**
 * One step: at most one chain of one signature. Signatures by keys that the board does not have are passed over.
 * Returns SIGNATURE_MORE, SIGNATURE_GOOD, STATUS_SIGNATURE_MISSING or STATUS_SIGNATURE_INVALID.
 */
export function signatureStep(): number {
    if (slotNow >= 0) {
        const result = lmsStep()
        if (result !== LMS_MORE) slotDone(result === LMS_VALID)
        return SIGNATURE_MORE
    }
    if (recordsLeft > 0) {
        recordStart()
        return SIGNATURE_MORE
    }
    return verdict()
}

/**
 * Mongoose OS: (result & mask) === mask. Without a mask one signature by any of the keys is enough, so that a key can be replaced
 * by another one in two releases.
 */
function verdict(): number {
    manifest = ""
    signatures = ""
    const mask = runningImage().sig_req_mask
    if (mask === undefined && valid !== 0) return SIGNATURE_GOOD
    if (mask !== undefined && (valid & mask) === mask) return SIGNATURE_GOOD
    if (hasInvalid) return STATUS_SIGNATURE_INVALID
    return STATUS_SIGNATURE_MISSING
}

function slotDone(isValid: boolean): void {
    if (isValid) valid = valid | (1 << slotNow)
    else hasInvalid = true
    slotNow = -1
}

/** The next record of manifest.sig: key id (8), algorithm (1), 0 (1), length (2), signature. */
function recordStart(): void {
    const at = recordAt
    const end = at + RECORD_BYTES + u16(signatures, at + 10)
    recordAt = end
    recordsLeft = recordsLeft - 1
    const slot = slotOf(signatures.substring(at, at + KEY_ID_BYTES))
    if (slot < 0 || u8(signatures, at + 8) !== ALGORITHM_LMS) return
    slotNow = slot
    if (lmsStart(bytesOfHex(keyOf(slot)), manifest, signatures.substring(at + RECORD_BYTES, end)) !== STATUS_OK) slotDone(false)
}

/** The slot of the LMS key with this id (SHA-256/8 of the public key) that no signature holds for yet; -1 when there is none. */
function slotOf(keyId: Bytes): number {
    for (let slot = 0; slot < KEYS_MAX; slot++) {
        const key = keyOf(slot)
        const isOpen = isLms(key) && (valid & (1 << slot)) === 0
        if (isOpen && ports.digest.sha256(bytesOfHex(key)).substring(0, KEY_ID_BYTES) === keyId) return slot
    }
    return -1
}

// ---- ECDSA (Mongoose OS) -----------------------------------------------------------------------

interface ExtraText {
    [name: string]: unknown
}

/** The extra field with EXTRA_ID (APPNOTE 4.5.1: id, length, data): JSON of `sig0` – `sig7`, each checked with the key of its slot. */
function extraCheck(extra: Bytes): void {
    let at = 0
    while (at + 4 <= extra.length) {
        const end = at + 4 + u16(extra, at + 2)
        if (u16(extra, at) === EXTRA_ID && end <= extra.length) ecdsaCheck(ports.json.parse(extra.substring(at + 4, end)))
        at = end
    }
}

function ecdsaCheck(value: unknown): void {
    const verify = ports.digest.ecdsaVerify
    if (verify === undefined || typeof value !== "object" || value === null) return
    const texts = value as ExtraText
    for (let slot = 0; slot < KEYS_MAX; slot++) {
        const key = keyOf(slot)
        const text = texts["sig" + slot]
        if (typeof text === "string" && key !== "" && !isLms(key)) {
            slotNow = slot
            slotDone(verify(key, manifest, text))
        }
    }
}
