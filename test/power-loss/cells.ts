// The cells of a chip in the laboratory: what is read is kept, states are saved and brought back page by page, and told apart by hashes.

import { createNorFlash, type NorFlash, type NorFlashOptions } from "../../shims/host/nor-flash"

/** One page: its cells, which program units were programmed or touched by a fault; never changed once it is kept. */
export interface PageState {
    readonly bytes: Buffer
    readonly programmed: Buffer
    readonly torn: Buffer
    /** The same number means the same content. */
    readonly version: number
    /** Bytes from here on are erased for certain. */
    readonly top: number
    /** Two hashes of it, made when they are asked for. */
    hash: readonly [number, number] | undefined
}

/** Units [from, to); none where `to` is not above `from`. */
interface UnitRange {
    readonly from: number
    readonly to: number
}

const NO_UNITS: UnitRange = { from: 0, to: 0 }

/** The whole state of the cells. */
export interface CellsState {
    readonly pages: readonly PageState[]
    readonly maybeTorn: UnitRange
}

/** Most bytes of a page, the unit in which states are kept. */
const PAGE_BYTES_MAX = 4096
/** Texts that were read and are kept, a power of two; each has one place. */
const TEXTS_MAX = 32768
const TEXTS_SHIFT = 32 - Math.log2(TEXTS_MAX)
/** Where a hash of all pages begins. */
const [SEED_A, SEED_B] = [0x2545f491, 0x1b873593]

/** A copy in memory of its own, so that it can be read in words. */
function copyOf(bytes: Uint8Array): Buffer {
    const copy = Buffer.from(new ArrayBuffer(bytes.length))
    copy.set(bytes)
    return copy
}

/** The strict chip's memory, with what the laboratory needs of it. Whoever changes cells, or what is programmed or torn, calls `touch`. */
export class Cells {
    readonly nor: NorFlash
    /** One byte per program unit: 1 when a fault has touched it. */
    readonly torn: Buffer
    /** All torn units lie in here. */
    private maybeTorn = NO_UNITS
    readonly pageBytes: number
    private readonly shift: number
    private readonly unitsPerPage: number
    private readonly held: (PageState | undefined)[] = []
    private readonly versions: number[] = []
    private readonly tops: number[] = []
    /** What was read: the page's version and the place in it, and the text. */
    private readonly textVersions = new Int32Array(TEXTS_MAX)
    private readonly textPlaces = new Int32Array(TEXTS_MAX)
    private readonly texts: string[] = []
    private readonly blanks: string[] = []
    private newest = 0
    private readonly hashes: (readonly [number, number] | undefined)[] = []
    private readonly words: Int32Array
    /** Pages that were read, as long as somebody wants to know. */
    private seen: Set<number> | undefined

    constructor(private readonly options: NorFlashOptions) {
        const { sizeBytes, eraseBytes, programBytes } = options
        this.nor = createNorFlash(options)
        this.torn = Buffer.from(new ArrayBuffer(sizeBytes / programBytes))
        this.pageBytes = Math.min(eraseBytes, PAGE_BYTES_MAX)
        this.shift = Math.log2(this.pageBytes)
        this.unitsPerPage = this.pageBytes / programBytes
        const pages = sizeBytes / this.pageBytes
        for (let page = 0; page < pages; page++) {
            this.held.push(undefined)
            this.versions.push(0)
            this.tops.push(0)
            this.hashes.push(undefined)
        }
        const { buffer, byteOffset } = this.nor.array
        this.words = new Int32Array(buffer, byteOffset, sizeBytes >> 2)
        for (let i = 0; i < TEXTS_MAX; i++) this.texts.push("")
        this.touch(0, sizeBytes)
    }

    /** Cells of [address, address + lengthBytes) are about to change, or have just changed. */
    touch(address: number, lengthBytes: number): void {
        this.touchTo(address, lengthBytes, this.pageBytes)
    }

