// The signer's LMS: keys and signatures that RFC 8554 and RFC 9858 print, made anew from their seeds; every parameter set against the core.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { LMS_VALID } from "../../firmware/lms"
import { lmsPublicKey, lmsSign, lmsTree, lmsTreeIsWhole, lmsVerify, type LmsSecret } from "../../build/lms"
import { LMS_WIDTHS, lmsParams, lmsSignatureBytes } from "../../build/lms-params"
import { check, installHashes } from "../firmware/lms-rig"
import { seededBytes } from "../firmware/images"

interface HssText {
    readonly publicKey: string
    readonly message: string
    readonly signature: string
}

const read = (file: string): HssText[] => JSON.parse(readFileSync(join(__dirname, "../vectors/lms", file), "utf8")) as HssText[]
const counting = (first: number, count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, at) => first + at))
const u32 = (value: number): Buffer => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map(byte => byte & 255))

beforeAll(() => installHashes())

test("RFC 8554, F.2: both levels, byte for byte", () => {
    const text = read("rfc8554.json")[1]!
    const top: LmsSecret = {
        params: lmsParams(32, 10, 4),
        identifier: Buffer.from("d08fabd4a2091ff0a8cb4ed834e74534", "hex"),
        seed: Buffer.from("558b8966c48ae9cb898b423c83443aae014a72f1b1ab5cc85cf1d892903b5439", "hex"),
    }
    const bottom: LmsSecret = {
        params: lmsParams(32, 5, 8),
        identifier: Buffer.from("215f83b7ccb9acbcd08db97b0d04dc2b", "hex"),
        seed: Buffer.from("a1c4696e2608035a886100d05cd99945eb3370731884a8235e2fb3d4d71f2547", "hex"),
    }
    const [topTree, bottomTree] = [lmsTree(top), lmsTree(bottom)]
    expect(Buffer.concat([u32(2), lmsPublicKey(top, topTree)]).toString("hex")).toBe(text.publicKey)
    const key = lmsPublicKey(bottom, bottomTree)
    const last = lmsSign(bottom, bottomTree, 4, Buffer.from(text.message, "hex"))
    expect(Buffer.concat([u32(1), lmsSign(top, topTree, 3, key), key, last]).toString("hex")).toBe(text.signature)
})

test("RFC 9858, A.1 byte for byte, and A.4 but for its path, which takes a million leaves", () => {
    const [first, last] = read("rfc9858.json") as [HssText, HssText]
    const a1 = { params: lmsParams(24, 5, 8), identifier: counting(0x20, 16), seed: counting(0, 24) }
    const tree = lmsTree(a1)
    expect(Buffer.concat([u32(1), lmsPublicKey(a1, tree)]).toString("hex")).toBe(first.publicKey)
    expect(Buffer.concat([u32(0), lmsSign(a1, tree, 5, Buffer.from(first.message, "hex"))]).toString("hex")).toBe(first.signature)

    const a4 = { params: lmsParams(24, 20, 4), identifier: counting(0x40, 16), seed: counting(0x20, 24) }
    const blank = Buffer.alloc(2 ** 21 * 24)
    const signature = Buffer.concat([u32(0), lmsSign(a4, blank, 100, Buffer.from(last.message, "hex"))])
    expect(signature.length * 2).toBe(last.signature.length)
    const pathAt = signature.length - 20 * 24
    expect(signature.toString("hex", 0, pathAt)).toBe(last.signature.slice(0, pathAt * 2))
})

describe("every width and both lengths of hash", () => {
    const sets = [24, 32].flatMap(hashBytes => LMS_WIDTHS.map(width => lmsParams(hashBytes, 5, width)))
    test.each(sets.map(params => [params.name, params] as const))("%s", (_name, params) => {
        const secret = { params, identifier: seededBytes(16, 7), seed: seededBytes(params.hashBytes, 8) }
        const tree = lmsTree(secret)
        expect(lmsTreeIsWhole(secret, tree)).toBe(true)
        const publicKey = lmsPublicKey(secret, tree)
        for (const leaf of [0, 1, 30, 31]) {
            const message = seededBytes(100 * leaf, leaf + 1)
            const signature = lmsSign(secret, tree, leaf, message)
            expect(signature.length).toBe(lmsSignatureBytes(params))
            expect(lmsVerify(publicKey, message, signature)).toBe(true)
            expect(check({ publicKey, message, signature }).result).toBe(LMS_VALID)
        }
    })
})

test("a tree that was kept is believed only when every node follows from the leaves", () => {
    const secret = { params: lmsParams(24, 5, 4), identifier: seededBytes(16, 1), seed: seededBytes(24, 2) }
    const tree = lmsTree(secret)
    for (let at = 24; at < tree.length; at += 24) {
        const bent = Buffer.from(tree)
        bent[at]! ^= 1
        // A bent leaf or node shows in its parent; the root itself is compared with the public key.
        expect(lmsTreeIsWhole(secret, bent)).toBe(false)
    }
    expect(lmsTreeIsWhole(secret, tree.subarray(1))).toBe(false)
})

test("no standard names other parameters", () => {
    expect(() => lmsParams(24, 6, 4)).toThrow(RangeError)
    expect(() => lmsParams(16, 5, 4)).toThrow(RangeError)
    expect(() => lmsParams(24, 5, 3)).toThrow(RangeError)
})
