// Signs images that are packed: the manifest's exact bytes, with LMS keys, and with ECDSA keys as Mongoose OS does.

import type { KeyObject } from "node:crypto"
import { EXTRA_BYTES_MAX } from "../firmware/constants"
import { ecdsaExtra, ecdsaKey, ecdsaSign, ecdsaSignatures } from "./ecdsa"
import { PackError } from "./errors"
import { inspectImage } from "./inspect"
import { isLmsKeyText, keyRead, keyText, type KeyHome, type LmsKey } from "./keygen"
import { SIGNATURE_ENTRY, signaturesDecode, signaturesEncode, type SignatureRecord } from "./signatures"
import { zipRead, zipStore, type ZipEntry, type ZipInput } from "./zip"

/** Who signs. */
export interface Signers {
    readonly lms: readonly LmsKey[]
    /** By key slot: the board checks `sigN` with its key N. */
    readonly ecdsa: readonly { readonly slot: number; readonly key: KeyObject }[]
}

/**
 * Reads key files: LMS keys of keygen, and ECDSA keys in PEM, which get the slots 0, 1, … in the order of their names.
 * Throws KEY_FILE, KEY_TYPE, and what keyRead throws.
 */
export function readSigners(paths: readonly string[], home: KeyHome): Signers {
    const texts = paths.map(path => ({ path, text: keyText(path, home.fs) }))
    const isLms = ({ text }: { text: string }): boolean => isLmsKeyText(text)
    return {
        lms: texts.filter(isLms).map(({ path }) => keyRead(path, home)),
        ecdsa: texts.filter(one => !isLms(one)).map(({ text }, slot) => ({ slot, key: ecdsaKey(text) })),
    }
}

/** The entries of an image that a board would take, but for its signatures. Throws SIGN_IMAGE. */
function readEntries(image: Buffer): { folders: ZipEntry[]; manifest: ZipEntry; rest: ZipEntry[] } {
    const problem = inspectImage(image).problems[0]
    if (problem !== undefined)
        throw new PackError("SIGN_IMAGE", problem.message, "pack it again; `otary inspect` lists all that is wrong")
    const { entries } = zipRead(image)
    const at = entries.findIndex(({ plainName }) => plainName === "manifest.json")
    return { folders: entries.slice(0, at), manifest: entries[at]!, rest: entries.slice(at + 1) }
}

const noRoom = (): PackError =>
    new PackError("SIGN_ROOM", "the image cannot hold all these signatures", "sign a freshly packed image with fewer keys")

/**
 * Signs an image. Signatures that it has stay, but for those of the same keys, which are made anew. Everything is checked before the
 * first one-time key is spent. Throws SIGN_IMAGE, SIGN_ROOM, and what the keys throw.
 */
export function signImage(image: Buffer, { lms, ecdsa }: Signers): Buffer {
    const { folders, manifest, rest } = readEntries(image)
    const kept = rest[0]?.plainName === SIGNATURE_ENTRY ? signaturesDecode(rest[0].bytes)! : []
    const others = rest.filter(({ plainName }) => plainName !== SIGNATURE_ENTRY)

    const made = ecdsa.map(({ slot, key }) => [`sig${slot}`, ecdsaSign(key, manifest.bytes)])
    const extra = ecdsaExtra(manifest.extra, {
        ...ecdsaSignatures(manifest.extra),
        ...(Object.fromEntries(made) as Record<string, string>),
    })
    if (extra.length > EXTRA_BYTES_MAX) throw noRoom()

    const records = signRecords(manifest.bytes, kept, lms)
    const name = manifest.name.replace(/manifest\.json$/, SIGNATURE_ENTRY)
    const signatures: ZipInput[] = records.length === 0 ? [] : [{ name, bytes: signaturesEncode(records)! }]
    return zipStore([...folders, { name: manifest.name, bytes: manifest.bytes, extra }, ...signatures, ...others])
}

/** The records of manifest.sig; whether they fit is known before a leaf is spent. */
function signRecords(manifest: Buffer, kept: readonly SignatureRecord[], keys: readonly LmsKey[]): SignatureRecord[] {
    const stay = kept.filter(({ keyId }) => !keys.some(key => key.keyId === keyId))
    const sizes = keys.map(({ keyId, signatureBytes }) => ({ keyId, signature: Buffer.alloc(signatureBytes) }))
    if (signaturesEncode([...stay, ...sizes]) === undefined) throw noRoom()
    return [...stay, ...keys.map(key => ({ keyId: key.keyId, signature: key.sign(manifest) }))]
}
