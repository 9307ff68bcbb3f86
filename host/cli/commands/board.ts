// otary board: emulated boards, each with its flash in a folder; the first start installs, later ones go on.

import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { Option, type Command } from "commander"
import { BoardError } from "../../board/board-error"
import { isInstalled, readSettings, writeSettings, type EngineName } from "../../board/board-folder"
import type { BoardMessage } from "../../board/messages"
import { createSupervisor } from "../../board/supervisor"
import type { Supervisor } from "../../board/supervisor"
import { ENGINE_MAKES } from "./board-engines"
import { LOCAL_FOLDER, readLocalCloud } from "../local-cloud"
import { parseAttribute, parseInteger } from "../options"
import { plain } from "../output"

/** The options of `otary board`, as parsed. */
export interface BoardCommandOptions {
    readonly data: string
    readonly image?: string
    readonly cloud?: string
    readonly product?: string
    readonly id?: string
    /** 1–BOARDS_MAX. */
    readonly boards: number
    readonly attribute: Readonly<Record<string, unknown>>
    readonly script?: string
    /** Default "host". */
    readonly engine?: EngineName
    /** Global: no lines of boards. */
    readonly quiet?: boolean
}

/** Most boards that one command runs. */
const BOARDS_MAX = 200
const DATA_DEFAULT = `${LOCAL_FOLDER}/board`

function engineOption(): Option {
    return new Option("--engine <name>", "what runs the boards' code (first start)")
        .choices(Object.keys(ENGINE_MAKES))
        .default("host")
}

/** Adds the command to the program. */
export function registerBoard(program: Command): void {
    program
        .command("board")
        .description("run emulated boards; the first start installs the image, later starts go on from the flash")
        .option("--data <dir>", "folder of the board; with --boards, one folder in it for each", DATA_DEFAULT)
        .option("--image <file>", "image for the first start")
        .option(
            "--cloud <url>",
            "cloud where the board registers; default: OTARY_CLOUD, else the one that runs in this folder (first start)",
        )
        .option("--product <id>", "product id or token for the registration (first start)")
        .option("--id <id>", "device id; with --boards, what the ids begin with (first start)")
        .option("--boards <n>", "number of boards", parseInteger(1, BOARDS_MAX), 1)
        .option("--attribute <name=value>", "property of the device, as often as needed (first start)", parseAttribute, {})
        .addOption(engineOption())
        .option("--script <file>", "program that gets the path of each update's image, as Ioto's scripts/update")
        .action(async (_, command: Command) => runInProcess(command.optsWithGlobals<BoardCommandOptions>()))
}

interface Place {
    readonly folder: string
    readonly id: string
}

/** Where each board lives, and the id that it gets when it is new. */
function placesOf({ data, id, boards }: BoardCommandOptions): Place[] {
    if (boards === 1) return [{ folder: resolve(data), id: id ?? `board-${randomBytes(4).toString("hex")}` }]
    const digits = String(boards).length
    return Array.from({ length: boards }, (_, index) => {
        const name = `${id ?? "board"}-${String(index + 1).padStart(digits, "0")}`
        return { folder: resolve(data, name), id: name }
    })
}

function readImage(path: string | undefined, folder: string): Buffer {
    const hint = "name an image with --image FILE; `otary pack DIR` makes one"
    if (path === undefined)
        throw new BoardError("BOARD_INSTALL", `there is no board in ${folder} yet, and no image to install`, hint)
    try {
        return readFileSync(path)
    } catch (error) {
        throw new BoardError("BOARD_INSTALL", `the image cannot be read: ${(error as Error).message}`, hint)
    }
}