    /** The same, where a healthy chip is about to erase, or to program; `text`: what it programs, where that is at hand. */
    touchCalm(isErase: boolean, address: number, lengthBytes: number, text = ""): void {
        if (isErase) return this.touchTo(address, lengthBytes, 0)
        const page = address >> this.shift
        const offset = address & (this.pageBytes - 1)
        const end = offset + lengthBytes
        const top = this.tops[page]!
        this.touchTo(address, lengthBytes, end <= this.pageBytes && end < top ? top : end)
        // Over blank cells it is what will be read.
        if (offset >= top && end <= this.pageBytes) this.texts[this.textAt(page, offset, lengthBytes)] = text
    }

    private touchTo(address: number, lengthBytes: number, top: number): void {
        const last = (address + lengthBytes - 1) >> this.shift
        for (let page = address >> this.shift; page <= last; page++) {
            this.held[page] = undefined
            this.hashes[page] = undefined
            this.versions[page] = ++this.newest
            this.tops[page] = top
        }
    }

    /** The place of a text that is kept; "" is there when it is not. */
    private textAt(page: number, offset: number, lengthBytes: number): number {
        const version = this.versions[page]!
        const place = offset * 8192 + lengthBytes
        const at = (Math.imul(version, 0x9e3779b1) ^ Math.imul(place, 0x85ebca6b)) >>> TEXTS_SHIFT
        if (this.textVersions[at] !== version || this.textPlaces[at] !== place) {
            this.textVersions[at] = version
            this.textPlaces[at] = place
            this.texts[at] = ""
        }
        return at
    }

    /** What the cells hold. */
    read(address: number, lengthBytes: number): string {
        const page = address >> this.shift
        const offset = address & (this.pageBytes - 1)
        if (this.seen !== undefined) this.noteRead(address, lengthBytes)
        if (offset + lengthBytes > this.pageBytes) return this.nor.read(address, lengthBytes)
        if (offset >= this.tops[page]!) return (this.blanks[lengthBytes] ??= "\xff".repeat(lengthBytes))
        const at = this.textAt(page, offset, lengthBytes)
        if (this.texts[at] === "") this.texts[at] = this.nor.read(address, lengthBytes)
        return this.texts[at]!
    }

    // ---- states ------------------------------------------------------------------------------------

    /** Keeps all pages. Those that did not change since the last time are shared. */
    save(): CellsState {
        for (let page = 0; page < this.held.length; page++) this.held[page] ??= this.pageState(page)
        return { pages: this.held.slice() as PageState[], maybeTorn: this.maybeTorn }
    }

    /** Brings kept pages back. */
    restore({ pages, maybeTorn }: CellsState): void {
        this.maybeTorn = maybeTorn
        for (let page = 0; page < pages.length; page++) {
            const kept = pages[page]!
            if (this.held[page] === kept) continue
            const at = page * this.unitsPerPage
            this.nor.array.set(kept.bytes, page << this.shift)
            this.nor.programmed.set(kept.programmed, at)
            this.torn.set(kept.torn, at)
            this.held[page] = kept
            this.tops[page] = kept.top
            this.hashes[page] = kept.hash
            this.versions[page] = kept.version
        }
    }

    private pageState(page: number): PageState {
        const [from, to] = [page * this.unitsPerPage, (page + 1) * this.unitsPerPage]
        return {
            bytes: copyOf(this.nor.array.subarray(page << this.shift, (page + 1) << this.shift)),
            programmed: copyOf(this.nor.programmed.subarray(from, to)),
            torn: copyOf(this.torn.subarray(from, to)),
            version: this.versions[page]!,
            top: this.tops[page]!,
            hash: this.hashes[page],
        }
    }

    /** A hash of all that the chip's answers depend on while no cell flickers, as a text. */
    key(): string {
        const { from, to } = this.maybeTorn
        if (!this.torn.subarray(from, to).includes(1)) this.maybeTorn = NO_UNITS
        let [a, b] = [SEED_A, SEED_B]
        for (let page = 0; page < this.held.length; page++) {
            const hash = (this.hashes[page] ??= this.hashOf(page))
            a = Math.imul(a ^ hash[0], 0x9e3779b1)
            a ^= a >>> 15
            b = Math.imul(b + hash[1], 0x85ebca6b) ^ (b >>> 13)
        }
        return `${a},${b}`
    }

