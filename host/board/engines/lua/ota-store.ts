// The partitions for native firmware as files in a board's folder.

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { OtaStore } from "./ota"

/** A store in `folder`, which is made when something is written. */
export function createOtaFiles(folder: string): OtaStore {
    const pathOf = (name: string): string => join(folder, `${name}.bin`)
    return {
        read: name => (existsSync(pathOf(name)) ? readFileSync(pathOf(name)) : Buffer.alloc(0)),
        write(name, offset, bytes) {
            mkdirSync(folder, { recursive: true, mode: 0o700 })
            const fd = openSync(pathOf(name), existsSync(pathOf(name)) ? "r+" : "w+", 0o600)
            try {
                for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, offset + at)
            } finally {
                closeSync(fd)
            }
        },
        erase: name => rmSync(pathOf(name), { force: true }),
    }
}
