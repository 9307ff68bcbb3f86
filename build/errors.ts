// The one kind of error that packing raises: a stable code, what happened, and what to do about it.

/** Stable codes of packing; each has an entry in docs/errors.md. */
export type PackCode =
    | "PACK_FOLDER"
    | "PACK_APP_MISSING"
    | "PACK_SYNTAX"
    | "PACK_CONFIG"
    | "PACK_DURATION"
    | "PACK_BUNDLE"
    | "PACK_APP_SIZE"
    | "PACK_FILE_NAME"
    | "PACK_FILE_SIZE"
    | "PACK_FILES_LIMIT"
    | "PACK_FILES_SIZE"
    | "PACK_MANIFEST_SIZE"
    | "PACK_TIMESTAMP"

/** A folder that cannot be packed. `message` says what is wrong and where, `hint` what to do. */
export class PackError extends Error {
    override readonly name = "PackError"

    constructor(
        readonly code: PackCode,
        message: string,
        readonly hint: string,
    ) {
        super(message)
    }
}
