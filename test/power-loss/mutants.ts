// Defects planted one at a time in the core's bundle: a search that does not find them proves nothing.

import { caseText, CUT_VARIANTS, KINDS } from "./faults"
import { GEOMETRIES } from "./lab"
import { SCENARIOS } from "./scenarios"
import { Search } from "./search"

/** A defect: a piece of the bundle's text, which must occur exactly once, and what stands in its place. */
export interface Mutant {
    readonly name: string
    readonly from: string
    readonly to: string
}

/** Every defect. */
export const MUTANTS: readonly Mutant[] = [
    {
        name: "the pointer flips before the blocks are verified",
        from: "if (verified !== STATUS_OK) {",
        to: "if (verified !== STATUS_OK && k < 0) {",
    },
    {
        name: "the pointer flips when the download is not whole",
        from: "if (state2 === STATE_RUNNING) return fail(STATUS_TRUNCATED);",
        to: "if (state2 === STATE_RUNNING) state2 = STATE_DONE;",
    },
    { name: "the running slot is the one that is written", from: "const appSlot = 1 - record.activeApp;", to: "const appSlot = record.activeApp;" },
    { name: "a torn boot record is believed", from: "if (check(bytes.substring(0, BODY_BYTES)) === bytes", to: "if (bytes.length > 0 || bytes === bytes" },
    { name: "the standing boot record is erased", from: "if (standing >= 0 && standing < BOOT_SLOTS) return 1;\n    return 0;", to: "if (standing >= 0 && standing < BOOT_SLOTS) return 0;\n    return 1;" },
    { name: "a boot record that flickers is not settled", from: "if (newest < 0 || isSettled()) return STATUS_OK;", to: "return STATUS_OK;" },
    { name: "a sequence that increases", from: "sequence = sequenceOf(slots[newest]) - 2;", to: "sequence = sequenceOf(slots[newest]) + 2;" },
    { name: "the boot record's check leaves the flags out", from: "function check(body) {\n    return ports.digest.sha256(body)", to: "function check(body) {\n    return ports.digest.sha256(body.substring(0, 8) + body.substring(16))" },
    { name: "a trial is not counted", from: "record.trialsLeft = record.trialsLeft - 1;", to: "record.trialsLeft = record.trialsLeft - 0;" },
    { name: "the loader runs a slot without looking at it", from: "return regionDigest(ports.app[slot], 0, lengthBytes) === record.appDigests[slot];", to: "return true;" },
    { name: "the slot digest is made from what rots", from: "digest = partDigest(k, ports.app[options2.appSlot]);", to: "digest = regionDigest(ports.app[options2.appSlot], 0, parts2[k].sizeBytes + 0 * k) && '';" },
    { name: "a block is marked before its read-back", from: "if (!region.matchesStaged(block * BLOCK_BYTES, stagedBytes)) return STATUS_FLASH;", to: "" },
    { name: "marks are believed without the block's hash", from: "while (done2 < finished && blockHasDigest(k, done2, region2)) done2++;", to: "while (done2 < finished) done2++;" },
    { name: "blocks are believed without marks", from: "while (finished > 0 && !journalIsMarked(k, finished - 1)) finished--;", to: "" },
    { name: "a list without a block behind it is believed", from: "if (done2 === 0 || part.listSrc", to: "if (done2 < 0 || part.listSrc" },
    { name: "a merge that starts behind what it finds", from: "area.end = alignUp(start, area.align);", to: "" },
    { name: "a merge over flash that was not erased", from: "if (regionClear(target2, start, target2.sizeBytes - start) !== STATUS_OK) return STATUS_FLASH;", to: "" },
    { name: "a merge that lets old files win", from: "if (find(area.live, active.live[i].name) === void 0) missing.push", to: "missing.push" },
    { name: "a compaction that flips early", from: "let result = copyInto(area, active, kept);", to: "record.activeFiles = other; bootRecordWrite(record);\n    let result = copyInto(area, active, kept);" },
    { name: "a compaction that forgets a file", from: "if (active.live[i].name !== name) kept.push", to: "if (active.live[i].name !== name && i > 0) kept.push" },
    { name: "a torn file's head hides what lies behind it", from: "record.isCommitted ? record.end : record.at + area.align", to: "record.end" },
    { name: "a file whose last write was cut is not settled", from: "if (area.unproven !== void 0) settle(area.unproven.name);", to: "" },
    { name: "a file counts before its commit word", from: "if (record.isCommitted) liveUpdate(area, record);", to: "liveUpdate(area, record);" },
    { name: "a failed write is tried again in its own place", from: "area.end = at + logRecordBytes(area.align, name.length, data.length);", to: "if (result === STATUS_OK) area.end = at + logRecordBytes(area.align, name.length, data.length);" },
    { name: "one failed read is the end", from: "reads < READS_MAX && bytes.length", to: "reads < 0 && bytes.length" },
    { name: "a revert keeps the new files", from: "if (record.revertFiles !== SLOT_NONE) record.activeFiles = record.revertFiles;", to: "" },
    { name: "the scratch unit is written when the unit is gone", from: "if (copy(k, i, target2, i * BLOCK_BYTES, ports.journal, placeOf(i - first)) !== STATUS_OK)", to: "if (i < 0)" },
]

/** The bundle with a defect in it. Errors: when the place is not there exactly once, so that no mutant dies in silence. */
export function mutate(code: string, { name, from, to }: Mutant): string {
    // The bundle indents a module's text once more than its source.
    const parts = code.split(from)
    if (parts.length !== 2) throw new Error(`the mutant "${name}" has ${parts.length - 1} places in the bundle, not one: adapt it`)
    return parts.join(to)
}

/** What caught a mutant. */
export interface Catch {
    readonly message: string
    /** Cases until then. */
    readonly cases: number
}

/** Searches a mutant on a few geometries until something fails; undefined when nothing does. */
export function hunt(code: string, casesMax: number): Catch | undefined {
    const search = new Search(code)
    const found = (): Catch | undefined => {
        const failure = search.tally.failures[0]
        return failure && { message: `${failure.text} ${failure.message}`, cases: search.tally.cases }
    }
    try {
        for (const geometry of [0, 4, 1, 8]) {
            for (let scenario = 0; scenario < SCENARIOS.length; scenario++) {
                const place = search.place(geometry, scenario)
                for (const _ of search.systematic(place, geometry)) {
                    if (found() !== undefined) return found()
                    if (search.tally.cases > casesMax) return undefined
                }
                for (let at = 0; at < place.steps.length && found() === undefined; at += 5) {
                    search.pairs(place, at, (at * 7) % CUT_VARIANTS.length, second => (second * 5 + at) % CUT_VARIANTS.length)
                }
            }
        }
    } catch (error) {
        // Without any fault at all the scenario fails already.
        return { message: error instanceof Error ? error.message : String(error), cases: search.tally.cases }
    }
    return found()
}

/** The names of what a case is about, for people. */
export function caseTitle(text: Parameters<typeof caseText>[0]): string {
    const faults = text.faults.map(({ at, kind }) => `${KINDS.find(known => known === kind)} at ${at}`).join(", ")
    return `${GEOMETRIES[text.geometry]?.name}, ${SCENARIOS[text.scenario]?.name}: ${faults}`
}
