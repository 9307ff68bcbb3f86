// LMS keys and signatures (RFC 8554): key generation, signing with a given leaf. Pure: who calls keeps the leaves apart.

import { hash } from "node:crypto"
import type { LmsParams } from "./lms-params"
import { digest, digitsOf, DOMAIN_INNER, DOMAIN_LEAF, DOMAIN_MESSAGE, DOMAIN_PUBLIC, linkBuffer, u32, walk } from "./lms-verify"

export { lmsVerify } from "./lms-verify"

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

// RANDOMIZER stands in the place of a chain number that no signature has.
const RANDOMIZER = 0xfffd
const SECRET_MARK = 0xff

/** The secret start of a chain, or the randomizer of a leaf: pseudorandom (RFC 8554, appendix A). */
function secretOf({ params, seed, identifier }: LmsSecret, leaf: number, chain: number): Buffer {
    const buffer = linkBuffer(identifier, leaf, params.hashBytes)
    buffer.writeUInt16BE(chain, 20)
    buffer[22] = SECRET_MARK
    seed.copy(buffer, 23)
    return hash("sha256", buffer, "buffer").subarray(0, params.hashBytes)
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
