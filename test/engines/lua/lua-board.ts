// A Lua board for tests: its flash in memory, real time, real HTTP; installed from an image as a factory does it.

import { bundleNodemcuLoader } from "../../../build/bundle-nodemcu"
import { createBoard, type Board, type ResetCause } from "../../../host/board/board"
import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import { createLuaBoot, type LuaBootOptions } from "../../../host/board/engines/lua/boot"
import type { LuaFile } from "../../../host/board/engines/lua/calls"
import { CHIPS, type ChipName } from "../../../host/board/engines/lua/chips"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { installBoard } from "../../../host/board/install"
import { makeLayout } from "../../../host/board/layout"
import { createRealClock } from "../../../shims/host/clock"
import { createHttp } from "../../../shims/host/net"
import { createNorFlash, type NorFlash } from "../../../shims/host/nor-flash"

/** A board with what it told so far. */
export interface LuaBoard {
    readonly board: Board
    readonly flash: NorFlash
    readonly lines: string[]
    readonly events: string[]
    readonly causes: ResetCause[]
    /** The version that runs, as the image said it. */
    version(this: void): string
    stop(this: void): void
}

/** The default layout of boards. */
export const LAYOUT = makeLayout()

const loaders = new Map<ChipName, string>()

/** init.lua, built once for each chip. */
export function loaderText(chip: ChipName = "esp32"): string {
    const loader = loaders.get(chip) ?? bundleNodemcuLoader(chip).toString("latin1")
    loaders.set(chip, loader)
    return loader
}

/** Flash with an image on it. */
export function installedFlash(image: Buffer, files: Record<string, string> = {}, chip: ChipName = "esp32"): NorFlash {
    const flash = createNorFlash(LAYOUT)
    installBoard(flash, LAYOUT.regions, { loader: loaderText(chip), image, files, platform: CHIPS[chip].platform })
    return flash
}

/** What a board may have beside its chip. */
export interface LuaBoardOptions {
    /** Puts something between the board and its files. */
    readonly open?: (plain: OpenFile) => OpenFile
    /** Default: "esp32". */
    readonly chip?: ChipName
    /** As of LuaBootOptions. */
    readonly heapBytesMax?: number
    readonly onHeap?: LuaBootOptions["onHeap"]
}

/** Opens a file of the board's file system. */
export type OpenFile = (name: string) => LuaFile | undefined

/** A board over a chip, switched off. */
export function createLuaBoard(
    flash: NorFlash,
    version: LuaVersion = "5.1",
    { open, ...options }: LuaBoardOptions = {},
): LuaBoard {
    const disk = createDisk(flash)
    const openPlain = (name: string): LuaFile | undefined => openFile(disk, LAYOUT.regions, name)
    const clock = createRealClock()
    const lines: string[] = []
    const events: string[] = []
    const causes: ResetCause[] = []
    let running = ""
    const board = createBoard({
        flash,
        layout: LAYOUT.regions,
        clock,
        http: createHttp(clock),
        createBoot: rom => createLuaBoot(rom, { ...options, version, open: open?.(openPlain) ?? openPlain }),
        log: line => void lines.push(line),
        notify(name, value) {
            events.push(`${name} ${value}`)
            if (name === "version") running = String(value)
        },
        onBoot: cause => void causes.push(cause),
    })
    return { board, flash, lines, events, causes, version: () => running, stop: board.powerOff }
}
