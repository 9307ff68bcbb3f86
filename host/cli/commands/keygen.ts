// otary keygen: a key that signs images, and a new home for one that was moved.

import { resolve } from "node:path"
import { Option, type Command } from "commander"
import { KEY_HEIGHT_MAX, keyAdopt, keyCreate, keyHome, type KeyFacts } from "../../../build/keygen"
import { EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { fields } from "../output"

interface KeygenOptions {
    readonly height: string
    readonly width: string
    readonly hashBytes: string
    readonly adopt?: boolean
}

function factsText({ publicKey, keyId, parameters, signaturesLeft }: KeyFacts): string {
    return fields({ publicKey, keyId, parameters, signaturesLeft })
}

async function keygen({ io, output, args, options }: CommandContext<KeygenOptions>): Promise<number> {
    const file = args[0]!
    const home = keyHome(io.env)
    const path = resolve(io.cwd, file)
    if (options.adopt === true) {
        const facts = keyAdopt(path, home)
        output.note("this machine is the key's home now; a copy elsewhere must never sign again")
        output.result({ file, ...facts }, factsText(facts))
        return EXIT_DONE
    }
    const { height, width, hashBytes } = options
    const facts = keyCreate(path, { height: Number(height), width: Number(width), hashBytes: Number(hashBytes) }, home)
    output.note(`${file} is secret: keep it off servers, and never let two copies of it sign`)
    output.note(`boards: put the public key into config.json5 as update.key0; it signs ${facts.signaturesMax} images`)
    output.result({ file, ...facts }, factsText(facts))
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerKeygen(program: Command, cli: Cli): void {
    program
        .command("keygen")
        .description("make an LMS key that signs images (RFC 8554, RFC 9858)")
        .argument("<file>", "the private key; beside it come FILE.pub, FILE.tree and FILE.state")
        .addOption(choice("--height <levels>", "the key signs 2^levels images", "10", ["5", "10", "15", String(KEY_HEIGHT_MAX)]))
        .addOption(
            choice("--width <bits>", "digits of 8 bits halve signatures and take boards 9 times as long", "4", [
                "1",
                "2",
                "4",
                "8",
            ]),
        )
        .addOption(choice("--hash-bytes <bytes>", "length of a hash", "24", ["24", "32"]))
        .option("--adopt", "go on with a key that was moved here, or whose .state file was lost")
        .action(cli.action(keygen))
}

function choice(flags: string, description: string, value: string, values: string[]): Option {
    return new Option(flags, description).default(value).choices(values)
}
