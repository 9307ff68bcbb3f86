// LMS keys on the disk: made, read, adopted, and used to sign. The secret, its tree and the log of spent leaves lie side by side.

import { createHash, randomBytes } from "node:crypto"
import * as nodeFs from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { PackError } from "./errors"
import { keyLogAdopt, keyLogCreate, keyLogSpent, keyLogTake, writeSynced, type KeyFs, type KeyLog } from "./key-log"
import { lmsPublicKey, lmsSign, lmsTree, lmsTreeIsWhole, lmsVerify, type LmsSecret, type LmsTree } from "./lms"
import { lmsParams, lmsParamsOfTypes, lmsSignatureBytes, type LmsParams } from "./lms-params"

/** Parameters of a new key. */
export interface KeyOptions {
    /** Levels of the tree: 2^height signatures. 5, 10, 15 or 20. */
    readonly height?: number
    /** Bits of a Winternitz digit: 1, 2, 4 or 8. */
    readonly width?: number
    /** Bytes of a hash: 24 or 32. */
    readonly hashBytes?: number
    /** Hears how many of the tree's leaves are made. */
    readonly onLeaf?: (done: number, all: number) => void
}

/** Where keys live, apart from their own folder. */
export interface KeyHome {
    readonly fs: KeyFs
    /** Folder of the second records of spent leaves. */
    readonly markFolder: string
    /** The time of records. */
    readonly now: () => Date
}

/** What may be known of a key. */
export interface KeyFacts {
    /** Hex, as `update.keyN` of config.json5 takes it. */
    readonly publicKey: string
    /** First 8 bytes of the public key's SHA-256, in hex: how images name it. */
    readonly keyId: string
    /** Name of the parameter set. */
    readonly parameters: string
    /** Bytes of one signature. */
    readonly signatureBytes: number
    readonly signaturesMax: number
    readonly signaturesLeft: number
}

/** A key that can sign. */
export interface LmsKey extends KeyFacts {
    /**
     * Signs `message` with a leaf that is spent before this returns, and checks the signature.
     * Throws KEY_USED_UP, KEY_COPIED_BACK, KEY_MOVED, KEY_FILE or KEY_DAMAGED.
     */
    sign(this: void, message: Buffer): Buffer
}

/** Highest tree that keygen makes: a higher one takes hours. */
export const KEY_HEIGHT_MAX = 20
const KEY_FILE_BYTES_MAX = 4096
const KIND = "otary-lms-private-key"

const keySchema = z.strictObject({
    kind: z.literal(KIND),
    parameters: z.string(),
    publicKey: z.string().regex(/^[0-9a-f]{96}$|^[0-9a-f]{112}$/),
    seed: z.string().regex(/^[0-9a-f]{48}$|^[0-9a-f]{64}$/),
})

/**
 * The home of keys on this machine: OTARY_STATE, else `otary` in XDG_STATE_HOME, else in ~/.local/state (XDG Base Directory
 * Specification).
 */
export function keyHome(env: Readonly<Record<string, string | undefined>>): KeyHome {
    const base = env["XDG_STATE_HOME"] || join(homedir(), ".local", "state")
    return { fs: nodeFs, markFolder: env["OTARY_STATE"] || join(base, "otary"), now: () => new Date() }
}

/** How images name a public key: the first 8 bytes of its SHA-256, in hex. */
export function keyIdOf(publicKey: Buffer): string {
    return createHash("sha256").update(publicKey).digest("hex").slice(0, 16)
}

function logOf(path: string, publicKey: Buffer, home: KeyHome): KeyLog {
    const { height } = paramsOf(publicKey)!
    const markPath = join(home.markFolder, `lms-${publicKey.toString("hex", 8, 24)}`)
    return { fs: home.fs, statePath: `${path}.state`, markPath, leaves: 2 ** height }
}

function paramsOf(publicKey: Buffer): LmsParams | undefined {
    return lmsParamsOfTypes(publicKey.readUInt32BE(0), publicKey.readUInt32BE(4))
}

function factsOf(publicKey: Buffer, spent: number): KeyFacts {
    const params = paramsOf(publicKey)!
    const signaturesMax = 2 ** params.height
    return {
        publicKey: publicKey.toString("hex"),
        keyId: keyIdOf(publicKey),
        parameters: params.name,
        signatureBytes: lmsSignatureBytes(params),
        signaturesMax,
        signaturesLeft: Math.max(0, signaturesMax - spent),
    }
}

/**
 * Makes a key: `path` (secret), `path`.pub (public key), `path`.tree (public, saves time) and `path`.state (spent leaves).
 * The secret is written last. Throws KEY_EXISTS or KEY_FILE; RangeError for parameters that no standard names.
 */
