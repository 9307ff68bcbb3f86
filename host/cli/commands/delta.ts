// otary delta: two packed images into what boards that run the first lack of the second.

import { resolve } from "node:path"
import type { Command } from "commander"
import { packDelta } from "../../../build/delta"
import { sha256Hex } from "../../../build/image-format"
import { keyHome } from "../../../build/keygen"
import { readSigners, signImage } from "../../../build/sign"
import { EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { readImageFile, writeFileWhole } from "../files"
import { collect } from "../options"

interface DeltaOptions {
    readonly output?: string
    readonly key: readonly string[]
}

async function delta({ io, output, args, options }: CommandContext<DeltaOptions>): Promise<number> {
    const paths = options.key.map(path => resolve(io.cwd, path))
    const signers = readSigners(paths, keyHome(io.env))
    const full = readImageFile(io.cwd, args[1]!)
    const { bytes: packed, manifest, from, fileName } = packDelta(readImageFile(io.cwd, args[0]!), full)
    const bytes = options.key.length === 0 ? packed : signImage(packed, signers)
    const file = options.output ?? fileName
    writeFileWhole(resolve(io.cwd, file), bytes)
    const { name, version, platform, build_id } = manifest
    const percent = (bytes.length / full.length) * 100
    output.note(
        `${name} ${version} for boards that run ${from}: ${bytes.length} bytes, ${percent.toFixed(1)} % of the full image`,
    )
    if (bytes.length >= full.length) output.note("it saves nothing: the two apps have little in common")
    const image = { name, version, platform, build_id, from, sizeBytes: bytes.length, sha256: sha256Hex(bytes) }
    output.result({ file, ...image, fullBytes: full.length }, file)
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerDelta(program: Command, cli: Cli): void {
    program
        .command("delta")
        .description("make a delta: an image for boards that run the old one, which have most of its app already")
        .argument("<old>", "the image that the boards run")
        .argument("<new>", "the full image that they shall run")
        .option("-o, --output <file>", "the delta; default: NAME-VERSION-from-VERSION.zip in the current folder")
        .option("--key <file>", "signs the delta, as for `otary pack`: signatures of the full image are not its own", collect, [])
        .action(cli.action(delta))
}
