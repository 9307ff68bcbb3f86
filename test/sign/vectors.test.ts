// Published LMS vectors, every one through both verifiers, the core's and the signer's: RFC 8554, RFC 9858, NIST's ACVP (sigVer).

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { lmsVerify } from "../../build/lms"
import { lmsParamsOfTypes, lmsSignatureBytes } from "../../build/lms-params"
import { LMS_VALID } from "../../firmware/lms"
import { STATUS_SIGNATURE_INVALID } from "../../firmware/status"
import { engine } from "../firmware/core"
import { check, hssCases, installHashes } from "../firmware/lms-rig"

beforeAll(() => installHashes())

const sizeOf = (lms: number, ots: number): number => lmsSignatureBytes(lmsParamsOfTypes(lms, ots)!)
const PUBLISHED = ["rfc8554.json", "rfc9858.json"].flatMap(file => hssCases(file, sizeOf))

test("six LMS signatures come out of the two documents", () => expect(PUBLISHED.length).toBe(6))

test.each(PUBLISHED.map(one => [one.name, one] as const))("%s", (_name, one) => {
    expect(check(one).result).toBe(LMS_VALID)
    expect(lmsVerify(one.publicKey, one.message, one.signature)).toBe(true)
    // Every field of signature, key and message counts: one flipped bit in each of 200 places; of a few on an engine that is slow.
    const places = engine.stride > 1 ? 3 : 66
    for (const field of ["signature", "publicKey", "message"] as const) {
        const step = Math.max(1, Math.floor(one[field].length / places))
        for (let at = 0; at < one[field].length; at += step) {
            const bent = Buffer.from(one[field])
            bent[at]! ^= 1 << (at % 8)
            expect(check({ ...one, [field]: bent }).result).toBe(STATUS_SIGNATURE_INVALID)
        }
    }
})

interface AcvpTest {
    readonly tcId: number
    readonly testPassed: boolean
    readonly message: string
    readonly signature: string
    readonly reason: string
}

interface AcvpGroup {
    readonly lmsMode: string
    readonly lmOtsMode: string
    readonly publicKey: string
    readonly tests: readonly AcvpTest[]
}

const parsed = (path: string): any =>
    JSON.parse((path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path)).toString("utf8"))

const own = (file: string): AcvpGroup[] => parsed(join(__dirname, "../vectors/lms", file))

/** Every height and width with both hashes, and two groups with SHAKE; of them a few where an engine is slow. */
const EVERY_SET = own("acvp-1.0-all.json.gz").filter((_, i) => i % engine.stride === 0)

/** The project's own copies (test/vectors/lms/README.md), and more where OTARY_LMS_ACVP names a folder with NIST's. */
function acvpGroups(): AcvpGroup[] {
    const more = ["LMS-sigVer-1.0", "LMS-sigVer-SP800-208"]
        .map(folder => join(process.env["OTARY_LMS_ACVP"] ?? "", folder, "internalProjection.json"))
        .filter(path => process.env["OTARY_LMS_ACVP"] !== undefined && existsSync(path))
    const later = ["acvp-1.0.json", "acvp-sp800-208.json"].flatMap(own)
    return [...later, ...EVERY_SET, ...more.flatMap(path => parsed(path).testGroups)]
}

/** What Otary takes of NIST's sets: those with SHA-256 (firmware/FORMAT.md). */
const isTaken = ({ lmsMode }: AcvpGroup): boolean => !lmsMode.includes("SHAKE")

describe("NIST ACVP LMS sigVer", () => {
    const cases = acvpGroups().flatMap(group => group.tests.map(one => ({ group, one })))

    test("holds good ones and every kind of bad ones", () => {
        const reasons = new Map(cases.map(({ one }) => [one.reason, one.testPassed]))
        expect(Object.fromEntries(reasons)).toEqual({
            "no modification": true,
            "modify message": false,
            "modify signature": false,
            "modify signature header": false,
        })
        const sets = new Set(EVERY_SET.filter(isTaken).map(({ lmsMode, lmOtsMode }) => `${lmsMode} ${lmOtsMode}`))
        expect(sets.size).toBe(engine.stride === 1 ? 40 : EVERY_SET.filter(isTaken).length)
        expect(cases.length).toBeGreaterThanOrEqual(16 + 4 * sets.size)
    })

    test.each(
        cases.map(item => [`${item.group.lmsMode} ${item.group.lmOtsMode} ${item.one.tcId} ${item.one.reason}`, item] as const),
    )("%s", (_name, { group, one }) => {
        const [publicKey, message, signature] = [group.publicKey, one.message, one.signature].map(hex => Buffer.from(hex, "hex"))
        const lms = { publicKey: publicKey!, message: message!, signature: signature! }
        const isGood = one.testPassed && isTaken(group)
        expect(check(lms).result).toBe(isGood ? LMS_VALID : STATUS_SIGNATURE_INVALID)
        expect(lmsVerify(lms.publicKey, lms.message, lms.signature)).toBe(isGood)
    })
})
