// Keeps an update's image beside the flash and hands it to a script, as Embedthis Ioto agents do (scripts.update).

import { execFile } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { createHash } from "node:crypto"
import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { IMAGE_BYTES_MAX } from "../../firmware/constants"
import type { Bytes, ImageFile } from "../../firmware/ports"
import { STATUS_DONE, STATUS_OK, STATUS_SCRIPT } from "../../firmware/status"

/** What a script may ask for by printing exactly this word and a line feed: the end of the agent, or its restart. */
export type ScriptWish = "exit" | "restart"

/** What makes an image file. */
export interface ImageFileOptions {
    /** Where the image is kept, absolute; its folder exists. */
    readonly path: string
    /** An executable file, absolute; it gets the image's path as its only argument, without a shell. */
    readonly script: string
    /** Seconds that the script may run. Default 600. */
    readonly timeoutS?: number
    /** Told what the script wishes; to be carried out after the flip, at the board's next reset. */
    readonly onWish: (this: void, wish: ScriptWish) => void
    /** A line for whoever watches the board. */
    readonly log: (this: void, line: string) => void
}

/** An image file whose script dies with the board. */
export interface HostImageFile extends ImageFile {
    /** Ends a script that runs; its outcome is told to nobody. */
    stop(this: void): void
}

/** Most bytes that a script may print. */
const OUTPUT_BYTES_MAX = 65536
const TIMEOUT_S_DEFAULT = 600
const PIECE_BYTES = 65536

/** Writes a piece; the first piece of an image replaces whatever an earlier image left. */
function writePiece(path: string, offset: number, bytes: Bytes): void {
    // "a" would ignore the offset and "r+" wants the file to exist, so it is made here when it is missing.
    closeSync(openSync(path, "a", 0o600))
    const fd = openSync(path, "r+")
    try {
        if (offset === 0) ftruncateSync(fd, 0)
        writeSync(fd, Buffer.from(bytes, "latin1"), 0, bytes.length, offset)
    } finally {
        closeSync(fd)
    }
}

function hashFile(path: string): string {
    const hash = createHash("sha256")
    const piece = Buffer.alloc(PIECE_BYTES)
    const fd = openSync(path, "r")
    try {
        for (let length = readSync(fd, piece); length > 0; length = readSync(fd, piece)) hash.update(piece.subarray(0, length))
    } finally {
        closeSync(fd)
    }
    return hash.digest("hex")
}

function describe(error: unknown): string {
    return error instanceof Error ? error.message : String(error)
}

/** Creates the port of a board that has a script. Trouble with file or script ends in STATUS_SCRIPT, with a line on the log. */
export function createImageFile(options: ImageFileOptions): HostImageFile {
    const { path, script, log } = options
    let trouble = ""
    let child: ChildProcess | undefined

    const finish = (error: Error | null, output: string, done: (status: number) => void): void => {
        rmSync(path, { force: true })
        if (error !== null) {
            log(`script ${script} failed: ${error.message}`)
            return done(STATUS_SCRIPT)
        }
        if (output !== "exit\n" && output !== "restart\n") return done(STATUS_OK)
        options.onWish(output === "exit\n" ? "exit" : "restart")
        done(STATUS_DONE)
    }
    const check = (checksum: string): void => {
        if (trouble !== "") throw new Error(trouble)
        const found = hashFile(path)
        if (checksum !== "" && found !== checksum) throw new Error(`its SHA-256 is ${found} instead of ${checksum}`)
    }
    return {
        write(offset, bytes) {
            if (offset === 0) trouble = ""
            try {
                if (offset + bytes.length > IMAGE_BYTES_MAX) throw new Error(`more than ${IMAGE_BYTES_MAX} bytes`)
                writePiece(path, offset, bytes)
            } catch (error) {
                trouble = describe(error)
            }
        },
        run(checksum, done) {
            try {
                check(checksum)
            } catch (error) {
                log(`image ${path} cannot be handed to the script: ${describe(error)}`)
                rmSync(path, { force: true })
                return done(STATUS_SCRIPT)
            }
            const limits = {
                timeout: (options.timeoutS ?? TIMEOUT_S_DEFAULT) * 1000,
                maxBuffer: OUTPUT_BYTES_MAX,
                killSignal: "SIGKILL" as const,
            }
            const started = execFile(script, [path], limits, (error, output) => {
                if (child !== started) return
                child = undefined
                finish(error, output, done)
            })
            child = started
        },
        stop() {
            child?.kill("SIGKILL")
            child = undefined
        },
    }
}
