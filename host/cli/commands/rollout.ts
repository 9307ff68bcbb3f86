// otary rollout: a release on its way to devices, from preview to retry.

import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { InvalidArgumentError, type Command } from "commander"
import JSON5 from "json5"
import type { Rollout, RolloutPreview, Task } from "../api-types"
import { ApiError, CliError, EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, confirm, parseInteger } from "../options"
import { fields, table } from "../output"
import { registerSimulate } from "./simulate"

type Scope = Readonly<Record<string, unknown>>

interface CreateOptions extends CloudOptions {
    readonly release: string
    readonly to: Scope
    readonly name?: string
    readonly continuous?: boolean
    readonly knobs?: string
    readonly push?: boolean
    readonly rate?: number
    readonly pendingMax?: number
    readonly draft?: boolean
    readonly dryRun?: boolean
}

interface EditOptions extends CloudOptions {
    readonly name?: string
    readonly rate?: number
    readonly pendingMax?: number
    readonly failuresMax?: number
}

const RATE_MAX = 10_000
const COUNT_MAX = 2 ** 31 - 1
const pathOf = (id: string | undefined, action = ""): string => `/rollouts/${encodeURIComponent(id ?? "")}${action}`

/** `all`, `percent:N`, `group:A,B`, `region:A,B`, or device ids with commas between them. */
function parseScope(text: string): Scope {
    const [kind, list = ""] = text.split(":", 2)
    const names = list.split(",").map(name => name.trim())
    if (text === "all") return { kind: "all" }
    if (kind === "percent" && Number(list) > 0) return { kind: "percent", percent: Number(list) }
    if (kind === "group" && list !== "") return { kind: "groups", groups: names }
    if (kind === "region" && list !== "") return { kind: "regions", regions: names }
    const ids = text.split(",").map(id => id.trim())
    if (ids.every(id => id !== "")) return { kind: "devices", ids }
    throw new InvalidArgumentError("it must be `all`, `percent:N`, `group:A,B`, `region:A,B`, or device ids with commas.")
}

function readKnobs(cwd: string, file: string | undefined): Record<string, unknown> {
    if (file === undefined) return {}
    try {
        const value: unknown = JSON5.parse(readFileSync(resolve(cwd, file), "utf8"))
        if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
        throw new Error("it holds no object")
    } catch (error) {
        const hint = "name a JSON5 file with an object of knobs; docs/api.md lists them"
        throw new CliError("CLI_FILE", `cannot read the knobs in ${file}: ${(error as Error).message}`, hint)
    }
}

function constantRate(rate: number | undefined): { rate?: unknown } {
    if (rate === undefined) return {}
    return { rate: rate === 0 ? null : { kind: "constant", perMinute: rate } }
}

function countsText({ counts }: Rollout): string {
    const shown = Object.entries(counts).filter(([, count]) => count > 0)
    return shown.map(([state, count]) => `${count} ${state}`).join(", ")
}

function rolloutText(rollout: Rollout): string {
    const { id, release, version, name, mode, scope, state, outcome, reason, devices, total, createdBy } = rollout
    const to = scope.kind === "devices" ? `${scope.count} devices` : scope.kind
    const facts = { rollout: id, name, release, version, mode, to, state, outcome: outcome ?? "", reason, createdBy }
    return fields({ ...facts, devices: total === null ? devices : `${devices} of ${total}`, tasks: countsText(rollout) })
}

function previewText({ total, matching, skipped, notMatching, reasons, finishedAtS, warnings }: RolloutPreview): string {
    const done = finishedAtS === null ? "" : new Date(finishedAtS * 1000).toISOString()
    const head = fields({ devices: total, matching, "run it already": skipped, "not matching": notMatching, "done at": done })
    const rows = reasons.flatMap(({ check, count, examples }) =>
        examples.map(({ device, detail }, at) => [at === 0 ? `${check} (${count})` : "", device, detail]),
    )
    return [head, table(["CHECK", "DEVICE", "WHY NOT"], rows), ...warnings].filter(part => part !== "").join("\n\n")
}

/** Sends an order; when the cloud wants a second confirmation, asks for it and sends the order again with it. */
async function send(context: CommandContext<CloudOptions>, method: string, path: string, order: object): Promise<Rollout> {
    const client = connect(context.io, context.options)
    try {
        return await client.call<Rollout>(method, path, order)
    } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "confirmation_required") throw error
        await confirm(context, "This goes to EVERY device AT ONCE, without rate, gates or limit. Do you mean it?")
        return client.call<Rollout>(method, path, { ...order, confirmAll: true })
    }
}

async function create(context: CommandContext<CreateOptions>): Promise<number> {
    const { io, output, options } = context
    const { release, to: scope, name, continuous = false, push, rate, pendingMax, draft = false, dryRun = false } = options
    const chosen = { ...(push && { delivery: "push" }), ...constantRate(rate), ...(pendingMax !== undefined && { pendingMax }) }
    const knobs = { ...readKnobs(io.cwd, options.knobs), ...chosen }
    const order = { release, name, mode: continuous ? "continuous" : "snapshot", scope, knobs, start: !draft }
    if (dryRun) {
        const preview = await connect(io, options).call<RolloutPreview>("POST", "/rollouts/preview", order)
        output.result(preview, previewText(preview))
        return EXIT_DONE
    }
    const rollout = await send(context, "POST", "/rollouts", order)
    for (const warning of rollout.warnings) output.note(warning)
    output.result(rollout, rolloutText(rollout))
    return EXIT_DONE
}

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
    const { name, rate, pendingMax, failuresMax: failuresPercentMax } = context.options
    const change = { name, ...constantRate(rate), pendingMax, failuresPercentMax }
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

function addCreate(group: Command, cli: Cli): void {
    addCloudOptions(group.command("create"))
        .description("roll a release out")
        .requiredOption("--release <id>", "release to roll out")
        .requiredOption("--to <whom>", "`all`, `percent:N`, `group:A,B`, `region:A,B`, or device ids with commas", parseScope)
        .option("--name <name>", "for people")
        .option("--continuous", "look at each check-in anew; default: the devices of now")
        .option("--knobs <file>", "JSON5 file with any of the knobs of docs/api.md")
        .option("--push", "push to devices in place of waiting for their check-ins")
        .option("--rate <n>", "devices a minute", parseInteger(1, RATE_MAX))
        .option("--pending-max <n>", "devices under way at a time", parseInteger(1, COUNT_MAX))
        .option("--draft", "wait for `otary rollout start`, or for approvals")
        .option("--dry-run", "only say what it would do")
        .action(cli.action(create))
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
    addCreate(group, cli)
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
