// otary token: who may call the cloud's API, and as what.

import { InvalidArgumentError, Option, type Command } from "commander"
import type { Grant, IssuedToken } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, confirm, parseInteger } from "../options"
import { fields, table } from "../output"

interface CreateOptions extends CloudOptions {
    readonly role: string
    readonly tenant?: string
    readonly grant: readonly Grant[]
    readonly days?: number
    readonly owner?: string
}

const ROLES = ["viewer", "operator", "admin"]
const DAY_MS = 86_400_000

function parseGrant(text: string, former: readonly Grant[]): Grant[] {
    const [tenant = "", role = "", ...rest] = text.split("=")
    if (tenant !== "" && ROLES.includes(role) && rest.length === 0) return [...former, { tenant, role }]
    throw new InvalidArgumentError(`it must be TENANT=ROLE, the role one of ${ROLES.join(", ")}.`)
}

function tokenText({ id, name, owner, tenant, role, grants, createdAt, expiresAt, revokedAt, token = "" }: IssuedToken): string {
    const further = grants.map(grant => `${grant.role} in ${grant.tenant}`).join(", ")
    const ends = { expiresAt: expiresAt ?? "", revokedAt: revokedAt ?? "" }
    return fields({ id, name, owner, tenant, role, further, createdAt, ...ends, token })
}

async function create({ io, output, args, options }: CommandContext<CreateOptions>): Promise<number> {
    const { role, tenant, grant: grants, days, owner } = options
    const expiresAt = days === undefined ? undefined : new Date(Date.now() + days * DAY_MS).toISOString()
    const draft = { name: args[0], owner, role, tenant, grants, expiresAt }
    const made = await connect(io, options).call<IssuedToken>("POST", "/tokens", draft)
    output.note("the token is shown only now; keep it where nobody else reads it")
    output.result(made, tokenText(made))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const tokens = await connect(io, options).list<IssuedToken>("/tokens")
    const stateOf = ({ revokedAt, expiresAt }: IssuedToken): string => (revokedAt !== null ? "revoked" : (expiresAt ?? "no end"))
    const rows = tokens.map(token => [token.id, token.name, token.role, token.createdAt, stateOf(token)])
    output.result(tokens, table(["TOKEN", "NAME", "ROLE", "CREATED", "ENDS"], rows))
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const token = await connect(io, options).call<IssuedToken>("GET", `/tokens/${encodeURIComponent(args[0]!)}`)
    output.result(token, tokenText(token))
    return EXIT_DONE
}

async function revoke(context: CommandContext<CloudOptions>): Promise<number> {
    const { io, output, args, options } = context
    const client = connect(io, options)
    await confirm(context, `End the token ${args[0]} for ever?`)
    await client.call("DELETE", `/tokens/${encodeURIComponent(args[0]!)}`)
    output.note(`${args[0]} is revoked`)
    output.result({ token: args[0], revoked: true }, "")
    return EXIT_DONE
}

async function whoami({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const identity = await connect(io, options).call<Record<string, string>>("GET", "/identity")
    output.result(identity, fields(identity))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerToken(program: Command, cli: Cli): void {
    const group = program.command("token").description("API tokens: viewer reads, operator changes the fleet, admin gives rights")
    addCloudOptions(group.command("create"))
        .description("make a token; prints it once")
        .argument("<name>", "for people: whose it is, or what for")
        .addOption(new Option("--role <role>", "what it may do").choices(ROLES).default("viewer"))
        .option("--owner <person>", "whose it is: tokens of one person are one voice where approvals are counted")
        .option("--tenant <id>", "tenant that it belongs to; default: the caller's")
        .option("--grant <tenant=role>", "a role in a further tenant, as often as needed", parseGrant, [])
        .option("--days <n>", "days until it ends; default: never", parseInteger(1, 3650))
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list tokens").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a token, without its text").argument("<id>").action(cli.action(show))
    addCloudOptions(group.command("revoke")).description("end a token at once").argument("<id>").action(cli.action(revoke))
    addCloudOptions(group.command("whoami")).description("what the token in use may do").action(cli.action(whoami))
}
