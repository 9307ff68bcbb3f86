// The factory of Espruino boards: the installation's lines, run by the real Espruino in the board's folder.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { BoardError } from "../board-error"
import { boardPaths, isInstalled, writeSettings } from "../board-folder"
import { provisionFiles, type FactoryOrder } from "../factory"
import { ESPRUINO_HOOKS } from "./espruino-board"
import { ESPRUINO_MODELS, espruinoBench } from "./espruino-layout"
import { espruinoInstallSteps, INSTALLED } from "./espruino-install"
import { requireEspruino, runEspruino } from "./espruino-process"

/** How long one run of the installation may take. */
const INSTALL_MS_MAX = 60_000

/** Runs `script` in `folder`. Resolves with the lines that it printed. Errors: BoardError BOARD_INSTALL when it takes too long. */
async function runScript(binary: string, folder: string, script: string): Promise<string[]> {
    const path = join(folder, "install.js")
    writeFileSync(path, script)
    const lines: string[] = []
    const run = runEspruino(binary, [path], folder, line => void lines.push(line))
    const timer = setTimeout(run.kill, INSTALL_MS_MAX)
    const status = await run.ended
    clearTimeout(timer)
    if (status === 0) return lines
    const message = `Espruino ended with status ${status} while the board was installed: ${lines.slice(-3).join(" / ")}`
    throw new BoardError("BOARD_INSTALL", message, "check that ESPRUINO names an Espruino 2v29 for Linux that runs here")
}

/**
 * Makes an Espruino board in `folder`, which may exist but holds no board. Killed in the middle, it leaves no board.
 * Errors: BoardError BOARD_INSTALL, BOARD_SETTINGS, or BOARD_START without an Espruino.
 */
export async function manufactureEspruino(folder: string, order: FactoryOrder): Promise<void> {
    if (isInstalled(folder)) {
        throw new BoardError("BOARD_INSTALL", `${folder} holds a board already`, "name another folder, or remove this one")
    }
    const binary = requireEspruino()
    const model = ESPRUINO_MODELS.linux
    const files = provisionFiles(order.identity)
    const storage = { ".bootPowerOn": ESPRUINO_HOOKS }
    const steps = espruinoInstallSteps(model, { loader: order.loader, image: order.image, files, storage })
    const bench = join(folder, "factory")
    rmSync(bench, { recursive: true, force: true })
    mkdirSync(bench, { recursive: true, mode: 0o700 })
    const lines = await runScript(binary, bench, steps.map(({ line }) => line).join("\n"))
    const done = lines.filter(line => line.includes(INSTALLED)).length
    if (done !== steps.length || !existsSync(boardPaths(bench).espruinoFlash)) {
        const failed = steps[done]?.what ?? "the flash file"
        throw new BoardError("BOARD_INSTALL", `the installation stopped at "${failed}"`, "install an image that fits the board")
    }
    writeSettings(folder, { format: 1, id: order.identity.id, layout: espruinoBench(model), script: "", engine: "espruino" })
    // The flash file comes last and at once: it is what makes a folder a board.
    renameSync(boardPaths(bench).espruinoFlash, boardPaths(folder).espruinoFlash)
    rmSync(bench, { recursive: true, force: true })
}
