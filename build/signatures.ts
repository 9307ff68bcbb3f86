// The entry manifest.sig: which bytes it has (firmware/FORMAT.md, "manifest.sig"), and what an image says of its signatures.

import { createPublicKey, verify } from "node:crypto"
import { KEYS_MAX, SIGNATURES_BYTES_MAX } from "../firmware/constants"
import { ecdsaSignatures } from "./ecdsa"
import { keyIdOf } from "./keygen"
import { lmsVerify } from "./lms"
import { lmsParamsOfTypes } from "./lms-params"
import type { ZipEntry } from "./zip"

/** Name of the entry, right behind manifest.json. */
export const SIGNATURE_ENTRY = "manifest.sig"

/** One signature in manifest.sig. */
export interface SignatureRecord {
    /** First 8 bytes of the public key's SHA-256, in hex. */
    readonly keyId: string
    readonly signature: Buffer
}

/** A signature as `inspect` shows it. */
export interface InspectedSignature {
    readonly algorithm: "LMS" | "ECDSA P-256"
    /** LMS: the key's id. ECDSA: the key slot, such as `sig0`. */
    readonly key: string
    /** LMS: name of the one-time parameter set, and the leaf that was spent. */
    readonly parameters?: string
    readonly leaf?: number
    /** Whether it holds; absent when none of the given keys is the signer's. */
    readonly isValid?: boolean
}

const MAGIC = "OTS1"
const HEAD_BYTES = 8
const RECORD_BYTES = 12
const KEY_ID_BYTES = 8
const ALGORITHM_LMS = 1
const LEAF_AND_TYPE_BYTES = 8

/** The bytes of manifest.sig; undefined when there are too many signatures for a board. */
export function signaturesEncode(records: readonly SignatureRecord[]): Buffer | undefined {
    const head = Buffer.alloc(HEAD_BYTES)
    head.write(MAGIC, "latin1")
    head[4] = records.length
    const parts = records.map(({ keyId, signature }) => {
        const record = Buffer.alloc(RECORD_BYTES)
        record.write(keyId, "hex")
        record[KEY_ID_BYTES] = ALGORITHM_LMS
        record.writeUInt16LE(signature.length, 10)
        return Buffer.concat([record, signature])
    })
    const bytes = Buffer.concat([head, ...parts])
    return records.length <= KEYS_MAX && bytes.length <= SIGNATURES_BYTES_MAX ? bytes : undefined
}

/** The LMS signatures of manifest.sig; undefined when it is malformed. Those of other algorithms are passed over. */
export function signaturesDecode(bytes: Buffer): SignatureRecord[] | undefined {
    if (bytes.length < HEAD_BYTES || bytes.length > SIGNATURES_BYTES_MAX || bytes.toString("latin1", 0, 4) !== MAGIC)
        return undefined
    const records: SignatureRecord[] = []
    const count = bytes[4]!
    if (count > KEYS_MAX || bytes.readUIntBE(5, 3) !== 0) return undefined
    let at = HEAD_BYTES
    for (let record = 0; record < count; record++) {
        if (at + RECORD_BYTES > bytes.length || bytes[at + KEY_ID_BYTES + 1] !== 0) return undefined
        const end = at + RECORD_BYTES + bytes.readUInt16LE(at + 10)
        if (end > bytes.length) return undefined
        const signature = bytes.subarray(at + RECORD_BYTES, end)
        if (bytes[at + KEY_ID_BYTES] === ALGORITHM_LMS)
            records.push({ keyId: bytes.toString("hex", at, at + KEY_ID_BYTES), signature })
        at = end
    }
    return at === bytes.length ? records : undefined
}

/** The one-time part of a parameter set's name; the tree's is known only with the key. */
function otsName(type: number): string {
    const params = [10, 5].map(lmsType => lmsParamsOfTypes(lmsType, type)).find(found => found !== undefined)
    return params?.name.split("/")[1] ?? `unknown type ${type}`
}

/** Whether a text is an LMS public key in hex. */
const isHex = (key: string): boolean => /^([0-9a-f]{2})+$/.test(key)

function inspectLms({ keyId, signature }: SignatureRecord, manifest: Buffer, keys: readonly string[]): InspectedSignature {
    const key = keys.filter(isHex).find(text => keyIdOf(Buffer.from(text, "hex")) === keyId)
    const isLong = signature.length >= LEAF_AND_TYPE_BYTES
    return {
        algorithm: "LMS",
        key: keyId,
        ...(isLong && { parameters: otsName(signature.readUInt32BE(4)), leaf: signature.readUInt32BE(0) }),
        ...(key !== undefined && { isValid: lmsVerify(Buffer.from(key, "hex"), manifest, signature) }),
    }
}

function ecdsaHolds(key: string, manifest: Buffer, signature: string): boolean {
    const publicKey = createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" })
    return verify("sha256", manifest, publicKey, Buffer.from(signature, "base64"))
}

/** ECDSA signatures do not name their key: one that holds under none of the given keys may be of another. */
function inspectEcdsa(slot: string, signature: string, manifest: Buffer, keys: readonly string[]): InspectedSignature {
    const holds = keys.some(key => !isHex(key) && ecdsaHolds(key, manifest, signature))
    return { algorithm: "ECDSA P-256", key: slot, ...(holds && { isValid: true }) }
}

/**
 * Every signature of an image, of manifest.json's header and of manifest.sig, checked with `keys` (public keys as config.json5 takes
 * them). Undefined when manifest.sig is malformed.
 */
export function signaturesInspect(entries: readonly ZipEntry[], keys: readonly string[]): InspectedSignature[] | undefined {
    const at = entries.findIndex(({ plainName }) => plainName === "manifest.json")
    const manifest = entries[at]
    if (manifest === undefined) return []
    const ecdsa = Object.entries(ecdsaSignatures(manifest.extra)).map(([slot, text]) =>
        inspectEcdsa(slot, text, manifest.bytes, keys),
    )
    const entry = entries[at + 1]
    if (entry?.plainName !== SIGNATURE_ENTRY) return ecdsa
    const records = signaturesDecode(entry.bytes)
    return records === undefined ? undefined : [...ecdsa, ...records.map(record => inspectLms(record, manifest.bytes, keys))]
}
