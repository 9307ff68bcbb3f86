// otary device: the boards that a cloud knows.

import type { Command } from "commander"
import type { Device, Token } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, confirm, parseAttribute, parseList } from "../options"
import { fields, table } from "../output"

interface AddOptions extends CloudOptions {
    readonly product: string
    readonly home?: string
    readonly runs?: string
    readonly attribute: Readonly<Record<string, unknown>>
}

const pathOf = (id: string | undefined): string => `/devices/${encodeURIComponent(id ?? "")}`

/** Names with their values, indented below what they belong to. */
function namedText(values: Readonly<Record<string, unknown>>): Record<string, string> {
    const shown = Object.entries(values).map(([name, value]) => [
        `  ${name}`,
        typeof value === "string" ? value : JSON.stringify(value),
    ])
    return Object.fromEntries(shown) as Record<string, string>
}

function deviceText(device: Device): string {
    const { id, product, cloud, version, claimed, createdAt, attributes, tags, region, versions, reported, desired } = device
    const place = { tags: tags.join(" "), region, lastSeenAt: device.lastSeenAt ?? "never" }
    const base = fields({ device: id, product, cloud, version, claimed, createdAt, ...place, ...namedText(attributes) })
    const further = Object.entries({ modules: versions, reported, desired }).filter(
        ([, values]) => Object.keys(values).length > 0,
    )
    return [base, ...further.map(([what, values]) => `${what}\n${fields(namedText(values))}`)].join("\n")
}

async function add({ io, output, args, options }: CommandContext<AddOptions>): Promise<number> {
    const { product, attribute: attributes, home: cloud, runs: version } = options
    const draft = { id: args[0], product, cloud, version, attributes }
    const device = await connect(io, options).call<Device & Token>("POST", "/devices", draft)
    output.note("the token is the device's own; it is shown only now")
    output.result(device, `${deviceText(device)}\n${fields({ token: device.token })}`)
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions & { product?: string }>): Promise<number> {
    const devices = await connect(io, options).list<Device>("/devices", { product: options.product })
    const rows = devices.map(({ id, product, version, claimed, lastSeenAt }) => [
        id,
        product,
        version === "" ? "-" : version,
        claimed ? "yes" : "no",
        lastSeenAt ?? "never",
    ])
    output.result(devices, table(["DEVICE", "PRODUCT", "VERSION", "CLAIMED", "LAST SEEN"], rows))
    if (rows.length === 0) output.note("no devices; `otary board` starts an emulated one, `otary device add` adds one by hand")
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const device = await connect(io, options).call<Device>("GET", pathOf(args[0]))
    output.result(device, deviceText(device))
    return EXIT_DONE
}

interface EditOptions extends CloudOptions {
    readonly attribute?: Readonly<Record<string, unknown>>
    readonly desired?: Readonly<Record<string, unknown>>
    readonly tags?: readonly string[]
    readonly region?: string
    readonly unclaim?: boolean
}

/** NAME=VALUE as parseAttribute takes it; without a value the name is removed. */
function parseChange(text: string, former: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return text.endsWith("=") ? { ...former, [text.slice(0, -1)]: null } : parseAttribute(text, former)
}

async function edit({ io, output, args, options }: CommandContext<EditOptions>): Promise<number> {
    const { attribute: attributes, desired, tags, region, unclaim } = options
    const change = { attributes, desired, tags, region, ...(unclaim === true && { claimed: false }) }
    const device = await connect(io, options).call<Device>("PATCH", pathOf(args[0]), change)
    output.result(device, deviceText(device))
    return EXIT_DONE
}

async function claim({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const device = await connect(io, options).call<Device>("PATCH", pathOf(args[0]), { claimed: true })
    output.note(`${device.id} gets its token when it registers next`)
    output.result(device, deviceText(device))
    return EXIT_DONE
}

async function token({ io, output, args, options }: CommandContext<CloudOptions & { drop?: boolean }>): Promise<number> {
    const client = connect(io, options)
    const path = `${pathOf(args[0])}/token`
    if (options.drop === true) {
        await client.call("DELETE", path)
        output.note(`${args[0]} has no token any more; it registers anew at its next check-in`)
        output.result({ device: args[0], token: null }, "")
        return EXIT_DONE
    }
    const answer = await client.call<Token>("POST", path)
    output.note("the old token has ended; this one is shown only now")
    output.result({ device: args[0], ...answer }, answer.token)
    return EXIT_DONE
}

async function remove(context: CommandContext<CloudOptions>): Promise<number> {
    const { io, output, args, options } = context
    const client = connect(io, options)
    await confirm(context, `Remove the device ${args[0]} and its tasks?`)
    await client.call("DELETE", pathOf(args[0]))
    output.note(`${args[0]} is removed`)
    output.result({ device: args[0], removed: true }, "")
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerDevice(program: Command, cli: Cli): void {
    const group = program.command("device").description("add, list, show, claim and remove devices; issue tokens")
    addCloudOptions(group.command("add"))
        .description("add a device by hand; prints the token for its config.json")
        .argument("[id]", "default: chosen by the cloud")
        .requiredOption("--product <id>", "product that it belongs to")
        .option("--attribute <name=value>", "attribute of the device, as often as needed", parseAttribute, {})
        .option("--home <cloud>", "cloud of the tenant that it belongs to; default: default")
        .option("--runs <version>", "version that it runs")
        .action(cli.action(add))
    addCloudOptions(group.command("list"))
        .description("list all devices")
        .option("--product <id>", "devices of this product only")
        .action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a device").argument("<id>").action(cli.action(show))
    addCloudOptions(group.command("edit"))
        .description("change what a device is: attributes, tags, region, desired state")
        .argument("<id>")
        .option("--attribute <name=value>", "as often as needed; NAME= removes it", parseChange)
        .option("--tags <names>", "all of its tags, with commas; empty for none", parseList)
        .option("--region <name>", "empty for none")
        .option("--desired <name=value>", "what it should be (the shadow), as often as needed; NAME= removes it", parseChange)
        .option("--unclaim", "take the claim back, and the token with it")
        .action(cli.action(edit))
    addCloudOptions(group.command("claim"))
        .description("let a device that has registered have its token")
        .argument("<id>")
        .action(cli.action(claim))
    addCloudOptions(group.command("token"))
        .description("issue a new token; the old one ends")
        .argument("<id>")
        .option("--drop", "only end the old one, so that the device registers anew")
        .action(cli.action(token))
    addCloudOptions(group.command("remove")).description("remove a device").argument("<id>").action(cli.action(remove))
}
