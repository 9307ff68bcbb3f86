// No one-time key is ever used twice: signers killed at every file operation, many at once, and every way of copying a key back.

import { spawn } from "node:child_process"
import { appendFileSync, copyFileSync, cpSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { keyAdopt, keyCreate } from "../../build/keygen"
import { bundleSigner, contentOf, keyFolder, leafOf, runSigner, signaturesIn, signerCall, type KeyFolder } from "./key-fixture"

let keys: KeyFolder
beforeEach(() => void (keys = keyFolder()))
afterEach(() => keys.remove())

const message = Buffer.from("manifest")
const refusal = (code: string) => expect.objectContaining({ code })
const sign = (name?: string): number => leafOf(keys.read(name).sign(message))

describe("killed at any moment", () => {
    let signerFolder: KeyFolder
    let signer = ""
    beforeAll(() => {
        signerFolder = keyFolder()
        signer = bundleSigner(signerFolder.folder)
    })
    afterAll(() => signerFolder.remove())

    /** The places where a signer can be killed, and those of them that are ahead of a write. */
    function places(): { operations: number; writes: number[] } {
        keys.create()
        const { stderr } = runSigner(signer, keys, 1)
        return JSON.parse(stderr) as { operations: number; writes: number[] }
    }

    /** Kills a signer there, then signs twice more, on a key that has signed before. No leaf may come twice. */
    function killedAt(place: number, isTorn: boolean): void {
        keys.remove()
        keys = keyFolder()
        keys.create()
        const used = [sign()]
        const run = runSigner(signer, keys, 1, place, isTorn)
        expect(run.signal).toBe("SIGKILL")
        used.push(...run.signatures.map(leafOf), sign(), sign())
        expect(new Set(used).size).toBe(used.length)
        expect(Math.max(...used)).toBeLessThanOrEqual(3)
    }

    test("ahead of every file operation of a signature, and behind the last", () => {
        const { operations } = places()
        expect(operations).toBeGreaterThan(20)
        for (let place = 1; place <= operations; place++) killedAt(place, false)
    }, 60_000)

    test("in the middle of every write", () => {
        const { writes } = places()
        expect(writes.length).toBe(2)
        for (const place of writes) killedAt(place, true)
    })

    test("eight processes at once never share a leaf, and none has to wait for a lock", async () => {
        keys.create()
        const runs = Array.from({ length: 8 }, () => {
            const [args, env] = signerCall(signer, keys, 4, 0, false)
            const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "ignore"] })
            let stdout = ""
            child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
            return new Promise<Buffer[]>(done => child.on("close", () => done(signaturesIn(stdout))))
        })
        const leaves = (await Promise.all(runs)).flat().map(leafOf)
        expect(leaves.sort((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, leaf) => leaf))
        expect(() => sign()).toThrow(refusal("KEY_USED_UP"))
    })
})

test("leaves are handed out in order, each written down with what it signed, until none is left", () => {
    keys.create()
    for (let leaf = 0; leaf < 32; leaf++) expect(sign()).toBe(leaf)
    expect(keys.read().signaturesLeft).toBe(0)
    expect(() => sign()).toThrow(refusal("KEY_USED_UP"))
    const lines = readFileSync(`${keys.path()}.state`, "latin1").trimEnd().split("\n")
    expect(lines.length).toBe(32)
    expect(lines[31]).toMatch(/^2026-01-01T00:00:00Z [0-9a-f]{32} [0-9a-f]{64}$/)
})

test("keygen overwrites nothing, and nothing is left where it cannot write", () => {
    keys.create()
    const before = contentOf(keys.folder)
    expect(() => keys.create()).toThrow(refusal("KEY_EXISTS"))
    expect(contentOf(keys.folder)).toEqual(before)
    writeFileSync(keys.path("file"), "")
    expect(() => keyCreate(join(keys.path("file"), "k"), { height: 5 }, keys.home)).toThrow(refusal("KEY_FILE"))
})

