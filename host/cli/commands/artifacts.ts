// otary artifacts: the images that a cloud keeps.

import type { Command } from "commander"
import type { Artifact } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { readImageFile } from "../files"
import { addCloudOptions } from "../options"
import { fields, table } from "../output"

function artifactText({ sha256, sizeBytes, manifest, createdAt }: Artifact): string {
    const { name = "", version = "", platform = "", product = "" } = manifest
    return fields({ sha256, sizeBytes, name, version, platform, product, createdAt })
}

async function upload({ io, output, args, options }: CommandContext<CloudOptions & { product?: string }>): Promise<number> {
    const artifact = await connect(io, options).upload(readImageFile(io.cwd, args[0]!), options.product)
    output.result(artifact, artifactText(artifact))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const artifacts = await connect(io, options).list<Artifact>("/artifacts")
    const rows = artifacts.map(({ sha256, sizeBytes, manifest: { version = "", platform = "", name = "" } }) => [
        sha256,
        String(sizeBytes),
        version,
        platform,
        name,
    ])
    output.result(artifacts, table(["SHA256", "BYTES", "VERSION", "PLATFORM", "NAME"], rows))
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const artifact = await connect(io, options).call<Artifact>("GET", `/artifacts/${encodeURIComponent(args[0]!)}`)
    output.result(artifact, artifactText(artifact))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerArtifacts(program: Command, cli: Cli): void {
    const group = program.command("artifacts").description("images that the cloud keeps")
    addCloudOptions(group.command("upload"))
        .description("upload an image without releasing it, such as a differential one; prints its SHA-256")
        .argument("<file>", "the image")
        .option("--product <id>", "product whose signatures it must have")
        .action(cli.action(upload))
    addCloudOptions(group.command("list")).description("list images").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show an image").argument("<sha256>").action(cli.action(show))
}
