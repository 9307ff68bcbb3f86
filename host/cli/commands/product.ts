// otary product: kinds of devices, each with its releases.

import type { Command } from "commander"
import type { Product, Token } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions } from "../options"
import { fields, table } from "../output"

interface CreateOptions extends CloudOptions {
    readonly name?: string
    readonly autoClaim: boolean
    readonly registerById: boolean
}

function productText({ id, name, autoClaim, registerById, createdAt }: Product): string {
    return fields({ product: id, name, autoClaim, registerById, createdAt })
}

async function create({ io, output, args, options }: CommandContext<CreateOptions>): Promise<number> {
    const { name, autoClaim, registerById } = options
    const client = connect(io, options)
    const product = await client.call<Product & Token>("POST", "/products", { id: args[0], name, autoClaim, registerById })
    output.note("the token registers devices of this product; it is shown only now")
    output.result(product, `${productText(product)}\n${fields({ token: product.token })}`)
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
    const product = await connect(io, options).call<Product>("GET", `/products/${encodeURIComponent(args[0]!)}`)
    output.result(product, productText(product))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerProduct(program: Command, cli: Cli): void {
    const group = program.command("product").description("create, list and show products")
    addCloudOptions(group.command("create"))
        .description("create a product; prints the token with which its devices register")
        .argument("[id]", "default: chosen by the cloud")
        .option("--name <name>", "name for people; default: the id")
        .option("--no-auto-claim", "devices that register wait until `otary device claim`")
        .option("--no-register-by-id", "devices register with the product's token only, not with its id")
        .action(cli.action(create))
    addCloudOptions(group.command("list")).description("list all products").action(cli.action(list))
    addCloudOptions(group.command("show")).description("show a product").argument("<id>").action(cli.action(show))
}