describe("copied back", () => {
    test("an older log is refused, and nothing is spent by the refusal", () => {
        keys.create()
        sign()
        copyFileSync(`${keys.path()}.state`, keys.path("backup"))
        sign()
        sign()
        copyFileSync(keys.path("backup"), `${keys.path()}.state`)
        const before = contentOf(keys.folder)
        for (let turn = 0; turn < 3; turn++) expect(() => sign()).toThrow(refusal("KEY_COPIED_BACK"))
        expect(contentOf(keys.folder)).toEqual(before)
    })

    test("a log that is cut short, emptied or missing is refused", () => {
        keys.create()
        sign()
        sign()
        truncateSync(`${keys.path()}.state`, 100)
        expect(() => sign()).toThrow(refusal("KEY_COPIED_BACK"))
        truncateSync(`${keys.path()}.state`, 0)
        expect(() => sign()).toThrow(refusal("KEY_COPIED_BACK"))
        rmSync(`${keys.path()}.state`)
        expect(() => sign()).toThrow(refusal("KEY_COPIED_BACK"))
    })

    test("of two copies on one machine, the one that is behind is refused", () => {
        keys.create()
        cpSync(keys.path(), keys.path("k2"))
        for (const end of [".state", ".tree", ".pub"]) cpSync(keys.path() + end, keys.path("k2") + end)
        expect(sign()).toBe(0)
        expect(() => sign("k2")).toThrow(refusal("KEY_COPIED_BACK"))
    })

    test("adopted, it goes on behind the highest leaf that the machine remembers", () => {
        keys.create()
        for (let leaf = 0; leaf < 5; leaf++) sign()
        rmSync(`${keys.path()}.state`)
        expect(keyAdopt(keys.path(), keys.home).signaturesLeft).toBe(27)
        expect(sign()).toBe(5)
        truncateSync(`${keys.path()}.state`, 250)
        expect(keyAdopt(keys.path(), keys.home).signaturesLeft).toBe(26)
        expect(sign()).toBe(6)
    })
})

describe("moved", () => {
    test("another machine, or another user, refuses until it is told that the key moved", () => {
        keys.create()
        sign()
        renameSync(keys.home.markFolder, join(keys.folder, "old home"))
        expect(() => sign()).toThrow(refusal("KEY_MOVED"))
        expect(keyAdopt(keys.path(), keys.home).signaturesLeft).toBe(31)
        expect(sign()).toBe(1)
    })

    test("a key whose log and record are both missing cannot be adopted: nobody knows what is spent", () => {
        keys.create()
        rmSync(keys.home.markFolder, { recursive: true })
        rmSync(`${keys.path()}.state`)
        expect(() => keyAdopt(keys.path(), keys.home)).toThrow(refusal("KEY_MOVED"))
    })

    test("a new key that never signed is at home where it was made, and nowhere else", () => {
        keys.create()
        rmSync(keys.home.markFolder, { recursive: true })
        expect(() => sign()).toThrow(refusal("KEY_MOVED"))
    })
})

describe("damaged", () => {
    test("rests of torn records count as spent, and the next leaf is a fresh one", () => {
        keys.create()
        expect(sign()).toBe(0)
        appendFileSync(`${keys.path()}.state`, "2026-01-0")
        expect(sign()).toBe(2)
        appendFileSync(`${keys.path()}.state`, "x")
        expect(sign()).toBe(3)
        expect(sign()).toBe(4)
    })

    test("a tree file that is missing or bent is made anew", () => {
        keys.create()
        const first = keys.read().publicKey
        rmSync(`${keys.path()}.tree`)
        expect(sign()).toBe(0)
        writeFileSync(`${keys.path()}.tree`, Buffer.alloc(64 * 24))
        expect(sign()).toBe(1)
        expect(keys.read().publicKey).toBe(first)
    })

    test("a secret that does not belong to its public key is refused before a leaf is spent", () => {
        keys.create()
        const text = JSON.parse(readFileSync(keys.path(), "utf8")) as { seed: string }
        writeFileSync(keys.path(), JSON.stringify({ ...text, seed: "00".repeat(24) }))
        rmSync(`${keys.path()}.tree`)
        expect(() => keys.read()).toThrow(refusal("KEY_DAMAGED"))
        // With the tree still there the fresh signature gives it away, and is kept back.
        expect(readFileSync(`${keys.path()}.state`).length).toBe(0)
    })

    test.each(["", "{}", "not json", '{"kind":"otary-lms-private-key"}', " ".repeat(5000)])("no key: %j", text => {
        writeFileSync(keys.path(), text)
        expect(() => keys.read()).toThrow(refusal(text.length > 4096 ? "KEY_FILE" : "KEY_TYPE"))
        expect(() => keys.read("missing")).toThrow(refusal("KEY_FILE"))
    })
})
