// Attacks 1 and 2: bent, unsigned and wrongly signed images are refused before any erase, with a reason; masks and slots decide.

import { signaturesEncode } from "../../build/signatures"
import * as status from "../../firmware/status"
import { engine, feed, slotBytes, updateOptions } from "../firmware/core"
import { zipOf, type Entry } from "../firmware/images"
import {
    boots,
    createBoard,
    ecdsaTestKey,
    lmsKey,
    NEW,
    offer,
    recordOf,
    signedEntries,
    signedImage,
    startAs,
    type RunningImage,
    type TestKey,
} from "./signed-rig"

/** Engines that are slow take each seventh of many cases. */
const STRIDE = engine.stride > 1 ? 7 : 1
// skipped: on engines without ECDSA, and whose shims have their own number of steps
const describeHost = engine.hidesChip ? describe.skip : describe
const key = lmsKey(1)
const stranger = lmsKey(2)
const running: Partial<RunningImage> = { keys: [key.publicKey] }
const manifestBytes = signedEntries([])[0]!.bytes

/** Refused with this status; nothing was erased or written, and the old image boots. */
function refused(image: Buffer, wanted: number, image0: Partial<RunningImage> = running): void {
    for (const chunkBytes of [7, 65536]) {
        const outcome = offer(image, image0, chunkBytes)
        expect([outcome.status, outcome.isTouched]).toEqual([wanted, false])
        expect(boots(outcome.rig)).toBe(0)
    }
}

/** Taken: it is the one that boots next. */
function taken(image: Buffer, image0: Partial<RunningImage> = running): void {
    const outcome = offer(image, image0)
    expect(outcome.status).toBe(status.STATUS_DONE)
    expect(outcome.core.updater.updaterFinish()).toBe(status.STATUS_OK)
    expect(boots(outcome.rig)).toBe(1)
    expect(slotBytes(outcome.rig, 1, NEW.length).equals(NEW)).toBe(true)
}

function bent(entries: Entry[], name: string, change: (bytes: Buffer) => Buffer | void): Buffer {
    return zipOf(
        entries.map(entry => {
            if (entry.name !== name) return entry
            const bytes = Buffer.from(entry.bytes)
            return { ...entry, bytes: change(bytes) ?? bytes }
        }),
    )
}

test("a signed image is taken, in whatever pieces it comes", () => {
    taken(signedImage([key]))
    const image = signedImage([key])
    for (const chunkBytes of [1, 13, 4096, 65536]) expect(offer(image, running, chunkBytes).status).toBe(status.STATUS_DONE)
})

test.each([
    [24, 1],
    [24, 8],
    [32, 2],
    [32, 4],
])("keys with hashes of %i bytes and digits of %i bits", (hashBytes, width) => {
    const other = lmsKey(3, width, hashBytes)
    taken(signedImage([other]), { keys: [other.publicKey] })
})

describe("attack 1: a flipped bit", () => {
    const entries = signedEntries([key])

    test("anywhere in the signature, its CRC mended", () => {
        const length = entries[1]!.bytes.length
        for (let at = 0; at < length; at += (at < 40 || at > length - 40 ? 1 : 23) * STRIDE) {
            const image = bent(entries, "manifest.sig", bytes => void (bytes[at]! ^= 1 << (at % 8)))
            const outcome = offer(image, running, 65536)
            expect([outcome.status < 0, outcome.isTouched]).toEqual([true, false])
        }
    })

    test("anywhere in the manifest, its CRC mended", () => {
        for (let at = 0; at < manifestBytes.length; at += 3 * STRIDE) {
            const image = bent(entries, "manifest.json", bytes => void (bytes[at]! ^= 1 << (at % 7)))
            const outcome = offer(image, running, 65536)
            expect(outcome.status).toBeLessThan(0)
            expect(outcome.isTouched).toBe(false)
        }
    })

    test("in block list or part: nothing that was flipped reaches the flash", () => {
        for (const [name, wanted] of [
            ["app.js.blocks", status.STATUS_PAGE_HASH],
            ["app.js", status.STATUS_BLOCK_HASH],
        ] as const) {
            const image = bent(entries, name, bytes => void (bytes[100]! ^= 1))
            const outcome = offer(image, running)
            expect([outcome.status, outcome.isHarmed]).toEqual([wanted, false])
            expect(boots(outcome.rig)).toBe(0)
        }
    })

    test("in any byte of the whole image: refused, or the very image", () => {
        const image = signedImage([key])
        for (let at = 0; at < image.length; at += 97 * STRIDE) {
            const outcome = offer(flipped(image, at), running, 65536)
            if (outcome.status === status.STATUS_DONE) expect(slotBytes(outcome.rig, 1, NEW.length).equals(NEW)).toBe(true)
            else expect(outcome.status).toBeLessThanOrEqual(0)
            expect(outcome.isHarmed).toBe(false)
        }
    })
})

