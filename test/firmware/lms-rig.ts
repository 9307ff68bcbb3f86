// The core's signature check on its own: real stage and digest, hashes counted; vectors, and keys of any height in a moment.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { LMS_MORE, lmsStart, lmsStep } from "../../firmware/lms"
import { portsInstall, type Ports } from "../../firmware/ports"
import { STATUS_OK } from "../../firmware/status"
import { createStage, sha256 } from "../../shims/host/stage"
import { lmsPublicKey, lmsSign, type LmsSecret } from "../../build/lms"
import type { LmsParams } from "../../build/lms-params"
import { seededBytes } from "./images"

/** An LMS signature to check. */
export interface LmsCase {
    readonly name: string
    readonly publicKey: Buffer
    readonly message: Buffer
    readonly signature: Buffer
}

/** What a check came to. */
export interface Checked {
    /** LMS_VALID or STATUS_SIGNATURE_INVALID. */
    readonly result: number
    readonly steps: number
    readonly hashes: number
}

let hashes = 0

/** A platform's own walk of a hash chain (firmware/ports.ts, Digest). */
function walkChain(head: string, first: number, end: number, start: string): string {
    let link = start
    for (let position = first; position < end; position++, hashes++)
        link = sha256(head + String.fromCharCode(position) + link).slice(0, start.length)
    return link
}

/** Installs ports that do no more than a check needs; `walksChains`: those of a platform that walks them itself. */
export function installHashes(walksChains = false): void {
    const stage = createStage()
    const counted = {
        ...stage,
        sha256: (lengthBytes: number) => {
            hashes++
            return stage.sha256(lengthBytes)
        },
    }
    const digest = {
        sha256: (bytes: string) => {
            hashes++
            return sha256(bytes)
        },
        ...(walksChains && { chain: walkChain }),
    }
    portsInstall({ stage: counted, digest } as unknown as Ports)
}

/** Checks with the core's verifier, step by step. */
export function check({ publicKey, message, signature }: Omit<LmsCase, "name">): Checked {
    hashes = 0
    let result = lmsStart(publicKey.toString("latin1"), message.toString("latin1"), signature.toString("latin1"))
    if (result !== STATUS_OK) return { result, steps: 0, hashes }
    let steps = 0
    do {
        result = lmsStep()
        steps++
    } while (result === LMS_MORE && steps < 1000)
    return { result, steps, hashes }
}

/**
 * A key and a signature of any height without its 2^height leaves: the path is random, and the root is what it leads to. A verifier
 * cannot tell.
 */
export function quickCase(params: LmsParams, seed: number, message: Buffer): LmsCase {
    const { hashBytes, height } = params
    const random = seededBytes(16 + hashBytes * (1 + height), seed)
    const secret: LmsSecret = { params, identifier: random.subarray(0, 16), seed: random.subarray(16, 16 + hashBytes) }
    const leaf = seed % 2 ** Math.min(height, 30)
    const siblings = random.subarray(16 + hashBytes)
    const tree = { length: 0, subarray: () => Buffer.alloc(hashBytes) } as unknown as Buffer
    const signature = lmsSign(secret, tree, leaf, message)
    siblings.copy(signature, signature.length - siblings.length)
    const blank = lmsPublicKey(secret, tree)
    return { name: params.name, publicKey: rooted(blank, message, signature), message, signature }
}

/** The key whose root is what the signature leads to: found by asking the verifier's own hash function, not its code. */
function rooted(blank: Buffer, message: Buffer, signature: Buffer): Buffer {
    const seen: Buffer[] = []
    const stage = createStage()
    const digest = {
        sha256: (bytes: string) => {
            const value = sha256(bytes)
            seen.push(Buffer.from(value, "latin1"))
            return value
        },
    }
    portsInstall({ stage, digest } as unknown as Ports)
    lmsStart(blank.toString("latin1"), message.toString("latin1"), signature.toString("latin1"))
    while (lmsStep() === LMS_MORE) continue
    installHashes()
    return Buffer.concat([blank.subarray(0, 24), seen.at(-1)!.subarray(0, blank.length - 24)])
}

interface HssText {
    readonly name: string
    readonly publicKey: string
    readonly message: string
    readonly signature: string
}

const signatureBytes = (key: Buffer, at: number, signature: Buffer, sizeOf: (lms: number, ots: number) => number): Buffer =>
    signature.subarray(at, at + sizeOf(key.readUInt32BE(0), key.readUInt32BE(4)))

/** The LMS signatures within an HSS one (RFC 8554, 6.2): each signs the key of the next level, the last one the message. */
export function hssCases(file: string, sizeOf: (lms: number, ots: number) => number): LmsCase[] {
    const texts = JSON.parse(readFileSync(join(__dirname, "../vectors/lms", file), "utf8")) as HssText[]
    return texts.flatMap(text => {
        const [publicKey, message, signature] = [text.publicKey, text.message, text.signature].map(hex => Buffer.from(hex, "hex"))
        const levels = publicKey!.readUInt32BE(0)
        const cases: LmsCase[] = []
        let key = publicKey!.subarray(4)
        let at = 4
        for (let level = 0; level < levels; level++) {
            const own = signatureBytes(key, at, signature!, sizeOf)
            at += own.length
            const next = level === levels - 1 ? message! : signature!.subarray(at, at + 24 + (key.length - 24))
            cases.push({ name: `${file} ${text.name}, level ${level}`, publicKey: key, message: next, signature: own })
            at += level === levels - 1 ? 0 : next.length
            key = next
        }
        if (at !== signature!.length) throw new Error(`${text.name}: ${signature!.length - at} bytes are left over`)
        return cases
    })
}
