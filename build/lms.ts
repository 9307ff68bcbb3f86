// LMS keys and signatures (RFC 8554): key generation, signing with a given leaf, verifying. Pure: who calls keeps the leaves apart.

import { hash } from "node:crypto"
import { type LmsParams, lmsParamsOfTypes, lmsSignatureBytes } from "./lms-params"

/** The secret of a tree, from which every one-time key follows (RFC 8554, appendix A). */
export interface LmsSecret {
    readonly params: LmsParams
    /** 16 bytes that name the tree. */
    readonly identifier: Buffer
    /** As many bytes as a hash has. */
    readonly seed: Buffer
}

/** All nodes of a tree, the root as number 1 at index `hashBytes`, the leaves last; public, but slow to make. */
export type LmsTree = Buffer

// RFC 8554, section 7.1; RANDOMIZER stands in the place of a chain number that no signature has.
const DOMAIN_PUBLIC = Buffer.from([0x80, 0x80])
const DOMAIN_MESSAGE = Buffer.from([0x81, 0x81])
const DOMAIN_LEAF = Buffer.from([0x82, 0x82])
const DOMAIN_INNER = Buffer.from([0x83, 0x83])
const RANDOMIZER = 0xfffd
const SECRET_MARK = 0xff

function u32(value: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
}

function digest(hashBytes: number, ...parts: readonly Buffer[]): Buffer {
    return hash("sha256", Buffer.concat(parts), "buffer").subarray(0, hashBytes)
}

/** Identifier, leaf, chain and position in one buffer that is hashed again and again, the link behind them. */
function linkBuffer(identifier: Buffer, leaf: number, hashBytes: number): Buffer {
    const buffer = Buffer.alloc(23 + hashBytes)
    identifier.copy(buffer)
    buffer.writeUInt32BE(leaf, 16)
    return buffer
}

/** The secret start of a chain, or the randomizer of a leaf: pseudorandom (RFC 8554, appendix A). */
function secretOf({ params, seed, identifier }: LmsSecret, leaf: number, chain: number): Buffer {
    const buffer = linkBuffer(identifier, leaf, params.hashBytes)
    buffer.writeUInt16BE(chain, 20)
    buffer[22] = SECRET_MARK
    seed.copy(buffer, 23)
    return hash("sha256", buffer, "buffer").subarray(0, params.hashBytes)
}

/** Walks a chain whose link number `from` is `link` to number `to`. */
function walk(buffer: Buffer, chain: number, link: Buffer, from: number, to: number): Buffer {
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
function digitsOf(params: LmsParams, messageDigest: Buffer): number[] {
    const { width, checksumShift, chains } = params
    const digitMax = 2 ** width - 1
    const split = (bytes: Buffer): number[] =>
        [...bytes].flatMap(byte => Array.from({ length: 8 / width }, (_, at) => (byte >> (8 - width * (at + 1))) & digitMax))
    const digits = split(messageDigest)
    const checksum = digits.reduce((sum, digit) => sum + digitMax - digit, 0) << checksumShift
    return [...digits, ...split(Buffer.from([checksum >> 8, checksum & 255]))].slice(0, chains)
}

function leafNode(secret: LmsSecret, leaf: number): Buffer {
    const { params, identifier } = secret
    const buffer = linkBuffer(identifier, leaf, params.hashBytes)
    const ends = Array.from({ length: params.chains }, (_, chain) =>
        walk(buffer, chain, secretOf(secret, leaf, chain), 0, 2 ** params.width - 1),
    )
    const leafKey = digest(params.hashBytes, identifier, u32(leaf), DOMAIN_PUBLIC, ...ends)
    return digest(params.hashBytes, identifier, u32(2 ** params.height + leaf), DOMAIN_LEAF, leafKey)
}

const nodeAt = (tree: LmsTree, hashBytes: number, node: number): Buffer => tree.subarray(node * hashBytes, (node + 1) * hashBytes)

/** Makes the whole tree: 2^height × chains × 2^width hashes, about a second for the default parameters. */
export function lmsTree(secret: LmsSecret, onLeaf: (done: number, all: number) => void = () => undefined): LmsTree {
    const { hashBytes, height } = secret.params
    const leaves = 2 ** height
    const tree = Buffer.alloc(2 * leaves * hashBytes)
    for (let leaf = 0; leaf < leaves; leaf++) {
        leafNode(secret, leaf).copy(tree, (leaves + leaf) * hashBytes)
        onLeaf(leaf + 1, leaves)
    }
    for (let node = leaves - 1; node > 0; node--) innerNode(secret, tree, node).copy(tree, node * hashBytes)
    return tree
}

function innerNode({ params: { hashBytes }, identifier }: LmsSecret, tree: LmsTree, node: number): Buffer {
    const children = [nodeAt(tree, hashBytes, 2 * node), nodeAt(tree, hashBytes, 2 * node + 1)]
    return digest(hashBytes, identifier, u32(node), DOMAIN_INNER, ...children)
}

/** Whether a tree that was kept is one: of the right size, and every inner node made of its children. The root says whose it is. */
export function lmsTreeIsWhole(secret: LmsSecret, tree: LmsTree): boolean {
    const { hashBytes, height } = secret.params
    if (tree.length !== 2 ** (height + 1) * hashBytes) return false
    for (let node = 2 ** height - 1; node > 0; node--) {
        if (!innerNode(secret, tree, node).equals(nodeAt(tree, hashBytes, node))) return false
    }
    return true
}

/** The public key (RFC 8554, 5.3): both typecodes, the identifier, the root. */
export function lmsPublicKey({ params, identifier }: LmsSecret, tree: LmsTree): Buffer {
    return Buffer.concat([u32(params.lmsType), u32(params.otsType), identifier, nodeAt(tree, params.hashBytes, 1)])
}

/**
 * Signs `message` with leaf `leaf`. A leaf that signs two messages gives the key away: lms-state.ts hands leaves out.
 * `randomizer` is derived from the secret unless given.
 */
export function lmsSign(secret: LmsSecret, tree: LmsTree, leaf: number, message: Buffer, randomizer?: Buffer): Buffer {
    const { params, identifier } = secret
    const { hashBytes, height } = params
    const mask = randomizer ?? secretOf(secret, leaf, RANDOMIZER)
    const messageDigest = digest(hashBytes, identifier, u32(leaf), DOMAIN_MESSAGE, mask, message)
    const buffer = linkBuffer(identifier, leaf, hashBytes)
    const links = digitsOf(params, messageDigest).map((digit, chain) =>
        walk(buffer, chain, secretOf(secret, leaf, chain), 0, digit),
    )
    const path = Array.from({ length: height }, (_, level) => nodeAt(tree, hashBytes, ((2 ** height + leaf) >> level) ^ 1))
    return Buffer.concat([u32(leaf), u32(params.otsType), mask, ...links, u32(params.lmsType), ...path])
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
