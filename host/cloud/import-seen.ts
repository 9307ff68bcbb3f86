// Which names came before: a set of hashes that takes 16 bytes for each of a million names.

import { createHash } from "node:crypto"

const SLOTS_FIRST = 1 << 12

/** The place of a hash in a table, or the empty place where it would go; the table is a power of two long and never full. */
function placeOf(table: BigUint64Array, hash: bigint): number {
    const mask = table.length - 1
    let at = Number(hash & BigInt(mask))
    while (table[at] !== 0n && table[at] !== hash) at = (at + 1) & mask
    return at
}

/** A function that says whether a name came before, by 8 bytes of its SHA-256 (0 stands for an empty place, and is taken for 1). */
export function createSeen(): (name: string) => boolean {
    let table = new BigUint64Array(SLOTS_FIRST)
    let count = 0
    const grow = (): void => {
        const larger = new BigUint64Array(table.length * 2)
        for (const hash of table) if (hash !== 0n) larger[placeOf(larger, hash)] = hash
        table = larger
    }
    return name => {
        const digest = createHash("sha256").update(name).digest().readBigUInt64LE()
        const hash = digest === 0n ? 1n : digest
        const at = placeOf(table, hash)
        if (table[at] === hash) return true
        table[at] = hash
        count += 1
        if (count * 2 > table.length) grow()
        return false
    }
}
