// A chip that fails as a plan says: one operation, all from one on, or a loss of power; reads and writes counted apart.

import type { NorFlash } from "../../shims/host/nor-flash"
import type { Rig } from "./core"

/** How operation `at` of a chip fails. */
export interface Failure {
    /**
     * `error`: a write reports an error, having done nothing; `dead`: this write and all behind it do. `silent`: it does nothing and
     * says nothing. `wink`: a read fails once; `blink`: three times over; `blind`: this read and all behind it. `cut`: power is lost
     * ahead of a write; `torn`: in the middle of it.
     */
    readonly kind: "error" | "dead" | "silent" | "wink" | "blink" | "blind" | "cut" | "torn"
    readonly at: number
    /** Only operations within this region count. */
    readonly region?: keyof Rig["layout"]["regions"]
}

/** Power is lost. */
export class PowerCut extends Error {}

/** Times that the core tries a read. */
const READS = 3

/** The chip of a rig, failing. Writes are erases and programs; `count()` says how many operations of the plan's sort there were. */
export function failing({ flash: chip, layout }: Rig, { kind, at, region }: Failure): { flash: NorFlash; count: () => number } {
    let seen = 0
    const range = region === undefined ? { offsetBytes: 0, sizeBytes: layout.sizeBytes } : layout.regions[region]
    const counts = (address: number): boolean => {
        if (address < range.offsetBytes || address >= range.offsetBytes + range.sizeBytes) return false
        return ++seen > 0
    }
    const isHit = (): boolean => (kind === "dead" || kind === "blind" ? seen > at : seen === at + 1)
    const ofReads = kind === "wink" || kind === "blink" || kind === "blind"
    const fails = kind === "wink" ? 1 : READS
    const write = (address: number, whole: () => number, half: () => void): number => {
        if (ofReads || !counts(address) || !isHit()) return whole()
        if (kind === "torn") half()
        if (kind === "torn" || kind === "cut") throw new PowerCut()
        return kind === "silent" ? 0 : -1
    }
    const canRead = (address: number): boolean => {
        if (!ofReads || !counts(address)) return true
        return kind === "blind" ? seen <= at : seen <= at || seen > at + fails
    }
    const halfOf = (lengthBytes: number): number => Math.ceil(lengthBytes / 2 / chip.programBytes) * chip.programBytes
    return {
        count: () => seen,
        flash: {
            ...chip,
            read: (address, lengthBytes) => (canRead(address) ? chip.read(address, lengthBytes) : ""),
            matchesStaged: (address, lengthBytes) => canRead(address) && chip.matchesStaged(address, lengthBytes),
            erase: address =>
                write(
                    address,
                    () => chip.erase(address),
                    () => void chip.array.fill(255, address, address + 512),
                ),
            program: (address, bytes) =>
                write(
                    address,
                    () => chip.program(address, bytes),
                    () => void chip.program(address, bytes.slice(0, halfOf(bytes.length))),
                ),
            programStaged: (address, lengthBytes) =>
                write(
                    address,
                    () => chip.programStaged(address, lengthBytes),
                    () => void chip.programStaged(address, Math.min(halfOf(lengthBytes), lengthBytes)),
                ),
        },
    }
}

/** What is in a chip, to come back to. */
export function chipSave({ flash }: Rig): () => void {
    const array = Buffer.from(flash.array)
    const programmed = Uint8Array.from(flash.programmed)
    return () => {
        flash.array.set(array)
        flash.programmed.set(programmed)
    }
}
