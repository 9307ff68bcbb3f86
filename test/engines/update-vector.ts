// One update whose every byte is known: what an engine's flash must hold after each step, as hashes and boot records.

import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { projectRoot } from "../../build/root"
import { bootSlot, createRig, feed, install, RECORD_BYTES, startCore, updateOptions, type Rig } from "../firmware/core"
import { imageOf, seededBytes } from "../firmware/images"

/** The regions that hold what survives; the journal is an engine's own business until the download is through. */
const REGIONS = ["boot", "app0", "app1", "files0", "files1"] as const

/** Flash at one moment: the hash of each region, and both boot records in hex. */
export interface FlashVector {
    readonly step: string
    readonly regions: Readonly<Record<(typeof REGIONS)[number], string>>
    readonly records: readonly string[]
}

/** The vector: the image's hash, then flash after each step. */
export interface UpdateVector {
    readonly image: string
    readonly steps: readonly FlashVector[]
}

/** Where the vector is kept. */
export const VECTOR_PATH = resolve(projectRoot(), "test/vectors/engines/update.json")

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

function look(rig: Rig, step: string): FlashVector {
    const { array } = rig.flash
    const bytesOf = (name: (typeof REGIONS)[number]): Buffer => {
        const { offsetBytes, sizeBytes } = rig.layout.regions[name]
        return array.subarray(offsetBytes, offsetBytes + sizeBytes)
    }
    const boot = bytesOf("boot")
    const records = [0, rig.layout.eraseBytes].map(offset => boot.toString("hex", offset, offset + RECORD_BYTES))
    return { step, regions: Object.fromEntries(REGIONS.map(name => [name, sha256(bytesOf(name))])) as never, records }
}

/** Runs the update on the engine in use and writes down what its flash holds. */
export function makeVector(): UpdateVector {
    // All of it fits the flash of Espruino for Linux.
    const rig = createRig({ appBytes: 65536, filesBytes: 32768, journalBytes: 32768 })
    const image = imageOf({ app: seededBytes(50_001, 2), files: { "page.html": "new ".repeat(2000), "etc/empty": "" } })
    const steps: FlashVector[] = []
    install(rig, seededBytes(9000, 1), { "user.txt": "mine", "page.html": "old" })
    steps.push(look(rig, "installed"))
    const core = startCore(rig)
    core.updater.updaterContextCreate(updateOptions())
    feed(core, image, 1000)
    steps.push(look(rig, "downloaded"))
    core.updater.updaterFinish()
    steps.push(look(rig, "applied"))
    bootSlot(rig)
    steps.push(look(rig, "on trial"))
    const next = startCore(rig, { name: "demo", version: "1.1.0", build_id: "b2", security: 0 })
    next.commit.commit()
    next.files.fileWrite("user.txt", "changed")
    next.files.fileRemove("etc/empty")
    steps.push(look(rig, "committed, files changed"))
    return { image: sha256(image), steps }
}

/** The vector as it is kept. */
export function readVector(): UpdateVector {
    return JSON.parse(readFileSync(VECTOR_PATH, "utf8")) as UpdateVector
}
