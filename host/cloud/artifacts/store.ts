// The artifact store's interface: files by the SHA-256 of their content. disk.ts implements it.

import type { Readable } from "node:stream"

/** A stored file. */
export interface StoredArtifact {
    /** 64 lower-case hex digits. */
    sha256: string
    sizeBytes: number
}

/** Reads `lengthBytes` of a file from `offset`; both inside the file. */
export type ReadPart = (offset: number, lengthBytes: number) => Promise<Buffer>

/** Looks at an upload before it is kept; what it throws, the upload's caller gets, and nothing is kept. */
export type ArtifactCheck<T> = (read: ReadPart, sizeBytes: number) => Promise<T>

/** Files by the SHA-256 of their content. The same content is kept once. */
export interface ArtifactStore {
    /**
     * Keeps a stream. It is durable once this resolves. Throws Problem `body_too_large` above `maxBytes`, or what `check` throws.
     */
    put<T>(content: Readable, maxBytes: number, check: ArtifactCheck<T>): Promise<StoredArtifact & { checked: T }>
    /** Size in bytes, or null when there is no such file. */
    sizeBytes(sha256: string): Promise<number | null>
    /** The bytes from `from` to `to`, both included, as a stream. */
    open(sha256: string, from: number, to: number): Readable
}

/** Reads parts of a file that is kept. */
export function partReader(artifacts: ArtifactStore, sha256: string): ReadPart {
    return async (offset, lengthBytes) => {
        if (lengthBytes === 0) return Buffer.alloc(0)
        const chunks: Buffer[] = []
        for await (const chunk of artifacts.open(sha256, offset, offset + lengthBytes - 1) as AsyncIterable<Buffer>)
            chunks.push(chunk)
        return Buffer.concat(chunks)
    }
}
