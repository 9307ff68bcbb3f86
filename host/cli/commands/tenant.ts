// otary tenant: fleets of different owners on one cloud.

import type { Command } from "commander"
import type { Tenant } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions } from "../options"
import { fields, table } from "../output"

const pathOf = (id: string | undefined): string => `/tenants/${encodeURIComponent(id ?? "")}`

function tenantText({ id, name, createdAt, token = "" }: Tenant): string {
    return fields({ id, name, createdAt, token })
}

async function create({ io, output, args, options }: CommandContext<CloudOptions & { name?: string }>): Promise<number> {
    const tenant = await connect(io, options).call<Tenant>("POST", "/tenants", { id: args[0], name: options.name })
    output.note("its first admin's token is shown only now")
    output.result(tenant, tenantText(tenant))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const tenants = await connect(io, options).list<Tenant>("/tenants")
    output.result(
        tenants,
        table(
            ["TENANT", "NAME", "CREATED"],
            tenants.map(({ id, name, createdAt }) => [id, name, createdAt]),
        ),
    )
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const tenant = await connect(io, options).call<Tenant>("GET", pathOf(args[0]))
    output.result(tenant, tenantText(tenant))
    return EXIT_DONE
}

async function rename({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const tenant = await connect(io, options).call<Tenant>("PATCH", pathOf(args[0]), { name: args[1] })
    output.result(tenant, tenantText(tenant))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerTenant(program: Command, cli: Cli): void {
    const group = program.command("tenant").description("tenants, for admins of the default one")
    addCloudOptions(group.command("create"))
        .description("make a tenant; prints its first admin's token")
        .argument("[id]")
        .option("--name <name>", "for people")
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list tenants").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a tenant").argument("<id>").action(cli.action(show))
    addCloudOptions(group.command("rename"))
        .description("rename a tenant")
        .argument("<id>")
        .argument("<name>")
        .action(cli.action(rename))
}