function flipped(image: Buffer, at: number): Buffer {
    const copy = Buffer.from(image)
    copy[at]! ^= 4
    return copy
}

describe("attack 2: signatures that are none", () => {
    const zeros = (length: number) => signaturesEncode([{ keyId: key.keyId, signature: Buffer.alloc(length) }])!
    const real = recordOf(key, manifestBytes)

    test("no signature at all", () => {
        const [manifest, , ...rest] = signedEntries([key])
        refused(zipOf([manifest!, ...rest]), status.STATUS_SIGNATURE_MISSING)
        refused(zipOf([manifest!, ...rest, { name: "manifest.sig", bytes: zeros(1500) }]), status.STATUS_SIGNATURE_MISSING)
    })
    test("an empty list", () => refused(signedImage([]), status.STATUS_SIGNATURE_MISSING))
    test("an unknown key", () => refused(signedImage([stranger]), status.STATUS_SIGNATURE_MISSING))
    test("an unknown key that calls itself by the known one's id", () => {
        const record = { keyId: key.keyId, signature: stranger.sign(manifestBytes) }
        refused(signedImage(signaturesEncode([record])!), status.STATUS_SIGNATURE_INVALID)
    })
    test("a signature of another manifest", () => {
        const record = recordOf(key, Buffer.concat([manifestBytes, Buffer.from(" ")]))
        refused(signedImage(signaturesEncode([record])!), status.STATUS_SIGNATURE_INVALID)
    })
    test("an unknown algorithm", () => {
        const bytes = signaturesEncode([real])!
        bytes[16] = 2
        refused(signedImage(bytes), status.STATUS_SIGNATURE_MISSING)
    })
    test("all zeros, of the right length and of none", () => {
        refused(signedImage(zeros(real.signature.length)), status.STATUS_SIGNATURE_INVALID)
        refused(signedImage(zeros(0)), status.STATUS_SIGNATURE_INVALID)
        refused(signedImage(Buffer.alloc(1520)), status.STATUS_SIGNATURE_INVALID)
    })
    test("truncated anywhere, with and without a length that says so", () => {
        const whole = signaturesEncode([real])!
        for (let length = 0; length < whole.length; length += 97 * STRIDE)
            refused(signedImage(whole.subarray(0, length)), status.STATUS_SIGNATURE_INVALID)
        for (let length = 0; length < real.signature.length; length += 97 * STRIDE) {
            const record = { keyId: key.keyId, signature: real.signature.subarray(0, length) }
            refused(signedImage(signaturesEncode([record])!), status.STATUS_SIGNATURE_INVALID)
        }
    })
    test("more than there is room for, and a count that is not true", () => {
        refused(signedImage(Buffer.alloc(12_289)), status.STATUS_SIGNATURE_INVALID)
        for (const count of [0, 2, 9, 255]) {
            const bytes = signaturesEncode([real])!
            bytes[4] = count
            refused(signedImage(bytes), status.STATUS_SIGNATURE_INVALID)
        }
    })
    test("another entry between manifest and signature", () => {
        const [manifest, signature, ...rest] = signedEntries([key]) as [Entry, Entry, ...Entry[]]
        refused(zipOf([manifest, { name: "x", bytes: Buffer.from("x") }, signature, ...rest]), status.STATUS_SIGNATURE_MISSING)
    })
    test("a second manifest behind the signature changes nothing", () => {
        const [manifest, signature, ...rest] = signedEntries([key]) as [Entry, Entry, ...Entry[]]
        const evil = { name: "manifest.json", bytes: Buffer.from(manifest.bytes.toString().replace("1.1.0", "6.6.6")) }
        const outcome = offer(zipOf([manifest, signature, evil, ...rest]), running)
        expect(outcome.core.updater.updaterVersion()).toBe("1.1.0")
    })
    test("even the running version is not believed without a signature", () => {
        refused(signedImage([], { manifest: { version: "1.0.0", build_id: "b1" } }), status.STATUS_SIGNATURE_MISSING)
        const same = offer(signedImage([key], { manifest: { version: "1.0.0", build_id: "b1" } }), running)
        expect([same.status, same.core.updater.updaterSame(), same.isTouched]).toEqual([status.STATUS_DONE, true, false])
    })
    test("a valid signature beside a broken one by a key that the board does not have", () => {
        const record = { keyId: stranger.keyId, signature: Buffer.alloc(1500) }
        taken(signedImage(signaturesEncode([record, recordOf(key, manifestBytes)])!))
    })
})

