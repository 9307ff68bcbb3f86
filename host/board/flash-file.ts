// The flash of a board in a file: its cells, then the erase count of each unit (4 bytes, little-endian).

import { closeSync, fsyncSync, openSync, readSync, renameSync, statSync, writeSync } from "node:fs"
import type { FlashStore } from "../../shims/host/nor-flash"
import { BoardError } from "./board-error"

/** Bytes of one erase count. */
const COUNT_BYTES = 4
/**
 * Bytes that reach the file at a time, as a chip programs page by page: a SIGKILL between two of them leaves an operation
 * half done, as a power cut does.
 */
const PAGE_BYTES = 256

/** A store that is to be closed. */
export interface FlashFile {
    readonly store: FlashStore
    close(this: void): void
}

/** Writes a whole flash file at once: it is there completely, or not at all. */
export function writeFlashFile(path: string, array: Buffer, eraseCounts: Uint32Array): void {
    const counts = Buffer.alloc(eraseCounts.length * COUNT_BYTES)
    eraseCounts.forEach((count, unit) => counts.writeUInt32LE(count, unit * COUNT_BYTES))
    const temporary = `${path}.${process.pid}`
    const fd = openSync(temporary, "w", 0o600)
    try {
        writeAll(fd, array, 0, array.length, 0)
        writeAll(fd, counts, 0, counts.length, array.length)
        fsyncSync(fd)
    } finally {
        closeSync(fd)
    }
    renameSync(temporary, path)
}

/**
 * Opens the file of a chip of this geometry; every operation is in the file when it returns. A crash of the process, SIGKILL
 * included, is survived; one of the whole host is not promised to be.
 * Errors: BoardError BOARD_FLASH_FILE when it cannot be opened or has another size.
 */
export function openFlashFile(path: string, sizeBytes: number, eraseBytes: number): FlashFile {
    const fileBytes = sizeBytes + (sizeBytes / eraseBytes) * COUNT_BYTES
    const fd = openExisting(path, fileBytes)
    const count = Buffer.alloc(COUNT_BYTES)
    const store: FlashStore = {
        load(array, eraseCounts) {
            const content = Buffer.alloc(fileBytes)
            for (let at = 0, length = 1; length > 0; at += length) length = readSync(fd, content, at, fileBytes - at, at)
            content.copy(array, 0, 0, sizeBytes)
            for (let unit = 0; unit < eraseCounts.length; unit++) {
                eraseCounts[unit] = content.readUInt32LE(sizeBytes + unit * COUNT_BYTES)
            }
        },
        write(address, source, offset, lengthBytes) {
            for (let done = 0; done < lengthBytes; done += PAGE_BYTES) {
                writeAll(fd, source, offset + done, Math.min(PAGE_BYTES, lengthBytes - done), address + done)
            }
        },
        writeEraseCount(unit, value) {
            count.writeUInt32LE(value)
            writeAll(fd, count, 0, COUNT_BYTES, sizeBytes + unit * COUNT_BYTES)
        },
    }
    return { store, close: () => closeSync(fd) }
}

function openExisting(path: string, fileBytes: number): number {
    let found: number
    try {
        found = statSync(path).size
        if (found === fileBytes) return openSync(path, "r+")
    } catch (error) {
        const hint = "check the folder's owner and permissions, or remove the board's folder and install anew"
        throw new BoardError("BOARD_FLASH_FILE", `cannot open the flash file ${path}: ${(error as Error).message}`, hint)
    }
    const message = `the flash file ${path} has ${found} bytes where board.json asks for ${fileBytes}`
    throw new BoardError(
        "BOARD_FLASH_FILE",
        message,
        "restore both files together, or remove the board's folder and install anew",
    )
}

/** Writes all of it: the system may take less at a time. */
function writeAll(fd: number, source: Buffer, offset: number, lengthBytes: number, position: number): void {
    for (let done = 0; done < lengthBytes;) {
        done += writeSync(fd, source, offset + done, lengthBytes - done, position + done)
    }
}
