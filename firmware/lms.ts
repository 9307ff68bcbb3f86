// Checks one LMS signature (RFC 8554; parameter sets of RFC 9858 and SP 800-208), one chain per step, so that a slow board keeps running.

import { byteOf, bytesOfU31Be, u31Be, u8 } from "./bytes"
import { ports, type Bytes } from "./ports"
import { STATUS_OK, STATUS_SIGNATURE_INVALID } from "./status"

/** lmsStep: there is more to do. */
export const LMS_MORE = 0
/** lmsStep: the signature is valid. */
export const LMS_VALID = 1

// Typecodes: RFC 8554 sections 4.1 and 5.1 (32 bytes), RFC 9858 section 4 (24 bytes). SHAKE's are refused.
const TYPE_M32_FIRST = 5
const TYPE_M24_FIRST = 10
const TYPE_M24_LAST = 14
const OTS_N32_FIRST = 1
const OTS_N24_FIRST = 5
const OTS_N24_LAST = 8

// By the exponent of w = 1, 2, 4, 8: values of a digit, chains (p) and factor of the checksum (2^ls).
const BASES: number[] = [2, 4, 16, 256]
const CHAINS_N32: number[] = [265, 133, 67, 34]
const CHAINS_N24: number[] = [200, 101, 51, 26]
const FACTORS_N32: number[] = [128, 64, 16, 1]
const FACTORS_N24: number[] = [256, 64, 16, 1]
const WIDTHS: number[] = [1, 2, 4, 8]

const IDENTIFIER_AT = 8
const ROOT_AT = 24
/** What a chain's link is hashed behind: identifier (16), leaf (4), chain (2); then position (1). */
const POSITION_AT = 22
const LINK_AT = 23

// D_PBLC, D_MESG, D_LEAF and D_INTR (RFC 8554, section 7.1): one byte, twice.
const DOMAIN_PUBLIC = 0x80
const DOMAIN_MESSAGE = 0x81
const DOMAIN_LEAF = 0x82
const DOMAIN_INNER = 0x83

let key = ""
let signature = ""
/** Identifier and leaf number, which every hash of the one-time signature begins with. */
let prefix = ""
/** The same with the number of a chain behind it. */
let head = ""
let hashBytes = 0
let height = 0
let base = 0
let width = 0
let chains = 0
let factor = 0
let chain = 0
let ends = ""
let digits = ""
let digitAt = 0
let digitBits = 0
let digitRest = 0

/** All bytes in order: one of them is put into the stage without a string being made. */
let allBytes = ""

/**
 * Starts checking `newSignature` (RFC 8554, 5.4) over `message` with the public key `newKey` (5.3: both typecodes, identifier, root).
 * Returns STATUS_OK: call lmsStep; or STATUS_SIGNATURE_INVALID when types or lengths do not fit.
 */
export function lmsStart(newKey: Bytes, message: Bytes, newSignature: Bytes): number {
    key = newKey
    signature = newSignature
    if (!typesRead() || !signatureFits()) return STATUS_SIGNATURE_INVALID
    prefix = key.substring(IDENTIFIER_AT, ROOT_AT) + signature.substring(0, 4)
    const randomizer = signature.substring(8, 8 + hashBytes)
    const digest = hash(prefix + domain(DOMAIN_MESSAGE) + randomizer + message)
    digits = digest + checksumOf(digest)
    digitsRewind()
    chain = 0
    ends = ""
    while (allBytes.length < 256) allBytes = allBytes + byteOf(allBytes.length)
    return STATUS_OK
}

/**
 * One step: one chain of at most 255 hashes, or at the end the path of at most 26.
 * Returns LMS_MORE, LMS_VALID or STATUS_SIGNATURE_INVALID.
 */
export function lmsStep(): number {
    if (chain < chains) {
        ends = ends + chainEnd(digitNext(), 8 + hashBytes + chain * hashBytes)
        chain = chain + 1
        return LMS_MORE
    }
    const leafKey = hash(prefix + domain(DOMAIN_PUBLIC) + ends)
    ends = ""
    if (rootOf(leafKey) === key.substring(ROOT_AT, key.length)) return LMS_VALID
    return STATUS_SIGNATURE_INVALID
}

// ---- types and lengths -------------------------------------------------------------------------

/** Reads the key's typecodes. SP 800-208 (section 4) wants the same hash in tree and one-time signature. */
function typesRead(): boolean {
    if (key.length < ROOT_AT) return false
    const type = u31Be(key, 0)
    const ots = u31Be(key, 4)
    if (type < TYPE_M32_FIRST || type > TYPE_M24_LAST || ots < OTS_N32_FIRST || ots > OTS_N24_LAST) return false
    const isShort = type >= TYPE_M24_FIRST
    if (isShort !== ots >= OTS_N24_FIRST) return false
    if (isShort) sizesTake(24, type - TYPE_M24_FIRST, ots - OTS_N24_FIRST)
    else sizesTake(32, type - TYPE_M32_FIRST, ots - OTS_N32_FIRST)
    return key.length === ROOT_AT + hashBytes
}

