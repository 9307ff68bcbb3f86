// otary cloud: the device cloud in the foreground, until it is told to stop.

import { once } from "node:events"
import { resolve } from "node:path"
import { InvalidArgumentError, Option, type Command } from "commander"
import { startCloud, type Cloud, type CloudOptions } from "../../cloud/cloud"
import { POLICY_TERMS_DEFAULT, POLICY_TERMS_MAX } from "../../cloud/domain/policy/limits"
import { CliError, EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { forgetLocalCloud, LOCAL_FOLDER, writeLocalCloud } from "../local-cloud"
import { collect, parseInteger } from "../options"

interface CloudCommandOptions {
    readonly data: string
    readonly port: number
    readonly host: string
    readonly databaseUrl?: string
    readonly publicUrl?: string
    readonly mqttUrl?: string
    readonly policyTerms: number
    readonly webhookAllow: readonly string[]
    readonly trustedProxy: readonly string[]
    readonly log: NonNullable<CloudOptions["log"]>
}

/** Port of `otary cloud`; below 32768, where systems take ports for outgoing connections. */
const PORT_DEFAULT = 4080
const LEVELS = ["debug", "info", "warn", "error", "silent"]

/** Starts a cloud. Throws CLI_PORT_TAKEN or CLI_CLOUD_START. */
export async function startLocalCloud(options: CloudOptions): Promise<Cloud> {
    try {
        return await startCloud(options)
    } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        if (code === "EADDRINUSE") {
            const what = `port ${options.port} of ${options.host ?? "127.0.0.1"} is taken by another program`
            throw new CliError("CLI_PORT_TAKEN", what, "name another one with --port, or 0 for any that is free")
        }
        const hint = "docs/operations.md says what the cloud needs"
        throw new CliError("CLI_CLOUD_START", `the cloud cannot be started: ${message}`, hint)
    }
}

function parseBroker(text: string): string {
    if (URL.canParse(text) && /^mqtts?:\/\/[^/]/.test(text)) return text
    throw new InvalidArgumentError("expected mqtt://HOST:PORT or mqtts://HOST:PORT")
}

async function cloud({ io, output, options }: CommandContext<CloudCommandOptions>): Promise<number> {
    const stop = io.stopSignal()
    const dataDir = resolve(io.cwd, options.data)
    const { port, host, databaseUrl, publicUrl, mqttUrl, webhookAllow, log, policyTerms: policyTermsMax, trustedProxy } = options
    const rules = { webhookAllow, trustedProxies: trustedProxy, policyTermsMax }
    const running = await startLocalCloud({ dataDir, port, host, databaseUrl, publicUrl, mqttUrl, log, ...rules })
    try {
        writeLocalCloud(io.cwd, { url: running.url, data: dataDir })
        output.result({ url: running.url, data: dataDir }, running.url)
        output.note(`the cloud runs; commands in this folder find it. Its data is in ${dataDir}. Ctrl-C stops it`)
        if (!stop.aborted) await once(stop, "abort")
        output.note("stopping")
    } finally {
        forgetLocalCloud(io.cwd)
        await running.close()
    }
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerCloud(program: Command, cli: Cli): void {
    program
        .command("cloud")
        .description("run the device cloud until it is stopped; prints its address")
        .option("--data <dir>", "folder of everything that it keeps", `${LOCAL_FOLDER}/cloud`)
        .option("--port <n>", "port; 0 takes any that is free", parseInteger(0, 65535), PORT_DEFAULT)
        .option("--host <address>", "address to listen at", "127.0.0.1")
        .option("--database-url <url>", "PostgreSQL to use in place of the one that it brings")
        .option("--public-url <url>", "address under which devices reach it, when that differs")
        .option("--mqtt-url <url>", "broker over which devices hear of what is pushed to them", parseBroker)
        .option("--webhook-allow <network>", "network that webhooks may reach though it is not public", collect, [])
        .option(
            "--trusted-proxy <network>",
            "network of proxies whose X-Forwarded-For is believed, as often as needed",
            collect,
            [],
        )
        .option("--policy-terms <n>", "terms that a policy may have", parseInteger(1, POLICY_TERMS_MAX), POLICY_TERMS_DEFAULT)
        .addOption(new Option("--log <level>", "least level of what is logged to stderr").choices(LEVELS).default("warn"))
        .action(cli.action(cloud))
}
