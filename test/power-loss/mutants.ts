// Defects planted one at a time in the core's source: a search that does not find them proves nothing.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../build/root"
import { coreCodeWith } from "./core-code"
import { caseOf } from "./faults"
import { SCENARIOS } from "./scenarios"
import { Search } from "./search"

/** A defect: a piece of a file's text, which must occur exactly once, and what stands in its place. */
export interface Mutant {
    readonly name: string
    /** The file of the firmware, without its ending. */
    readonly file: string
    readonly from: string
    readonly to: string
    /** Index of the scenario that is searched first. */
    readonly first?: number
    /** A case that is tried ahead of the search, for what takes longer to find: several faults that must fit together. */
    readonly seed?: string
}

/** Every defect. */
export const MUTANTS: readonly Mutant[] = [
    {
        name: "the pointer flips before the blocks are verified",
        file: "apply",
        from: "if (verified !== STATUS_OK) {",
        to: "if (verified !== STATUS_OK && k < 0) {",
    },
    {
        name: "the slot digest is made of what is in flash after it was verified",
        file: "apply",
        from: "record.appDigests[options.appSlot] = digest",
        to: "record.appDigests[options.appSlot] = regionDigest(ports.app[options.appSlot], 0, parts[k].sizeBytes)",
    },
    {
        name: "the running slot is the one that is written",
        file: "updater",
        from: "const appSlot = 1 - record.activeApp",
        to: "const appSlot = record.activeApp",
    },
    {
        name: "a torn boot record is believed",
        file: "boot-log",
        from: "if (checkOf(bytes.substring(0, RECORD_BODY_BYTES)) !== bytes.substring(RECORD_BODY_BYTES, BOOT_RECORD_BYTES)) return false",
        to: "",
    },
    {
        name: "the standing boot record is erased",
        file: "boot-record",
        from: "    if (standing >= 0 && standing < BOOT_SLOTS) return 1\n    return 0",
        to: "    if (standing >= 0 && standing < BOOT_SLOTS) return 0\n    return 1",
    },
    {
        name: "a sequence that ties with one that cannot be read today",
        file: "boot-record",
        from: "sequence = least(sequenceLowest(), sequenceOf(bytes)) - 2",
        to: "sequence = least(sequenceOf(slots[newest]), sequenceOf(bytes)) - 2",
        seed: "1:1:4.0.271,13.0.75,2.0.169",
    },
    {
        name: "a boot record that flickers is not settled",
        file: "boot-record",
        from: "if (newest < 0 || isSettled()) return STATUS_OK",
        to: "return STATUS_OK",
        first: 4,
    },
    {
        name: "a sequence that increases",
        file: "boot-record",
        from: "sequence = least(sequenceLowest(), sequenceOf(bytes)) - 2",
        to: "sequence = sequenceLowest() + 2",
    },
    {
        name: "the boot record's check leaves the flags out",
        file: "boot-log",
        from: "return ports.digest.sha256(body).substring(0, CHECK_BYTES)",
        to: "return ports.digest.sha256(body.substring(0, 8) + body.substring(14, body.length)).substring(0, CHECK_BYTES)",
        first: 8,
    },
    {
        name: "a trial is not counted",
        file: "boot",
        from: "if (bytes.substring(0, TRIAL_MARK_BYTES) === mark) taken = taken + 1",
        to: "if (bytes.substring(0, TRIAL_MARK_BYTES) === mark) taken = taken + 0",
        first: 5,
    },
    {
        name: "an image goes by another record than the loader that started it",
        file: "boot-record",
        from: "if (slots[newest] === counted) result = settle()",
        to: "if (newest >= 0) result = settle()",
        first: 4,
    },
    {
        name: "a way back that is not written down",
        file: "boot-record",
        from: "else recordWrite(recordRead()!)",
        to: "",
        first: 5,
    },
    {
        name: "the loader runs a slot without looking at it",
        file: "boot",
        from: "return regionDigest(ports.app[slot], 0, lengthBytes) === recordBytes.substring(digestAt, digestAt + DIGEST_BYTES)",
        to: "return true",
    },
    {
        name: "a block is marked before its read-back",
        file: "blocks",
        from: "if (!region.matchesStaged(block * BLOCK_BYTES, stagedBytes)) return STATUS_FLASH",
        to: "",
    },
    {
        name: "marks are believed without the block's hash",
        file: "journal",
        from: "while (done < finished && blockHasDigest(k, done, region)) done++",
        to: "while (done < finished) done++",
    },
    {
        name: "blocks are believed without marks",
        file: "journal",
        from: "while (finished > 0 && !isMarked(k, finished - 1)) finished--",
        to: "",
    },
    {
        name: "a mark in doubt is left as it is",
        file: "journal",
        from: "    isVoid = noteWrite(k, block, NOTE_VOID)\n    return isVoid\n",
        to: "    return true\n",
        seed: "9:1:24.0.5,10.0.74",
    },
    {
        name: "a block whose mark is void is marked all the same",
        file: "journal",
        from: "if (note >= 0) return note === NOTE_DONE",
        to: "if (note === NOTE_DONE) return true",
        seed: "9:1:24.0.5,11.0.79",
    },
    {
        name: "a compaction leaves the marks of what it erases",
        file: "files",
        from: "if (journalLeaveFiles(other) !== status.STATUS_OK) return status.STATUS_FLASH",
        to: "",
        seed: "2:9:16.0.811,23.0.435,2.0.586,0.5.837",
    },
    {
        name: "a file in doubt is taken for the one that is written",
        file: "files",
        from: "if (isSame && !isInDoubt(name))",
        to: "if (isSame)",
        seed: "9:8:41.0.394,0.5.5,6.1.0,3.0.469",
    },
    {
        name: "a list without a block behind it is believed",
        file: "entries",
        from: "if (listIsWhole[k] && doneBlocks[k] >= 0) {",
        to: "if (listIsWhole[k]) {",
    },
    { name: "a merge that starts behind what it finds", file: "files", from: "area.end = alignUp(start, area.align)", to: "" },
    {
        name: "a merge over flash that was not erased",
        file: "files",
        from: "if (regionClear(target, start, target.sizeBytes - start) !== status.STATUS_OK) return status.STATUS_FLASH",
        to: "",
    },
    {
        name: "a merge that lets old files win",
        file: "files",
        from: "if (find(area.live, active.live[i].name) === undefined) missing.push",
        to: "missing.push",
    },
    {
        name: "a compaction that flips early",
        file: "files",
        from: "    let result = copyInto(area, active, kept)\n",
        to: "    record.activeFiles = other\n    bootRecordWrite(record)\n    let result = copyInto(area, active, kept)\n",
        first: 8,
    },
    {
        name: "a compaction that forgets a file",
        file: "files",
        from: "if (active.live[i].name !== name) kept.push",
        to: "if (active.live[i].name !== name && i > 0) kept.push",
        first: 8,
    },
    {
        name: "a file whose last write was cut is not settled",
        file: "files",
        from: "    settle()\n    return status.STATUS_OK\n",
        to: "    area.unproven = undefined\n    return status.STATUS_OK\n",
        first: 8,
    },
    {
        name: "a file counts before its commit word",
        file: "files-log",
        from: "const isCommitted = regionRead(region, commitAt, CHECK_BYTES) === word",
        to: 'const isCommitted = word !== ""',
        first: 8,
    },
    {
        name: "a failed write is tried again in its own place",
        file: "files",
        from: "if (result !== status.STATUS_FILES_FULL) area.end =",
        to: "if (result === status.STATUS_OK) area.end =",
        first: 8,
    },
    {
        name: "one failed read is the end",
        file: "region",
        from: "reads < READS_MAX && bytes.length",
        to: "reads < 0 && bytes.length",
    },
    {
        name: "a revert keeps the new files",
        file: "boot-record",
        from: "if (record.revertFiles !== SLOT_NONE) record.activeFiles = record.revertFiles",
        to: "",
        first: 6,
    },
    {
        name: "a delta continues a block early",
        file: "journal",
        from: "entryAt(k, block) - 4, 4)",
        to: "entryAt(k, 1) - 4, 4)",
        first: 11,
    },
    {
        name: "a delta copies from the slot that it writes",
        file: "entries",
        from: "deltaBegin(k, region, block, ports.app[1 - target.appSlot])",
        to: "deltaBegin(k, region, block, region)",
        first: 10,
    },
    { name: "a commit that keeps the way back", file: "commit", from: "    record.isCommitted = true\n", to: "", first: 4 },
]

