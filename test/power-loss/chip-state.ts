// The state of a faulty chip: its erase units and its weak cells, kept, compared and brought back.

/** Cells that read differently from time to time: as `old` or as in the array. */
export interface Weak {
    readonly address: number
    readonly old: Buffer
    readonly isCoin: boolean
}

/** One erase unit: its cells, and which program units were programmed or touched by a fault. */
export interface UnitState {
    readonly bytes: Buffer
    readonly programmed: Buffer
    readonly torn: Buffer
    /** Two hashes of all of it, made when they are asked for. */
    key: string
}

/** The whole state of a chip. */
export interface ChipState {
    readonly units: readonly UnitState[]
    readonly hasTorn: boolean
    readonly weak: readonly Weak[]
}

/** A copy in memory of its own, so that it can be read in words. */
export function copyOf(bytes: Uint8Array): Buffer {
    const copy = Buffer.from(new ArrayBuffer(bytes.length))
    copy.set(bytes)
    return copy
}

/** Two 32-bit hashes as a text. */
export function hashOf(bytes: Buffer): string {
    let [a, b] = [1, 2]
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
    for (const word of words) {
        a = Math.imul(a ^ word, 0x9e3779b1)
        a ^= a >>> 15
        b = Math.imul(b + word, 0x85ebca6b) ^ (b >>> 13)
    }
    return `${a},${b};`
}

/** Whether weak cells lie in a range. */
export function overlaps({ address, old }: Weak, from: number, lengthBytes: number): boolean {
    return from < address + old.length && address < from + lengthBytes
}
