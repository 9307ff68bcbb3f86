// ECDSA P-256 signatures in the form of Mongoose OS: JSON in an extra field of manifest.json's zip header.

import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto"
import { KEYS_MAX } from "../firmware/constants"
import { PackError } from "./errors"

/** Id of the extra field (`mos`, fwbundle). */
const EXTRA_ID = 0x293a
const EXTRA_HEAD_BYTES = 4

/** Signatures by key slot: DER in base64 under `sig0` – `sig7`. */
export type EcdsaSignatures = Readonly<Record<string, string>>

/** Reads a private key in PEM (SEC1 or PKCS #8). Throws KEY_TYPE. */
export function ecdsaKey(pem: string): KeyObject {
    try {
        const key = createPrivateKey(pem)
        if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key
    } catch {
        // What is no key at all gets the same answer.
    }
    throw new PackError(
        "KEY_TYPE",
        "the file is not an ECDSA P-256 private key in PEM",
        "make one with `openssl ecparam -genkey -name prime256v1 -noout`",
    )
}

/** The public key as `update.keyN` of config.json5 takes it: SPKI DER in base64. */
export function ecdsaPublicKey(key: KeyObject): string {
    return createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64")
}

/** The signature of a manifest: over the SHA-256 of its exact bytes, DER in base64. */
export function ecdsaSign(key: KeyObject, manifest: Buffer): string {
    return sign("sha256", manifest, key).toString("base64")
}

interface Field {
    readonly id: number
    readonly data: Buffer
}

/** The fields of an extra field; the rest of one that is cut off is left out. */
function fieldsOf(extra: Buffer): Field[] {
    const fields: Field[] = []
    for (let at = 0; at + EXTRA_HEAD_BYTES <= extra.length;) {
        const end = at + EXTRA_HEAD_BYTES + extra.readUInt16LE(at + 2)
        if (end <= extra.length) fields.push({ id: extra.readUInt16LE(at), data: extra.subarray(at + EXTRA_HEAD_BYTES, end) })
        at = end
    }
    return fields
}

function encodeField({ id, data }: Field): Buffer {
    const head = Buffer.alloc(EXTRA_HEAD_BYTES)
    head.writeUInt16LE(id, 0)
    head.writeUInt16LE(data.length, 2)
    return Buffer.concat([head, data])
}

function parse(text: string): Record<string, unknown> {
    try {
        const value: unknown = JSON.parse(text)
        return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
    } catch {
        return {}
    }
}

/** The signatures in an extra field; none where it holds none. */
export function ecdsaSignatures(extra: Buffer): EcdsaSignatures {
    const field = fieldsOf(extra).find(({ id }) => id === EXTRA_ID)
    const value = parse(field?.data.toString("latin1") ?? "")
    const names = Array.from({ length: KEYS_MAX }, (_, slot) => `sig${slot}`)
    return Object.fromEntries(names.flatMap(name => (typeof value[name] === "string" ? [[name, value[name]]] : [])))
}

/** `extra` with these signatures in the place of the ones it had; its other fields stay. */
export function ecdsaExtra(extra: Buffer, signatures: EcdsaSignatures): Buffer {
    const others = fieldsOf(extra).filter(({ id }) => id !== EXTRA_ID)
    const own = { id: EXTRA_ID, data: Buffer.from(JSON.stringify(signatures), "latin1") }
    return Buffer.concat([...others, ...(Object.keys(signatures).length === 0 ? [] : [own])].map(encodeField))
}
