// otary pack: a folder into an image.

import { resolve } from "node:path"
import type { Command } from "commander"
import { sha256Hex } from "../../../build/image-format"
import { keyHome } from "../../../build/keygen"
import { packFolder, type PackOptions } from "../../../build/pack"
import { readSigners, signImage } from "../../../build/sign"
import { EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { writeFileWhole } from "../files"
import { collect, parseSetting, valueOf } from "../options"

interface PackCommandOptions {
    readonly output?: string
    readonly target?: string
    readonly key: readonly string[]
    readonly set: Readonly<Record<string, string>>
}

/** Keys of otary.json5 whose values are numbers; every other one is text, even where it looks like a number. */
const NUMBERS = ["security", "appSlotBytes", "filesAreaBytes"]

async function pack({ io, output, args, options }: CommandContext<PackCommandOptions>): Promise<number> {
    const settings = Object.entries(options.set).map(([key, text]) => [key, NUMBERS.includes(key) ? valueOf(text) : text])
    if (options.target !== undefined) settings.push(["target", options.target])
    const overrides = Object.fromEntries(settings) as PackOptions["overrides"]
    // A key that cannot sign is found out before anything is built.
    const signers = readSigners(
        options.key.map(path => resolve(io.cwd, path)),
        keyHome(io.env),
    )
    const {
        bytes: packed,
        manifest,
        fileName,
    } = await packFolder(resolve(io.cwd, args[0]!), {
        overrides,
        sourceDateEpoch: io.env["SOURCE_DATE_EPOCH"],
    })
    const bytes = options.key.length === 0 ? packed : signImage(packed, signers)
    const file = options.output ?? fileName
    writeFileWhole(resolve(io.cwd, file), bytes)
    const { name, version, platform, build_id } = manifest
    output.note(`${name} ${version} for ${platform}: ${bytes.length} bytes, build ${build_id}`)
    output.result({ file, name, version, platform, build_id, sizeBytes: bytes.length, sha256: sha256Hex(bytes) }, file)
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerPack(program: Command, cli: Cli): void {
    program
        .command("pack")
        .description("pack a folder with an app into an image; the same input gives the same bytes")
        .argument("<dir>", "folder with app.ts or app.js, otary.json5, device.json5, config.json5 and files/")
        .option("-o, --output <file>", "the image; default: NAME-VERSION.zip in the current folder")
        .option("--target <name>", "kind of board: host, espruino, nodemcu or nodemcu-esp8266; takes the place of otary.json5's")
        .option("--set <key=value>", "takes the place of a key of otary.json5, as often as needed", parseSetting, {})
        .option(
            "--key <file>",
            "signs the image with a key of `otary keygen`, or of ECDSA P-256 in PEM; as often as needed",
            collect,
            [],
        )
        .action(cli.action(pack))
}
