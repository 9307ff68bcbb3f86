// The whole command line: every command, usage errors, and exit codes.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Command, CommanderError } from "commander"
import { projectRoot } from "../../build/root"
import { EXIT_DONE, EXIT_USAGE, reportOf, type ErrorReport } from "./cli-error"
import { registerArtifacts } from "./commands/artifacts"
import { registerBoard } from "./commands/board"
import { registerCloud } from "./commands/cloud"
import { registerClouds } from "./commands/clouds"
import { registerDelta } from "./commands/delta"
import { registerDemo } from "./commands/demo"
import { registerDevice } from "./commands/device"
import { registerEvents } from "./commands/events"
import { registerExplain } from "./commands/explain"
import { registerGroup } from "./commands/group"
import { registerFlash } from "./commands/flash"
import { registerInspect } from "./commands/inspect"
import { registerKeygen } from "./commands/keygen"
import { registerPack } from "./commands/pack"
import { registerPolicy } from "./commands/policy"
import { registerProduct } from "./commands/product"
import { registerPush } from "./commands/push"
import { registerRelease } from "./commands/release"
import { registerRollout } from "./commands/rollout"
import { registerSign } from "./commands/sign"
import { registerTenant } from "./commands/tenant"
import { registerToken } from "./commands/token"
import { registerTransfer } from "./commands/transfer"
import { registerWebhook } from "./commands/webhook"
import { createCli, type Cli } from "./context"
import type { Io } from "./io"
import { createOutput } from "./output"

/** Commands over the cloud's API, beside the ones of everyday. */
const CLOUD_COMMANDS = [
    registerRollout,
    registerGroup,
    registerClouds,
    registerArtifacts,
    registerTransfer,
    registerEvents,
    registerToken,
    registerTenant,
    registerWebhook,
]

function readVersion(): string {
    return (JSON.parse(readFileSync(join(projectRoot(), "package.json"), "utf8")) as { version: string }).version
}

function createProgram({ io, cli }: { io: Io; cli: Cli }): Command {
    const program = new Command("otary")
        .description("over-the-air updates for small devices")
        .version(readVersion(), "-V, --version", "print the version")
        .option("--json", "print the result as one line of JSON on stdout")
        .option("--quiet", "print nothing on stderr but errors")
        .option("--yes", "answer every question with yes")
        .exitOverride()
        .configureOutput({
            writeOut: text => void io.stdout.write(text),
            writeErr: text => void io.stderr.write(text),
            // Told by runProgram, like every other error.
            outputError: () => undefined,
        })
    const registers = [
        registerKeygen,
        registerPack,
        registerDelta,
        registerSign,
        registerInspect,
        registerCloud,
        registerProduct,
        registerDevice,
        registerRelease,
    ]
    for (const register of [
        ...registers,
        ...CLOUD_COMMANDS,
        registerPolicy,
        registerExplain,
        registerDemo,
        registerFlash,
        registerPush,
    ])
        register(program, cli)
    registerBoard(program)
    return program
}

/** A wrong call, or a call for help: commander has printed the help that was asked for. */
function usageReport(error: CommanderError): ErrorReport | undefined {
    if (error.exitCode === 0 || error.code === "commander.help") return undefined
    const message = error.message.replace(/^error: /, "")
    const hint = "`otary --help` lists the commands, `otary COMMAND --help` their arguments and options"
    return { code: "CLI_USAGE", message, hint, exitCode: EXIT_USAGE }
}

/** Runs one command line, without the program's name. Returns the exit code; never throws. */
export async function runProgram(argv: readonly string[], io: Io): Promise<number> {
    const cli = createCli(io)
    try {
        await createProgram({ io, cli }).parseAsync([...argv], { from: "user" })
        return cli.exitCode()
    } catch (error) {
        const report = error instanceof CommanderError ? usageReport(error) : reportOf(error)
        if (report !== undefined) createOutput(io, { json: argv.includes("--json") }).error(report)
        if (report !== undefined) return report.exitCode
        return (error as CommanderError).exitCode === 0 ? EXIT_DONE : EXIT_USAGE
    }
}
