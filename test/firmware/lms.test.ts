// The core's LMS verifier: every parameter set, and whatever must not pass. The published vectors are in test/sign/vectors.test.ts.

import { lmsVerify } from "../../build/lms"
import { LMS_HEIGHTS, LMS_WIDTHS, lmsParams } from "../../build/lms-params"
import { LMS_VALID } from "../../firmware/lms"
import { STATUS_SIGNATURE_INVALID } from "../../firmware/status"
import { check, installHashes, quickCase, type LmsCase } from "./lms-rig"

beforeAll(() => installHashes())

const SETS = [24, 32].flatMap(hashBytes =>
    LMS_HEIGHTS.flatMap(height => LMS_WIDTHS.map(width => lmsParams(hashBytes, height, width))),
)

test.each(SETS.map(params => [params.name, params] as const))("%s", (_name, params) => {
    for (const seed of [1, 2 ** params.height - 1]) {
        const one = quickCase(params, seed, Buffer.from(`message ${seed}`))
        const checked = check(one)
        expect(checked).toMatchObject({ result: LMS_VALID, steps: params.chains + 1 })
        // The digest, the one-time key and the path beside the chains.
        expect(checked.hashes).toBeLessThanOrEqual(params.chains * (2 ** params.width - 1) + params.height + 3)
        expect(lmsVerify(one.publicKey, one.message, one.signature)).toBe(true)
        expect(check({ ...one, message: Buffer.from("another") }).result).toBe(STATUS_SIGNATURE_INVALID)
    }
})

test("a platform that walks chains itself comes to the same, with as many hashes", () => {
    for (const params of SETS.filter(({ height }) => height === 10)) {
        const one = quickCase(params, 3, Buffer.from("message"))
        const own = check(one)
        installHashes(true)
        const walked = check(one)
        expect([walked, walked.result]).toEqual([own, LMS_VALID])
        const bent = Buffer.from(one.signature)
        bent[100]! ^= 1
        expect(check({ ...one, signature: bent }).result).toBe(STATUS_SIGNATURE_INVALID)
        installHashes()
    }
})

describe("what must not pass", () => {
    const params = lmsParams(24, 10, 4)
    const one = (): LmsCase => quickCase(params, 5, Buffer.from("message"))
    const typed = (bytes: Buffer, at: number, type: number): Buffer => {
        const bent = Buffer.from(bytes)
        bent.writeUInt32BE(type, at)
        return bent
    }

    test("the default parameters take about 400 hashes", () => {
        const counts = [1, 2, 3, 4, 5, 6, 7, 8].map(seed => check(quickCase(params, seed, Buffer.from(`m${seed}`))).hashes)
        const mean = counts.reduce((sum, count) => sum + count) / counts.length
        expect(mean).toBeGreaterThan(350)
        expect(mean).toBeLessThan(450)
    })

    test.each([0, 4, 9, 15, 20, 0x80000005, 0xffffffff])("an unknown tree type (%i), SHAKE's among them", type => {
        const { publicKey, message, signature } = one()
        const typeAt = signature.length - 4 - 10 * 24
        const bent = { publicKey: typed(publicKey, 0, type), message, signature: typed(signature, typeAt, type) }
        expect(check(bent).result).toBe(STATUS_SIGNATURE_INVALID)
        expect(lmsVerify(bent.publicKey, message, bent.signature)).toBe(false)
    })

    test.each([0, 3, 9, 12, 0x80000007])("an unknown or unfitting one-time type (%i)", type => {
        const { publicKey, message, signature } = one()
        const bent = { publicKey: typed(publicKey, 4, type), message, signature: typed(signature, 4, type) }
        expect(check(bent).result).toBe(STATUS_SIGNATURE_INVALID)
    })

    test.each([1024, 0x7fffffff, 0x80000005, 0xffffffff])("a leaf beyond the tree (%i)", leaf => {
        const { publicKey, message, signature } = one()
        expect(check({ publicKey, message, signature: typed(signature, 0, leaf) }).result).toBe(STATUS_SIGNATURE_INVALID)
    })

    test("every truncation and every extension of signature and key", () => {
        const { publicKey, message, signature } = one()
        for (let length = 0; length < signature.length; length += 7) {
            expect(check({ publicKey, message, signature: signature.subarray(0, length) }).result).toBe(STATUS_SIGNATURE_INVALID)
        }
        for (let length = 0; length < publicKey.length; length++) {
            expect(check({ publicKey: publicKey.subarray(0, length), message, signature }).result).toBe(STATUS_SIGNATURE_INVALID)
        }
        const more = Buffer.from([0])
        expect(check({ publicKey, message, signature: Buffer.concat([signature, more]) }).result).toBe(STATUS_SIGNATURE_INVALID)
        expect(check({ publicKey: Buffer.concat([publicKey, more]), message, signature }).result).toBe(STATUS_SIGNATURE_INVALID)
    })

    test("all zeros, and all zeros under the right types", () => {
        const { publicKey, message, signature } = one()
        const zeros = Buffer.alloc(signature.length)
        expect(check({ publicKey, message, signature: zeros }).result).toBe(STATUS_SIGNATURE_INVALID)
        const dressed = typed(typed(zeros, 4, 7), signature.length - 4 - 240, 11)
        expect(check({ publicKey, message, signature: dressed }).result).toBe(STATUS_SIGNATURE_INVALID)
    })

    test("a signature of the same key for another leaf", () => {
        const { publicKey, message, signature } = one()
        expect(check({ publicKey, message, signature: typed(signature, 0, 6) }).result).toBe(STATUS_SIGNATURE_INVALID)
    })
})
