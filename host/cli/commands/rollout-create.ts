// otary rollout create: whom a release goes to, and how.

import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { InvalidArgumentError, type Command } from "commander"
import JSON5 from "json5"
import type { Rollout, RolloutPreview } from "../api-types"
import { CliError, EXIT_DONE, EXIT_REFUSED } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, parseInteger, parseList } from "../options"
import { COUNT_MAX, constantRate, previewText, RATE_MAX, rolloutText, send } from "./rollout-text"
import { sendNames } from "./transfer"

type Scope = Readonly<Record<string, unknown>>

interface CreateOptions extends CloudOptions {
    readonly release: string
    readonly to: Scope
    readonly name?: string
    readonly continuous?: boolean
    readonly knobs?: string
    readonly push?: boolean
    readonly where?: string
    readonly from?: readonly string[]
    readonly rate?: number
    readonly pendingMax?: number
    readonly draft?: boolean
    readonly dryRun?: boolean
}

/** `all`, `percent:N`, `group:A,B`, `region:A,B`, `tag:A,B`, `file:NAMES.csv`, or device ids with commas between them. */
function parseScope(text: string): Scope {
    const [kind, list = ""] = text.split(":", 2)
    const names = list.split(",").map(name => name.trim())
    if (text === "all") return { kind: "all" }
    if (kind === "percent" && Number(list) > 0) return { kind: "percent", percent: Number(list) }
    if (kind === "group" && list !== "") return { kind: "groups", groups: names }
    if (kind === "region" && list !== "") return { kind: "regions", regions: names }
    if (kind === "tag" && list !== "") return { kind: "tags", tags: names }
    if (kind === "file" && list !== "") return { kind: "devices", ids: [], file: text.slice("file:".length) }
    const ids = text.split(",").map(id => id.trim())
    if (ids.every(id => id !== "")) return { kind: "devices", ids }
    throw new InvalidArgumentError(
        "it must be `all`, `percent:N`, `group:A,B`, `region:A,B`, `tag:A,B`, `file:NAMES.csv`, or device ids with commas.",
    )
}

/** The knobs in a JSON5 file; none without a file. Throws CLI_FILE. */
export function readKnobs(cwd: string, file: string | undefined): Record<string, unknown> {
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

/** The knobs that the options name, over those of the file. */
function knobsOf(cwd: string, { knobs, push, where, from: sourceVersions, rate, pendingMax }: CreateOptions): object {
    const named = Object.entries({ where, sourceVersions, pendingMax }).filter(([, value]) => value !== undefined)
    return {
        ...readKnobs(cwd, knobs),
        ...(push && { delivery: "push" }),
        ...constantRate(rate),
        ...(Object.fromEntries(named) as object),
    }
}

/** Lists the names of a file: a draft, the names into it, then its start; names that are not valid leave it a draft. */
async function createListed(context: CommandContext<CreateOptions>, order: object, file: string): Promise<number> {
    const { io, output, options } = context
    if (options.dryRun === true) {
        const hint = "leave --dry-run out and say --draft; then look with `otary rollout preview ID`"
        throw new CliError("CLI_USAGE", "a file of names is looked at by the cloud only", hint)
    }
    const client = connect(io, options)
    const draft = await send(context, "POST", "/rollouts", { ...order, start: false })
    const { id, total, invalid } = await sendNames(client, resolve(io.cwd, file), "rollout", draft.id)
    const path = `/rollouts/${encodeURIComponent(draft.id)}`
    const waits = options.draft === true || invalid > 0 || draft.knobs.approvals > 0
    const rollout = waits ? await client.call<Rollout>("GET", path) : await client.call<Rollout>("POST", `${path}/start`)
    output.result(rollout, rolloutText(rollout))
    if (invalid === 0) return EXIT_DONE
    output.note(`${invalid} of ${total} names are not valid: \`otary imports show ${id} --invalid FILE\` saves them.`)
    output.note(`The rollout waits as a draft; \`otary rollout start ${draft.id}\` starts it without them.`)
    return EXIT_REFUSED
}

async function create(context: CommandContext<CreateOptions>): Promise<number> {
    const { io, output, options } = context
    const { release, to: scope, name, continuous = false, draft = false, dryRun = false } = options
    const knobs = knobsOf(io.cwd, options)
    const order = { release, name, mode: continuous ? "continuous" : "snapshot", scope, knobs, start: !draft }
    if (typeof scope["file"] === "string") return createListed(context, { ...order, scope: { kind: "devices" } }, scope["file"])
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

/** Adds the command to `otary rollout`. */
export function registerRolloutCreate(group: Command, cli: Cli): void {
    addCloudOptions(group.command("create"))
        .description("roll a release out")
        .requiredOption("--release <id>", "release to roll out")
        .requiredOption(
            "--to <whom>",
            "`all`, `percent:N`, `group:A,B`, `region:A,B`, `tag:A,B`, `file:NAMES.csv`, or device ids",
            parseScope,
        )
        .option("--name <name>", "for people")
        .option("--continuous", "look at each check-in anew; default: the devices of now")
        .option("--knobs <file>", "JSON5 file with any of the knobs of docs/api.md")
        .option("--push", "push to devices in place of waiting for their check-ins")
        .option("--where <expression>", "devices that this holds for, beside the release's policy (docs/policies.md)")
        .option("--from <versions>", "versions that it replaces, with commas", parseList)
        .option("--rate <n>", "devices a minute", parseInteger(1, RATE_MAX))
        .option("--pending-max <n>", "devices under way at a time", parseInteger(1, COUNT_MAX))
        .option("--draft", "wait for `otary rollout start`, or for approvals")
        .option("--dry-run", "only say what it would do")
        .action(cli.action(create))
}
