// Signing images: what manifest.sig and the zip's extra field hold, several keys, images of other tools, and OpenSSL's opinion.

import { execFileSync } from "node:child_process"
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { ecdsaExtra, ecdsaKey, ecdsaPublicKey, ecdsaSignatures } from "../../build/ecdsa"
import { inspectImage } from "../../build/inspect"
import { keyCreate, type LmsKey } from "../../build/keygen"
import { keySettings, publicKeyOf } from "../../build/key-settings"
import { lmsVerify } from "../../build/lms"
import { readSigners, signImage } from "../../build/sign"
import { signaturesDecode, signaturesEncode } from "../../build/signatures"
import { zipRead } from "../../build/zip"
import { STATUS_SIGNATURE_INVALID } from "../../firmware/status"
import { imageOf, seededBytes, zipOf } from "../firmware/images"
import { keyFolder, leafOf, type KeyFolder } from "./key-fixture"

let keys: KeyFolder
let key: LmsKey
beforeAll(() => {
    keys = keyFolder()
    keys.create()
    key = keys.read()
})
afterAll(() => keys.remove())

const image = imageOf({
    app: seededBytes(20_000, 1),
    files: { a: "b" },
    manifest: { build_timestamp: "2026-01-01T00:00:00Z" },
})
const refusal = (code: string) => expect.objectContaining({ code })
const ecdsaPair = () =>
    ecdsaKey(generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey.export({ format: "pem", type: "sec1" }) as string)

/** The entries of an image by name. */
function entriesOf(bytes: Buffer) {
    const { entries, problem } = zipRead(bytes)
    expect(problem).toBeUndefined()
    return new Map(entries.map(entry => [entry.name, entry]))
}

test("manifest.sig stands right behind the manifest and holds a signature over its exact bytes; all else stays", () => {
    const signed = signImage(image, { lms: [key], ecdsa: [] })
    const [before, after] = [entriesOf(image), entriesOf(signed)]
    expect([...after.keys()]).toEqual(["manifest.json", "manifest.sig", ...[...before.keys()].slice(1)])
    for (const [name, entry] of before) expect(after.get(name)!.bytes.equals(entry.bytes)).toBe(true)
    const [record] = signaturesDecode(after.get("manifest.sig")!.bytes)!
    expect(record!.keyId).toBe(key.keyId)
    expect(lmsVerify(Buffer.from(key.publicKey, "hex"), before.get("manifest.json")!.bytes, record!.signature)).toBe(true)
})

test("inspect shows who signed, and what does not hold under the given keys", () => {
    const signed = signImage(image, { lms: [key], ecdsa: [] })
    expect(inspectImage(image).signatures).toEqual([])
    expect(inspectImage(signed).signatures).toMatchObject([
        { algorithm: "LMS", key: key.keyId, parameters: "LMOTS_SHA256_N24_W4" },
    ])
    expect(inspectImage(signed, [key.publicKey])).toMatchObject({ signatures: [{ isValid: true }], problems: [] })
    const at = signed.indexOf(Buffer.from("OTS1")) + 500
    const bent = Buffer.from(signed)
    bent[at]! ^= 1
    const entries = zipRead(signed).entries.map(({ name, bytes }) => ({
        name,
        bytes: name === "manifest.sig" ? flip(bytes, 500) : bytes,
    }))
    const { signatures, problems } = inspectImage(zipOf(entries), [key.publicKey])
    expect(signatures).toMatchObject([{ isValid: false }])
    expect(problems).toMatchObject([{ status: STATUS_SIGNATURE_INVALID }])
})

function flip(bytes: Buffer, at: number): Buffer {
    const bent = Buffer.from(bytes)
    bent[at]! ^= 1
    return bent
}

