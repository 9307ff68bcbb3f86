// The one kind of error that packing raises: a stable code, what happened, and what to do about it.

/** Stable codes of packing and signing; each has an entry in docs/errors.md. */
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
    | "PACK_NATIVE"
    | "PACK_FILES_SIZE"
    | "PACK_MANIFEST_SIZE"
    | "PACK_TIMESTAMP"
    | "PACK_KEYS"
    | "DELTA_IMAGE"
    | "SIGN_IMAGE"
    | "SIGN_ROOM"
    | "KEY_FILE"
    | "KEY_EXISTS"
    | "KEY_TYPE"
    | "KEY_DAMAGED"
    | "KEY_USED_UP"
    | "KEY_COPIED_BACK"
    | "KEY_MOVED"

/** What packing and signing refuse: a folder, an image or a key. `message` says what is wrong and where, `hint` what to do. */
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