describe("slots and mask, as in Mongoose OS", () => {
    const keys = [key, stranger, lmsKey(4)]
    const slots = keys.map(one => one.publicKey)
    const rows: [number | undefined, number[], number][] = [
        [undefined, [0], 1],
        [undefined, [2], 1],
        [undefined, [], status.STATUS_SIGNATURE_MISSING],
        [1, [0], 1],
        [1, [1, 2], status.STATUS_SIGNATURE_MISSING],
        [3, [0], status.STATUS_SIGNATURE_MISSING],
        [3, [0, 1], 1],
        [7, [2, 1, 0], 1],
        [5, [0, 1], status.STATUS_SIGNATURE_MISSING],
        [8, [0, 1, 2], status.STATUS_SIGNATURE_MISSING],
        [-1, [], 1],
        [0, [0, 1, 2], status.STATUS_UPDATES_LOCKED],
    ]
    test.each(rows)("mask %p, signed by %p → %i", (mask, signers, wanted) => {
        const image = signedImage(signers.map(slot => keys[slot] as TestKey))
        const policy = { keys: slots, ...(mask !== undefined && { sig_req_mask: mask }) }
        if (wanted === 1) taken(image, policy)
        else refused(image, wanted, policy)
    })

    test("without keys nothing is asked for, and signatures are passed over", () => {
        taken(signedImage([key]), {})
        taken(signedImage(Buffer.from("whatever")), {})
        refused(signedImage([key]), status.STATUS_SIGNATURE_MISSING, { sig_req_mask: 1 })
    })

    test("rotation: the old key signs the image that brings the new one, which then signs alone", () => {
        taken(signedImage([key]), { keys: [key.publicKey] })
        taken(signedImage([stranger]), { keys: [key.publicKey, stranger.publicKey] })
        refused(signedImage([key]), status.STATUS_SIGNATURE_MISSING, { keys: ["", stranger.publicKey] })
    })
})

describeHost("ECDSA in Mongoose's form", () => {
    const ecdsa = ecdsaTestKey()
    const [manifest, , ...rest] = signedEntries([])
    const withExtra = (extra: Buffer, signatures: Entry[] = []) => zipOf([{ ...manifest!, extra }, ...signatures, ...rest])

    test("a bundle without manifest.sig is taken when its header's signature holds in its slot", () => {
        taken(withExtra(ecdsa.extra(manifest!.bytes, 0)), { keys: [ecdsa.publicKey] })
        taken(withExtra(Buffer.concat([Buffer.from("UT\x02\x00ab"), ecdsa.extra(manifest!.bytes, 0)])), {
            keys: [ecdsa.publicKey],
        })
        refused(withExtra(ecdsa.extra(manifest!.bytes, 1)), status.STATUS_SIGNATURE_MISSING, { keys: [ecdsa.publicKey] })
        refused(withExtra(ecdsa.extra(Buffer.from("{}"), 0)), status.STATUS_SIGNATURE_INVALID, { keys: [ecdsa.publicKey] })
        refused(withExtra(ecdsaTestKey().extra(manifest!.bytes, 0)), status.STATUS_SIGNATURE_INVALID, { keys: [ecdsa.publicKey] })
    })

    test("extra fields that are none", () => {
        const good = ecdsa.extra(manifest!.bytes, 0)
        const long = Buffer.concat([Buffer.from([0, 0, 0xf8, 0x07]), Buffer.alloc(2040), good])
        for (const extra of [
            good.subarray(0, 30),
            Buffer.from(":)\xff\xff{}", "latin1"),
            Buffer.from(":)\x02\x0012"),
            Buffer.from(":)\x04\x00null"),
            long,
        ]) {
            refused(withExtra(extra), status.STATUS_SIGNATURE_MISSING, { keys: [ecdsa.publicKey] })
        }
    })

    test("both kinds together, under one mask", () => {
        const signatures = signaturesEncode([recordOf(key, manifest!.bytes)])!
        const policy = { keys: [ecdsa.publicKey, key.publicKey], sig_req_mask: 3 }
        const extra = ecdsa.extra(manifest!.bytes, 0)
        taken(withExtra(extra, [{ name: "manifest.sig", bytes: signatures }]), policy)
        refused(withExtra(extra), status.STATUS_SIGNATURE_MISSING, policy)
        refused(signedImage(signatures), status.STATUS_SIGNATURE_MISSING, policy)
    })
})

