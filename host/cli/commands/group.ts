// otary group: devices under one name: listed, by an expression, or as a union.

import { Option, type Command } from "commander"
import type { DeviceGroup } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, confirm } from "../options"
import { fields, table } from "../output"

interface GroupOptions extends CloudOptions {
    readonly name?: string
    readonly where?: string
    readonly union?: string
}

/** Devices of one call (docs/api.md). */
const DEVICES_AT_ONCE = 10_000
const pathOf = (id: string | undefined, rest = ""): string => `/groups/${encodeURIComponent(id ?? "")}${rest}`

function groupText({ id, name, kind, where, groups, createdAt }: DeviceGroup): string {
    return fields({ group: id, name, kind, where, union: groups.join(" "), createdAt })
}

async function create({ io, output, args, options }: CommandContext<GroupOptions>): Promise<number> {
    const { name, where, union } = options
    const whereKind = where === undefined ? { kind: "listed" } : { kind: "where", where }
    const kind = union === undefined ? whereKind : { kind: "union", groups: union.split(",").map(one => one.trim()) }
    const group = await connect(io, options).call<DeviceGroup>("POST", "/groups", { id: args[0], name, ...kind })
    output.result(group, groupText(group))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const groups = await connect(io, options).list<DeviceGroup>("/groups")
    const rows = groups.map(({ id, kind, where, groups: union, name }) => [id, kind, where || union.join(" "), name])
    output.result(groups, table(["GROUP", "KIND", "OF", "NAME"], rows))
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions & { devices?: boolean }>): Promise<number> {
    const client = connect(io, options)
    const group = await client.call<DeviceGroup>("GET", pathOf(args[0]))
    const devices = options.devices === true ? await client.list<string>(pathOf(args[0], "/devices")) : undefined
    output.result({ ...group, devices }, [groupText(group), ...(devices ?? [])].join("\n"))
    return EXIT_DONE
}

async function edit({ io, output, args, options }: CommandContext<GroupOptions>): Promise<number> {
    const change = { name: options.name, where: options.where, groups: options.union?.split(",") }
    const group = await connect(io, options).call<DeviceGroup>("PATCH", pathOf(args[0]), change)
    output.result(group, groupText(group))
    return EXIT_DONE
}

/** Adds devices to a listed group, or takes them out. */
function members(action: string): (context: CommandContext<CloudOptions>) => Promise<number> {
    return async ({ io, output, args, options }) => {
        const client = connect(io, options)
        const ids = [...new Set(args[1] as unknown as string[])]
        let count = 0
        for (let at = 0; at < ids.length; at += DEVICES_AT_ONCE) {
            const devices = ids.slice(at, at + DEVICES_AT_ONCE)
            count += (await client.call<{ count: number }>("POST", pathOf(args[0], action), { devices })).count
        }
        output.result({ group: args[0], count }, `${count} devices`)
        return EXIT_DONE
    }
}

async function remove(context: CommandContext<CloudOptions>): Promise<number> {
    const { io, output, args, options } = context
    const client = connect(io, options)
    await confirm(context, `Remove the group ${args[0]}?`)
    await client.call("DELETE", pathOf(args[0]))
    output.result({ group: args[0], removed: true }, "")
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerGroup(program: Command, cli: Cli): void {
    const group = program.command("group").description("devices under one name, for rollouts")
    const where = new Option("--where <expression>", "devices that this holds for (docs/policies.md)").conflicts("union")
    addCloudOptions(group.command("create"))
        .description("make a group; listed unless --where or --union says otherwise")
        .argument("<id>")
        .option("--name <name>", "for people")
        .addOption(where)
        .option("--union <groups>", "other groups, with commas")
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list groups").action(cli.action(list))
    addCloudOptions(group.command("show"))
        .description("show a group")
        .argument("<id>")
        .option("--devices", "with the ids of a listed group")
        .action(cli.action(show))
    addCloudOptions(group.command("edit"))
        .description("change a group")
        .argument("<id>")
        .option("--name <name>", "for people")
        .option("--where <expression>", "devices that this holds for")
        .option("--union <groups>", "other groups, with commas")
        .action(cli.action(edit))
    for (const [name, action] of [
        ["add", "/devices"],
        ["drop", "/devices/remove"],
    ] as const) {
        addCloudOptions(group.command(name))
            .description(name === "add" ? "add devices to a listed group" : "take devices out of a listed group")
            .argument("<id>")
            .argument("<device...>")
            .action(cli.action(members(action)))
    }
    addCloudOptions(group.command("remove")).description("remove a group").argument("<id>").action(cli.action(remove))
}