test("a second key adds its signature, the same key replaces its own, each time with a fresh leaf", () => {
    keyCreate(keys.path("other"), { height: 5, width: 8 }, keys.home)
    const other = keys.read("other")
    const once = signImage(image, { lms: [key], ecdsa: [] })
    const both = signImage(once, { lms: [other], ecdsa: [] })
    const again = signImage(both, { lms: [key], ecdsa: [] })
    const recordsOf = (bytes: Buffer) => signaturesDecode(entriesOf(bytes).get("manifest.sig")!.bytes)!
    expect(recordsOf(both).map(({ keyId }) => keyId)).toEqual([key.keyId, other.keyId])
    expect(recordsOf(again).map(({ keyId }) => keyId)).toEqual([other.keyId, key.keyId])
    expect(leafOf(recordsOf(again)[1]!.signature)).toBe(leafOf(recordsOf(once)[0]!.signature) + 1)
    expect(inspectImage(again, [key.publicKey, other.publicKey]).signatures.every(({ isValid }) => isValid)).toBe(true)
})

test("what cannot be signed costs no leaf", () => {
    const left = keys.read().signaturesLeft
    for (const bad of [Buffer.from("no image"), image.subarray(0, 5000), flip(image, image.indexOf("app.js") + 200)]) {
        expect(() => signImage(bad, { lms: [key], ecdsa: [] })).toThrow(refusal("SIGN_IMAGE"))
    }
    const nine = Array.from({ length: 9 }, () => key)
    expect(() => signImage(image, { lms: nine, ecdsa: [] })).toThrow(refusal("SIGN_ROOM"))
    expect(keys.read().signaturesLeft).toBe(left)
})

