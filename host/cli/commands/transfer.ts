// otary import and otary export: devices and tasks as CSV.

import { createReadStream, createWriteStream } from "node:fs"
import { resolve } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { Argument, type Command } from "commander"
import type { DeviceImport } from "../api-types"
import { CliError, EXIT_DONE, EXIT_REFUSED } from "../cli-error"
import { connect, type Client, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions } from "../options"
import { fields, table } from "../output"

interface ImportOptions extends CloudOptions {
    readonly product?: string
    readonly group?: string
    readonly rollout?: string
    readonly invalid?: string
}

interface ExportOptions extends CloudOptions {
    readonly output?: string
    readonly product?: string
    readonly rollout?: string
    readonly release?: string
}

/** A CSV answer as it comes. */
async function csvOf(client: Client, path: string): Promise<Readable> {
    const { body } = await client.open("GET", path)
    return Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
}

function fileError(what: string): (error: unknown) => never {
    return error => {
        if (!(error instanceof Error) || !("syscall" in error)) throw error
        throw new CliError("CLI_FILE", `cannot ${what}: ${error.message}`, "check the path")
    }
}

/** Streams a file of names into a product, a group or a rollout that is a draft. Throws CLI_FILE and what the client throws. */
export async function sendNames(client: Client, path: string, place: string, id: string): Promise<DeviceImport> {
    const file = createReadStream(path)
    await new Promise((done, failed) => file.once("open", done).once("error", failed)).catch(fileError("read the file"))
    const body = Readable.toWeb(file) as ReadableStream
    const response = await client.open("POST", `/imports?${place}=${encodeURIComponent(id)}`, { body, type: "text/csv" })
    return (await response.json()) as DeviceImport
}

async function importFile({ io, output, args, options }: CommandContext<ImportOptions>): Promise<number> {
    const client = connect(io, options)
    const { product, group, rollout } = options
    const places = Object.entries({ product, group, rollout }).filter((one): one is [string, string] => one[1] !== undefined)
    const [place] = places
    if (place === undefined || places.length > 1)
        throw new CliError(
            "CLI_USAGE",
            "it is not clear where the names are to go",
            "give one of --product, --group and --rollout",
        )
    const done = await sendNames(client, resolve(io.cwd, args[0]!), ...place)
    output.result(done, importText(done))
    if (done.invalid === 0) return EXIT_DONE
    if (options.invalid === undefined) output.note(`${done.invalid} names are not valid; --invalid FILE saves them with reasons`)
    else await saveInvalid(client, done.id, resolve(io.cwd, options.invalid))
    return EXIT_REFUSED
}

function importText({ id, product, group, rollout, state, reason, total, created, existing, invalid }: DeviceImport): string {
    const where = { product, group: group ?? "", rollout: rollout ?? "" }
    return fields({ import: id, ...where, state, reason, total, created, existing, invalid })
}

async function saveInvalid(client: Client, id: string, path: string): Promise<void> {
    const csv = await csvOf(client, `/imports/${encodeURIComponent(id)}/invalid`)
    await pipeline(csv, createWriteStream(path)).catch(fileError("write the file"))
}

async function listImports({ io, output, options }: CommandContext<CloudOptions>): Promise<number> {
    const imports = await connect(io, options).list<DeviceImport>("/imports")
    const rows = imports.map(({ id, createdAt, state, created, invalid, product, group, rollout }) => {
        const to = group !== null ? `group ${group}` : rollout !== null ? `rollout ${rollout}` : `product ${product}`
        return [id, createdAt, state, to, String(created), String(invalid)]
    })
    output.result(imports, table(["IMPORT", "AT", "STATE", "TO", "NEW", "INVALID"], rows))
    return EXIT_DONE
}

async function showImport({ io, output, args, options }: CommandContext<CloudOptions & { invalid?: string }>): Promise<number> {
    const client = connect(io, options)
    const found = await client.call<DeviceImport>("GET", `/imports/${encodeURIComponent(args[0]!)}`)
    output.result(found, importText(found))
    if (options.invalid !== undefined) await saveInvalid(client, found.id, resolve(io.cwd, options.invalid))
    return EXIT_DONE
}

async function exportCsv({ io, output, args, options }: CommandContext<ExportOptions>): Promise<number> {
    const { product, rollout, release } = options
    const given = Object.entries({ product, rollout, release }).filter((one): one is [string, string] => one[1] !== undefined)
    const path = `/exports/${args[0]}?${new URLSearchParams(given).toString()}`
    const csv = await csvOf(connect(io, options), path)
    if (options.output === undefined) {
        for await (const text of csv.setEncoding("utf8") as AsyncIterable<string>) io.stdout.write(text)
        return EXIT_DONE
    }
    await pipeline(csv, createWriteStream(resolve(io.cwd, options.output))).catch(fileError("write the file"))
    output.result({ file: options.output }, options.output)
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerTransfer(program: Command, cli: Cli): void {
    addCloudOptions(program.command("import"))
        .description("take device names from a CSV file; exit code 3 when some are not valid")
        .argument("<file>", "names in the first column, or in the one headed id, device or name")
        .option("--product <id>", "make devices of this product")
        .option("--group <id>", "list devices in this group")
        .option("--rollout <id>", "list devices in this rollout, a draft to listed devices")
        .option("--invalid <file>", "save the names that are not valid, with reasons")
        .action(cli.action(importFile))
    const imports = program.command("imports").description("how imports of device names went")
    addCloudOptions(imports.command("list")).description("list imports, newest first").action(cli.action(listImports))
    addCloudOptions(imports.command("show"))
        .description("show an import")
        .argument("<id>")
        .option("--invalid <file>", "save the names that were not valid, with reasons")
        .action(cli.action(showImport))
    addCloudOptions(program.command("export"))
        .description("write devices or tasks as CSV")
        .addArgument(new Argument("<what>").choices(["devices", "tasks"]))
        .option("-o, --output <file>", "write to a file in place of stdout")
        .option("--product <id>", "devices of this product only")
        .option("--rollout <id>", "tasks of this rollout only")
        .option("--release <id>", "tasks of this release only")
        .action(cli.action(exportCsv))
}