export function keyCreate(path: string, options: KeyOptions, home: KeyHome): KeyFacts {
    const params = lmsParams(options.hashBytes ?? 24, options.height ?? 10, options.width ?? 4)
    if (params.height > KEY_HEIGHT_MAX)
        throw new RangeError(`a tree of height ${params.height} takes hours; ${KEY_HEIGHT_MAX} is the most`)
    const taken = ["", ".pub", ".tree", ".state"].map(end => path + end).find(file => home.fs.existsSync(file))
    if (taken !== undefined) throw new PackError("KEY_EXISTS", `${taken} is there already`, "name another file")
    const secret: LmsSecret = { params, identifier: randomBytes(16), seed: randomBytes(params.hashBytes) }
    const tree = lmsTree(secret, options.onLeaf)
    const publicKey = lmsPublicKey(secret, tree)
    keyLogCreate(logOf(path, publicKey, home))
    writeSynced(home.fs, `${path}.tree`, "wx", tree)
    writeSynced(home.fs, `${path}.pub`, "wx", Buffer.from(`${publicKey.toString("hex")}\n`))
    const text = { kind: KIND, parameters: params.name, publicKey: publicKey.toString("hex"), seed: secret.seed.toString("hex") }
    writeSynced(home.fs, path, "wx", Buffer.from(`${JSON.stringify(text, null, 4)}\n`))
    return factsOf(publicKey, 0)
}

/** Whether `text`, a key file's content, is one of keygen's rather than a PEM file. */
export function isLmsKeyText(text: string): boolean {
    return text.includes(KIND)
}

/** A key file's content; at most 4 KiB. Throws KEY_FILE. */
export function keyText(path: string, fs: KeyFs): string {
    try {
        const bytes = fs.readFileSync(path)
        if (bytes.length > KEY_FILE_BYTES_MAX) throw new Error(`it has more than ${KEY_FILE_BYTES_MAX} bytes`)
        return bytes.toString("utf8")
    } catch (error) {
        throw new PackError(
            "KEY_FILE",
            `cannot read the key ${path}: ${(error as Error).message}`,
            "check the path and its permissions",
        )
    }
}

function wrongKey(path: string): PackError {
    return new PackError("KEY_TYPE", `${path} is not a private key that can sign images`, "make one with `otary keygen`")
}

function readSecret(path: string, fs: KeyFs): { secret: LmsSecret; publicKey: Buffer } {
    let value: unknown
    try {
        value = JSON.parse(keyText(path, fs))
    } catch (error) {
        if (error instanceof PackError) throw error
        throw wrongKey(path)
    }
    const parsed = keySchema.safeParse(value)
    if (!parsed.success) throw wrongKey(path)
    const publicKey = Buffer.from(parsed.data.publicKey, "hex")
    const seed = Buffer.from(parsed.data.seed, "hex")
    const params = paramsOf(publicKey)
    if (params === undefined || seed.length !== params.hashBytes || publicKey.length !== 24 + params.hashBytes)
        throw wrongKey(path)
    return { secret: { params, identifier: publicKey.subarray(8, 24), seed }, publicKey }
}

/** The tree of a key, out of its file where that is whole. Throws KEY_DAMAGED when secret and public key do not belong together. */
function readTree(path: string, secret: LmsSecret, publicKey: Buffer, fs: KeyFs): LmsTree {
    const file = `${path}.tree`
    const kept = fs.existsSync(file) ? fs.readFileSync(file) : Buffer.alloc(0)
    if (lmsTreeIsWhole(secret, kept) && lmsPublicKey(secret, kept).equals(publicKey)) return kept
    const tree = lmsTree(secret)
    if (lmsPublicKey(secret, tree).equals(publicKey)) return tree
    throw new PackError(
        "KEY_DAMAGED",
        `${path}: the seed does not lead to the public key`,
        "restore the key file from its backup",
    )
}

/** Reads a key that keygen made. Throws KEY_FILE, KEY_TYPE, KEY_DAMAGED, KEY_COPIED_BACK or KEY_MOVED. */
export function keyRead(path: string, home: KeyHome): LmsKey {
    const { secret, publicKey } = readSecret(path, home.fs)
    const log = logOf(path, publicKey, home)
    const facts = factsOf(publicKey, keyLogSpent(log))
    const tree = readTree(path, secret, publicKey, home.fs)
    return {
        ...facts,
        sign(message) {
            const leaf = keyLogTake(log, createHash("sha256").update(message).digest("hex"), home.now())
            const signature = lmsSign(secret, tree, leaf, message)
            if (lmsVerify(publicKey, message, signature)) return signature
            throw new PackError(
                "KEY_DAMAGED",
                `a fresh signature of ${path} does not verify`,
                "check memory and disk of this machine",
            )
        },
    }
}

/** Makes this machine the home of a key that was moved here, or whose log was lost (key-log.ts). Throws as keyRead. */
export function keyAdopt(path: string, home: KeyHome): KeyFacts {
    const { publicKey } = readSecret(path, home.fs)
    return factsOf(publicKey, keyLogAdopt(logOf(path, publicKey, home), home.now()))
}
