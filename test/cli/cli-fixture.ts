// Runs the command line for tests: in this process with captured streams, or as the real program.

import { spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { Readable } from "node:stream"
import { runProgram } from "../../host/cli/program"

/** What a run left. */
export interface Ran {
    readonly exitCode: number
    readonly stdout: string
    readonly stderr: string
}

/** How a run in this process is set up. */
export interface RunOptions {
    readonly cwd?: string
    readonly env?: Record<string, string>
    /** Ends commands that run until they are stopped. */
    readonly stop?: AbortSignal
}

/** Runs one command line in this process. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const written = { stdout: "", stderr: "" }
    const stream = (name: keyof typeof written): { write(text: string): boolean } => ({
        write(text) {
            written[name] += text
            return true
        },
    })
    const { cwd = tmpdir(), env = {}, stop = new AbortController().signal } = options
    const streams = { stdin: Readable.from([]), stdout: stream("stdout"), stderr: stream("stderr") }
    const exitCode = await runProgram(argv, { ...streams, cwd, env, stopSignal: () => stop })
    return { exitCode, ...written }
}

/** A folder that is removed by remove(). */
export function makeFolder(): { path: string; remove(): void } {
    const path = mkdtempSync(join(tmpdir(), "otary-cli-"))
    return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Writes files below a folder; the names may hold folders. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
    for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), content)
    }
    return folder
}

/** The real program as a process, with what it has written so far. */
export interface Started {
    readonly child: ChildProcess
    stdout(): string
    stderr(): string
    /** Resolves when it has ended and its streams are read; rejects, and kills it, after `limitMs`. */
    end(limitMs: number): Promise<Ran>
}

/** Starts the launcher as a user would. */
export function start(argv: readonly string[], cwd: string): Started {
    const launcher = resolve(__dirname, "../../host/cli/otary.cjs")
    const child = spawn(process.execPath, [launcher, ...argv], { cwd, stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    const closed = new Promise<Ran>(resolveRan => child.on("close", code => resolveRan({ exitCode: code ?? -1, stdout, stderr })))
    return {
        child,
        stdout: () => stdout,
        stderr: () => stderr,
        end(limitMs) {
            return new Promise((resolveRan, reject) => {
                const timer = setTimeout(() => {
                    child.kill("SIGKILL")
                    reject(new Error(`not ended within ${limitMs} ms; it wrote:\n${stdout}\n${stderr}`))
                }, limitMs)
                void closed.then(ran => {
                    clearTimeout(timer)
                    resolveRan(ran)
                })
            })
        },
    }
}
