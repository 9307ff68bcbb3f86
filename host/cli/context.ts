// What a command gets to work with, and how it is hung into commander.

import type { Command } from "commander"
import type { Io } from "./io"
import { createOutput, type GlobalOptions, type Output } from "./output"

/** One call of a command. */
export interface CommandContext<Options = object> {
    readonly io: Io
    readonly output: Output
    /** Arguments in the order of the command's declaration; a list (`<file...>`) is not taken apart. */
    readonly args: readonly string[]
    /** The command's own options and the global ones. */
    readonly options: Options & GlobalOptions
}

/** A command. Returns the exit code. Throws CliError, ApiError, PackError or BoardError. */
export type Run<Options> = (this: void, context: CommandContext<Options>) => Promise<number>

/** Where commands are hung in. */
export interface Cli {
    readonly io: Io
    /** Turns a command into what commander calls. */
    action<Options>(this: void, run: Run<Options>): (...values: unknown[]) => Promise<void>
    /** Exit code of the command that ran; 0 before. */
    exitCode(this: void): number
}

/** Creates the hook for one run of the command line. */
export function createCli(io: Io): Cli {
    let exitCode = 0
    return {
        io,
        action: run => {
            return async (...values) => {
                // Commander's order: arguments, the command's own options, the command.
                const command = values.at(-1) as Command
                const options: Parameters<typeof run>[0]["options"] = command.optsWithGlobals()
                const args = values.slice(0, -2) as string[]
                exitCode = await run({ io, output: createOutput(io, options), args, options })
            }
        },
        exitCode: () => exitCode,
    }
}
