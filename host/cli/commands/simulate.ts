// otary rollout simulate: the curve that a rollout would take over a described population.

import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import type { Command } from "commander"
import JSON5 from "json5"
import { CliError, EXIT_DONE } from "../cli-error"
import type { Cli, CommandContext } from "../context"
import { curveCsv, curvePlot } from "../simulation/plot"
import { readPopulation } from "../simulation/population"
import { simulate } from "../simulation/simulate"

function readFile(cwd: string, file: string): unknown {
    try {
        return JSON5.parse(readFileSync(resolve(cwd, file), "utf8"))
    } catch (error) {
        const hint = 'name a JSON5 file; docs/cli.md, "rollout simulate", shows one'
        throw new CliError("CLI_FILE", `cannot read the population in ${file}: ${(error as Error).message}`, hint)
    }
}

async function run({ io, output, args }: CommandContext): Promise<number> {
    const population = readPopulation(readFile(io.cwd, args[0]!))
    const done = simulate(population)
    output.note(curvePlot(done.samples))
    const end = done.state === "finished" ? `finished: ${done.outcome}` : `${done.state} when the time was up`
    output.note(`${end}, after ${done.minutes} minutes`)
    output.result(done, curveCsv(done.samples))
    return EXIT_DONE
}

/** Adds the command to `otary rollout`. */
export function registerSimulate(group: Command, cli: Cli): void {
    group
        .command("simulate")
        .description("run the cloud's planner over a described population in virtual time: CSV on stdout, a plot on stderr")
        .argument("<file>", "the population and the rollout, as JSON5")
        .action(cli.action(run))
}
