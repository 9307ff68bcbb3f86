// otary push: an image straight to a board, over its serial line.

import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { InvalidArgumentError, type Command } from "commander"
import { type PushOutcome, pushImage } from "../../../build/serial-line"
import { CliError, EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { createProgress } from "../progress"
import { openLine } from "../serial-port"

interface PushOptions {
    readonly port: string
    readonly baud: number
}

const BAUD_DEFAULT = 115200

function parseBaud(text: string): number {
    if (/^\d{3,7}$/.test(text)) return Number(text)
    throw new InvalidArgumentError("expected bits a second, such as 115200")
}

function readImage(path: string): Buffer {
    try {
        return readFileSync(path)
    } catch (error) {
        const hint = "name an image; `otary pack DIR` makes one"
        throw new CliError("CLI_FILE", `the image cannot be read: ${(error as Error).message}`, hint)
    }
}

/** Throws what went wrong, if anything did. */
function check(outcome: PushOutcome, port: string): asserts outcome is Extract<PushOutcome, { kind: "taken" }> {
    if (outcome.kind === "silent") {
        const hint =
            "check the wires and the speed, and that the running image has `uart` in its config.json5; then try again: it goes on"
        throw new CliError("CLI_PUSH_SILENT", `the board at ${port} does not answer (byte ${outcome.offset})`, hint)
    }
    if (outcome.kind === "stopped") throw new CliError("CLI_STOPPED", "the push was stopped", "run it again: it goes on")
    if (outcome.kind === "refused") {
        const hint = `docs/errors.md explains ${outcome.name}; what runs on the board is unchanged`
        throw new CliError("CLI_PUSH_REFUSED", `the board refuses the image: ${outcome.name} (${outcome.status})`, hint)
    }
}

async function push({ io, args, options, output }: CommandContext<PushOptions>): Promise<number> {
    const image = readImage(resolve(io.cwd, args[0]!))
    const line = await openLine(options.port, options.baud, io.cwd)
    const progress = createProgress(io, options.quiet === true || options.json === true)
    const show = (bytes: number): void => {
        const percent = Math.floor((bytes * 100) / image.length)
        progress.bars([{ label: options.port, about: "", before: "", percent, after: `${percent} %`, tone: "busy" }])
    }
    let outcome: PushOutcome
    try {
        progress.title(`sending ${args[0]} (${image.length} bytes)`)
        outcome = await pushImage(line, image, { onProgress: show, signal: io.stopSignal() })
    } finally {
        progress.stop()
        line.close()
    }
    check(outcome, options.port)
    const { from, firstOffset } = outcome
    const went = firstOffset > 0 ? `, from byte ${firstOffset} on` : ""
    output.result({ port: options.port, bytes: image.length, firstOffset, from }, `taken by the board that ran ${from}${went}`)
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerPush(program: Command, cli: Cli): void {
    program
        .command("push")
        .description("send an image to a board over its serial line; the board verifies and applies it as any other")
        .argument("<image>", "the image")
        .requiredOption("--port <port>", "serial device such as /dev/ttyUSB0, Unix socket, or tcp://HOST:PORT")
        .option("--baud <bits>", "bits a second of a serial device", parseBaud, BAUD_DEFAULT)
        .action(cli.action(push))
}
