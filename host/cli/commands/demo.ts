// otary demo: a cloud and emulated boards, a good release, and a bad one that rolls itself back.

import { once } from "node:events"
import { Option, type Command } from "commander"
import type { EngineName } from "../../board/board-folder"
import { CliError, EXIT_DONE } from "../cli-error"
import { createClient } from "../client"
import type { Cli, CommandContext } from "../context"
import { packDemo, runDemo } from "../demo/demo"
import { BOARDS_MAX } from "../demo/fleet"
import { openLab, type Lab } from "../demo/lab"
import { differencesOf, resultOf, type DemoResult, type Observed } from "../demo/result"
import { parseInteger } from "../options"
import { createProgress, type Progress } from "../progress"
import { ENGINE_MAKES } from "./board-engines"

interface DemoCommandOptions {
    readonly once?: boolean
    readonly boards: number
    readonly engine: EngineName
    readonly data?: string
    readonly port: number
}

type Context = CommandContext<DemoCommandOptions>

function resultText({ boards, versions, updated, rolledBack, bricked, seconds }: DemoResult): string {
    const runs = Object.entries(versions).map(([version, count]) => `${count} run ${version}`)
    const all = [...runs, `${updated} updated`, `${rolledBack} rolled back`, `${bricked} bricked`]
    return `\n${boards} boards: ${all.join(", ")}\nboards and cloud agree, after ${seconds} s`
}

function nextText({ url }: { url: string }): string {
    return `
The cloud runs on at ${url}, and so do the boards.
In another terminal, in this folder:

    npx otary device list
    npx otary explain board-01        why it does not get 1.2.0 again
    npx otary release list

Ctrl-C ends the demo.`
}

/** Prints the outcome. Throws CLI_DEMO_DIFFERS when boards, cloud and expectation do not agree. */
function tell({ output }: Context, observed: Observed): void {
    const differences = differencesOf(observed)
    const result = resultOf(observed)
    output.result(result, differences.length === 0 ? resultText(result) : "")
    if (differences.length === 0) return
    const message = `boards, cloud and expectation do not agree:\n${differences.join("\n")}`
    throw new CliError("CLI_DEMO_DIFFERS", message, "this is a defect; please report it with these lines")
}

async function showOff(context: Context, lab: Lab, progress: Progress, startMs: number): Promise<void> {
    const { io, output, options } = context
    const stop = io.stopSignal()
    const images = await packDemo(options.engine)
    const client = createClient({ url: lab.cloud.url, token: lab.cloud.adminToken, signal: stop })
    const plan = { folder: lab.boardsFolder, boards: options.boards, client, progress, stop, onFleet: lab.adopt }
    const facts = await runDemo(plan, images)
    progress.stop()
    tell(context, { ...facts, seconds: Math.round((performance.now() - startMs) / 100) / 10 })
    if (options.once === true) return
    lab.announce(io.cwd)
    output.note(nextText(lab.cloud))
    if (!stop.aborted) await once(stop, "abort")
    output.note("stopping")
}

async function demo(context: Context): Promise<number> {
    const { io, options } = context
    const startMs = performance.now()
    const stop = io.stopSignal()
    const progress = createProgress(io, options.quiet === true)
    progress.title("a cloud starts, and three images are packed")
    let lab: Lab | undefined
    try {
        lab = await openLab({ cwd: io.cwd, data: options.data, port: options.port })
        stop.throwIfAborted()
        await showOff(context, lab, progress, startMs)
    } catch (error) {
        if (!stop.aborted) throw error
        throw new CliError("CLI_STOPPED", "the demo was stopped before its end", "run it again to see all of it")
    } finally {
        progress.stop()
        await lab?.close()
    }
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerDemo(program: Command, cli: Cli): void {
    program
        .command("demo")
        .description("a cloud and emulated boards: a good release for all, and one that hangs and rolls itself back")
        .option("--once", "end after that instead of leaving cloud and boards running")
        .option("--boards <n>", "number of boards", parseInteger(1, BOARDS_MAX), 20)
        .addOption(new Option("--engine <name>", "what runs the boards' code").choices(Object.keys(ENGINE_MAKES)).default("host"))
        .option("--data <dir>", "empty folder to keep everything in; default: a temporary one, removed at the end")
        .option("--port <n>", "port of the cloud; 0 takes any that is free", parseInteger(0, 65535), 0)
        .action(cli.action(demo))
}
