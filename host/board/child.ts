// The process of one board, started by its supervisor: `board-child.js <folder> <cause of the start>`.

import { createRealClock } from "../../shims/host/clock"
import { createImageFile } from "../../shims/host/image-file"
import type { HostImageFile, ScriptWish } from "../../shims/host/image-file"
import { createHttp } from "../../shims/host/net"
import { createNorFlash } from "../../shims/host/nor-flash"
import { createUart } from "../../shims/host/uart"
import { createBoard } from "./board"
import type { Board, ResetCause } from "./board"
import { BoardError } from "./board-error"
import { boardPaths, readSettings } from "./board-folder"
import type { BoardPaths, BoardSettings } from "./board-folder"
import { openFlashFile } from "./flash-file"
import { CHIPS } from "./engines/lua/chips"
import { createLuaBoot } from "./engines/lua/boot"
import { createDisk, openFile } from "./engines/lua/disk"
import { createOta } from "./engines/lua/ota"
import { createOtaFiles } from "./engines/lua/ota-store"
import { createEspruinoBoard } from "./engines/espruino-board"
import { requireEspruino } from "./engines/espruino-process"
import { createLineLimit } from "./line-limit"
import { die, leashStart } from "./leash"
import { waitForLock } from "./lock"
import type { ChildMessage } from "./messages"

/** How long the process of an earlier supervisor, whose end is near, may still hold the flash. */
const FLASH_WAIT_MS = 5000
/** A watchdog is fed more often than its supervisor needs to hear of it. */
const FEED_TELL_MS = 100

function tell(message: ChildMessage): void {
    // The callback takes the error of a channel that the supervisor just closed; the leash ends this process then.
    if (process.connected) process.send?.(message, () => undefined)
}

/** Tells of feeds, not more often than needed, and of every change of the timeout at once. */
function createFeedTeller(): (timeoutS: number) => void {
    let toldS = -1
    let toldMs = 0
    return timeoutS => {
        const nowMs = performance.now()
        if (timeoutS === toldS && nowMs - toldMs < FEED_TELL_MS) return
        toldS = timeoutS
        toldMs = nowMs
        tell({ kind: "watchdog", timeoutS })
    }
}

/** The script's port, and what the script wished for last. */
interface Script {
    readonly imageFile: HostImageFile | undefined
    wish: ScriptWish | ""
}

function createScript(settings: BoardSettings, paths: BoardPaths, log: (line: string) => void): Script {
    if (settings.script === "") return { imageFile: undefined, wish: "" }
    const onWish = (wish: ScriptWish): void => {
        script.wish = wish
    }
    const imageFile = createImageFile({ path: paths.image, script: settings.script, log, onWish })
    const script: Script = { imageFile, wish: "" }
    return script
}

/** Makes the board out of its folder; the supervisor hears of everything that happens to it. */
function createFolderBoard(folder: string): Board {
    const paths = boardPaths(folder)
    const settings = readSettings(folder)
    const { sizeBytes, eraseBytes, programBytes, regions } = settings.layout
    const { store } = openFlashFile(paths.flash, sizeBytes, eraseBytes)
    const clock = createRealClock()
    const log = createLineLimit(line => tell({ kind: "log", line }), clock)
    const script = createScript(settings, paths, log)
    const flash = createNorFlash({ sizeBytes, eraseBytes, programBytes, store })
    const { engine = "host", luaVersion: version = "5.1", chip = "esp32" } = settings
    const disk = createDisk(flash, store)
    const ota = engine === "lua" && CHIPS[chip].hasOta ? createOta(createOtaFiles(paths.native)) : undefined
    const board = createBoard({
        flash,
        ...(engine === "lua" && {
            createBoot: rom => createLuaBoot(rom, { version, chip, open: name => openFile(disk, regions, name), ota }),
        }),
        layout: regions,
        clock,
        http: createHttp(clock),
        imageFile: script.imageFile,
        uart: createUart(paths.uart, log),
        log,
        notify: (name, value) => tell({ kind: "event", name, value }),
        onBoot: cause => tell({ kind: "boot", cause, boots: board.boots() }),
        onReset(cause, delayMs) {
            tell({ kind: "reset", cause, delayMs })
            if (script.wish === "") return
            // The flip is done and the board is between two boots: now the script gets what it asked for.
            board.powerOff()
            tell({ kind: "wish", wish: script.wish })
        },
        onWatchdog: createFeedTeller(),
    })
    return board
}

/** The board in a folder, by what runs its code. */
function openBoard(folder: string): Board {
    const { engine = "host" } = readSettings(folder)
    if (engine !== "espruino") return createFolderBoard(folder)
    const board = createEspruinoBoard({
        folder,
        binary: requireEspruino(),
        log: createLineLimit(line => tell({ kind: "log", line }), createRealClock()),
        notify: (name, value) => tell({ kind: "event", name, value }),
        onBoot: cause => tell({ kind: "boot", cause, boots: board.boots() }),
        onReset: (cause, delayMs) => tell({ kind: "reset", cause, delayMs }),
        onWatchdog: createFeedTeller(),
    })
    return board
}

async function main(folder: string, cause: ResetCause): Promise<void> {
    await waitForLock(boardPaths(folder).flashLock, `the flash in ${folder}`, FLASH_WAIT_MS)
    const board = openBoard(folder)
    // A promise of the board's code that nobody waits for: a panic that cannot be told apart from one of this process.
    process.on("unhandledRejection", error => {
        tell({ kind: "log", line: `panic: unhandled rejection: ${String(error)}` })
        board.reset()
    })
    board.powerOn(cause)
}

function fail(error: unknown): void {
    const isKnown = error instanceof BoardError
    const message = error instanceof Error ? error.message : String(error)
    const failure = {
        code: isKnown ? error.code : "BOARD_START",
        message,
        hint: isKnown ? error.hint : "report this as a defect",
    }
    process.send?.({ kind: "failed", ...failure } satisfies ChildMessage, () => process.exit(1))
}

process.on("disconnect", die)
leashStart()
const [folder = "", cause = "power"] = process.argv.slice(2)
main(folder, cause as ResetCause).catch(fail)
