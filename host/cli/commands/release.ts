// otary release: publishes images to the devices of a product.

import { InvalidArgumentError, type Command } from "commander"
import { TASK_STATES, type Release, type Rollout, type Task } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type Client, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { readImageFile } from "../files"
import { addCloudOptions, confirm, parseSetting } from "../options"
import { fields, table } from "../output"
import { readKnobs } from "./rollout-create"

/** Whom a release is for, as the API takes it; "none" is its null. */
type Scope = { readonly kind: "all" } | { readonly kind: "devices"; readonly ids: readonly string[] } | { readonly kind: "none" }

interface CreateOptions extends CloudOptions {
    readonly product: string
    readonly to: Scope
    readonly description?: string
    readonly disabled?: boolean
    readonly policy?: string
    readonly commit?: string
    readonly module?: string
    readonly home?: string
    readonly requires?: string
    readonly needsVerification?: boolean
    readonly delta: Readonly<Record<string, string>>
    readonly file: Readonly<Record<string, string>>
    readonly knobs?: string
}

const pathOf = (id: string | undefined): string => `/releases/${encodeURIComponent(id ?? "")}`

function parseScope(text: string): Scope {
    if (text === "all") return { kind: "all" }
    if (text === "none") return { kind: "none" }
    const ids = text.split(",").map(id => id.trim())
    if (ids.some(id => id === ""))
        throw new InvalidArgumentError("it must be `all`, `none`, or device ids with commas between them.")
    return { kind: "devices", ids }
}

function releaseText({ id, product, version, description, enabled, artifact, createdAt, ...more }: Release): string {
    const { module, cloud, policy, requirement, commit, needsVerification, verifiedAt } = more
    const verification = needsVerification ? (verifiedAt ?? "missing") : ""
    const rules = { module: module === "default" ? "" : module, cloud, policy, requirement, commit, verification }
    return fields({ release: id, product, version, ...rules, description, enabled, artifact, createdAt })
}

/** Uploads further images by name; their SHA-256 by the same names. */
async function uploadAll(
    client: Client,
    cwd: string,
    files: Readonly<Record<string, string>>,
    product: string,
): Promise<Record<string, string>> {
    const hashes: Record<string, string> = {}
    for (const [name, file] of Object.entries(files))
        hashes[name] = (await client.upload(readImageFile(cwd, file), product)).sha256
    return hashes
}

function whomText(scope: Scope, product: string): string {
    if (scope.kind === "none") return "nobody yet: `otary rollout create` rolls it out"
    return scope.kind === "all" ? `all devices of ${product}` : `${scope.ids.length} listed devices`
}

async function create({ io, output, args, options }: CommandContext<CreateOptions>): Promise<number> {
    const client = connect(io, options)
    const { product, to: scope, description, disabled = false, policy, commit, module, home: cloud, needsVerification } = options
    const { sha256: artifact } = await client.upload(readImageFile(io.cwd, args[0]!), product)
    const deltas = await uploadAll(client, io.cwd, options.delta, product)
    const files = await uploadAll(client, io.cwd, options.file, product)
    const knobs = options.knobs === undefined ? undefined : readKnobs(io.cwd, options.knobs)
    const rules = { policy, commit, module, cloud, requirement: options.requires, needsVerification, deltas, files, knobs }
    const draft = { product, artifact, description, enabled: !disabled, scope: scope.kind === "none" ? null : scope, ...rules }
    const release = await client.call<Release>("POST", "/releases", draft)
    const whom = whomText(scope, product)
    output.note(`${release.version} is ${disabled ? "kept back, disabled," : "out"} for ${whom}`)
    output.result(release, releaseText(release))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions & { product?: string }>): Promise<number> {
    const releases = await connect(io, options).list<Release>("/releases", { product: options.product })
    const rows = releases.map(({ id, product, version, enabled, createdAt, description }) => [
        id,
        product,
        version,
        enabled ? "yes" : "no",
        createdAt,
        description,
    ])
    output.result(releases, table(["RELEASE", "PRODUCT", "VERSION", "ENABLED", "CREATED", "DESCRIPTION"], rows))
    if (rows.length === 0) output.note("no releases; `otary release create FILE --product ID` publishes one")
    return EXIT_DONE
}

