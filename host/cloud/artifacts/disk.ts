// Artifacts on disk: <folder>/ab/abcdef…, written under a temporary name, made durable, then renamed.

import { createHash, randomBytes } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Readable } from "node:stream"
import { Problem } from "../problems"
import type { ArtifactCheck, ArtifactStore, ReadPart, StoredArtifact } from "./store"

/** Temporary files that are older belong to uploads that a killed process left behind. */
const LEFTOVER_AGE_MS = 3_600_000
const FOLDER_MODE = 0o700
const SHA256 = /^[0-9a-f]{64}$/

function pathOf(folder: string, sha256: string): string {
    if (!SHA256.test(sha256)) throw new Error("not a SHA-256")
    return join(folder, sha256.slice(0, 2), sha256)
}

async function writeAll(file: FileHandle, content: Readable, maxBytes: number): Promise<StoredArtifact> {
    const hash = createHash("sha256")
    let sizeBytes = 0
    for await (const chunk of content as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length
        if (sizeBytes > maxBytes) throw new Problem("body_too_large", `An image may have at most ${maxBytes} bytes.`)
        hash.update(chunk)
        await file.writeFile(chunk)
    }
    return { sha256: hash.digest("hex"), sizeBytes }
}

function readerOf(file: FileHandle): ReadPart {
    return async (offset, lengthBytes) => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offset)
        return buffer.subarray(0, bytesRead)
    }
}

async function syncFolder(folder: string): Promise<void> {
    const handle = await open(folder, "r")
    try {
        await handle.sync()
    } finally {
        await handle.close()
    }
}

async function keep(folder: string, temporary: string, sha256: string): Promise<void> {
    const path = pathOf(folder, sha256)
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
    await rename(temporary, path)
    await syncFolder(dirname(path))
    await syncFolder(folder)
}

async function put<T>(
    folder: string,
    content: Readable,
    maxBytes: number,
    check: ArtifactCheck<T>,
): Promise<StoredArtifact & { checked: T }> {
    const temporary = join(folder, "incoming", randomBytes(12).toString("hex"))
    try {
        const file = await open(temporary, "wx+", 0o600)
        try {
            const stored = await writeAll(file, content, maxBytes)
            const checked = await check(readerOf(file), stored.sizeBytes)
            await file.sync()
            await keep(folder, temporary, stored.sha256)
            return { ...stored, checked }
        } finally {
            await file.close()
        }
    } finally {
        await rm(temporary, { force: true })
    }
}

async function removeLeftovers(incoming: string): Promise<void> {
    const oldest = Date.now() - LEFTOVER_AGE_MS
    for (const name of await readdir(incoming)) {
        const path = join(incoming, name)
        const found = await stat(path).catch(() => null)
        if (found !== null && found.mtimeMs < oldest) await rm(path, { force: true })
    }
}

/** Opens (and makes) the artifact store in a folder. Several processes may share it. */
export async function openDiskArtifacts(folder: string): Promise<ArtifactStore> {
    const incoming = join(folder, "incoming")
    await mkdir(incoming, { recursive: true, mode: FOLDER_MODE })
    await removeLeftovers(incoming)
    return {
        put: (content, maxBytes, check) => put(folder, content, maxBytes, check),
        sizeBytes: async sha256 =>
            SHA256.test(sha256) ? ((await stat(pathOf(folder, sha256)).catch(() => null))?.size ?? null) : null,
        open: (sha256, from, to) => createReadStream(pathOf(folder, sha256), { start: from, end: to }),
    }
}
