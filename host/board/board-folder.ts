// The data folder of one board: board.json (what it is), flash.bin (its flash), the locks, and the image for a script.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { BoardError } from "./board-error"
import { CHIPS, type ChipName } from "./engines/lua/chips"
import { checkLayout, REGION_NAMES } from "./layout"
import type { BoardLayout } from "./layout"

/** The paths within a board's folder. */
export interface BoardPaths {
    readonly settings: string
    readonly flash: string
    /** The flash of a board with engine "espruino"; Espruino for Linux knows no other name. */
    readonly espruinoFlash: string
    /** Held by the supervisor. */
    readonly lock: string
    /** Held by the process that has the flash open. */
    readonly flashLock: string
    /** Folder of the native firmware of a board with engine "lua". */
    readonly native: string
    /** The image of an update under way, for scripts/update. */
    readonly image: string
    /** The socket that is the board's serial line, while an image has set it up. */
    readonly uart: string
}

/** board.json. */
export interface BoardSettings {
    readonly format: 1
    /** Device id, for people; the board itself reads it out of its flash. */
    readonly id: string
    readonly layout: BoardLayout
    /** Absolute path of the script that gets each update's image; "" for none. */
    readonly script: string
    /** What runs the board's code; default "host". */
    readonly engine?: EngineName
    /** Version of Lua of a board with engine "lua"; default "5.1". */
    readonly luaVersion?: "5.1" | "5.3"
    /** The chip of a board with engine "lua"; default "esp32". */
    readonly chip?: ChipName
}

/** What can run a board's code: Node, a Lua machine, or the real Espruino. */
export type EngineName = "host" | "lua" | "espruino"

/** The paths within a board's folder. */
export function boardPaths(folder: string): BoardPaths {
    return {
        settings: join(folder, "board.json"),
        flash: join(folder, "flash.bin"),
        espruinoFlash: join(folder, "espruino.flash"),
        lock: join(folder, "lock"),
        flashLock: join(folder, "flash.lock"),
        native: join(folder, "native"),
        image: join(folder, "update.zip"),
        uart: join(folder, "uart.sock"),
    }
}

/** Whether a board is installed in the folder. */
export function isInstalled(folder: string): boolean {
    const paths = boardPaths(folder)
    return (existsSync(paths.flash) || existsSync(paths.espruinoFlash)) && existsSync(paths.settings)
}

/** Writes board.json at once; makes the folder where it is missing. */
export function writeSettings(folder: string, settings: BoardSettings): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { settings: path } = boardPaths(folder)
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, `${JSON.stringify(settings, null, 4)}\n`, { mode: 0o600 })
    renameSync(temporary, path)
}

/** What is wrong with the value of board.json; "" when it can be used. Looked at by hand: every start of a board waits for it. */
function settingsTrouble(value: Partial<BoardSettings> | null): string {
    if (value === null || typeof value !== "object") return "it holds no object"
    if (value.format !== 1) return `its format is ${String(value.format)}, and this version knows format 1`
    if (typeof value.id !== "string" || typeof value.script !== "string") return "id and script must be texts"
    const { layout, chip = "esp32" } = value
    if (!(chip in CHIPS)) return `the chip ${String(chip)} is none of ${Object.keys(CHIPS).join(", ")}`
    if (layout === undefined || layout.regions === undefined) return "layout is missing"
    const numbers: unknown[] = [layout.sizeBytes, layout.eraseBytes, layout.programBytes]
    for (const name of REGION_NAMES) numbers.push(layout.regions[name]?.offsetBytes, layout.regions[name]?.sizeBytes)
    if (!numbers.every(Number.isSafeInteger)) return "layout needs whole numbers for the chip and for each region"
    return ""
}

/** Reads board.json. Errors: BoardError BOARD_SETTINGS, or BOARD_LAYOUT for an impossible layout in it. */
export function readSettings(folder: string): BoardSettings {
    const { settings: path } = boardPaths(folder)
    let settings: BoardSettings | undefined
    let trouble = ""
    try {
        settings = JSON.parse(readFileSync(path, "utf8")) as BoardSettings
        trouble = settingsTrouble(settings)
    } catch (error) {
        trouble = (error as Error).message
    }
    if (settings === undefined || trouble !== "") {
        const hint = "restore the file, or remove the board's folder and install anew"
        throw new BoardError("BOARD_SETTINGS", `${path} cannot be used: ${trouble}`, hint)
    }
    checkLayout(settings.layout)
    return settings
}