/** Installs the boards that are new, and gives the others their script. Returns how many are new. */
async function prepare(places: Place[], options: BoardCommandOptions, localCloud: string): Promise<number> {
    const { image: imagePath, cloud = localCloud, product = "", attribute: attributes } = options
    const script = options.script === undefined ? "" : resolve(options.script)
    const fresh = places.filter(({ folder }) => !isInstalled(folder))
    for (const { folder } of places.filter(place => !fresh.includes(place))) {
        const settings = readSettings(folder)
        if (script !== "" && settings.script !== script) writeSettings(folder, { ...settings, script })
    }
    if (fresh.length === 0) return 0
    const image = readImage(imagePath, fresh[0]!.folder)
    const make = await ENGINE_MAKES[options.engine ?? "host"]!()
    for (const { folder, id } of fresh) await make(folder, { identity: { id, product, cloud, attributes }, image, script })
    return fresh.length
}

/** One line for people; "" for what they need not see. */
export function boardLine(message: BoardMessage): string {
    switch (message.kind) {
        case "log":
            return message.line
        case "boot":
            return `boot (${message.cause})`
        case "event":
            if (message.name === "version") return `runs version ${message.value}`
            // A line for every quarter: progress bars are for terminals.
            if (message.name === "device:progress") return Number(message.value) % 25 === 0 ? `update ${message.value} %` : ""
            return `${message.name} ${message.value}`.trim()
        case "power":
            return `power ${message.isOn ? "on" : "off"}: ${message.reason}`
        case "wish":
            return `the update script asks for ${message.wish}`
        case "failed":
            return `${message.code}: ${message.message}; ${message.hint}`
        default:
            return ""
    }
}

/** What the command has around it. */
export interface BoardCommandContext {
    /** Takes a line for people. */
    print(this: void, line: string): void
    /** Resolves when the boards are to be switched off. */
    readonly ended: Promise<unknown>
    /** Cloud for new boards where the options name none; default none: the image has to. */
    readonly localCloud?: string
    /** As of SupervisorOptions. */
    readonly childPath?: string
}

/**
 * Runs boards until `context.ended`, or until all of them have ended by themselves. Returns the exit code: 1 when a board failed.
 * Errors: BoardError.
 */
export async function runBoards(options: BoardCommandOptions, context: BoardCommandContext): Promise<number> {
    const places = placesOf(options)
    const fresh = await prepare(places, options, context.localCloud ?? "")
    const isForNew = [options.image, options.cloud, options.product].some(value => value !== undefined)
    if (fresh < places.length && isForNew) {
        context.print("--image, --cloud and --product are for new boards; installed ones go on with what they have")
    }
    let exitCode = 0
    const boards = places.map(({ folder }) => {
        const { id } = readSettings(folder)
        return superviseUntilEnd(folder, context, message => {
            const line = boardLine(message)
            if (line !== "" && options.quiet !== true) context.print(`${id}  ${line}`)
            if (message.kind === "failed") exitCode = 1
        })
    })
    try {
        for (const { supervisor } of boards) supervisor.start()
        await Promise.race([context.ended, Promise.all(boards.map(board => board.ended))])
    } finally {
        await Promise.all(boards.map(({ supervisor }) => supervisor.stop()))
    }
    return exitCode
}

/** A supervisor, and the promise of its board's end: by a failure, or by the wish of the board's script. */
function superviseUntilEnd(
    folder: string,
    { childPath }: BoardCommandContext,
    onMessage: (message: BoardMessage) => void,
): { supervisor: Supervisor; ended: Promise<void> } {
    let end: () => void
    const ended = new Promise<void>(resolveEnded => (end = resolveEnded))
    const supervisor = createSupervisor({
        folder,
        childPath,
        onMessage(message) {
            onMessage(message)
            if (message.kind === "failed" || (message.kind === "wish" && message.wish === "exit")) end()
        },
    })
    return { supervisor, ended }
}

/** Runs the command in its process: lines to stderr, ended by SIGINT or SIGTERM. */
async function runInProcess(options: BoardCommandOptions): Promise<void> {
    const ended = new Promise(resolveEnded => {
        process.once("SIGINT", resolveEnded)
        process.once("SIGTERM", resolveEnded)
    })
    const print = (line: string): void => void process.stderr.write(`${plain(line)}\n`)
    const localCloud = process.env["OTARY_CLOUD"] ?? readLocalCloud(process.cwd())?.url
    process.exitCode = await runBoards(options, { print, ended, localCloud })
}
