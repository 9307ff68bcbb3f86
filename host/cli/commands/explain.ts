// otary explain: why a device gets the update that it gets, or none.

import type { Command } from "commander"
import type { Explanation } from "../api-types"
import { EXIT_DONE } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions } from "../options"
import { columns } from "../output"

type ExplainedRollout = Explanation["rollouts"][number]

function taskText({ task }: ExplainedRollout): string {
    if (task === null) return ""
    const status = task.status === null ? "" : `, status ${task.status}`
    const reason = task.reason === "" ? "" : `: ${task.reason}`
    return `\n  task ${task.state}, attempt ${task.attempt}${status}${reason}`
}

function rolloutText(rollout: ExplainedRollout): string {
    const verdict = rollout.chosen ? "chosen" : rollout.matches ? "matches" : "does not match"
    const checks = columns(rollout.checks.map(({ check, ok, detail }) => [ok ? "  ✓" : "  ✗", check, detail]))
    return `release ${rollout.version} (${rollout.release}): ${verdict}${taskText(rollout)}\n${checks}`
}

/** The explanation for people; the checks are those that the check-in itself runs. */
function explanationText({ device, product, version, decision, rollouts }: Explanation): string {
    const runs = version === "" ? "has not reported a version yet" : `runs ${version}`
    const takes = decision.update === null ? "takes no update" : `takes ${decision.update.version} at its next check-in`
    const head = `${device} of product ${product} ${runs} and ${takes}\n${decision.reason}`
    return [head, ...rollouts.map(rolloutText)].join("\n\n")
}

async function explain({ io, output, args, options }: CommandContext<CloudOptions>): Promise<number> {
    const path = `/devices/${encodeURIComponent(args[0]!)}/explain`
    const explanation = await connect(io, options).call<Explanation>("GET", path)
    output.result(explanation, explanationText(explanation))
    return EXIT_DONE
}

/** Adds the command to the program. */
export function registerExplain(program: Command, cli: Cli): void {
    addCloudOptions(program.command("explain"))
        .description("say for every release why a device gets it or not")
        .argument("<device>")
        .action(cli.action(explain))
}
