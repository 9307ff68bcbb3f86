// The corpus: small inputs in test/vectors/corpus, and failing ones, each a JSON file that says how to run it again.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../build/root"
import type { Found } from "./fuzz"

/** An input with what is needed to run it. */
export interface CorpusEntry {
    readonly target: string
    readonly seed: number
    readonly input: Buffer
    /** What it once broke, for people. */
    readonly note: string
}

const folderOf = (): string => join(projectRoot(), "test/vectors/corpus")

/** All entries, by file name. */
export function corpusRead(): Map<string, CorpusEntry> {
    const names = readdirSync(folderOf()).filter(name => name.endsWith(".json"))
    return new Map(
        names.sort().map(name => {
            const { target, seed, input, note } = JSON.parse(readFileSync(join(folderOf(), name), "utf8"))
            return [name, { target, seed, note, input: Buffer.from(input, "base64") }]
        }),
    )
}

/** Keeps a failing input beside the corpus. Returns the file's path. */
export function corpusKeep({ target, seed, kind, message, smallest }: Found): string {
    mkdirSync(folderOf(), { recursive: true })
    const path = join(folderOf(), `${target}-${kind}-${seed}.json`)
    const entry = { target, seed, note: `${kind}: ${message.split("\n")[0]}`, input: smallest.toString("base64") }
    writeFileSync(path, `${JSON.stringify(entry, undefined, 4)}\n`)
    return path
}
