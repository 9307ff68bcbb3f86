// What can go wrong with flash: the kinds of faults, how a torn write looks, and how a plan of faults is written down.

/** A random sequence of 32-bit integers that a seed repeats (mulberry32). */
export interface Random {
    /** 0 ≤ integer < limit. */
    below(limit: number): number
}

/** Makes a random sequence. */
export function createRandom(seed: number): Random {
    let state = seed | 0
    return {
        below(limit) {
            state = (state + 0x6d2b79f5) | 0
            let value = Math.imul(state ^ (state >>> 15), 1 | state)
            value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
            return ((value ^ (value >>> 14)) >>> 0) % limit
        },
    }
}

/** How cells read that a cut left half-written: as they are, all of them old or new by chance, or each bit by chance. */
export const READS = ["stable", "coin", "bits"] as const

/** How far a torn write came. `byte`: the last byte that was reached is half-written. `all`: done, but not acknowledged. */
export const TEARS = ["none", "quarter", "half", "three quarters", "byte", "all"] as const

/** One way in which power is lost at an operation. `tear` is an index of TEARS, or -1: before the operation; `reads` one of READS. */
export interface CutVariant {
    readonly tear: number
    readonly reads: number
}

/** Every way, for programs and erases alike; a half-written byte in an erase is a partly erased one. */
export const CUT_VARIANTS: readonly CutVariant[] = [
    { tear: -1, reads: 0 },
    ...TEARS.flatMap((_, tear) => READS.map((_, reads) => ({ tear, reads }))),
]

/** Kinds of faults. All but `read` count erases and programs; `read` counts reads. */
export const KINDS = ["cut", "silent", "error", "torn error", "read", "brown-out", "rot", "misdirected"] as const
/** A kind by its name. */
export type FaultKind = (typeof KINDS)[number]

/** One fault. */
export interface Fault {
    /** Operations (or reads) that still succeed after the fault before this one. */
    readonly at: number
    readonly kind: FaultKind
    /** cut: index of CUT_VARIANTS; brown-out: writes that fail before the cut; rot and misdirected: which place, as a seed. */
    readonly detail: number
}

/** Whether rot of this detail hits a boot record: of those there is always another. */
export function isOfRecord(detail: number): boolean {
    return detail % 3 === 0
}

/** Faults that leave everything of value in flash: nothing may be lost by them. */
export function isHarmless({ kind, detail }: Fault): boolean {
    return kind === "rot" ? isOfRecord(detail) : kind !== "misdirected"
}

/** A case: where and what happens. Its text is what replays it. */
export interface Case {
    /** Index of GEOMETRIES. */
    readonly geometry: number
    /** Index of SCENARIOS. */
    readonly scenario: number
    readonly faults: readonly Fault[]
}

/** A case as a text such as `0:2:31.0.7,4.0.0`. */
export function caseText({ geometry, scenario, faults }: Case): string {
    return `${geometry}:${scenario}:${faults.map(({ at, kind, detail }) => `${at}.${KINDS.indexOf(kind)}.${detail}`).join()}`
}

/** What a seed says: a case, the number of a chain, or the number of a run over user files. */
export type Seed =
    | { readonly kind: "case"; readonly wanted: Case }
    | { readonly kind: "chain"; readonly number: number }
    | { readonly kind: "files"; readonly number: number }

/** Largest number in a seed. */
const SEED_MAX = 0x7fffffff
const FAULTS_MAX = 20

/**
 * Reads a seed: `0:2:31.0.7,4.0.0`, a number, or `files:` and a number; blanks for colons, and quotation marks around it, do no harm.
 * `geometries` and `scenarios` are how many there are. Errors: RangeError, which says what a seed looks like.
 */
export function seedOf(given: string, geometries: number, scenarios: number): Seed {
    const text = given
        .trim()
        .replace(/^(["'])(.*)\1$/, "$2")
        .trim()
        .replace(/\s+/g, ":")
    const number = /^(files:)?(\d{1,10})$/.exec(text)
    if (number !== null) {
        if (Number(number[2]) > SEED_MAX) throw new RangeError(`"${given}" is no seed: its number is above ${SEED_MAX}`)
        return { kind: number[1] === undefined ? "chain" : "files", number: Number(number[2]) }
    }
    const wanted = caseOf(text)
    if (wanted.geometry >= geometries) throw new RangeError(`"${given}" is no seed: there are geometries 0 to ${geometries - 1}`)
    if (wanted.scenario >= scenarios) throw new RangeError(`"${given}" is no seed: there are scenarios 0 to ${scenarios - 1}`)
    return { kind: "case", wanted }
}

/** The case of a text. Errors: RangeError when it is none. */
export function caseOf(text: string): Case {
    const match = /^(\d{1,9}):(\d{1,9}):((?:\d{1,9}\.\d{1,2}\.\d{1,9})(?:,\d{1,9}\.\d{1,2}\.\d{1,9})*)$/.exec(text)
    if (match === null)
        throw new RangeError(
            `"${text}" is no seed: give what a failure has printed, such as 0:2:31.0.7,4.0.0 or files:7, or a number`,
        )
    const parts = match[3]!.split(",")
    if (parts.length > FAULTS_MAX) throw new RangeError(`"${text}" is no seed: it has more than ${FAULTS_MAX} faults`)
    const faults = parts.map(part => {
        const [at, kind, detail] = part.split(".").map(Number) as [number, number, number]
        if (KINDS[kind] === undefined)
            throw new RangeError(`"${text}" is no seed: there are kinds of faults 0 to ${KINDS.length - 1}`)
        return { at, kind: KINDS[kind], detail }
    })
    return { geometry: Number(match[1]), scenario: Number(match[2]), faults }
}
