// Keys in a folder made for a test, with a home of their own; processes that sign, and that are killed at a given file operation.

import { spawnSync } from "node:child_process"
import * as nodeFs from "node:fs"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buildSync } from "esbuild"
import { projectRoot } from "../../build/root"
import { keyCreate, keyRead, type KeyFacts, type KeyHome, type LmsKey } from "../../build/keygen"

/** A folder with room for keys. */
export interface KeyFolder {
    readonly folder: string
    readonly home: KeyHome
    /** Path of the key `name`. */
    path(name?: string): string
    /** Makes a small key: 32 signatures. */
    create(name?: string): KeyFacts
    read(name?: string): LmsKey
    remove(): void
}

/** Makes an empty folder. */
export function keyFolder(): KeyFolder {
    const folder = mkdtempSync(join(tmpdir(), "otary-keys-"))
    const home: KeyHome = { fs: nodeFs, markFolder: join(folder, "home"), now: () => new Date("2026-01-01T00:00:00Z") }
    const path = (name = "k"): string => join(folder, name)
    return {
        folder,
        home,
        path,
        create: name => keyCreate(path(name), { height: 5 }, home),
        read: name => keyRead(path(name), home),
        remove: () => rmSync(folder, { recursive: true, force: true }),
    }
}

/** Number of the leaf of a signature. */
export const leafOf = (signature: Buffer): number => signature.readUInt32BE(0)

/** Bundles the process that signs. Returns its path. */
export function bundleSigner(folder: string): string {
    const outfile = join(folder, "signer.js")
    buildSync({
        absWorkingDir: projectRoot(),
        entryPoints: ["test/sign/signer-process.ts"],
        outfile,
        bundle: true,
        platform: "node",
        target: "node20",
        packages: "external",
        nodePaths: [join(projectRoot(), "node_modules")],
        tsconfigRaw: {},
    })
    return outfile
}

/** What a process that signs left behind. */
export interface SignerRun {
    /** The signatures that it gave away, in hex, before it ended or was killed. */
    readonly signatures: readonly Buffer[]
    readonly signal: NodeJS.Signals | null
    readonly stderr: string
}

/** Arguments and environment of a process that signs `count` messages, and that is killed at file operation `killAt` (0 = never). */
export function signerCall(
    signer: string,
    keys: KeyFolder,
    count: number,
    killAt: number,
    isTorn: boolean,
): [string[], NodeJS.ProcessEnv] {
    const args = [signer, keys.path(), keys.home.markFolder, String(count), String(killAt), isTorn ? "torn" : "whole"]
    return [args, { ...process.env, NODE_PATH: join(projectRoot(), "node_modules") }]
}

/** Runs a process that signs, to its end. */
export function runSigner(signer: string, keys: KeyFolder, count: number, killAt = 0, isTorn = false): SignerRun {
    const [args, env] = signerCall(signer, keys, count, killAt, isTorn)
    const { stdout, stderr, signal } = spawnSync(process.execPath, args, { env, encoding: "utf8", timeout: 20_000 })
    return { signatures: signaturesIn(stdout), signal, stderr }
}

/** The whole lines of a signer's output. */
export function signaturesIn(stdout: string): Buffer[] {
    return stdout
        .split("\n")
        .slice(0, -1)
        .map(line => Buffer.from(line, "hex"))
}

/** Names and content of every file of a folder, for comparisons. */
export function contentOf(folder: string): Record<string, string> {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(name =>
        nodeFs.statSync(join(folder, name)).isFile(),
    )
    return Object.fromEntries(names.sort().map(name => [name, readFileSync(join(folder, name), "latin1")]))
}
