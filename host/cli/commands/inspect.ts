// otary inspect: what is in an image, and what a board would refuse it for.

import type { Command } from "commander"
import { appOf } from "../../../build/delta"
import { inspectImage, type InspectedPart, type Inspection } from "../../../build/inspect"
import { publicKeyOf } from "../../../build/key-settings"
import type { InspectedSignature } from "../../../build/signatures"
import { EXIT_DONE, EXIT_REFUSED } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { readImageFile } from "../files"
import { collect } from "../options"
import { fields, table } from "../output"

function partRow({ name, type, src, sizeBytes, blocks, isVerified }: InspectedPart): string[] {
    return [name, type, src, String(sizeBytes), String(blocks), isVerified ? "✓" : "✗"]
}

/** What a delta is made from, and what is sent. */
function deltaRow({ name, base }: InspectedPart): string[][] {
    return base === undefined ? [] : [[name, base.digest, String(base.size), String(base.payloadBytes)]]
}

/** Without the signer's public key there is nothing to verify with. */
function signatureRow({ algorithm, key, leaf, isValid }: InspectedSignature): string[] {
    return [algorithm, key, String(leaf ?? ""), isValid === undefined ? "unknown key" : isValid ? "✓" : "✗"]
}

function manifestText({ manifest, sizeBytes, sha256 }: Inspection): string {
    const { parts, ...values } = manifest ?? { parts: {} }
    const plain = Object.entries(values).filter(([, value]) => ["string", "number"].includes(typeof value))
    return fields({ ...(Object.fromEntries(plain) as Record<string, string | number>), sizeBytes, sha256 })
}

function inspectionText(inspection: Inspection): string {
    const { entries, parts, problems } = inspection
    const files = parts.flatMap(part => part.files ?? []).map(file => [file.name, String(file.sizeBytes)])
    const sections = [
        manifestText(inspection),
        table(
            ["ENTRY", "BYTES", "AT"],
            entries.map(entry => [entry.name, String(entry.sizeBytes), String(entry.offsetBytes)]),
        ),
        table(["PART", "TYPE", "ENTRY", "BYTES", "BLOCKS", "VERIFIED"], parts.map(partRow)),
        table(["DELTA", "BASE", "BASE BYTES", "SENT"], parts.flatMap(deltaRow)),
        table(["FILE", "BYTES"], files),
        table(["SIGNATURE", "KEY", "LEAF", "VERIFIED"], inspection.signatures.map(signatureRow)),
        problems.length === 0
            ? "✓ a board takes this image"
            : problems.map(({ status, message }) => `✗ ${message} (status ${status})`).join("\n"),
    ]
    return sections.filter(section => section !== "").join("\n\n")
}

interface InspectOptions {
    readonly key: readonly string[]
    readonly base?: string
}

async function inspect({ io, output, args, options }: CommandContext<InspectOptions>): Promise<number> {
    const keys = options.key.map(key => publicKeyOf(io.cwd, key))
    const base = options.base === undefined ? undefined : appOf(readImageFile(io.cwd, options.base), "old")
    const inspection = inspectImage(readImageFile(io.cwd, args[0]!), keys, base)
    output.result(inspection, inspectionText(inspection))
    if (inspection.problems.length === 0) return EXIT_DONE
    output.note("a board would refuse this image; docs/errors.md explains each status")
    return EXIT_REFUSED
}

/** Adds the command to the program. */
export function registerInspect(program: Command, cli: Cli): void {
    program
        .command("inspect")
        .description("list what is in an image and verify every hash in it; exit code 3 when a board would refuse it")
        .argument("<file>", "the image")
        .option(
            "--key <key>",
            "a public key, or the FILE.pub of `otary keygen`, to verify signatures with; as often as needed",
            collect,
            [],
        )
        .option("--base <file>", "the image that a delta was made from: carries the delta out and verifies what comes of it")
        .action(cli.action(inspect))
}
