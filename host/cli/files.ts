// Files that commands read and write, with errors that say what to do.

import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { CliError } from "./cli-error"

/** Bytes of the largest image that any board takes (firmware/constants.ts, IMAGE_BYTES_MAX). */
export const IMAGE_FILE_BYTES_MAX = 67108864

/** Reads an image. Throws CLI_FILE, or CLI_IMAGE_SIZE for one that no board would take. */
export function readImageFile(cwd: string, file: string): Buffer {
    const path = resolve(cwd, file)
    let bytes: Buffer | undefined
    try {
        const { size } = statSync(path)
        if (size <= IMAGE_FILE_BYTES_MAX) bytes = readFileSync(path)
    } catch (error) {
        throw new CliError(
            "CLI_FILE",
            `cannot read the image: ${(error as Error).message}`,
            "check the path; `otary pack DIR` makes an image",
        )
    }
    if (bytes !== undefined) return bytes
    const message = `${file} is larger than ${IMAGE_FILE_BYTES_MAX} bytes, the most that a board takes`
    throw new CliError("CLI_IMAGE_SIZE", message, "make the image smaller")
}

/** Writes a file as a whole, or not at all. Throws CLI_FILE. */
export function writeFileWhole(path: string, bytes: Uint8Array): void {
    const temporary = `${path}.${process.pid}`
    try {
        writeFileSync(temporary, bytes)
        renameSync(temporary, path)
    } catch (error) {
        rmSync(temporary, { force: true })
        throw new CliError("CLI_FILE", `cannot write ${path}: ${(error as Error).message}`, "name another file with -o")
    }
}
