// otary clouds: the fleets of a tenant, each a home of devices and a target of releases.

import type { Command } from "commander"
import type { FleetCloud } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions } from "../options"
import { fields, table } from "../output"

async function create({ io, output, args, options }: CommandContext<CloudOptions & { name?: string }>): Promise<number> {
    const made = await connect(io, options).call<FleetCloud>("POST", "/clouds", { id: args[0], name: options.name })
    output.result(made, fields({ ...made }))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const clouds = await connect(io, options).list<FleetCloud>("/clouds")
    const rows = clouds.map(({ id, name, createdAt }) => [id, name, createdAt])
    output.result(clouds, table(["CLOUD", "NAME", "CREATED"], rows))
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const found = await connect(io, options).call<FleetCloud>("GET", `/clouds/${encodeURIComponent(args[0]!)}`)
    output.result(found, fields({ ...found }))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerClouds(program: Command, cli: Cli): void {
    const group = program
        .command("clouds")
        .description("fleets of a tenant that devices belong to (`otary cloud` runs the server)")
    addCloudOptions(group.command("create"))
        .description("make a cloud")
        .argument("[id]", "default: chosen by the server")
        .option("--name <name>", "for people")
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list clouds").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a cloud").argument("<id>").action(cli.action(show))
}
