// What the commands of rollouts share: how rollouts and previews are shown, and orders that take a second confirmation.

import type { Rollout, RolloutPreview } from "../api-types"
import { ApiError } from "../cli-error"
import { connect, type CloudOptions } from "../client"
import type { CommandContext } from "../context"
import { confirm } from "../options"
import { fields, table } from "../output"

/** Most devices a minute. */
export const RATE_MAX = 10_000
/** Most of anything that is counted. */
export const COUNT_MAX = 2 ** 31 - 1

/** The knob of a constant rate; 0 for none. */
export function constantRate(rate: number | undefined): { rate?: unknown } {
    if (rate === undefined) return {}
    return { rate: rate === 0 ? null : { kind: "constant", perMinute: rate } }
}

/** Devices by the state of their task, as far as there are any. */
export function countsText({ counts }: Rollout): string {
    const shown = Object.entries(counts).filter(([, count]) => count > 0)
    return shown.map(([state, count]) => `${count} ${state}`).join(", ")
}

/** A rollout for people. */
export function rolloutText(rollout: Rollout): string {
    const { id, release, version, name, mode, scope, state, outcome, reason, devices, total, createdBy } = rollout
    const to = scope.kind === "devices" ? `${scope.count} devices` : scope.kind
    const facts = { rollout: id, name, release, version, mode, to, state, outcome: outcome ?? "", reason, createdBy }
    return fields({ ...facts, devices: total === null ? devices : `${devices} of ${total}`, tasks: countsText(rollout) })
}

/** A preview for people. */
export function previewText({ total, matching, skipped, notMatching, reasons, finishedAtS, warnings }: RolloutPreview): string {
    const done = finishedAtS === null ? "" : new Date(finishedAtS * 1000).toISOString()
    const head = fields({ devices: total, matching, "run it already": skipped, "not matching": notMatching, "done at": done })
    const rows = reasons.flatMap(({ check, count, examples }) =>
        examples.map(({ device, detail }, at) => [at === 0 ? `${check} (${count})` : "", device, detail]),
    )
    return [head, table(["CHECK", "DEVICE", "WHY NOT"], rows), ...warnings].filter(part => part !== "").join("\n\n")
}

/** Sends an order; when the cloud wants a second confirmation, asks for it and sends the order again with it. */
export async function send(context: CommandContext<CloudOptions>, method: string, path: string, order: object): Promise<Rollout> {
    const client = connect(context.io, context.options)
    try {
        return await client.call<Rollout>(method, path, order)
    } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "confirmation_required") throw error
        await confirm(context, `${error.hint.split("\n")[0]}\nDo you mean it?`)
        return client.call<Rollout>(method, path, { ...order, confirmAll: true })
    }
}
