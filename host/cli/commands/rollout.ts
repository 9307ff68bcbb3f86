// otary rollout: a release on its way to devices, from preview to retry.

import type { Command } from "commander"
import type { Rollout, RolloutPreview, Task } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, confirm, parseInteger, parseList, parseSetting } from "../options"
import { fields, table } from "../output"
import { COUNT_MAX, RATE_MAX, constantRate, countsText, previewText, rolloutText, send } from "./rollout-text"
import { registerRolloutCreate } from "./rollout-create"
import { registerSimulate } from "./simulate"

interface EditOptions extends CloudOptions {
    readonly name?: string
    readonly rate?: number
    readonly pendingMax?: number
    readonly failuresMax?: number
    readonly timeout?: number
    readonly ackTimeout?: number
    readonly from?: readonly string[]
    readonly tag?: Readonly<Record<string, string>>
}

const pathOf = (id: string | undefined, action = ""): string => `/rollouts/${encodeURIComponent(id ?? "")}${action}`

async function list({ io, output, options }: CommandContext<CloudOptions & { release?: string }>): Promise<number> {
    const rollouts = await connect(io, options).list<Rollout>("/rollouts", { release: options.release })
    const rows = rollouts.map(one => [
        one.id,
        one.version,
        one.state,
        one.outcome ?? "",
        one.scope.kind,
        countsText(one),
        one.name,
    ])
    output.result(rollouts, table(["ROLLOUT", "VERSION", "STATE", "OUTCOME", "TO", "TASKS", "NAME"], rows))
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const rollout = await connect(io, options).call<Rollout>("GET", pathOf(args[0]))
    output.result(rollout, rolloutText(rollout))
    return EXIT_DONE
}