/** How far the release is: its rollouts and how many tasks stand in each state. */
async function progressOf(client: Client, id: string): Promise<{ rollouts: Rollout[]; tasks: Record<string, number> }> {
    const rollouts = await client.list<Rollout>("/rollouts", { release: id })
    const states = (await client.list<Task>("/tasks", { release: id })).map(({ state }) => state)
    const counts = TASK_STATES.map(state => [state, states.filter(one => one === state).length])
    return { rollouts, tasks: Object.fromEntries(counts) as Record<string, number> }
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const client = connect(io, options)
    const release = await client.call<Release>("GET", pathOf(args[0]))
    const { rollouts, tasks } = await progressOf(client, release.id)
    const scopes = rollouts.map(({ id, scope }) => [id, scope.kind === "devices" ? `${scope.count} devices` : scope.kind])
    const text = [releaseText(release), table(["ROLLOUT", "TO"], scopes), fields(tasks)].filter(part => part !== "").join("\n\n")
    output.result({ ...release, rollouts, tasks }, text)
    return EXIT_DONE
}

/** Enables or disables a release. */
function change(enabled: boolean): (context: CommandContext<CloudOptions>) => Promise<number> {
    return async ({ io, output, args, options }) => {
        const release = await connect(io, options).call<Release>("PATCH", pathOf(args[0]), { enabled })
        output.note(`${release.version} is ${enabled ? "offered from the next check-in on" : "not offered any more"}`)
        output.result(release, releaseText(release))
        return EXIT_DONE
    }
}

async function edit({ io, output, args, options }: CommandContext<CloudOptions & { description?: string }>): Promise<number> {
    const change = { description: options.description }
    const release = await connect(io, options).call<Release>("PATCH", pathOf(args[0]), change)
    output.result(release, releaseText(release))
    return EXIT_DONE
}

async function remove(context: CommandContext<CloudOptions>): Promise<number> {
    const { io, output, args, options } = context
    const client = connect(io, options)
    await confirm(context, `Remove the release ${args[0]}?`)
    await client.call("DELETE", pathOf(args[0]))
    output.note(`${args[0]} is removed`)
    output.result({ release: args[0], removed: true }, "")
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerRelease(program: Command, cli: Cli): void {
    const group = program.command("release").description("publish images, enable and disable releases")
    addCloudOptions(group.command("create"))
        .description("upload an image and release it")
        .argument("<file>", "the image")
        .requiredOption("--product <id>", "product that it is for")
        .option("--to <devices>", "`all`, `none`, or device ids with commas between them", parseScope, { kind: "all" })
        .option("--policy <expression>", "devices that it is for (docs/policies.md); default: those with a lower version")
        .option("--knobs <file>", "JSON5 file with knobs of its rollout (docs/api.md): limits, rate, condition")
        .option("--description <text>", "what changed, for people")
        .option("--commit <ref>", "commit that it was made of, or its address")
        .option("--module <name>", "module of the product; default: default")
        .option("--home <cloud>", "cloud of the tenant whose devices it is for; default: all")
        .option("--requires <range>", "versions that it may replace, such as '>=1.2.0', beside what the image says")
        .option("--needs-verification", "others start when a verification rollout on one device has succeeded")
        .option("--delta <version=file>", "differential image for devices at this version, as often as needed", parseSetting, {})
        .option("--file <name=file>", "further file, as often as needed", parseSetting, {})
        .option("--disabled", "offer it to nobody until `otary release enable`")
        .action(cli.action(create))
    addCloudOptions(group.command("list"))
        .description("list releases, newest first")
        .option("--product <id>", "releases of this product only")
        .action(cli.action(list))
    addCloudOptions(group.command("show"))
        .description("show a release and how far it is")
        .argument("<id>")
        .action(cli.action(show))
    addCloudOptions(group.command("enable"))
        .description("offer a release")
        .argument("<id>")
        .action(cli.action(change(true)))
    addCloudOptions(group.command("disable"))
        .description("stop offering a release; devices that wait for it do not get it")
        .argument("<id>")
        .action(cli.action(change(false)))
    addCloudOptions(group.command("edit"))
        .description("describe a release anew")
        .argument("<id>")
        .requiredOption("--description <text>", "what changed, for people")
        .action(cli.action(edit))
    addCloudOptions(group.command("remove"))
        .description("remove a release that no device was offered")
        .argument("<id>")
        .action(cli.action(remove))
}
