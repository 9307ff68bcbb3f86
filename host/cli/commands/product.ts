// otary product: kinds of devices, each with its releases.

import { Option, type Command } from "commander"
import { publicKeyOf } from "../../../build/key-settings"
import type { Product, Token } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions, collect, parseList } from "../options"
import { fields, table } from "../output"

interface Settings extends CloudOptions {
    readonly name?: string
    readonly autoClaim?: boolean
    readonly registerById?: boolean
    readonly signatureRequired?: boolean
    readonly publicKey?: readonly string[]
    readonly choice?: string
    readonly modules?: readonly string[]
}

const pathOf = (id: string | undefined, rest = ""): string => `/products/${encodeURIComponent(id ?? "")}${rest}`

function productText({ id, name, createdAt, modules, choice, publicKeys, ...rules }: Product): string {
    const { autoClaim, registerById, signatureRequired } = rules
    const keys = publicKeys.map(key => `${key.slice(0, 16)}…`).join(" ")
    const shown = { autoClaim, registerById, signatureRequired, keys, modules: modules.join(" "), choice }
    return fields({ product: id, name, ...shown, createdAt })
}

/** What the options say, as the API takes it; `none` ends the list of keys. */
function settingsOf(cwd: string, options: Settings): object {
    const { name, autoClaim, registerById, signatureRequired, choice, modules, publicKey } = options
    const publicKeys = publicKey?.filter(key => key !== "none").map(key => publicKeyOf(cwd, key))
    return { name, autoClaim, registerById, signatureRequired, choice, modules, publicKeys }
}

async function create({ io, output, args, options }: CommandContext<Settings>): Promise<number> {
    const draft = { id: args[0], ...settingsOf(io.cwd, options) }
    const product = await connect(io, options).call<Product & Token>("POST", "/products", draft)
    output.note("the token registers devices of this product; it is shown only now")
    output.result(product, `${productText(product)}\n${fields({ token: product.token })}`)
    return EXIT_DONE
}

async function edit({ io, output, args, options }: CommandContext<Settings>): Promise<number> {
    const product = await connect(io, options).call<Product>("PATCH", pathOf(args[0]), settingsOf(io.cwd, options))
    output.result(product, productText(product))
    return EXIT_DONE
}

async function list({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const products = await connect(io, options).list<Product>("/products")
    const rows = products.map(({ id, name, createdAt }) => [id, name, createdAt])
    output.result(products, table(["PRODUCT", "NAME", "CREATED"], rows))
    if (rows.length === 0) output.note("no products; `otary product create ID` makes one")
    return EXIT_DONE
}

async function show({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const product = await connect(io, options).call<Product>("GET", pathOf(args[0]))
    output.result(product, productText(product))
    return EXIT_DONE
}

async function token({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const answer = await connect(io, options).call<Token>("POST", pathOf(args[0], "/token"))
    output.note("the old registration token has ended; this one is shown only now")
    output.result({ product: args[0], ...answer }, answer.token)
    return EXIT_DONE
}

/** Options that set what a product is. */
function addSettings(command: Command): Command {
    return command
        .option("--name <name>", "name for people; default: the id")
        .option("--signature-required", "take signed images only")
        .option("--no-signature-required", "take images without a signature, unless there are keys")
        .option(
            "--public-key <key>",
            "key that its images are verified with: FILE.pub or its text; as often as needed; `none`",
            collect,
        )
        .option("--modules <names>", "its modules, with commas; `default` is the one of devices with a single version", parseList)
        .addOption(new Option("--choice <rule>", "which of several matching rollouts goes first").choices(["version", "recent"]))
}

/** Adds the commands to the program. */
export function registerProduct(program: Command, cli: Cli): void {
    const group = program.command("product").description("create, list, show and change products")
    addSettings(addCloudOptions(group.command("create")))
        .description("create a product; prints the token with which its devices register")
        .argument("[id]", "default: chosen by the cloud")
        .option("--no-auto-claim", "devices that register wait until `otary device claim`")
        .option("--no-register-by-id", "devices register with the product's token only, not with its id")
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list all products").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a product").argument("<id>").action(cli.action(show))
    addSettings(addCloudOptions(group.command("edit")))
        .description("change a product")
        .argument("<id>")
        .addOption(new Option("--auto-claim", "devices that register are claimed at once"))
        .addOption(new Option("--no-auto-claim", "they wait until `otary device claim`"))
        .addOption(new Option("--register-by-id", "the product's id is enough to register"))
        .addOption(new Option("--no-register-by-id", "it takes the product's token"))
        .action(cli.action(edit))
    addCloudOptions(group.command("token"))
        .description("issue a new registration token; the old one ends")
        .argument("<id>")
        .action(cli.action(token))
}
