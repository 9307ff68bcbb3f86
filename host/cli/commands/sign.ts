// otary sign: signs an image that is packed.

import { resolve } from "node:path"
import type { Command } from "commander"
import { sha256Hex } from "../../../build/image-format"
import { keyHome } from "../../../build/keygen"
import { readSigners, signImage } from "../../../build/sign"
import { EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { readImageFile, writeFileWhole } from "../files"
import { collect } from "../options"

interface SignOptions {
    readonly key: readonly string[]
    readonly output?: string
}

async function sign({ io, output, args, options }: CommandContext<SignOptions>): Promise<number> {
    const image = readImageFile(io.cwd, args[0]!)
    const paths = options.key.map(path => resolve(io.cwd, path))
    const signers = readSigners(paths, keyHome(io.env))
    const signed = signImage(image, signers)
    const file = options.output ?? args[0]!
    writeFileWhole(resolve(io.cwd, file), signed)
    for (const { keyId, signaturesLeft } of signers.lms)
        output.note(`signed by ${keyId}, which has ${signaturesLeft - 1} signatures left`)
    for (const { slot } of signers.ecdsa) output.note(`signed as sig${slot} (ECDSA P-256)`)
    const lms = signers.lms.map(({ keyId, signaturesLeft }) => ({ keyId, signaturesLeft: signaturesLeft - 1 }))
    const ecdsa = signers.ecdsa.map(({ slot }) => `sig${slot}`)
    output.result({ file, sizeBytes: signed.length, sha256: sha256Hex(signed), lms, ecdsa }, file)
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerSign(program: Command, cli: Cli): void {
    program
        .command("sign")
        .description("sign an image; signatures by other keys stay")
        .argument("<image>", "the image; it is replaced unless --output names another file")
        .requiredOption(
            "--key <file>",
            "a key of `otary keygen`, or an ECDSA P-256 key in PEM (sig0, sig1, …); as often as needed",
            collect,
        )
        .option("-o, --output <file>", "the signed image")
        .action(cli.action(sign))
}