/** The bundle with a defect in it. Errors: when its place is not there exactly once, so that no mutant dies in silence. */
export async function mutantCode({ name, file, from, to }: Mutant): Promise<string> {
    const path = join(projectRoot(), "firmware", `${file}.ts`)
    const parts = readFileSync(path, "utf8").split(from)
    if (parts.length !== 2)
        throw new Error(`the mutant "${name}" has ${parts.length - 1} places in ${file}.ts, not one: adapt it`)
    return coreCodeWith(path, parts.join(to))
}

/** What caught a mutant. */
export interface Catch {
    readonly message: string
    /** Cases until then. */
    readonly cases: number
}

/** Searches a mutant on a few geometries until something fails; undefined when nothing does. */
export function hunt(code: string, { first = 0, seed }: Mutant, casesMax: number): Catch | undefined {
    const search = new Search(code)
    const { tally } = search
    try {
        if (seed !== undefined) search.replay(caseOf(seed))
        for (let turn = 0; turn < 4 * SCENARIOS.length; turn++) {
            const lap = Math.floor(turn / SCENARIOS.length)
            const geometry = [0, 4, 1, 8][lap]!
            const place = search.place(geometry, (first + turn) % SCENARIOS.length)
            for (const _ of search.round(place, lap + (turn % SCENARIOS.length)))
                if (tally.failures.length > 0 || tally.cases > casesMax) break
            const failure = tally.failures[0]
            if (failure !== undefined) return { message: `${failure.text} ${failure.message}`, cases: tally.cases }
            if (tally.cases > casesMax) return undefined
        }
    } catch (error) {
        // The scenario fails without any fault.
        return { message: error instanceof Error ? error.message : String(error), cases: tally.cases }
    }
    return undefined
}
