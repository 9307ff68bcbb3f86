// The keys that an image brings for checking the next one: `update.key0` – `update.key7` and `update.sig_req_mask` of config.json5.

import { createPublicKey } from "node:crypto"
import { existsSync, readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { KEYS_MAX } from "../firmware/constants"
import { PackError } from "./errors"
import { lmsParamsOfTypes } from "./lms-params"

/** What `__OTARY_IMAGE__` says of keys (firmware/running.ts); neither key is there when config.json5 names none. */
export interface KeySettings {
    readonly keys?: readonly string[]
    readonly sig_req_mask?: number
}

const PUBLIC_KEY_BYTES_MAX = 4096
/** All eight bits: the highest mask. */
const MASK_MAX = 255

function wrongKey(name: string): PackError {
    return new PackError(
        "PACK_KEYS",
        `config.json5: update.${name} is neither an LMS public key nor an ECDSA P-256 one`,
        "put in what `otary keygen` printed (hex), or the SPKI DER of an ECDSA P-256 key in base64",
    )
}

/** Whether `text` is an LMS public key in hex with parameters that boards check. */
function isLmsKey(text: string): boolean {
    if (!/^([0-9a-f]{96}|[0-9a-f]{112})$/.test(text)) return false
    const key = Buffer.from(text, "hex")
    const params = lmsParamsOfTypes(key.readUInt32BE(0), key.readUInt32BE(4))
    return params !== undefined && key.length === 24 + params.hashBytes
}

function isEcdsaKey(text: string): boolean {
    try {
        const key = createPublicKey({ key: Buffer.from(text, "base64"), format: "der", type: "spki" })
        return key.asymmetricKeyDetails?.namedCurve === "prime256v1"
    } catch {
        return false
    }
}

/** Blanks and line ends are left out, as Mongoose's configuration wraps base64; hex may be in capitals. Undefined for what is no key. */
function normalKey(value: string): string | undefined {
    const text = value.replace(/\s/g, "")
    const key = /^[0-9a-fA-F]+$/.test(text) ? text.toLowerCase() : text
    return isLmsKey(key) || isEcdsaKey(key) ? key : undefined
}

/** A public key, given as such or as a file that holds it; paths count from `folder`. Throws KEY_TYPE. */
export function publicKeyOf(folder: string, text: string): string {
    const path = resolve(folder, text)
    const isFile = existsSync(path) && statSync(path).size <= PUBLIC_KEY_BYTES_MAX
    const key = normalKey(isFile ? readFileSync(path, "latin1") : text)
    if (key !== undefined) return key
    const hint = "name a FILE.pub of `otary keygen`, or give a key as config.json5 takes it"
    throw new PackError("KEY_TYPE", `${text} is neither a public key nor a file with one`, hint)
}

function keyIn(update: Record<string, unknown>, slot: number): string {
    const value = update[`key${slot}`] ?? ""
    if (typeof value !== "string") throw wrongKey(`key${slot}`)
    const key = value === "" ? value : normalKey(value)
    if (key === undefined) throw wrongKey(`key${slot}`)
    return key
}

function checkMask(mask: unknown, keys: readonly string[]): asserts mask is number | undefined {
    if (mask === undefined || mask === -1 || mask === 0) return
    const isMask = typeof mask === "number" && Number.isInteger(mask) && mask > 0 && mask <= MASK_MAX
    const missing = isMask ? keys.findIndex((key, slot) => key === "" && (mask & (1 << slot)) !== 0) : -1
    if (isMask && missing < 0) return
    const message = isMask ? `asks for key ${missing}, which is not there` : `must be -1 or a whole number of 0 to ${MASK_MAX}`
    throw new PackError("PACK_KEYS", `config.json5: update.sig_req_mask ${message}`, "docs/signing.md explains keys and masks")
}

/**
 * The keys of an agent configuration. Throws PACK_KEYS for a key that no board could use, and for a mask that no image could satisfy:
 * boards with such an image would never take another one.
 */
export function keySettings(config: Readonly<Record<string, unknown>>): KeySettings {
    const update = (config["update"] ?? {}) as Record<string, unknown>
    const keys = Array.from({ length: KEYS_MAX }, (_, slot) => keyIn(update, slot))
    const mask = update["sig_req_mask"]
    checkMask(mask, keys)
    const hasKeys = keys.some(key => key !== "")
    return { ...(hasKeys && { keys }), ...(mask !== undefined && { sig_req_mask: mask }) }
}