function sizesTake(newHashBytes: number, heightIndex: number, widthIndex: number): void {
    hashBytes = newHashBytes
    height = 5 * (heightIndex + 1)
    width = WIDTHS[widthIndex]
    base = BASES[widthIndex]
    chains = hashBytes === 24 ? CHAINS_N24[widthIndex] : CHAINS_N32[widthIndex]
    factor = hashBytes === 24 ? FACTORS_N24[widthIndex] : FACTORS_N32[widthIndex]
}

/** Leaf (4), one-time type (4), randomizer, chains, tree type (4), path: every length follows from the key. */
function signatureFits(): boolean {
    const typeAt = 8 + hashBytes + chains * hashBytes
    if (signature.length !== typeAt + 4 + height * hashBytes) return false
    if (signature.substring(4, 8) !== key.substring(4, 8) || signature.substring(typeAt, typeAt + 4) !== key.substring(0, 4))
        return false
    const leaf = u31Be(signature, 0)
    return leaf >= 0 && leaf < leaves()
}

function leaves(): number {
    return 1 << height
}

// ---- digits of the message's digest ------------------------------------------------------------

function digitsRewind(): void {
    digitAt = 0
    digitBits = 0
}

/** The next digit of `width` bits, the highest bits of a byte first (RFC 8554, 3.1.3). */
function digitNext(): number {
    if (digitBits === 0) {
        digitRest = u8(digits, digitAt)
        digitAt = digitAt + 1
        digitBits = 8
    }
    const shifted = digitRest * base
    digitRest = shifted & 255
    digitBits = digitBits - width
    return shifted >>> 8
}

/** The checksum over the digits of `digest` (RFC 8554, 4.4), two bytes. */
function checksumOf(digest: Bytes): Bytes {
    digits = digest
    digitsRewind()
    let sum = 0
    while (digitAt < digest.length || digitBits > 0) sum = sum + base - 1 - digitNext()
    sum = sum * factor
    return byteOf(sum >>> 8) + byteOf(sum)
}

// ---- hashes ------------------------------------------------------------------------------------

function domain(value: number): Bytes {
    return byteOf(value) + byteOf(value)
}

function hash(bytes: Bytes): Bytes {
    return ports.digest.sha256(bytes).substring(0, hashBytes)
}

/** The end of the chain whose link number `digit` stands in the signature at `at`. */
function chainEnd(digit: number, at: number): Bytes {
    if (digit === base - 1) return signature.substring(at, at + hashBytes)
    head = prefix + byteOf(chain >>> 8) + byteOf(chain)
    const walk = ports.digest.chain
    if (walk !== undefined) return walk(head, digit, base - 1, signature.substring(at, at + hashBytes))
    return linksWalk(digit, at).substring(0, hashBytes)
}

/**
 * From link number `first`, which stands in the signature at `at`, to the end of its chain: nearly all hashes of a signature. They run
 * in the stage, which holds no payload meanwhile, so that nothing is made but the digest that the port returns.
 * @hot
 */
function linksWalk(first: number, at: number): Bytes {
    let link = signature
    let from = at
    for (let position = first; position < base - 1; position++) {
        ports.stage.put(0, head, 0, POSITION_AT)
        ports.stage.put(POSITION_AT, allBytes, position, position + 1)
        ports.stage.put(LINK_AT, link, from, from + hashBytes)
        link = ports.stage.sha256(LINK_AT + hashBytes)
        from = 0
    }
    return link
}

/** The root that the path of the signature leads to from the one-time key `leafKey` (RFC 8554, algorithm 6a). */
function rootOf(leafKey: Bytes): Bytes {
    const identifier = key.substring(IDENTIFIER_AT, ROOT_AT)
    let node = leaves() + u31Be(signature, 0)
    let value = hash(identifier + bytesOfU31Be(node) + domain(DOMAIN_LEAF) + leafKey)
    let at = signature.length - height * hashBytes
    while (node > 1) {
        const sibling = signature.substring(at, at + hashBytes)
        const parent = identifier + bytesOfU31Be(node >>> 1) + domain(DOMAIN_INNER)
        if ((node & 1) === 1) value = hash(parent + sibling + value)
        else value = hash(parent + value + sibling)
        node = node >>> 1
        at = at + hashBytes
    }
    return value
}
