// Checks LMS signatures (RFC 8554) and holds the hashes that signing shares; knows no secret, so that servers may use it.

import { hash } from "node:crypto"
import { type LmsParams, lmsParamsOfTypes, lmsSignatureBytes } from "./lms-params"

/** What hashes begin with, by their use (RFC 8554, section 7.1). */
export const DOMAIN_PUBLIC = Buffer.from([0x80, 0x80])
export const DOMAIN_MESSAGE = Buffer.from([0x81, 0x81])
export const DOMAIN_LEAF = Buffer.from([0x82, 0x82])
export const DOMAIN_INNER = Buffer.from([0x83, 0x83])

/** A number as four bytes, the highest first. */
export function u32(value: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
}

/** A hash of `hashBytes` bytes over some parts. */
export function digest(hashBytes: number, ...parts: readonly Buffer[]): Buffer {
    return hash("sha256", Buffer.concat(parts), "buffer").subarray(0, hashBytes)
}

/** Identifier, leaf, chain and position in one buffer that is hashed again and again, the link behind them. */
export function linkBuffer(identifier: Buffer, leaf: number, hashBytes: number): Buffer {
    const buffer = Buffer.alloc(23 + hashBytes)
    identifier.copy(buffer)
    buffer.writeUInt32BE(leaf, 16)
    return buffer
}

/** Walks a chain whose link number `from` is `link` to number `to`. */
export function walk(buffer: Buffer, chain: number, link: Buffer, from: number, to: number): Buffer {
    buffer.writeUInt16BE(chain, 20)
    let result = link
    for (let position = from; position < to; position++) {
        buffer[22] = position
        result.copy(buffer, 23, 0, buffer.length - 23)
        result = hash("sha256", buffer, "buffer")
    }
    return result.subarray(0, buffer.length - 23)
}

/** The digits of a message's digest and of their checksum (RFC 8554, 4.4 and 4.5). */
export function digitsOf(params: LmsParams, messageDigest: Buffer): number[] {
    const { width, checksumShift, chains } = params
    const digitMax = 2 ** width - 1
    const split = (bytes: Buffer): number[] =>
        [...bytes].flatMap(byte => Array.from({ length: 8 / width }, (_, at) => (byte >> (8 - width * (at + 1))) & digitMax))
    const digits = split(messageDigest)
    const checksum = digits.reduce((sum, digit) => sum + digitMax - digit, 0) << checksumShift
    return [...digits, ...split(Buffer.from([checksum >> 8, checksum & 255]))].slice(0, chains)
}

/** Whether `signature` over `message` was made with the key (RFC 8554, algorithms 4b and 6a). Never throws. */
export function lmsVerify(publicKey: Buffer, message: Buffer, signature: Buffer): boolean {
    const params = publicKey.length < 24 ? undefined : lmsParamsOfTypes(publicKey.readUInt32BE(0), publicKey.readUInt32BE(4))
    if (params === undefined || publicKey.length !== 24 + params.hashBytes || signature.length !== lmsSignatureBytes(params))
        return false
    const { hashBytes, chains, height, width } = params
    const pathAt = 12 + hashBytes * (1 + chains)
    const leaf = signature.readUInt32BE(0)
    if (
        signature.readUInt32BE(4) !== params.otsType ||
        signature.readUInt32BE(pathAt - 4) !== params.lmsType ||
        leaf >= 2 ** height
    )
        return false

    const identifier = publicKey.subarray(8, 24)
    const messageDigest = digest(hashBytes, identifier, u32(leaf), DOMAIN_MESSAGE, signature.subarray(8, 8 + hashBytes), message)
    const buffer = linkBuffer(identifier, leaf, hashBytes)
    const ends = digitsOf(params, messageDigest).map((digit, chain) => {
        const at = 8 + hashBytes * (1 + chain)
        return walk(buffer, chain, signature.subarray(at, at + hashBytes), digit, 2 ** width - 1)
    })
    let node = 2 ** height + leaf
    const leafKey = digest(hashBytes, identifier, u32(leaf), DOMAIN_PUBLIC, ...ends)
    let value = digest(hashBytes, identifier, u32(node), DOMAIN_LEAF, leafKey)
    for (let level = 0; level < height; level++, node >>= 1) {
        const sibling = signature.subarray(pathAt + level * hashBytes, pathAt + (level + 1) * hashBytes)
        const children = (node & 1) === 1 ? [sibling, value] : [value, sibling]
        value = digest(hashBytes, identifier, u32(node >> 1), DOMAIN_INNER, ...children)
    }
    return value.equals(publicKey.subarray(24))
}