describeHost("a check in steps, so that the board keeps running", () => {
    const image = signedImage([key])

    test.each([1, 7, 1000])("%i steps at a time", stepsMax => {
        const { rig } = createBoard(running)
        const core = startAs(rig, running, stepsMax)
        core.updater.updaterContextCreate(updateOptions())
        let result = 0
        let polls = 0
        for (let at = 0; at < image.length; at += 1000) {
            result = core.updater.updaterProcess(image.toString("latin1", at, Math.min(at + 1000, image.length)))
            for (; core.updater.updaterVerifying(); polls++) result = core.updater.updaterPoll()
            expect(result).toBeGreaterThanOrEqual(0)
            expect(core.updater.updaterResumeOffset()).toBe(Math.min(at + 1000, image.length))
        }
        expect(result).toBe(status.STATUS_DONE)
        expect(polls).toBeGreaterThanOrEqual(Math.floor(50 / stepsMax))
        expect(core.updater.updaterFinish()).toBe(status.STATUS_OK)
        expect(boots(rig)).toBe(1)
    })

    test("a caller that does not wait has it done at once; a bad one is refused either way", () => {
        const { rig } = createBoard(running)
        const core = startAs(rig, running, 1)
        core.updater.updaterContextCreate(updateOptions())
        expect(feed(core, image, 100)).toBe(status.STATUS_DONE)
        const bad = signedImage(signaturesEncode([{ keyId: key.keyId, signature: stranger.sign(manifestBytes) }])!)
        for (const waits of [true, false]) {
            const next = startAs(createBoard(running).rig, running, 5)
            next.updater.updaterContextCreate(updateOptions())
            let result = 0
            for (let at = 0; at < bad.length && result === 0; at += 500) {
                result = next.updater.updaterProcess(bad.toString("latin1", at, at + 500))
                while (waits && next.updater.updaterVerifying()) result = next.updater.updaterPoll()
            }
            expect(result).toBe(status.STATUS_SIGNATURE_INVALID)
        }
    })

    test("aborted in the middle, the next update begins anew", () => {
        const core = startAs(createBoard(running).rig, running, 1)
        core.updater.updaterContextCreate(updateOptions())
        const end = signedEntries([key])
            .slice(0, 2)
            .reduce((sum, { name, bytes }) => sum + 30 + name.length + bytes.length, 0)
        expect(core.updater.updaterProcess(image.toString("latin1", 0, end + 50))).toBe(status.STATUS_OK)
        expect(core.updater.updaterVerifying()).toBe(true)
        expect(core.updater.updaterFinish()).toBe(status.STATUS_TRUNCATED)
        expect([core.updater.updaterVerifying(), core.updater.updaterPoll()]).toEqual([false, status.STATUS_OK])
        expect(core.updater.updaterContextCreate(updateOptions())).toBe(status.STATUS_OK)
        expect(core.updater.updaterResumeOffset()).toBe(0)
        expect(feed(core, image, 999)).toBe(status.STATUS_DONE)
    })
})