async function preview({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const found = await connect(io, options).call<RolloutPreview>("GET", pathOf(args[0], "/preview"))
    output.result(found, previewText(found))
    return EXIT_DONE
}

async function edit(context: CommandContext<EditOptions>): Promise<number> {
    const { name, rate, pendingMax, failuresMax: failuresPercentMax, from: sourceVersions, tag: tags } = context.options
    const times = { workTimeoutS: context.options.timeout, ackTimeoutS: context.options.ackTimeout }
    const change = { name, ...constantRate(rate), pendingMax, failuresPercentMax, sourceVersions, tags, ...times }
    const rollout = await send(context, "PATCH", pathOf(context.args[0]), change)
    context.output.result(rollout, rolloutText(rollout))
    return EXIT_DONE
}

/** An action whose whole input is the rollout. */
function act(action: string): (context: CommandContext<CloudOptions>) => Promise<number> {
    return async ({ io, output, args, options }) => {
        const rollout = await connect(io, options).call<Rollout>("POST", pathOf(args[0], `/${action}`))
        output.result(rollout, rolloutText(rollout))
        return EXIT_DONE
    }
}

async function cancel(context: CommandContext<CloudOptions & { tasks?: string }>): Promise<number> {
    const { io, output, args, options } = context
    const client = connect(io, options)
    await confirm(context, `End the rollout ${args[0]} for ever?`)
    const tasks = options.tasks?.split(",").filter(state => state !== "" && state !== "none")
    const rollout = await client.call<Rollout>("POST", pathOf(args[0], "/cancel"), { tasks })
    output.result(rollout, rolloutText(rollout))
    return EXIT_DONE
}

async function retry({ io, output, args, options }: CommandContext<CloudOptions & { canceled?: boolean }>): Promise<number> {
    const tasks = options.canceled === true ? ["failed", "canceled"] : ["failed"]
    const done = await connect(io, options).call<{ count: number }>("POST", pathOf(args[0], "/retry"), { tasks })
    output.result(done, `${done.count} devices are tried again`)
    return EXIT_DONE
}

async function tasks({ io, output, args, options }: CommandContext<CloudOptions & { state?: string }>): Promise<number> {
    const found = await connect(io, options).list<Task>("/tasks", { rollout: args[0], state: options.state })
    const rows = found.map(({ id, device, state, attempt, reason }) => [id, device, state, String(attempt), reason])
    output.result(found, table(["TASK", "DEVICE", "STATE", "ATTEMPT", "REASON"], rows))
    return EXIT_DONE
}

/** Confirms or cancels one task. */
function taskAct(action: string): (context: CommandContext<CloudOptions>) => Promise<number> {
    return async ({ io, output, args, options }) => {
        const [device = "", task = ""] = args.map(encodeURIComponent)
        const done = await connect(io, options).call<Task>("POST", `/devices/${device}/tasks/${task}/${action}`)
        output.result(done, fields({ task: done.id, device: done.device, state: done.state, reason: done.reason }))
        return EXIT_DONE
    }
}

function addSmall(group: Command, cli: Cli): void {
    const actions = [
        ["start", "start a draft"],
        ["pause", "hold a rollout; what was handed out goes on"],
        ["resume", "go on with a rollout that was paused, or held at a gate"],
        ["approve", "approve the start of a draft, or the gate that a rollout stands before"],
    ] as const
    for (const [name, text] of actions)
        addCloudOptions(group.command(name))
            .description(text)
            .argument("<id>")
            .action(cli.action(act(name)))
    const taskActions = [
        ["confirm", "confirm a task that waits for it"],
        ["cancel-task", "cancel one task"],
    ] as const
    for (const [name, text] of taskActions) {
        const command = addCloudOptions(group.command(name)).description(text).argument("<device>").argument("<task>")
        command.action(cli.action(taskAct(name.split("-")[0]!)))
    }
}

/** Adds the commands to the program. */
export function registerRollout(program: Command, cli: Cli): void {
    const group = program.command("rollout").description("roll releases out, step by step")
    registerRolloutCreate(group, cli)
    addCloudOptions(group.command("list"))
        .description("list rollouts, newest first")
        .option("--release <id>", "rollouts of this release only")
        .action(cli.action(list))
    addCloudOptions(group.command("show"))
        .description("show a rollout and how far it is")
        .argument("<id>")
        .action(cli.action(show))
    addCloudOptions(group.command("preview"))
        .description("how many devices would match now, how many not and why")
        .argument("<id>")
        .action(cli.action(preview))
    addCloudOptions(group.command("edit"))
        .description("change a rollout while it runs")
        .argument("<id>")
        .option("--name <name>", "for people")
        .option("--rate <n>", "devices a minute; 0: no rate", parseInteger(0, RATE_MAX))
        .option("--pending-max <n>", "devices under way at a time", parseInteger(1, COUNT_MAX))
        .option("--failures-max <percent>", "failures that end it, in percent", parseInteger(0, 100))
        .option("--timeout <s>", "seconds from the first progress report to the result", parseInteger(1, COUNT_MAX))
        .option("--ack-timeout <s>", "seconds that an offer waits for the device", parseInteger(1, COUNT_MAX))
        .option("--from <versions>", "versions that it replaces, with commas", parseList)
        .option("--tag <name=value>", "all of its tags anew, as often as needed", parseSetting)
        .action(cli.action(edit))
    addSmall(group, cli)
    addCloudOptions(group.command("cancel"))
        .description("end a rollout")
        .argument("<id>")
        .option("--tasks <states>", "states whose tasks are canceled too, with commas; `none`; default: awaiting,queued")
        .action(cli.action(cancel))
    addCloudOptions(group.command("retry"))
        .description("try failed devices again, 1,000 in a call")
        .argument("<id>")
        .option("--canceled", "canceled ones too")
        .action(cli.action(retry))
    addCloudOptions(group.command("tasks"))
        .description("list the tasks of a rollout")
        .argument("<id>")
        .option("--state <state>", "tasks in this state only")
        .action(cli.action(tasks))
    registerSimulate(group, cli)
}
