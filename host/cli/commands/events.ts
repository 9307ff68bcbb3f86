// otary events and otary audit: what happened, live too, and who did it.

import { setTimeout as pause } from "node:timers/promises"
import type { Command } from "commander"
import type { CloudEvent, Page } from "../api-types"
import { CliError, EXIT_DONE } from "../cli-error"
import { connect, type Client, type CloudOptions } from "../client"
import type { Cli, CommandContext } from "../context"
import { addCloudOptions } from "../options"
import { table, type Output } from "../output"

interface EventOptions extends CloudOptions {
    readonly type?: string
    readonly device?: string
    readonly follow?: boolean
    readonly since?: string
}

/** Milliseconds before a live view that broke is opened again. */
const AGAIN_MS = 1000
/** Measures have a path of their own, as Prometheus expects it. */
const METRICS = "/../../metrics"
const HEADINGS = ["AT", "TYPE", "DEVICE", "DATA"]

function dataText(data: CloudEvent["data"]): string {
    const shown = Object.entries(data).filter(([, value]) => value !== null && value !== "")
    return shown.map(([name, value]) => `${name}=${String(value)}`).join(" ")
}

function rowOf({ at, type, device, data }: CloudEvent): string[] {
    return [at, type, device ?? "", dataText(data)]
}

function queryOf({ type, device }: EventOptions): URLSearchParams {
    return new URLSearchParams({ ...(type !== undefined && { type }), ...(device !== undefined && { device }) })
}

/** The blocks of a stream of events (HTML Living Standard, "Server-sent events"). */
async function* blocksOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<{ id: string; data: string }> {
    const decoder = new TextDecoder()
    let text = ""
    for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true })
        const blocks = text.split("\n\n")
        text = blocks.pop() ?? ""
        for (const block of blocks) {
            const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? ""
            if (field("id") !== "") yield { id: field("id"), data: field("data") }
        }
    }
}

/** Follows until the user stops; a connection that breaks is opened again where it was. */
async function follow(client: Client, output: Output, options: EventOptions, signal: AbortSignal): Promise<void> {
    let last = options.since ?? ""
    let isFirst = true
    while (!signal.aborted) {
        try {
            const headers: Record<string, string> = last === "" ? {} : { "last-event-id": last }
            const { body } = await client.open("GET", `/events/stream?${queryOf(options).toString()}`, { headers, signal })
            if (isFirst) output.note("following; Ctrl-C stops it")
            isFirst = false
            for await (const { id, data } of blocksOf(body as unknown as AsyncIterable<Uint8Array>)) {
                last = id
                const event = JSON.parse(data) as CloudEvent
                output.result(event, rowOf(event).join("  "))
            }
        } catch (error) {
            if (signal.aborted) return
            if (isFirst || (error instanceof CliError && error.code !== "CLI_CLOUD_UNREACHABLE")) throw error
            output.note("the connection broke; trying again")
        }
        await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined)
    }
}

/** Every event from a cursor on: this list has a cursor on its last page too. */
async function readAll(client: Client, path: string, options: EventOptions): Promise<{ items: CloudEvent[]; next: string }> {
    const items: CloudEvent[] = []
    let cursor = options.since ?? ""
    for (;;) {
        const query = queryOf(options)
        query.set("limit", "500")
        if (cursor !== "") query.set("cursor", cursor)
        const page = await client.call<Page<CloudEvent>>("GET", `${path}?${query.toString()}`)
        items.push(...page.items)
        cursor = page.next ?? cursor
        if (page.items.length < 500) return { items, next: cursor }
    }
}

async function events({ io, output, options }: CommandContext<EventOptions>): Promise<number> {
    const client = connect(io, options)
    if (options.follow === true) {
        await follow(client, output, options, io.stopSignal())
        return EXIT_DONE
    }
    const { items, next } = await readAll(client, "/events", options)
    output.result({ items, next }, table(HEADINGS, items.map(rowOf)))
    output.note(items.length === 0 ? "nothing has happened" : `--since ${next} goes on behind these`)
    return EXIT_DONE
}

async function audit({ io, output, options }: CommandContext<EventOptions>): Promise<number> {
    const { items } = await readAll(connect(io, options), "/audit", options)
    const rows = items.map(event => [
        event.at,
        `${event.actor?.name} (${event.actor?.role})`,
        event.type,
        event.device ?? "",
        dataText(event.data),
    ])
    output.result(items, table(["AT", "WHO", "WHAT", "DEVICE", "DATA"], rows))
    return EXIT_DONE
}

async function metrics({ io, options }: CommandContext<CloudOptions>): Promise<number> {
    const { body } = await connect(io, options).open("GET", METRICS)
    const decoder = new TextDecoder()
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>)
        io.stdout.write(decoder.decode(chunk, { stream: true }))
    return EXIT_DONE
}

/** Adds the commands to the program. */
export function registerEvents(program: Command, cli: Cli): void {
    addCloudOptions(program.command("events"))
        .description("what happened: oldest first, or live with --follow")
        .option("--follow", "print events as they happen, until Ctrl-C")
        .option("--type <type>", "this type only, such as task.failed")
        .option("--device <id>", "this device only")
        .option("--since <cursor>", "go on behind an earlier reading")
        .action(cli.action(events))
    addCloudOptions(program.command("audit"))
        .description("every change that an operator made, and who it was")
        .option("--type <type>", "this type only, such as release.disabled")
        .option("--since <cursor>", "go on behind an earlier reading")
        .action(cli.action(audit))
    addCloudOptions(program.command("metrics"))
        .description("the cloud's measures in the text format of Prometheus")
        .action(cli.action(metrics))
}
