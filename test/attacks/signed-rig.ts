// Boards that ask for signatures, and images that are signed, wrongly signed or bent, made by hand.

import { generateKeyPairSync } from "node:crypto"
import { ecdsaExtra, ecdsaKey, ecdsaPublicKey, ecdsaSign } from "../../build/ecdsa"
import { keyIdOf } from "../../build/keygen"
import { lmsPublicKey, lmsSign, lmsTree, type LmsSecret } from "../../build/lms"
import { lmsParams } from "../../build/lms-params"
import { signaturesEncode, type SignatureRecord } from "../../build/signatures"
import { ecdsaVerify } from "../../shims/host/ecdsa"
import { hostPorts } from "../../shims/host/main"
import { bootSlot, createRig, feed, hardwareOf, install, startCore, updateOptions, type Core, type Rig } from "../firmware/core"
import { imageEntries, seededBytes, zipOf, type Entry, type ImageOptions } from "../firmware/images"

/** A key that signs any number of times: tests have no secrets to keep. */
export interface TestKey {
    readonly publicKey: string
    readonly keyId: string
    sign(manifest: Buffer): Buffer
}

/** What the running image says of itself. */
export type RunningImage = Parameters<Core["running"]["runningInstall"]>[0]

/** What a board made of an image. */
export interface Outcome {
    readonly status: number
    /** Whether a byte of flash has changed. */
    readonly isTouched: boolean
    /** Whether boot record, running slot or files have changed. */
    readonly isHarmed: boolean
    readonly rig: Rig
    readonly core: Core
}

/** The app that runs, and the one that comes. */
export const OLD = seededBytes(9000, 1)
export const NEW = seededBytes(20_001, 2)
const SMALL = { appBytes: 32768, filesBytes: 16384, journalBytes: 65536 }

/** Makes an LMS key of 32 leaves; `seed` makes it itself. */
export function lmsKey(seed: number, width = 4, hashBytes = 24): TestKey {
    const params = lmsParams(hashBytes, 5, width)
    const secret: LmsSecret = { params, identifier: seededBytes(16, seed), seed: seededBytes(hashBytes, seed + 1000) }
    const tree = lmsTree(secret)
    const publicKey = lmsPublicKey(secret, tree)
    let leaf = 0
    return {
        publicKey: publicKey.toString("hex"),
        keyId: keyIdOf(publicKey),
        sign: manifest => lmsSign(secret, tree, leaf++ % 32, manifest),
    }
}

/** An ECDSA P-256 key as config.json5 takes it, with the extra field that signs a manifest in slot `slot`. */
export function ecdsaTestKey(): { publicKey: string; extra(manifest: Buffer, slot: number): Buffer } {
    const pem = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey.export({ format: "pem", type: "sec1" })
    const key = ecdsaKey(pem as string)
    return {
        publicKey: ecdsaPublicKey(key),
        extra: (manifest, slot) => ecdsaExtra(Buffer.alloc(0), { [`sig${slot}`]: ecdsaSign(key, manifest) }),
    }
}

/** A record of manifest.sig. */
export const recordOf = (key: TestKey, manifest: Buffer): SignatureRecord => ({ keyId: key.keyId, signature: key.sign(manifest) })

/** The entries of an image with these bytes, or signatures by these keys, as manifest.sig. */
export function signedEntries(keys: readonly TestKey[] | Buffer, options: ImageOptions = {}): Entry[] {
    const [manifest, ...rest] = imageEntries({ app: NEW, ...options }) as [Entry, ...Entry[]]
    const bytes = Buffer.isBuffer(keys) ? keys : signaturesEncode(keys.map(key => recordOf(key, manifest.bytes)))!
    return [manifest, { name: "manifest.sig", bytes }, ...rest]
}

/** A signed image. */
export function signedImage(keys: readonly TestKey[] | Buffer, options: ImageOptions = {}): Buffer {
    return zipOf(signedEntries(keys, options))
}

/** Boots the core of a rig as this image, with ECDSA in hardware. */
export function startAs(rig: Rig, image: Partial<RunningImage> = {}, stepsMax?: number): Core {
    const core = startCore(rig, { name: "demo", version: "1.0.0", build_id: "b1", security: 0, ...image })
    // Another engine has ports of its own, without ECDSA.
    if (core.portsInstall === undefined) return core
    const ports = hostPorts({ ...hardwareOf(rig), ecdsaVerify })
    core.portsInstall(stepsMax === undefined ? ports : { ...ports, signatureStepsMax: stepsMax })
    core.files.filesMount()
    return core
}

/** A board with an app, a user's file, and this image running. */
export function createBoard(image: Partial<RunningImage> = {}): { rig: Rig; core: Core } {
    const rig = createRig(SMALL)
    install(rig, OLD, { "user.txt": "mine" })
    return { rig, core: startAs(rig, image) }
}

const regionBytes = (rig: Rig, names: readonly ("boot" | "app0" | "files0")[]): string =>
    names
        .map(name => rig.layout.regions[name])
        .map(({ offsetBytes, sizeBytes }) => rig.flash.array.toString("latin1", offsetBytes, offsetBytes + sizeBytes))
        .join("")

/** Offers an image to a board with this running image, finishes it if it is taken, and looks what has changed. */
export function offer(image: Buffer, running: Partial<RunningImage>, chunkBytes = 1000): Outcome {
    const { rig, core } = createBoard(running)
    const before = rig.flash.array.toString("latin1")
    const kept = regionBytes(rig, ["boot", "app0", "files0"])
    let status = core.updater.updaterContextCreate(updateOptions())
    if (status === 0) status = feed(core, image, chunkBytes)
    // Engines that check signatures step by step answer later.
    while (status === 0 && core.updater.updaterVerifying()) status = core.updater.updaterPoll()
    const isHarmed = regionBytes(rig, ["boot", "app0", "files0"]) !== kept
    return { status, isTouched: rig.flash.array.toString("latin1") !== before, isHarmed, rig, core }
}

/** The slot that boots. */
export const boots = (rig: Rig): number => bootSlot(rig)
