// The error of everything around an emulated board: a stable code for programs, and what to do for people.

/** Stable codes of the errors around boards; each has an entry in docs/errors.md. */
export type BoardErrorCode =
    "BOARD_LAYOUT" | "BOARD_FLASH_FILE" | "BOARD_LOCKED" | "BOARD_INSTALL" | "BOARD_SETTINGS" | "BOARD_START"

/** Something about a board cannot be done. `message` says what and why, `hint` what to do. */
export class BoardError extends Error {
    override readonly name = "BoardError"

    constructor(
        readonly code: BoardErrorCode,
        message: string,
        readonly hint: string,
        /** Of a refused image: the firmware's status code (firmware/status.ts); 0 otherwise. */
        readonly status = 0,
    ) {
        super(message)
    }
}
