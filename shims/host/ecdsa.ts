// ECDSA P-256 as the host's hardware offers it: checks signatures in the form of Mongoose OS.

import { createPublicKey, verify } from "node:crypto"
import type { Bytes } from "../../firmware/ports"

/** Whether `signature` (DER, base64) over the SHA-256 of `message` is one of `key` (SPKI DER, base64). False for whatever is malformed. */
export function ecdsaVerify(key: string, message: Bytes, signature: string): boolean {
    try {
        const publicKey = createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" })
        if (publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") return false
        return verify("sha256", Buffer.from(message, "latin1"), publicKey, Buffer.from(signature, "base64"))
    } catch {
        return false
    }
}
