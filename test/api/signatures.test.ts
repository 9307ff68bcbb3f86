// Signed images only: a product's public keys against real LMS and ECDSA signatures, at the upload and at the release (attack 22).

import { generateKeyPairSync } from "node:crypto"
import { ecdsaTestKey, lmsKey, NEW, recordOf, signedEntries, signedImage } from "../attacks/signed-rig"
import { signaturesEncode } from "../../build/signatures"
import { imageEntries, zipOf, type Entry } from "../firmware/images"
import { startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
const lms = lmsKey(1)
const long = lmsKey(2, 8, 32)
const stranger = lmsKey(3)
const ec = ecdsaTestKey()
const otherEc = ecdsaTestKey()

beforeAll(async () => {
    cloud = await startCloudFixture({ ticks: false })
    for (const [id, publicKeys] of Object.entries({
        lms: [lms.publicKey],
        ec: [ec.publicKey],
        both: [ec.publicKey, long.publicKey],
    }))
        expect((await cloud.api("POST", "/products", { id, publicKeys })).status).toBe(201)
    await cloud.api("POST", "/products", { id: "any" })
}, 60_000)
afterAll(() => cloud?.close())

async function upload(image: Buffer, product?: string): Promise<Json> {
    const headers = { Authorization: `Bearer ${cloud.token}`, "Content-Type": "application/zip" }
    const query = product === undefined ? "" : `?product=${product}`
    const answer = await fetch(`${cloud.url}/api/v1/artifacts${query}`, { method: "POST", headers, body: new Uint8Array(image) })
    return { status: answer.status, ...((await answer.json()) as object) }
}

let builds = 0

/** Entries of an image that is not signed; each is another one. */
function plainEntries(): [Entry, ...Entry[]] {
    builds += 1
    return imageEntries({ app: NEW, manifest: { version: "2.0.0", build_id: `b${builds}` } }) as [Entry, ...Entry[]]
}

const own = (): object => ({ manifest: { version: "2.0.0", build_id: `s${(builds += 1)}` } })
const lmsSigned = (...keys: Parameters<typeof recordOf>[0][]): Buffer => signedImage(keys, own())

function ecSigned(key: ReturnType<typeof ecdsaTestKey>, slot = 0): Buffer {
    const [manifest, ...rest] = plainEntries()
    return zipOf([{ ...manifest, extra: key.extra(manifest.bytes, slot) }, ...rest])
}

/** Signed, and then the manifest is another one. */
function bent(): Buffer {
    const [, signature] = signedEntries([lms], own()) as [Entry, Entry]
    const [manifest, ...rest] = plainEntries()
    return zipOf([manifest, signature, ...rest])
}

function oneBit(): Buffer {
    const entries = signedEntries([lms], own()) as [Entry, Entry, ...Entry[]]
    const bytes = Buffer.from(entries[1].bytes)
    bytes[700] = (bytes[700] as number) ^ 1
    return zipOf([entries[0], { ...entries[1], bytes }, ...entries.slice(2)])
}

function underName(): Buffer {
    const [manifest, ...rest] = plainEntries()
    const { signature } = recordOf(stranger, manifest.bytes)
    const bytes = signaturesEncode([{ keyId: lms.keyId, signature }]) as Buffer
    return zipOf([manifest, { name: "manifest.sig", bytes }, ...rest])
}

test.each<[string, string, () => Buffer]>([
    ["LMS", "lms", () => lmsSigned(lms)],
    ["LMS beside a stranger's", "lms", () => lmsSigned(stranger, lms)],
    ["ECDSA", "ec", () => ecSigned(ec)],
    ["ECDSA in another slot", "ec", () => ecSigned(ec, 3)],
    ["one of two keys: ECDSA", "both", () => ecSigned(ec)],
    ["one of two keys: LMS with hashes of 32 bytes", "both", () => lmsSigned(long)],
])("taken: %s", async (_what, product, image) => {
    const { status, sha256 } = await upload(image(), product)
    expect(status).toBe(201)
    expect((await cloud.api("POST", "/releases", { product, artifact: sha256 })).status).toBe(201)
})

test.each<[string, string, string, () => Buffer]>([
    ["no signature", "lms", "signature_missing", () => zipOf(plainEntries())],
    ["another key's", "lms", "signature_invalid", () => lmsSigned(stranger)],
    ["another key's under this key's name", "lms", "signature_invalid", underName],
    ["of another manifest", "lms", "signature_invalid", bent],
    ["one bit changed", "lms", "signature_invalid", oneBit],
    [
        "all zeros",
        "lms",
        "signature_invalid",
        () => {
            const [manifest, ...rest] = plainEntries()
            const bytes = signaturesEncode([{ keyId: lms.keyId, signature: Buffer.alloc(1500) }]) as Buffer
            return zipOf([manifest, { name: "manifest.sig", bytes }, ...rest])
        },
    ],
    [
        "records cut off",
        "lms",
        "signature_missing",
        () => {
            const [manifest, signature, ...rest] = signedEntries([lms], own()) as [Entry, Entry, ...Entry[]]
            return zipOf([manifest, { ...signature, bytes: signature.bytes.subarray(0, 200) }, ...rest])
        },
    ],
    ["ECDSA by another key", "ec", "signature_invalid", () => ecSigned(otherEc)],
    ["LMS where ECDSA is asked for", "ec", "signature_invalid", () => lmsSigned(lms)],
])("refused: %s", async (_what, product, code, image) => {
    const bytes = image()
    expect(await upload(bytes, product)).toMatchObject({ status: 422, code, issues: [{ path: "product" }] })
    // Uploaded without a word of the product, it is refused where it is to be released: as image, differential or file.
    const { sha256 } = await upload(bytes)
    const refused = await cloud.api("POST", "/releases", { product, artifact: sha256 })
    expect([refused.status, refused.body.code, refused.body.issues[0].path]).toEqual([422, code, "artifact"])
    const good = (await upload(product === "ec" ? ecSigned(ec) : lmsSigned(lms))).sha256
    const delta = await cloud.api("POST", "/releases", { product, artifact: good, deltas: { "1.0.0": sha256 } })
    expect([delta.body.code, delta.body.issues[0].path]).toEqual([code, "deltas.1.0.0"])
    expect((await cloud.api("POST", "/releases", { product: "any", artifact: sha256 })).status).toBe(201)
})

test("the manifest's own product is held to, too", async () => {
    const image = zipOf(imageEntries({ app: NEW, manifest: { product: "lms", version: "2.0.0" } }))
    expect(await upload(image)).toMatchObject({ status: 422, code: "signature_missing" })
    expect(await upload(zipOf(plainEntries()), "nobody")).toMatchObject({ status: 404 })
})

test("keys are public ones, eight at most; PEM is taken, secrets never", async () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
    const pem = (key: typeof pair.publicKey | typeof pair.privateKey, type: "spki" | "pkcs8"): string =>
        key.export({ format: "pem", type } as { format: "pem"; type: "spki" }).toString()
    const publicPem = pem(pair.publicKey, "spki")
    const taken = await cloud.api("PATCH", "/products/any", { publicKeys: [publicPem, ` ${lms.publicKey.toUpperCase()}\n`] })
    expect(taken.body.publicKeys).toEqual([publicPem.replace(/-----[^-]+-----|\s/g, ""), lms.publicKey])
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "pem", type: "spki" }).toString()
    const secretDer = pair.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64")
    for (const key of [pem(pair.privateKey, "pkcs8"), secretDer, rsa, "", "abc", "00".repeat(47)]) {
        const { status, body } = await cloud.api("PATCH", "/products/any", { publicKeys: [key] })
        expect([status, body.code, body.issues[0].path]).toEqual([422, "field_invalid", "publicKeys.0"])
    }
    expect((await cloud.api("PATCH", "/products/any", { publicKeys: Array(9).fill(lms.publicKey) })).status).toBe(422)
    expect((await cloud.api("PATCH", "/products/any", { publicKeys: [] })).body.publicKeys).toEqual([])
})