test("manifest.sig: what is malformed is no list of signatures", () => {
    const bytes = signaturesEncode([
        { keyId: "00".repeat(8), signature: Buffer.alloc(100) },
        { keyId: "11".repeat(8), signature: Buffer.alloc(0) },
    ])!
    expect(signaturesDecode(bytes)!.map(({ signature }) => signature.length)).toEqual([100, 0])
    for (let length = 0; length < bytes.length; length++) expect(signaturesDecode(bytes.subarray(0, length))).toBeUndefined()
    expect(signaturesDecode(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined()
    expect(signaturesDecode(flip(bytes, 0))).toBeUndefined()
    expect(signaturesDecode(flip(bytes, 4))).toBeUndefined()
    expect(
        signaturesEncode(Array.from({ length: 9 }, () => ({ keyId: "00".repeat(8), signature: Buffer.alloc(1) }))),
    ).toBeUndefined()
    expect(signaturesEncode([{ keyId: "00".repeat(8), signature: Buffer.alloc(12_288) }])).toBeUndefined()
    expect(
        inspectImage(zipOf([...zipRead(image).entries.slice(0, 1), { name: "manifest.sig", bytes: Buffer.from("?") }]))
            .problems[0],
    ).toMatchObject({
        status: expect.any(Number),
    })
})

describe("ECDSA as Mongoose OS makes it", () => {
    test("the extra field 0x293a of the manifest's local header holds JSON of DER in base64 over the manifest's SHA-256", () => {
        const pair = ecdsaPair()
        const signed = signImage(image, { lms: [], ecdsa: [{ slot: 2, key: pair }] })
        const { extra, bytes } = entriesOf(signed).get("manifest.json")!
        expect([extra.readUInt16LE(0), extra.readUInt16LE(2)]).toEqual([0x293a, extra.length - 4])
        const texts = JSON.parse(extra.toString("latin1", 4)) as Record<string, string>
        expect(Object.keys(texts)).toEqual(["sig2"])
        expect(verify("sha256", bytes, createPublicKey(pair), Buffer.from(texts["sig2"]!, "base64"))).toBe(true)
        expect(inspectImage(signed, [ecdsaPublicKey(pair)]).signatures).toMatchObject([{ key: "sig2", isValid: true }])
        expect(inspectImage(signed, [ecdsaPublicKey(ecdsaPair())]).signatures[0]).not.toHaveProperty("isValid")
    })

    test("OpenSSL verifies it, and unzip takes the image", () => {
        const pair = ecdsaPair()
        const signed = signImage(image, { lms: [key], ecdsa: [{ slot: 0, key: pair }] })
        const { extra, bytes } = entriesOf(signed).get("manifest.json")!
        const paths = ["manifest", "signature", "public.pem", "image.zip"].map(name => keys.path(name)) as [
            string,
            string,
            string,
            string,
        ]
        writeFileSync(paths[0], bytes)
        writeFileSync(paths[1], Buffer.from(ecdsaSignatures(extra)["sig0"]!, "base64"))
        writeFileSync(paths[2], createPublicKey(pair).export({ format: "pem", type: "spki" }))
        writeFileSync(paths[3], signed)
        const run = (command: string, args: string[]): string | undefined => {
            try {
                return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
            } catch (error) {
                // A machine without the tool has nothing to say; one with it must agree.
                if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
                throw error
            }
        }
        const opinion = run("openssl", ["dgst", "-sha256", "-verify", paths[2], "-signature", paths[1], paths[0]])
        expect(opinion ?? "Verified OK\n").toBe("Verified OK\n")
        expect(run("unzip", ["-t", paths[3]]) ?? "No errors detected").toContain("No errors detected")
    })

    test("other extra fields and other slots stay, the same slot is replaced", () => {
        const foreign = Buffer.from([0x55, 0x54, 2, 0, 7, 7])
        const once = ecdsaExtra(foreign, { sig0: "a", sig3: "b" })
        expect(once.subarray(0, 6).equals(foreign)).toBe(true)
        expect(ecdsaSignatures(once)).toEqual({ sig0: "a", sig3: "b" })
        expect(ecdsaSignatures(ecdsaExtra(once, { sig0: "c" }))).toEqual({ sig0: "c" })
        expect(ecdsaExtra(once, {}).equals(foreign)).toBe(true)
        for (const extra of ["", "9", "9)\x03\x00{}", ":)\x04\x00nope", ':)\x0a\x00{"sig0":1}']) {
            expect(ecdsaSignatures(Buffer.from(extra, "latin1"))).toEqual({})
        }
    })

    test("key files are told apart; of another curve, or no key at all, they are refused", () => {
        const pem = (curve: string) =>
            generateKeyPairSync("ec", { namedCurve: curve }).privateKey.export({ format: "pem", type: "pkcs8" })
        writeFileSync(keys.path("p256"), pem("prime256v1"))
        writeFileSync(keys.path("p384"), pem("secp384r1"))
        writeFileSync(keys.path("text"), "hello")
        const signers = readSigners([keys.path("p256"), keys.path(), keys.path("p256")], keys.home)
        expect(signers.lms.map(({ keyId }) => keyId)).toEqual([key.keyId])
        expect(signers.ecdsa.map(({ slot }) => slot)).toEqual([0, 1])
        for (const name of ["p384", "text"]) expect(() => readSigners([keys.path(name)], keys.home)).toThrow(refusal("KEY_TYPE"))
        expect(() => readSigners([keys.path("none")], keys.home)).toThrow(refusal("KEY_FILE"))
    })
})

describe("keys of config.json5", () => {
    test("LMS keys in hex and ECDSA keys in base64, in their slots; a mask is taken along", () => {
        const ecdsa = ecdsaPublicKey(ecdsaPair())
        const wrapped = ecdsa.replace(/(.{64})/g, "$1\n")
        expect(keySettings({ update: { key0: key.publicKey.toUpperCase(), key7: wrapped, sig_req_mask: 129 } })).toEqual({
            keys: [key.publicKey, "", "", "", "", "", "", ecdsa],
            sig_req_mask: 129,
        })
        expect(keySettings({})).toEqual({})
        expect(keySettings({ update: { key0: "", sig_req_mask: -1 } })).toEqual({ sig_req_mask: -1 })
    })

    test.each([
        { key0: "abc" },
        { key0: 5 },
        { key3: `${"00".repeat(48)}` },
        { sig_req_mask: 1 },
        { sig_req_mask: 256 },
        { sig_req_mask: 1.5 },
        { sig_req_mask: "1" },
        { sig_req_mask: -2 },
    ])("%j is refused", update => expect(() => keySettings({ update })).toThrow(refusal("PACK_KEYS")))

    test("a public key is named by its file or given as such", () => {
        expect(publicKeyOf(keys.folder, "k.pub")).toBe(key.publicKey)
        expect(publicKeyOf("/", key.publicKey)).toBe(key.publicKey)
        expect(() => publicKeyOf(keys.folder, "k")).toThrow(refusal("KEY_TYPE"))
        expect(readFileSync(keys.path("k.pub"), "utf8")).toBe(`${key.publicKey}\n`)
    })
})