    private hashOf(page: number): readonly [number, number] {
        const from = page << (this.shift - 2)
        const lanes = [SEED_A, SEED_B, SEED_A + 1, SEED_B + 1]
        hashInto(lanes, this.words, from, from + (this.pageBytes >> 2))
        const units = page * this.unitsPerPage
        hashUnits(lanes, this.nor.programmed.subarray(units, units + this.unitsPerPage))
        if (this.mayBeTorn(page << this.shift, this.pageBytes))
            hashUnits(lanes, this.torn.subarray(units, units + this.unitsPerPage))
        const [a, b, c, d] = lanes as [number, number, number, number]
        const hash = [Math.imul(a ^ (c >>> 7), 0x9e3779b1) ^ c, Math.imul(b ^ (d >>> 7), 0x85ebca6b) ^ d] as const
        const held = this.held[page]
        if (held !== undefined) held.hash = hash
        return hash
    }

    // ---- torn units --------------------------------------------------------------------------------

    /** The units of a range. */
    unitsOf(address: number, lengthBytes: number): [number, number] {
        const { programBytes } = this.options
        return [Math.floor(address / programBytes), Math.ceil((address + lengthBytes) / programBytes)]
    }

    /** Units [from, to) are torn now: they count as neither erased nor programmed. The caller has touched them. */
    tear(from: number, to: number): void {
        const { maybeTorn } = this
        this.torn.fill(1, from, to)
        const isFirst = maybeTorn.to <= maybeTorn.from
        this.maybeTorn = { from: isFirst ? from : Math.min(from, maybeTorn.from), to: Math.max(to, maybeTorn.to) }
    }

    /** Whether a unit of a range may be torn; false is certain. */
    mayBeTorn(address: number, lengthBytes: number): boolean {
        const { from, to } = this.maybeTorn
        const { programBytes } = this.options
        return address < to * programBytes && from * programBytes < address + lengthBytes
    }

    // ---- what was read -----------------------------------------------------------------------------

    /** Calls `work` and returns the pages that it read, with their versions, one behind the other. */
    watch(work: () => void): number[] {
        const seen = (this.seen = new Set())
        try {
            work()
        } finally {
            this.seen = undefined
        }
        return [...seen].flatMap(page => [page, this.versions[page]!])
    }

    /** Whether pages that `watch` returned still have the content that they had. */
    isAsSeen(pages: readonly number[]): boolean {
        for (let i = 0; i < pages.length; i += 2) if (this.versions[pages[i]!] !== pages[i + 1]) return false
        return true
    }

    /** Somebody looks at a range. */
    noteRead(address: number, lengthBytes: number): void {
        for (let page = address >> this.shift; page << this.shift < address + lengthBytes; page++) this.seen?.add(page)
    }
}

/** Mixes words [from, to) into four lanes; their number is a multiple of four. */
function hashInto(lanes: number[], words: Int32Array, from: number, to: number): void {
    let [a, b, c, d] = lanes as [number, number, number, number]
    for (let i = from; i < to; i += 4) {
        a = Math.imul(a ^ words[i]!, 0x9e3779b1)
        b = Math.imul(b ^ words[i + 1]!, 0x85ebca6b)
        c = Math.imul(c ^ words[i + 2]!, 0xc2b2ae35)
        d = Math.imul(d ^ words[i + 3]!, 0x27d4eb2f)
        a ^= a >>> 15
        b ^= b >>> 13
        c ^= c >>> 16
        d ^= d >>> 14
    }
    lanes[0] = a
    lanes[1] = b
    lanes[2] = c
    lanes[3] = d
}

/** Mixes the places of units that are 1 into two lanes; a run of them is one step, since flash is written in runs. */
function hashUnits(lanes: number[], units: Uint8Array): void {
    let [a, b] = [lanes[0]!, lanes[1]!]
    for (let from = units.indexOf(1); from >= 0;) {
        const zero = units.indexOf(0, from)
        const to = zero < 0 ? units.length : zero
        a = Math.imul(a ^ from, 0x9e3779b1) ^ (a >>> 15)
        b = Math.imul(b ^ to, 0x85ebca6b) ^ (b >>> 13)
        from = zero < 0 ? -1 : units.indexOf(1, to)
    }
    lanes[0] = Math.imul(a, 0xc2b2ae35)
    lanes[1] = Math.imul(b, 0x27d4eb2f)
}
