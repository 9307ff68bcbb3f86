// keygen, pack --key, sign and inspect --key, end to end through files.

import { generateKeyPairSync } from "node:crypto"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { STATUS_SIGNATURE_INVALID } from "../../firmware/status"
import { zipRead, zipStore } from "../../build/zip"
import { makeFolder, run, writeFiles, type Ran } from "../cli/cli-fixture"

const folder = makeFolder()
const cwd = folder.path
const otary = (...argv: string[]): Promise<Ran> => run(argv, { cwd, env: { OTARY_STATE: join(cwd, "home") } })
const json = async (...argv: string[]): Promise<any> => JSON.parse((await otary(...argv, "--json")).stdout)

beforeAll(async () => {
    writeFiles(cwd, { "app/app.js": "", "app/otary.json5": `{ name: "hello", version: "1.0.0" }` })
    writeFileSync(
        join(cwd, "ec.pem"),
        generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey.export({ format: "pem", type: "sec1" }),
    )
    expect(await otary("keygen", "k", "--height", "5")).toMatchObject({ exitCode: 0 })
})
afterAll(() => folder.remove())

test("keygen prints the public key, and tells that the file is secret", async () => {
    const ran = await otary("keygen", "other", "--height", "5", "--width", "8", "--json")
    const facts = JSON.parse(ran.stdout) as Record<string, unknown>
    expect(facts).toMatchObject({ file: "other", parameters: "LMS_SHA256_M24_H5/LMOTS_SHA256_N24_W8", signaturesLeft: 32 })
    expect(facts["publicKey"]).toBe(readFileSync(join(cwd, "other.pub"), "utf8").trim())
    expect(ran.stderr).toContain("other is secret")
    expect(await otary("keygen", "other")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("KEY_EXISTS") })
    expect((await otary("keygen", "x", "--height", "6")).exitCode).toBe(2)
    expect(existsSync(join(cwd, "x"))).toBe(false)
})

test("pack --key signs, inspect --key verifies, and what changes afterwards is refused with exit code 3", async () => {
    const packed = await json("pack", "app", "--key", "k", "-o", "a.zip")
    expect(await json("inspect", "a.zip", "--key", "k.pub")).toMatchObject({
        sha256: packed.sha256,
        signatures: [{ algorithm: "LMS", isValid: true }],
        problems: [],
    })
    expect((await otary("inspect", "a.zip")).stdout).toMatch(/LMS +[0-9a-f]{16} +0 +unknown key/)
    const entries = zipRead(readFileSync(join(cwd, "a.zip"))).entries.map(({ name, bytes }) => ({
        name,
        bytes: Buffer.from(bytes),
    }))
    entries.find(({ name }) => name === "manifest.sig")!.bytes[900]! ^= 1
    writeFileSync(join(cwd, "bent.zip"), zipStore(entries))
    const ran = await otary("inspect", "bent.zip", "--key", "k.pub", "--json")
    expect(ran.exitCode).toBe(3)
    expect(JSON.parse(ran.stdout)).toMatchObject({ problems: [{ status: STATUS_SIGNATURE_INVALID }] })
})

test("sign adds keys of both kinds to an image that is packed, in place or beside it", async () => {
    await otary("pack", "app", "-o", "b.zip")
    const plain = readFileSync(join(cwd, "b.zip"))
    expect(await json("sign", "b.zip", "--key", "k", "--key", "ec.pem", "-o", "c.zip")).toMatchObject({
        file: "c.zip",
        ecdsa: ["sig0"],
    })
    expect(readFileSync(join(cwd, "b.zip")).equals(plain)).toBe(true)
    expect((await json("inspect", "c.zip", "--key", "k.pub")).signatures).toMatchObject([{ key: "sig0" }, { isValid: true }])
    expect((await otary("sign", "b.zip", "--key", "k")).stderr).toMatch(
        /^signed by [0-9a-f]{16}, which has \d+ signatures left\n$/,
    )
    expect((await json("inspect", "b.zip", "--key", "k.pub")).signatures).toMatchObject([{ isValid: true }])
})

test("an image whose keys no board could use is not packed; one with keys says nothing of them in its manifest", async () => {
    const publicKey = readFileSync(join(cwd, "k.pub"), "utf8").trim()
    writeFiles(cwd, { "app/config.json5": `{ update: { key0: "nonsense" } }` })
    expect(await otary("pack", "app", "-o", "d.zip")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("PACK_KEYS") })
    writeFiles(cwd, { "app/config.json5": `{ update: { key1: "${publicKey}", sig_req_mask: 2 } }` })
    expect(await otary("pack", "app", "-o", "d.zip")).toMatchObject({ exitCode: 0 })
    const entries = zipRead(readFileSync(join(cwd, "d.zip"))).entries
    const app = entries.find(({ name }) => name === "app.js")!.bytes.toString()
    expect(app).toContain(`keys:["","${publicKey}","","","","","",""],sig_req_mask:2`)
    expect(entries[0]!.bytes.toString()).not.toContain(publicKey)
    rmSync(join(cwd, "app/config.json5"))
})

test("a key that was moved is adopted, and goes on with the next one-time key", async () => {
    rmSync(join(cwd, "home"), { recursive: true })
    expect(await otary("sign", "a.zip", "--key", "k")).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("KEY_MOVED"),
    })
    const { signaturesLeft } = await json("keygen", "k", "--adopt")
    expect(signaturesLeft).toBe(29)
    expect((await json("sign", "a.zip", "--key", "k")).lms).toMatchObject([{ signaturesLeft: 28 }])
    expect((await json("inspect", "a.zip")).signatures).toMatchObject([{ leaf: 3 }])
})
