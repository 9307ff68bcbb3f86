// Signatures of an uploaded image (firmware/FORMAT.md, "manifest.sig"): read, and held against public keys. Secret keys never come here.

import { createHash, createPublicKey, verify } from "node:crypto"
import { lmsVerify } from "../../../build/lms-verify"
import { KEYS_MAX, SIGNATURES_BYTES_MAX } from "../../../firmware/constants"
import { LOCAL_HEADER_BYTES, readEntries, type Entry } from "./image"
import type { ReadPart } from "./store"

/** What an image carries. */
export interface ImageSignatures {
    /** The exact bytes that were signed. */
    manifest: Buffer
    /** ECDSA signatures in DER. */
    ecdsa: Buffer[]
    /** LMS signatures with the ids of their keys, in hex. */
    lms: { keyId: string; signature: Buffer }[]
}

const EXTRA_SIGNATURES = 0x293a
const MAGIC = "OTS1"
const HEAD_BYTES = 8
const RECORD_BYTES = 12
const KEY_ID_BYTES = 8
const ALGORITHM_LMS = 1

/** The signatures in the extra field of manifest.json's local header: JSON of `sig0` to `sig7`, base64. */
async function readEcdsa(read: ReadPart): Promise<Buffer[]> {
    const head = await read(0, LOCAL_HEADER_BYTES)
    const extra = await read(LOCAL_HEADER_BYTES + head.readUInt16LE(26), head.readUInt16LE(28))
    for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
        const data = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2))
        if (extra.readUInt16LE(at) === EXTRA_SIGNATURES) return ecdsaOf(data.toString("latin1"))
    }
    return []
}

function ecdsaOf(text: string): Buffer[] {
    let value: unknown
    try {
        value = JSON.parse(text)
    } catch {
        return []
    }
    const texts = Array.from({ length: KEYS_MAX }, (_, slot) => (value as Record<string, unknown> | null)?.[`sig${slot}`])
    return texts.flatMap(one => (typeof one === "string" && one !== "" ? [Buffer.from(one, "base64")] : []))
}

/** The LMS records of manifest.sig; none when it is malformed. */
function lmsOf(bytes: Buffer): ImageSignatures["lms"] {
    const count = bytes.length < HEAD_BYTES || bytes.toString("latin1", 0, 4) !== MAGIC ? 0 : bytes.readUInt8(4)
    const records: ImageSignatures["lms"] = []
    let at = HEAD_BYTES
    for (let index = 0; index < count; index += 1) {
        if (count > KEYS_MAX || at + RECORD_BYTES > bytes.length) return []
        const end = at + RECORD_BYTES + bytes.readUInt16LE(at + 10)
        const signature = bytes.subarray(at + RECORD_BYTES, end)
        if (bytes[at + KEY_ID_BYTES] === ALGORITHM_LMS && signature.length > 0)
            records.push({ keyId: bytes.toString("hex", at, at + KEY_ID_BYTES), signature })
        at = end
    }
    return at === bytes.length ? records : []
}

/** Reads the signatures of an image that readImage took. */
export async function readSignatures(read: ReadPart, sizeBytes: number): Promise<ImageSignatures> {
    const [first, second] = (await readEntries(read, sizeBytes)) as [Entry, Entry | undefined]
    const manifest = await read(first.offset, first.sizeBytes)
    const isThere = second?.name === "manifest.sig" && second.sizeBytes <= SIGNATURES_BYTES_MAX
    const lms = isThere ? lmsOf(await read(second.offset, second.sizeBytes)) : []
    return { manifest, ecdsa: await readEcdsa(read), lms }
}

/** LMS public keys (RFC 8554, 5.3) in hex, with hashes of 24 and of 32 bytes. */
const LMS_KEY = /^([0-9a-f]{96}|[0-9a-f]{112})$/

function ecdsaHolds(key: string, manifest: Buffer, signature: Buffer): boolean {
    try {
        return verify(
            "sha256",
            manifest,
            createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" }),
            signature,
        )
    } catch {
        return false
    }
}

/** Whether one of the signatures was made with the key. */
function holds(key: string, { manifest, ecdsa, lms }: ImageSignatures): boolean {
    if (!LMS_KEY.test(key)) return ecdsa.some(signature => ecdsaHolds(key, manifest, signature))
    const bytes = Buffer.from(key, "hex")
    const keyId = createHash("sha256")
        .update(bytes)
        .digest("hex")
        .slice(0, 2 * KEY_ID_BYTES)
    return lms.some(record => record.keyId === keyId && lmsVerify(bytes, manifest, record.signature))
}

/**
 * What is wrong with an image's signatures; null when nothing is. With keys one of them must have signed the manifest, as a board
 * without a mask asks for; without keys there must be a signature, and whether it holds the boards decide.
 */
export function signatureFault(found: ImageSignatures, keys: readonly string[]): "missing" | "invalid" | null {
    if (found.ecdsa.length + found.lms.length === 0) return "missing"
    return keys.length === 0 || keys.some(key => holds(key, found)) ? null : "invalid"
}

/**
 * A public key as products keep it: an LMS key in hex, or an ECDSA P-256 key as SPKI DER in base64 (PEM is taken, too). Null for what
 * is neither; a secret key is neither.
 */
export function publicKeyText(text: string): string | null {
    const plain = text.replace(/\s/g, "")
    if (LMS_KEY.test(plain.toLowerCase())) return plain.toLowerCase()
    if (/PRIVATE KEY/.test(text)) return null
    try {
        const isPem = text.includes("-----BEGIN")
        const key = createPublicKey(isPem ? text : { key: Buffer.from(plain, "base64"), format: "der", type: "spki" })
        if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return null
        return key.export({ format: "der", type: "spki" }).toString("base64")
    } catch {
        return null
    }
}
