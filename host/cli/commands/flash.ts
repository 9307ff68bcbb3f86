// otary flash: first installation on real hardware, through the field's own tools for the board.

import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { Option, type Command } from "commander"
import { bundleEspruinoLoader } from "../../../build/bundle-espruino"
import { bundleNodemcuLoader } from "../../../build/bundle-nodemcu"
import { ESPRUINO_MODELS, espruinoLayout } from "../../board/engines/espruino-layout"
import { espruinoInstallSteps, type InstallStep } from "../../board/engines/espruino-install"
import { nodemcuUpload, type NodemcuUpload } from "../../board/engines/nodemcu-install"
import { provisionFiles } from "../../board/factory"
import { CliError, EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { parseAttribute } from "../options"
import { sendToEspruino, sendToNodemcu } from "../hardware"

/** Targets that NodeMCU runs on, with their chips. */
const NODEMCU_TARGETS = { nodemcu: "esp32", "nodemcu-esp8266": "esp8266" } as const
type NodemcuTarget = keyof typeof NODEMCU_TARGETS

interface FlashOptions {
    readonly target: "espruino" | NodemcuTarget
    readonly port?: string
    readonly id: string
    readonly cloud: string
    readonly product: string
    readonly attribute: Readonly<Record<string, unknown>>
    readonly dryRun?: boolean
}

function readImage(path: string): Buffer {
    try {
        return readFileSync(path)
    } catch (error) {
        const hint = "name an image; `otary pack DIR --target espruino` (or nodemcu, nodemcu-esp8266) makes one"
        throw new CliError("CLI_FILE", `the image cannot be read: ${(error as Error).message}`, hint)
    }
}

function portOf({ port }: FlashOptions): string {
    if (port !== undefined) return port
    throw new CliError("CLI_USAGE", "no port is named", "add --port /dev/ttyUSB0 (or what the board is), or --dry-run")
}

async function flashEspruino({ output, options }: CommandContext<FlashOptions>, image: Buffer): Promise<void> {
    const model = ESPRUINO_MODELS.esp32
    const loader = (await bundleEspruinoLoader(espruinoLayout(model))).toString("latin1")
    const files = provisionFiles({ ...options, attributes: options.attribute })
    const steps: readonly InstallStep[] = espruinoInstallSteps(model, { loader, image, files })
    if (options.dryRun === true) {
        const text = steps.map(({ line }) => line).join("\n")
        return output.result({ target: options.target, steps }, text)
    }
    await sendToEspruino(portOf(options), steps, output.note)
    output.result({ target: options.target, port: options.port, steps: steps.length }, `${steps.length} steps done`)
}

function dryRunOf({ files, fillScript, loader }: NodemcuUpload): { name: string; sizeBytes: number }[] {
    const sizes = [...files].map(([name, bytes]) => ({ name, sizeBytes: bytes.length }))
    return [...sizes, { name: "fill.lua", sizeBytes: fillScript.length }, { name: "init.lua", sizeBytes: loader.length }]
}

async function flashNodemcu(
    { output, options }: CommandContext<FlashOptions>,
    target: NodemcuTarget,
    image: Buffer,
): Promise<void> {
    const chip = NODEMCU_TARGETS[target]
    const loader = bundleNodemcuLoader(chip).toString("latin1")
    const files = provisionFiles({ ...options, attributes: options.attribute })
    const upload = nodemcuUpload(chip, { loader, image, files })
    const sent = dryRunOf(upload)
    if (options.dryRun === true) {
        const text = sent.map(({ name, sizeBytes }) => `${name}  ${sizeBytes} bytes`).join("\n")
        return output.result({ target: options.target, files: sent }, `${text}\n\nfill.lua:\n${upload.fillScript}`)
    }
    await sendToNodemcu(portOf(options), upload, output.note)
    output.result({ target: options.target, port: options.port, files: sent }, `${sent.length} files sent`)
}

async function flash(context: CommandContext<FlashOptions>): Promise<number> {
    const { io, args, options } = context
    const image = readImage(resolve(io.cwd, args[0]!))
    const { target } = options
    await (target === "espruino" ? flashEspruino(context, image) : flashNodemcu(context, target, image))
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerFlash(program: Command, cli: Cli): void {
    program
        .command("flash")
        .description("install boot loader and first image on real hardware; everything on its file system is lost")
        .argument("<image>", "the first image, packed for the target")
        .addOption(
            new Option("--target <name>", "what runs on the board")
                .choices(["espruino", ...Object.keys(NODEMCU_TARGETS)])
                .makeOptionMandatory(),
        )
        .option("--port <path>", "serial port of the board, such as /dev/ttyUSB0 or COM3")
        .requiredOption("--id <id>", "device id, 1 to 63 visible ASCII characters")
        .option("--cloud <url>", "device cloud where the board registers", "")
        .option("--product <id>", "product id or token for the registration", "")
        .option("--attribute <name=value>", "property of the device, as often as needed", parseAttribute, {})
        .option("--dry-run", "print what would be sent, and send nothing")
        .action(cli.action(flash))
}
