// otary webhook: addresses that are told of events.

import type { Command } from "commander"
import type { Webhook } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, collect, confirm } from "../options"
import { fields, table } from "../output"

interface CreateOptions extends CloudOptions {
    readonly type: readonly string[]
    readonly description?: string
}

interface EditOptions extends CloudOptions {
    readonly url?: string
    readonly type?: readonly string[]
    readonly description?: string
}

const pathOf = (id: string | undefined): string => `/webhooks/${encodeURIComponent(id ?? "")}`

function webhookText({ id, url, types, description, enabled, failures, lastError, secret = "" }: Webhook): string {
    return fields({ id, url, types: types.join(" "), description, enabled, failures, lastError, secret })
}

async function create({ io, output, args, options }: CommandContext<CreateOptions>): Promise<number> {
    const types = options.type.length === 0 ? ["*"] : options.type
    const draft = { url: args[0], types, description: options.description }
    const webhook = await connect(io, options).call<Webhook>("POST", "/webhooks", draft)
    output.note("the secret of its signatures is shown only now")
    output.result(webhook, webhookText(webhook))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const webhooks = await connect(io, options).list<Webhook>("/webhooks")
    const stateOf = ({ enabled, failures }: Webhook): string => (!enabled ? "off" : failures > 0 ? `${failures} failures` : "on")
    const rows = webhooks.map(webhook => [webhook.id, stateOf(webhook), webhook.types.join(" "), webhook.url])
    output.result(webhooks, table(["WEBHOOK", "STATE", "TYPES", "URL"], rows))
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const webhook = await connect(io, options).call<Webhook>("GET", pathOf(args[0]))
    output.result(webhook, webhookText(webhook))
    return EXIT_DONE
}

async function edit({ io, output, args, options }: CommandContext<EditOptions>): Promise<number> {
    const { url, type: types, description } = options
    const webhook = await connect(io, options).call<Webhook>("PATCH", pathOf(args[0]), { url, types, description })
    output.result(webhook, webhookText(webhook))
    return EXIT_DONE
}

/** Switches a webhook on or off. */
function change(enabled: boolean): (context: CommandContext<CloudOptions>) => Promise<number> {
    return async ({ io, output, args, options }) => {
        const webhook = await connect(io, options).call<Webhook>("PATCH", pathOf(args[0]), { enabled })
        output.result(webhook, webhookText(webhook))
        return EXIT_DONE
    }
}

async function remove(context: CommandContext<CloudOptions>): Promise<number> {
    const { io, output, args, options } = context
    const client = connect(io, options)
    await confirm(context, `Remove the webhook ${args[0]}?`)
    await client.call("DELETE", pathOf(args[0]))
    output.result({ webhook: args[0], removed: true }, "")
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerWebhook(program: Command, cli: Cli): void {
    const group = program.command("webhook").description("have addresses told of events")
    addCloudOptions(group.command("create"))
        .description("add a webhook; prints the secret of its signatures")
        .argument("<url>", "https address")
        .option("--type <type>", "type of event such as task.failed or task.*, as often as needed; default: all", collect, [])
        .option("--description <text>", "for people")
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list webhooks").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a webhook and how it goes").argument("<id>").action(cli.action(show))
    addCloudOptions(group.command("edit"))
        .description("change a webhook")
        .argument("<id>")
        .option("--url <url>", "https address")
        .option("--type <type>", "all of its types anew, as often as needed", collect)
        .option("--description <text>", "for people")
        .action(cli.action(edit))
    addCloudOptions(group.command("enable"))
        .description("switch a webhook on")
        .argument("<id>")
        .action(cli.action(change(true)))
    addCloudOptions(group.command("disable"))
        .description("switch a webhook off")
        .argument("<id>")
        .action(cli.action(change(false)))
    addCloudOptions(group.command("remove")).description("remove a webhook").argument("<id>").action(cli.action(remove))
}
