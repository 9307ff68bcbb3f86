// Options and questions that several commands share.

import { createInterface } from "node:readline/promises"
import { InvalidArgumentError, type Command } from "commander"
import { CliError } from "./cli-error"
import type { CommandContext } from "./context"

/** Adds the options of commands that call a cloud. */
export function addCloudOptions(command: Command): Command {
    return command
        .option("--cloud <url>", "address of the cloud; default: OTARY_CLOUD, else the one that runs in this folder")
        .option("--token <token>", "API token; default: OTARY_TOKEN, else the one of the cloud in this folder")
}

/** Parses a whole number of `min` to `max`. */
export function parseInteger(min: number, max: number): (text: string) => number {
    return text => {
        const value = Number(text)
        if (/^\d+$/.test(text) && value >= min && value <= max) return value
        throw new InvalidArgumentError(`it must be a whole number of ${min} to ${max}.`)
    }
}

/** Adds to what came before: for options that may be given more than once. */
export function collect(text: string, former: readonly string[] = []): string[] {
    return [...former, text]
}

/** Parses a list with commas. */
export function parseList(text: string): string[] {
    return text
        .split(",")
        .map(one => one.trim())
        .filter(one => one !== "")
}

/** Parses NAME=VALUE into what came before; every VALUE is text. */
export function parseSetting(text: string, former: Readonly<Record<string, string>> = {}): Record<string, string> {
    const at = text.indexOf("=")
    if (at < 1) throw new InvalidArgumentError("it must be NAME=VALUE.")
    return { ...former, [text.slice(0, at)]: text.slice(at + 1) }
}

/** The value that a text looks like: a number, true or false; everything else is text. */
export function valueOf(text: string): string | number | boolean {
    const isPlain = /^(true|false|-?(0|[1-9]\d{0,14})(\.\d{1,15})?)$/.test(text)
    return isPlain ? (JSON.parse(text) as number | boolean) : text
}

/** Parses NAME=VALUE of an attribute into what came before. */
export function parseAttribute(text: string, former: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return {
        ...former,
        ...Object.fromEntries(Object.entries(parseSetting(text, {})).map(([name, value]) => [name, valueOf(value)])),
    }
}

/** Asks whether to go on; --yes answers. Throws CLI_CONFIRM where nobody can answer, CLI_STOPPED for a no. */
export async function confirm({ io, options }: CommandContext, question: string): Promise<void> {
    if (options.yes === true) return
    if (io.stdin.isTTY !== true || io.stderr.isTTY !== true) {
        throw new CliError("CLI_CONFIRM", `${question} Nobody is there to answer.`, "say --yes to go on without a question")
    }
    const questioner = createInterface({ input: io.stdin, output: io.stderr as unknown as NodeJS.WritableStream })
    try {
        const answer = await questioner.question(`${question} [y/N] `)
        if (/^y(es)?$/i.test(answer.trim())) return
    } finally {
        questioner.close()
    }
    throw new CliError("CLI_STOPPED", "nothing was changed", "answer y to go on")
}
