// Real boards, reached through the packages espruino and nodemcu-tool, where those are installed beside Otary.

import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { INSTALLED, type InstallStep } from "../board/engines/espruino-install"
import type { NodemcuUpload } from "../board/engines/nodemcu-install"
import { CliError } from "./cli-error"

/** What of the package espruino is used. */
interface EspruinoTool {
    sendCode(port: string, code: string, done: (response: string | undefined) => void): void
}

/** Longest time in ms for a whole installation: about 150 KiB at 115,200 baud, the page erases, and as much again. */
const SEND_MS_MAX = 300_000

function missing(name: string): CliError {
    return new CliError("CLI_TOOL_MISSING", `the package ${name} is not installed`, `install it with \`npm install ${name}\``)
}

/** A package from beside Otary, or from the folder where the command runs. */
function resolveTool(name: string, path: string): string {
    for (const base of [__filename, join(process.cwd(), "package.json")]) {
        try {
            return createRequire(base).resolve(path)
        } catch {
            continue
        }
    }
    throw missing(name)
}

/**
 * Sends an installation's lines to an Espruino on a serial port and checks that each did its work.
 * Errors: CliError CLI_TOOL_MISSING without the package espruino, CLI_HARDWARE when the board does not do as told.
 */
export async function sendToEspruino(port: string, steps: readonly InstallStep[], note: (text: string) => void): Promise<void> {
    const path = resolveTool("espruino", "espruino")
    const tool = createRequire(path)(path) as EspruinoTool
    note(`sending ${steps.length} lines to ${port}`)
    const response = await new Promise<string>((done, fail) => {
        const timer = setTimeout(() => fail(broken(port, "it did not end in time")), SEND_MS_MAX)
        tool.sendCode(port, steps.map(({ line }) => line).join("\n"), text => {
            clearTimeout(timer)
            done(text ?? "")
        })
    })
    const done = response.split(INSTALLED).length - 1
    if (done < steps.length) throw broken(port, `it stopped at "${steps[done]!.what}", step ${done + 1} of ${steps.length}`)
}

function broken(port: string, what: string): CliError {
    return new CliError(
        "CLI_HARDWARE",
        `the board at ${port} was not installed: ${what}`,
        "check cable and port, that nothing else has the port open, and try again: an installation starts from the beginning",
    )
}

function runTool(tool: string, args: readonly string[], port: string): Promise<void> {
    return new Promise((done, fail) => {
        const child = spawn(process.execPath, [tool, ...args], { stdio: ["ignore", "inherit", "inherit"], timeout: SEND_MS_MAX })
        child.on("error", error => fail(broken(port, error.message)))
        child.on("exit", code =>
            code === 0 ? done() : fail(broken(port, `nodemcu-tool ${args[0]} ended with ${code ?? "a signal"}`)),
        )
    })
}

/**
 * Sends an installation's files to a NodeMCU on a serial port; init.lua is the last of them.
 * Errors: CliError CLI_TOOL_MISSING without the package nodemcu-tool, CLI_HARDWARE when it fails.
 */
export async function sendToNodemcu(port: string, upload: NodemcuUpload, note: (text: string) => void): Promise<void> {
    const tool = resolveTool("nodemcu-tool", "nodemcu-tool/bin/nodemcu-tool.js")
    const folder = mkdtempSync(join(tmpdir(), "otary-flash-"))
    const put = (name: string, bytes: Buffer | string): string => {
        const path = join(folder, name)
        writeFileSync(path, bytes)
        return path
    }
    try {
        const regions = [...upload.files].filter(([, bytes]) => bytes.length > 0).map(([name, bytes]) => put(name, bytes))
        note(`sending ${regions.length + 2} files to ${port}`)
        await runTool(tool, ["mkfs", "--noninteractive", "--port", port], port)
        await runTool(tool, ["upload", "--port", port, ...regions, put("fill.lua", upload.fillScript)], port)
        await runTool(tool, ["run", "--port", port, "fill.lua"], port)
        await runTool(tool, ["upload", "--port", port, put("init.lua", upload.loader)], port)
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}
