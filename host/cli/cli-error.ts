// Errors of the command line: a stable code, what happened and why, what to do, and the exit code.

/** Exit codes: done, failed, wrong usage, refused by policy or verification (docs/errors.md). */
export const EXIT_DONE = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
export const EXIT_REFUSED = 3

/** Stable codes of the command line; each has an entry in docs/errors.md. */
export type CliErrorCode =
    | "CLI_USAGE"
    | "CLI_CONFIRM"
    | "CLI_FILE"
    | "CLI_IMAGE_SIZE"
    | "CLI_CLOUD_UNKNOWN"
    | "CLI_CLOUD_UNREACHABLE"
    | "CLI_CLOUD_ANSWER"
    | "CLI_CLOUD_START"
    | "CLI_TOKEN_MISSING"
    | "CLI_PORT_TAKEN"
    | "CLI_STOPPED"
    | "CLI_DEMO_FOLDER"
    | "CLI_DEMO_BOARD"
    | "CLI_DEMO_TIMEOUT"
    | "CLI_DEMO_DIFFERS"
    | "CLI_TOOL_MISSING"
    | "CLI_HARDWARE"
    | "CLI_PORT"
    | "CLI_PUSH_SILENT"
    | "CLI_PUSH_REFUSED"
    | "CLI_INTERNAL"

/** Codes that mean more than "failed". */
const EXIT_CODES: Readonly<Record<string, number>> = {
    CLI_USAGE: EXIT_USAGE,
    CLI_CONFIRM: EXIT_USAGE,
    CLI_IMAGE_SIZE: EXIT_REFUSED,
    CLI_PUSH_REFUSED: EXIT_REFUSED,
    confirmation_required: EXIT_USAGE,
    // Of the cloud (docs/api.md): it looked at what it was given, and does not take it.
    image_invalid: EXIT_REFUSED,
    image_mismatch: EXIT_REFUSED,
    policy_invalid: EXIT_REFUSED,
}

/** Something that a command cannot do. `message` says what happened and why, `hint` what to do. */
export class CliError extends Error {
    override readonly name = "CliError"

    constructor(
        readonly code: CliErrorCode,
        message: string,
        readonly hint: string,
    ) {
        super(message)
    }
}

/** The cloud's answer to a call that it refuses (RFC 9457), with the code of docs/api.md. */
export class ApiError extends Error {
    override readonly name = "ApiError"

    constructor(
        readonly code: string,
        message: string,
        readonly hint: string,
    ) {
        super(message)
    }
}

/** An error as people and programs are told of it. */
export interface ErrorReport {
    readonly code: string
    readonly message: string
    readonly hint: string
    readonly exitCode: number
}

/** Errors of packing and of boards carry the same three fields. */
function isExplained(error: unknown): error is { code: string; message: string; hint: string; status?: number } {
    return error instanceof Error && "code" in error && "hint" in error
}

/** What to tell of anything that was thrown. */
export function reportOf(error: unknown): ErrorReport {
    if (!isExplained(error)) {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
        return { code: "CLI_INTERNAL", message, hint: "this is a defect; please report it", exitCode: EXIT_FAILED }
    }
    const { code, message, hint, status = 0 } = error
    // A firmware status with a board's error: the image did not stand up to verification.
    const exitCode = status < 0 ? EXIT_REFUSED : (EXIT_CODES[code] ?? EXIT_FAILED)
    return { code, message, hint, exitCode }
}
